//! A file of settings that is read again while the node runs: whole, and within a bound.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use base::config::{self, Settings};
use base::digest::Digest;

/// The largest file of settings that is read.
const MAX_BYTES: u64 = 4 << 20;

/// A file of settings that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

/// A file's bytes and their hash.
pub(crate) struct Content {
    bytes: Vec<u8>,
    /// BLAKE3 of the bytes.
    pub(crate) hash: Digest,
}

impl Content {
    /// Reads a file. `key` is the key of `site-node.toml` that names it.
    pub(crate) fn read(place: &Path, key: &str) -> Result<Self, Unreadable> {
        let wrong = |what: &str| Unreadable(format!("{}: {what}", place.display()));
        let failed = |error: std::io::Error| {
            wrong(&format!("cannot be read: {error}; check the path and its permissions"))
        };
        // Asked before opening: opening a pipe would wait for its writer.
        if !fs::metadata(place).map_err(failed)?.is_file() {
            let what = format!("is not a regular file; {key} in site-node.toml must name one");
            return Err(wrong(&what));
        }
        let file = File::open(place).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(wrong("is larger than 4 MiB; is this the right file?"));
        }
        let hash = Digest::of(&bytes);
        Ok(Self { bytes, hash })
    }

    /// The settings that stand in it; `place` names the file in errors.
    pub(crate) fn parse<T: Settings>(&self, place: &Path) -> Result<T, Unreadable> {
        let name = place.display().to_string();
        let text = std::str::from_utf8(&self.bytes).map_err(|error| {
            Unreadable(format!("{name}: is not text: {error}; save it as UTF-8"))
        })?;
        config::read(&name, text).map_err(|error| Unreadable(error.to_string()))
    }
}
