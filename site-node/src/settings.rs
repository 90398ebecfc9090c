//! `site-node.toml`: where the coordinator is, where the data lie, what this node may use.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::config::{self, ConfigError, Section, Settings};
use node::audit_log::AuditSettings;
use node::shutdown::{DRAIN, DRAIN_HINT, DRAINS};
use node::transport::Address;
use plan::experiment::DataTag;

use crate::data::Source;
use crate::data::cache::MAX_BYTES;
use crate::train::DeviceChoice;

/// The number of runs that may be in progress at once, unless the settings say otherwise.
pub const SLOTS: u32 = 4;

/// What a site node is told by the hospital that runs it.
#[derive(Debug, Clone)]
pub struct SiteSettings {
    /// Where the coordinator listens: the only place that is ever contacted. A name is looked up at each
    /// connection.
    pub coordinator: Address,
    /// Folder with `ca.pem`, `cert.pem` and `key.pem`.
    pub identity: PathBuf,
    /// Folder for what must outlive the process: the privacy ledger.
    pub state: PathBuf,
    /// The hospital's policy.
    pub policy: PathBuf,
    /// What to train on.
    pub device: DeviceChoice,
    /// The most bytes of ECGs and images that are kept in a plan's form.
    pub cache_bytes: u64,
    /// How many runs may be in progress at once.
    pub slots: u32,
    /// How long a node that is asked to stop may take to finish the work in hand and send it.
    pub drain: Duration,
    /// What the hospital calls its patients: a ledger belongs to one data set.
    pub data_set: String,
    /// The file that describes them.
    pub cohort: PathBuf,
    /// What the hospital says of them.
    pub tag: DataTag,
    /// How the audit log is kept.
    pub audit: AuditSettings,
}

struct DataTable {
    name: String,
    cohort: PathBuf,
    tag: DataTag,
}

impl Settings for DataTable {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let name = section.or("name", "cohort".to_owned());
        let cohort = section.or("cohort", PathBuf::from("cohort.toml"));
        let tag = section.one_of("tag", Some(DataTag::Private));
        let mut moved = false;
        for key in ["tables", "patient", "split"] {
            if section.has(key) {
                section.problem(
                    key,
                    "is described in cohort.toml now",
                    "move the keys tables, patient and split into the file that data.cohort names",
                );
                moved = true;
            }
        }
        // Asked for, so that they are not called unknown besides.
        let _ = (section.maybe::<Vec<String>>("tables"), section.maybe::<String>("patient"));
        let _ = section.maybe::<String>("split");
        if moved {
            return None;
        }
        Some(Self { name: name?, cohort: cohort?, tag: tag? })
    }
}

impl Settings for SiteSettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let coordinator = section
            .required("coordinator", "where the coordinator listens, such as \"10.0.0.5:7443\"");
        let identity = section.or("identity", PathBuf::from("identity"));
        let state = section.or("state", PathBuf::from("state"));
        let policy = section.or("policy", PathBuf::from("policy.toml"));
        let device = section.choice(
            "device",
            Some("auto"),
            &[("auto", DeviceChoice::Auto), ("cpu", DeviceChoice::Cpu), ("gpu", DeviceChoice::Gpu)],
        );
        let hint = "use a size in GiB, such as 50: at least 1";
        let cache = section.or("max_cache_gib", MAX_BYTES >> 30);
        let cache = section.within("max_cache_gib", cache, 1..=1 << 20, hint);
        let hint = "use the number of runs that this machine has memory for: 1 to 16";
        let slots = section.or("slots", SLOTS);
        let slots = section.within("slots", slots, 1..=16, hint);
        let drain = section.duration("drain", DRAIN, DRAINS, DRAIN_HINT);
        let data: Option<DataTable> = section.section("data");
        let audit: Option<Option<AuditSettings>> = section.maybe_section("audit");
        let data = data?;
        Some(Self {
            coordinator: coordinator?,
            identity: identity?,
            state: state?,
            policy: policy?,
            device: device?,
            cache_bytes: cache? << 30,
            slots: slots?,
            drain: drain?,
            data_set: data.name,
            cohort: data.cohort,
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
        place(&mut settings.cohort);
        Ok(settings)
    }

    /// What `cohort.toml` says.
    ///
    /// # Errors
    /// Every problem in that file.
    pub fn source(&self) -> Result<Source, ConfigError> {
        Source::load(&self.cohort)
    }
}
