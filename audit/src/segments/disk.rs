//! The few things that a log does to a disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A disk, or a test's stand-in that fails.
pub trait Disk: Send {
    /// Appends bytes to a file, which comes into being where it is not there.
    ///
    /// # Errors
    /// They could not be written; some may have been.
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was appended to a file survive a power cut.
    ///
    /// # Errors
    /// It may not.
    fn sync(&mut self, path: &Path) -> io::Result<()>;

    /// Writes a file anew and makes its content survive a power cut.
    ///
    /// # Errors
    /// It could not be written; some of it may have been.
    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file to a length, and makes that survive a power cut.
    ///
    /// # Errors
    /// It could not be cut.
    fn truncate(&mut self, path: &Path, length: u64) -> io::Result<()>;

    /// Gives a file another's name, in one step.
    ///
    /// # Errors
    /// It could not be renamed.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; one that is not there is no error.
    ///
    /// # Errors
    /// It could not be removed.
    fn remove(&mut self, path: &Path) -> io::Result<()>;

    /// Makes a folder, and those above it.
    ///
    /// # Errors
    /// It could not be made.
    fn make_folder(&mut self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder survive a power cut.
    ///
    /// # Errors
    /// They may not.
    fn sync_folder(&mut self, path: &Path) -> io::Result<()>;

    /// Puts a whole new file in a file's place: after a crash the one or the other is there.
    ///
    /// # Errors
    /// A step failed; the old file is still there, or the new one is.
    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let new = path.with_added_extension("new");
        self.write(&new, bytes)?;
        self.rename(&new, path)?;
        self.sync_folder(path.parent().unwrap_or(Path::new(".")))
    }
}

/// The disk.
#[derive(Debug, Default)]
pub struct Files {
    /// The file appended to last, kept open.
    open: Option<(PathBuf, File)>,
}

/// New files are their owner's alone.
fn own(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

impl Files {
    fn appending(&mut self, path: &Path) -> io::Result<&mut File> {
        let same = self.open.as_ref().is_some_and(|(open, _)| open == path);
        let open = match self.open.take().filter(|_| same) {
            Some(open) => open,
            None => {
                (path.to_owned(), own(OpenOptions::new().append(true).create(true)).open(path)?)
            }
        };
        Ok(&mut self.open.insert(open).1)
    }
}

impl Disk for Files {
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.appending(path)?.write_all(bytes)
    }

    fn sync(&mut self, path: &Path) -> io::Result<()> {
        self.appending(path)?.sync_data()
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file =
            own(OpenOptions::new().write(true).create(true).truncate(true)).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn truncate(&mut self, path: &Path, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)
    }

    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}
