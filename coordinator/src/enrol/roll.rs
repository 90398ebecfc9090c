//! The hospitals that may connect now, by the register of certificates.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base::clock::Timestamp;
use base::ids::SiteName;

use super::register::members;
use crate::revoked;

/// The hospitals of a federation; none where it keeps no register, as in a simulation.
#[derive(Debug, Clone, Default)]
pub struct Members {
    places: Option<Places>,
}

#[derive(Debug, Clone)]
struct Places {
    folder: PathBuf,
    revoked: PathBuf,
}

impl Members {
    /// Those of the register in this folder, without those on the list of revoked certificates.
    #[must_use]
    pub fn of(folder: &Path, revoked: &Path) -> Self {
        Self { places: Some(Places { folder: folder.to_owned(), revoked: revoked.to_owned() }) }
    }

    /// The hospitals with a certificate that is valid now, by name. Read anew each time, since hospitals are added while
    /// the coordinator serves. None where the files cannot be read: they name nobody, and nothing rests on them.
    #[must_use]
    pub fn sites(&self, now: Timestamp) -> BTreeSet<SiteName> {
        let Some(Places { folder, revoked: list }) = &self.places else { return BTreeSet::new() };
        let text = fs::read_to_string(list).unwrap_or_default();
        let listed = revoked::read(list, &text).unwrap_or_default();
        let members = members(folder).unwrap_or_else(|error| {
            tracing::warn!(%error, "the register of certificates cannot be read");
            Vec::new()
        });
        members
            .into_iter()
            .filter(|member| member.role == "site" && member.status(&listed, now) == "valid")
            .filter_map(|member| member.name.parse().ok())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hospitals_with_a_valid_certificate_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let revoked = folder.path().join("revoked.txt");
        let members = Members::of(folder.path(), &revoked);
        let now = Timestamp(1000 * 1000);
        assert!(members.sites(now).is_empty());
        let print = |byte: char| format!("sha256:{}", byte.to_string().repeat(64));
        let from = Timestamp(0);
        let until = Timestamp(2_000_000);
        let lines = [
            format!("{} site hospital-a {from} {until}", print('a')),
            format!("{} site hospital-b {from} {from}", print('b')),
            format!("{} site hospital-c {from} {until}", print('c')),
            format!("{} operator olga {from} {until}", print('d')),
        ];
        fs::write(folder.path().join("certificates.txt"), lines.join("\n")).unwrap();
        fs::write(&revoked, format!("{} gone\n", print('c'))).unwrap();
        let names: Vec<String> = members.sites(now).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["hospital-a"]);
        assert!(Members::default().sites(now).is_empty());
    }
}
