//! The certificates that an authority issued: a line for each, so that they can be listed and revoked later.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use base::clock::Timestamp;
use base::fingerprint::Fingerprint;
use base::ids::SiteName;
use node::pki::Role;

use super::authority::{EnrolError, Issued};

/// Beside the coordinator's settings.
pub(super) const FILE: &str = "certificates.txt";

const HEAD: &str = "# Certificates that this federation's authority issued: fingerprint, whose, issued, expires.\n";

/// One certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// SHA-256 of the certificate.
    pub fingerprint: Fingerprint,
    /// `site`, `operator` or `coordinator`.
    pub role: String,
    /// The holder's name; a coordinator has none.
    pub name: String,
    /// When it was issued, in UTC.
    pub issued: String,
    /// When it ends, in UTC.
    pub expires: String,
}

impl Member {
    /// Whether it is this site's.
    #[must_use]
    pub fn is_of(&self, site: &SiteName) -> bool {
        self.role == "site" && self.name == site.as_str()
    }

    /// `valid`, `expired` or `revoked`.
    #[must_use]
    pub fn status(&self, revoked: &BTreeSet<String>, now: Timestamp) -> &'static str {
        if revoked.contains(&self.fingerprint.to_string()) {
            "revoked"
        } else if self.expires < now.to_string() {
            // Both are in the one form of RFC 3339 whose order is that of time.
            "expired"
        } else {
            "valid"
        }
    }

    fn line(&self) -> String {
        let Self { fingerprint, role, name, issued, expires } = self;
        format!("{fingerprint} {role} {name} {issued} {expires}\n")
    }

    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.split_whitespace().map(str::to_owned);
        let fingerprint = parts.next()?.parse().ok()?;
        let role = parts.next()?;
        let name = parts.next()?;
        Some(Self { fingerprint, role, name, issued: parts.next()?, expires: parts.next()? })
    }
}

/// Enters a certificate.
pub(super) fn enter(folder: &Path, issued: &Issued, now: Timestamp) -> Result<(), EnrolError> {
    let path = folder.join(FILE);
    let failed = |source| EnrolError::Io { path: path.clone(), source };
    let (role, name) = match issued.role() {
        Role::Coordinator => ("coordinator", "-".to_owned()),
        Role::Site(name) => ("site", name.to_string()),
        Role::Operator(name) => ("operator", name.to_string()),
    };
    let member = Member {
        fingerprint: issued.fingerprint(),
        role: role.to_owned(),
        name,
        issued: now.to_string(),
        expires: issued.expires().to_string(),
    };
    let head = if path.exists() { "" } else { HEAD };
    let mut file = fs::OpenOptions::new().append(true).create(true).open(&path).map_err(failed)?;
    file.write_all(format!("{head}{}", member.line()).as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)
}

/// All certificates that were entered, the oldest first; none where there is no register.
///
/// # Errors
/// The register cannot be read, or a line of it is damaged.
pub fn members(folder: &Path) -> Result<Vec<Member>, EnrolError> {
    let path = folder.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(EnrolError::Io { path, source }),
    };
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty())
        .map(|(place, line)| {
            Member::parse(line)
                .ok_or_else(|| EnrolError::Register { path: path.clone(), line: place + 1 })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_as_it_was_written_and_says_what_holds_now() {
        let at = |seconds: u64| Timestamp(seconds * 1000);
        let member = Member {
            fingerprint: Fingerprint::of(b"a"),
            role: "site".to_owned(),
            name: "hospital-a".to_owned(),
            issued: at(0).to_string(),
            expires: at(1000).to_string(),
        };
        assert_eq!(Member::parse(member.line().trim()), Some(member.clone()));
        assert_eq!(Member::parse("sha256:00 site a b"), None);
        assert!(member.is_of(&"hospital-a".parse().unwrap()));
        let none = BTreeSet::new();
        assert_eq!(member.status(&none, at(999)), "valid");
        assert_eq!(member.status(&none, at(1001)), "expired");
        let revoked = BTreeSet::from([member.fingerprint.to_string()]);
        assert_eq!(member.status(&revoked, at(999)), "revoked");
    }
}
