//! `coordinator init`: a folder with an authority, the coordinator, an operator, and a folder for
//! each site to take home.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use base::clock::Timestamp;
use base::ids::SiteName;
use node::pki::Role;

use super::authority::{Authority, EnrolError, Issued};
use super::register;
use crate::revoked;

/// The files of a new federation.
#[derive(Debug)]
pub struct Federation {
    /// The coordinator's settings.
    pub coordinator: PathBuf,
    /// Each site's folder, ready to be carried to the hospital.
    pub sites: Vec<PathBuf>,
}

/// Makes a federation in `folder`.
///
/// # Errors
/// The folder is not empty, or something cannot be written.
pub fn init(folder: &Path, sites: &[SiteName], now: Timestamp) -> Result<Federation, EnrolError> {
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(EnrolError::NotEmpty { path: folder.to_owned() });
    }
    let mut seen = BTreeSet::new();
    if let Some(site) = sites.iter().find(|site| !seen.insert(*site)) {
        return Err(EnrolError::Twice { site: site.clone() });
    }
    if let Some(site) = sites.iter().find(|site| site.as_str() == node::audit_log::COORDINATOR) {
        return Err(EnrolError::Reserved { site: site.clone() });
    }
    let authority = Authority::new(now)?;
    let ca = folder.join("authority");
    write(&ca.join("ca.pem"), &authority.certificate_pem(), Mode::Public)?;
    write(&ca.join("ca-key.pem"), &authority.key_pem(), Mode::Secret)?;

    let member = |place: &Path, role: Role| -> Result<(), EnrolError> {
        let issued = authority.issue(role)?;
        write_identity(place, &authority, &issued)?;
        register::enter(folder, &issued, now)
    };
    member(&folder.join("identity"), Role::Coordinator)?;
    let operator: SiteName =
        "operator".parse().map_err(|_| EnrolError::NotEmpty { path: folder.to_owned() })?;
    member(&folder.join("operator"), Role::Operator(operator))?;
    let coordinator = folder.join("coordinator.toml");
    write(&coordinator, COORDINATOR, Mode::Public)?;
    write(&folder.join(revoked::FILE), revoked::HEADING, Mode::Public)?;
    permit(folder)?;

    let mut made = Vec::new();
    for site in sites {
        let place = folder.join("sites").join(site.as_str());
        let issued = site_folder(&place, &authority, site)?;
        register::enter(folder, &issued, now)?;
        made.push(place);
    }
    Ok(Federation { coordinator, sites: made })
}

/// The first audit log of a node begins by itself, and only once.
fn permit(place: &Path) -> Result<(), EnrolError> {
    let state = place.join("state");
    let path = node::audit_log::register(&state);
    node::audit_log::permit_first(&state).map_err(|source| EnrolError::Io { path, source })
}

/// The folder that a hospital takes home, with a new certificate.
pub(super) fn site_folder(
    place: &Path,
    authority: &Authority,
    site: &SiteName,
) -> Result<Issued, EnrolError> {
    if site.as_str() == node::audit_log::COORDINATOR {
        return Err(EnrolError::Reserved { site: site.clone() });
    }
    let trusted = format!("coordinators = [\"{}\"]", authority.fingerprint());
    let policy = POLICY.replace("coordinators = []", &trusted);
    let issued = authority.issue(Role::Site(site.clone()))?;
    write_identity(&place.join("identity"), authority, &issued)?;
    write(&place.join("site-node.toml"), SITE_NODE, Mode::Public)?;
    write(&place.join("cohort.toml"), COHORT, Mode::Public)?;
    write(&place.join("policy.toml"), &policy, Mode::Public)?;
    permit(place)?;
    Ok(issued)
}

/// Writes a certificate, its key, and the authority's certificate.
pub(super) fn write_identity(
    place: &Path,
    authority: &Authority,
    issued: &Issued,
) -> Result<(), EnrolError> {
    write(&place.join("ca.pem"), &authority.certificate_pem(), Mode::Public)?;
    write(&place.join("cert.pem"), issued.certificate_pem(), Mode::Public)?;
    write(&place.join("key.pem"), &issued.key_pem(), Mode::Secret)
}

#[derive(Clone, Copy)]
enum Mode {
    Public,
    Secret,
}

fn write(path: &Path, text: &str, mode: Mode) -> Result<(), EnrolError> {
    let failed = |source| EnrolError::Io { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // From its first moment on, and not after a chmod.
        options.mode(match mode {
            Mode::Public => 0o644,
            Mode::Secret => 0o600,
        });
    }
    #[cfg(not(unix))]
    let _ = mode;
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed)
}

/// The files that a new federation starts from are those in `configs/`.
const COORDINATOR: &str = include_str!("../../../configs/coordinator.toml");
const SITE_NODE: &str = include_str!("../../../configs/site-node.toml");
const COHORT: &str = include_str!("../../../configs/cohort.toml");
const POLICY: &str = include_str!("../../../configs/policy.toml");
