//! This program's names and hashes as records hold them.

use audit::Name;

use crate::digest::Digest;

/// A name for a record; what is none becomes `other`, since no record may hold free text.
#[must_use]
pub fn name(text: &str) -> Name {
    let known = |text: &str| text.parse::<Name>().ok();
    known(text).or_else(|| known("other")).unwrap_or_else(|| unreachable!("a name"))
}

/// A hash.
#[must_use]
pub fn hash(digest: Digest) -> audit::Digest {
    audit::Digest::from_bytes(*digest.as_bytes())
}
