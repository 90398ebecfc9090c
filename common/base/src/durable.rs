//! Files that survive a power cut, readable by their owner alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Puts a whole new file of mode 0600 in the place of an old one: a reader sees one of the two.
///
/// # Errors
/// The disk fails.
pub fn replace(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    replace_with(path, |file| parts.iter().try_for_each(|part| file.write_all(part)))
}

/// Replaces a file as [`replace`] does, by what `write` writes.
///
/// # Errors
/// The disk or `write` fails. The old file is then still there.
pub fn replace_with(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = create(&new)?;
    write(&mut file)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// Replaces a file as [`replace`] does, and makes its name durable as well.
///
/// # Errors
/// The disk fails.
pub fn replace_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, &[bytes])?;
    sync_folder(parent(path))
}

/// Creates or empties a file of mode 0600.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path)
}

/// Makes a folder of mode 0700 whose name survives a power cut.
///
/// # Errors
/// The disk fails.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = parent(folder);
    if above != Path::new(".") {
        make_folder(above)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    builder.mode(0o700);
    match builder.create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_folder(above)
}

/// Makes the names in a folder durable.
///
/// # Errors
/// The disk fails.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all())
}

/// The folder that a path lies in; the current one for a bare name.
#[must_use]
pub fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}
