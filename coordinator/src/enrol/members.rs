//! Who belongs to a federation after its beginning: a hospital that comes later, a certificate that is renewed,
//! and one that is revoked.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base::clock::Timestamp;
use base::fingerprint::Fingerprint;
use base::ids::SiteName;
use node::pki::Role;

use super::authority::{Authority, EnrolError};
use super::folder::{site_folder, write_identity};
use super::register::{self, members};
use crate::revoked;

/// How many renewals of one identity in one second find a name for the one before.
const MAX_IN_A_SECOND: u32 = 100;

fn failed(path: &Path) -> impl FnOnce(io::Error) -> EnrolError {
    let path = path.to_owned();
    move |source| EnrolError::Io { path, source }
}

/// Removes what an interrupted command left there, which was never in use.
fn anew(new: &Path) -> Result<(), EnrolError> {
    match fs::remove_dir_all(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(new)(error)),
        _ => Ok(()),
    }
}

/// A federation's folder, with its authority at hand.
pub struct Enrolment {
    folder: PathBuf,
    authority: Authority,
    now: Timestamp,
}

impl Enrolment {
    /// Opens the folder with `coordinator.toml`, and the authority's.
    ///
    /// # Errors
    /// The authority's files cannot be read, or do not belong together.
    pub fn open(folder: &Path, authority: &Path, now: Timestamp) -> Result<Self, EnrolError> {
        let authority = Authority::load(authority, now)?;
        Ok(Self { folder: folder.to_owned(), authority, now })
    }

    /// Makes a folder for a hospital that joins later; where it is. It gets its name once it is whole and its
    /// certificate is in the register, so that the same command goes on where one was interrupted.
    ///
    /// # Errors
    /// The name is the coordinator's or belongs already, or something cannot be written.
    pub fn add(&self, site: &SiteName) -> Result<PathBuf, EnrolError> {
        let place = self.folder.join("sites").join(site.as_str());
        // No site's name begins with a dot.
        let new = place.with_file_name(format!(".{site}-new"));
        let known = members(&self.folder)?.iter().any(|member| member.is_of(site));
        if place.exists() || known && !new.exists() {
            return Err(EnrolError::Known { site: site.clone() });
        }
        anew(&new)?;
        let issued = site_folder(&new, &self.authority, site)?;
        register::enter(&self.folder, &issued, self.now)?;
        fs::rename(&new, &place).map_err(failed(&place))?;
        Ok(place)
    }

    /// Makes a new certificate, with a new key; the folder that holds it. One that was there before is kept
    /// beside it. The certificate is in the register before its key is where it is used: none is in use that could
    /// not be revoked.
    ///
    /// # Errors
    /// The site does not belong, or something cannot be written.
    pub fn renew(&self, role: &Role) -> Result<PathBuf, EnrolError> {
        let place = match role {
            Role::Coordinator => self.folder.join("identity"),
            Role::Operator(_) => self.folder.join("operator"),
            Role::Site(site) => {
                let site_place = self.folder.join("sites").join(site.as_str());
                let known = members(&self.folder)?.iter().any(|member| member.is_of(site));
                if !known && !site_place.exists() {
                    return Err(EnrolError::Unknown { site: site.clone() });
                }
                site_place.join("identity")
            }
        };
        let issued = self.authority.issue(role.clone())?;
        let beside = |ending: &str| {
            let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
            place.with_file_name(format!("{name}-{ending}"))
        };
        let new = beside("new");
        anew(&new)?;
        write_identity(&new, &self.authority, &issued)?;
        register::enter(&self.folder, &issued, self.now)?;
        if place.exists() {
            let until = format!("until-{}", self.now.to_string().replace(':', ""));
            // Two in one second have different names.
            let names = (1..=MAX_IN_A_SECOND).map(|number| match number {
                1 => beside(&until),
                _ => beside(&format!("{until}-{number}")),
            });
            let old = names.into_iter().find(|old| !old.exists());
            let old = old.unwrap_or_else(|| beside(&until));
            fs::rename(&place, &old).map_err(failed(&old))?;
        }
        fs::rename(&new, &place).map_err(failed(&place))?;
        Ok(place)
    }
}

/// Revokes every certificate of a site that is in the register; their fingerprints.
///
/// # Errors
/// The register knows none of the site, all are revoked already, or the list cannot be written.
pub fn revoke_site(
    folder: &Path,
    list: &Path,
    site: &SiteName,
    now: Timestamp,
) -> Result<Vec<Fingerprint>, EnrolError> {
    let all: Vec<Fingerprint> = members(folder)?
        .into_iter()
        .filter(|member| member.is_of(site))
        .map(|member| member.fingerprint)
        .collect();
    if all.is_empty() {
        return Err(EnrolError::Unknown { site: site.clone() });
    }
    revoke(list, &all, &format!("site {site}"), now)
}

/// Revokes certificates; those that were not revoked before.
///
/// # Errors
/// All are revoked already, or the list is missing or cannot be read or written.
pub fn revoke(
    list: &Path,
    certificates: &[Fingerprint],
    whose: &str,
    now: Timestamp,
) -> Result<Vec<Fingerprint>, EnrolError> {
    let failed = |source| EnrolError::Io { path: list.to_owned(), source };
    // A new list in the place of one that is gone would let in whoever was on that one.
    let text = revoked::load(list)?;
    let listed = revoked::read(list, &text)?;
    let new: Vec<Fingerprint> = certificates
        .iter()
        .filter(|fingerprint| !listed.contains(&fingerprint.to_string()))
        .copied()
        .collect();
    if new.is_empty() {
        return Err(EnrolError::Revoked { whose: whose.to_owned() });
    }
    let mut lines = String::new();
    if !text.is_empty() && !text.ends_with('\n') {
        lines.push('\n');
    }
    for fingerprint in &new {
        // A String takes whatever is written to it.
        let _ = writeln!(lines, "{fingerprint} {whose}, revoked {now}");
    }
    let mut file = fs::OpenOptions::new().append(true).open(list).map_err(failed)?;
    file.write_all(lines.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(new)
}
