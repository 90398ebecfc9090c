//! `site-node.toml`: where the coordinator is, where the data lie, what this node may use.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use common::config::{self, ConfigError, Section, Settings};
use common::experiment::DataTag;
use common::logbook::AuditSettings;

use crate::data::Source;
use crate::train::DeviceChoice;

/// What a site node is told by the hospital that runs it.
#[derive(Debug, Clone)]
pub struct SiteSettings {
    /// Where the coordinator listens: the only address that is ever contacted.
    pub coordinator: SocketAddr,
    /// Folder with `ca.pem`, `cert.pem` and `key.pem`.
    pub identity: PathBuf,
    /// Folder for what must outlive the process: the privacy ledger.
    pub state: PathBuf,
    /// The hospital's policy.
    pub policy: PathBuf,
    /// What to train on.
    pub device: DeviceChoice,
    /// What the hospital calls its patients: a ledger belongs to one data set.
    pub data_set: String,
    /// The patients.
    pub data: Source,
    /// What the hospital says of them.
    pub tag: DataTag,
    /// How the audit log is kept.
    pub audit: AuditSettings,
}

struct DataTable {
    name: String,
    source: Source,
    tag: DataTag,
}

impl Settings for DataTable {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let name = section.or("name", "cohort".to_owned());
        let tables: Option<Vec<PathBuf>> =
            section.required("tables", "list the CSV files to join, such as [\"cohort.csv\"]");
        let patient = section.required("patient", "the column that names a patient in every table");
        let split = section.maybe("split");
        let tag = section.choice("tag", Some("private"), &DataTag::CHOICES);
        let tables = tables?;
        if tables.is_empty() {
            section.problem("tables", "the list is empty", "name at least one CSV file");
            return None;
        }
        let source = Source { tables, patient: patient?, split: split? };
        Some(Self { name: name?, source, tag: tag? })
    }
}

impl Settings for SiteSettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let coordinator =
            section.required("coordinator", "the coordinator's address, such as \"10.0.0.5:7443\"");
        let identity = section.or("identity", PathBuf::from("identity"));
        let state = section.or("state", PathBuf::from("state"));
        let policy = section.or("policy", PathBuf::from("policy.toml"));
        let device = section.choice(
            "device",
            Some("auto"),
            &[("auto", DeviceChoice::Auto), ("cpu", DeviceChoice::Cpu), ("gpu", DeviceChoice::Gpu)],
        );
        let data: Option<DataTable> = section.section("data");
        let audit: Option<Option<AuditSettings>> = section.maybe_section("audit");
        let data = data?;
        Some(Self {
            coordinator: coordinator?,
            identity: identity?,
            state: state?,
            policy: policy?,
            device: device?,
            data_set: data.name,
            data: data.source,
            tag: data.tag,
            audit: audit?.unwrap_or_default(),
        })
    }
}

impl SiteSettings {
    /// Reads a file; its relative paths are taken from the folder it lies in.
    ///
    /// # Errors
    /// Every problem in the file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let mut settings: Self = config::load(path, &[])?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let place = |path: &mut PathBuf| *path = folder.join(&path);
        place(&mut settings.identity);
        place(&mut settings.state);
        place(&mut settings.policy);
        settings.data.tables.iter_mut().for_each(place);
        Ok(settings)
    }
}
