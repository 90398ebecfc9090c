//! Where things lie.

use std::path::{Path, PathBuf};

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// A folder of real data beside the repository, or a printed line that says what is skipped.
///
/// `CONSILIUM_SHARED_DATA` names another place for it.
#[must_use]
pub fn real_data(folder: &str, what: &str) -> Option<PathBuf> {
    let place = std::env::var_os("CONSILIUM_SHARED_DATA")
        .map_or_else(|| root().join("../shared/data"), PathBuf::from)
        .join(folder);
    if place.is_dir() {
        return Some(place);
    }
    eprintln!("skipped: {what}: real data folder {} is absent", place.display());
    None
}
