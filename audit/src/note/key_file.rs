//! A log's secret key on disk: one line, readable by its owner alone.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::{NoteError, SigningKey};
use crate::name::Name;

/// Far above any key's line.
const MAX_KEY: u64 = 1024;

/// Makes a key for the log with this id and keeps it in a new file of mode 600, which is whole from its first
/// moment on.
///
/// # Errors
/// The file exists already or cannot be written.
pub fn create_key(path: &Path, log: &Name) -> Result<SigningKey, NoteError> {
    let io = |doing| move |source| NoteError::File { path: path.to_owned(), doing, source };
    if path.exists() {
        return Err(io("creating")(std::io::ErrorKind::AlreadyExists.into()));
    }
    let key = SigningKey::generate(log)?;
    let text = format!("{}\n", key.to_secret_text()?);
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    let mut file = options.open(&new).map_err(io("creating"))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io("writing"))?;
    std::fs::rename(&new, path).map_err(io("naming"))?;
    // The new file's name must survive a power cut as well: without the key the log is closed.
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))
        .and_then(|folder| folder.sync_all())
        .map_err(io("syncing its folder"))?;
    Ok(key)
}

/// Reads a log's secret key, and refuses a file that others may read.
///
/// # Errors
/// The file cannot be read, is exposed, or holds something else.
pub fn load_key(path: &Path) -> Result<SigningKey, NoteError> {
    let io = |doing| move |source| NoteError::File { path: path.to_owned(), doing, source };
    let file = File::open(path).map_err(io("opening"))?;
    #[cfg(unix)]
    {
        let mode = file.metadata().map_err(io("looking at"))?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(NoteError::Exposed { path: path.to_owned(), mode });
        }
    }
    let mut text = String::new();
    file.take(MAX_KEY).read_to_string(&mut text).map_err(io("reading"))?;
    SigningKey::from_secret_text(&text)
}
