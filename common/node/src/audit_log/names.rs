//! This program's names and hashes as records hold them.

use audit::{Label, Name};

use base::digest::Digest;

/// A name for a record; what is none becomes `other`, since no record may hold free text.
#[must_use]
pub fn name(text: &str) -> Name {
    let known = |text: &str| text.parse::<Name>().ok();
    known(text).or_else(|| known("other")).unwrap_or_else(|| unreachable!("a name"))
}

/// A metric's or another release's label for a record; what is none becomes `other`.
#[must_use]
pub fn label(text: &str) -> Label {
    text.parse().unwrap_or_else(|_| name("other").into())
}

/// A BLAKE3 hash.
#[must_use]
pub fn hash(digest: Digest) -> audit::Digest {
    audit::Digest::blake3(*digest.as_bytes())
}

/// A BLAKE3 hash under a key of this hospital's own.
#[must_use]
pub fn keyed_hash(digest: Digest) -> audit::Digest {
    audit::Digest::keyed_blake3(*digest.as_bytes())
}
