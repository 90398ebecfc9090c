//! Setting a log aside that cannot go on, whatever state it is in, so that the next epoch can begin.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use audit::folder::{ReadError, WITNESS};

use super::{FOLDER, KEY, LogbookError};
use crate::durable;

/// A log that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The number of its epoch.
    pub epoch: u32,
    /// Where it lies now.
    pub kept: PathBuf,
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LogbookError {
    let path = path.to_owned();
    move |source| LogbookError::Io { doing, path, source }
}

/// Sets the log in a state folder aside, with its key.
///
/// # Errors
/// There is none, or the disk fails.
pub fn set_aside(state: &Path) -> Result<SetAside, LogbookError> {
    let (folder, key) = (state.join(FOLDER), state.join(KEY));
    if !folder.exists()
        && let Some(old) = unfinished(state)?
    {
        // A crash came between setting aside and beginning.
        return Ok(old);
    }
    let unreadable = |error: ReadError| failed("reading", &folder)(io::Error::other(error));
    let old = audit::folder::key(&folder).map_err(unreadable)?;
    let number = old.name().as_str().rsplit_once('.').and_then(|(_, number)| number.parse().ok());
    let epoch: u32 = number.unwrap_or(1);
    let kept = state.join(format!("{FOLDER}-{epoch}"));
    if kept.exists() {
        let why = "it is there already; move it to where old logs are kept";
        return Err(failed("making", &kept)(io::Error::other(why)));
    }
    // The key first: it never signs a second log.
    if key.exists() {
        let aside = state.join(format!("{KEY}-{epoch}"));
        fs::rename(&key, &aside).map_err(failed("setting aside", &key))?;
    }
    fs::rename(&folder, &kept).map_err(failed("setting aside", &folder))?;
    durable::sync_folder(state).map_err(failed("syncing", state))?;
    Ok(SetAside { epoch, kept })
}

/// The last log that was set aside in a state folder, where any was.
pub(super) fn unfinished(state: &Path) -> Result<Option<SetAside>, LogbookError> {
    let mut last: Option<SetAside> = None;
    if !state.is_dir() {
        return Ok(None);
    }
    for entry in fs::read_dir(state).map_err(failed("listing", state))? {
        let kept = entry.map_err(failed("listing", state))?.path();
        let name = kept.file_name().map(|name| name.to_string_lossy().into_owned());
        let number = name.as_deref().and_then(|name| name.strip_prefix(FOLDER)?.strip_prefix('-'));
        let Some(epoch) = number.and_then(|number| number.parse().ok()) else { continue };
        if kept.is_dir() && last.as_ref().is_none_or(|last| last.epoch < epoch) {
            last = Some(SetAside { epoch, kept });
        }
    }
    Ok(last)
}

/// Copies the keys of peers that the old log knew: they are not taken anew on trust.
pub(super) fn keep_peers(kept: &Path, folder: &Path) -> Result<(), LogbookError> {
    let (from, to) = (kept.join(WITNESS), folder.join(WITNESS));
    if !from.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(&from).map_err(failed("reading", &from))? {
        let path = entry.map_err(failed("reading", &from))?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            let bytes = fs::read(&path).map_err(failed("reading", &path))?;
            durable::replace(&to.join(name), &[&bytes]).map_err(failed("writing", &to))?;
        }
    }
    durable::sync_folder(&to).map_err(failed("syncing", &to))
}
