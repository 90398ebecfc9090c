//! Whole folders: what lies in them, and copies of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// All files below a folder, in order.
///
/// # Errors
/// It cannot be read.
pub fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Copies a folder to a place, of which nothing else is left.
///
/// # Errors
/// A file cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    add_folder(from, to)
}

/// Copies a folder over what a place holds, empty folders as well.
///
/// # Errors
/// A file cannot be read or written.
pub fn add_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, target) = entry.map(|entry| (entry.path(), to.join(entry.file_name())))?;
        if path.is_dir() {
            add_folder(&path, &target)?;
        } else {
            fs::copy(&path, target)?;
        }
    }
    Ok(())
}
