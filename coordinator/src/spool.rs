//! An update on its way in: kept until it is complete and checked, outside the coordinator's memory
//! where it is large.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use node::transport::Sink;

/// Up to this many bytes an update waits in memory; larger ones wait in a file.
const IN_MEMORY: u64 = 256 << 10;

/// Bytes read back at a time.
const PIECE: usize = 1 << 20;

/// Where updates wait. Files are used again: their pages are in memory already.
#[derive(Debug)]
pub struct SpoolFolder {
    folder: PathBuf,
    idle: Mutex<Vec<File>>,
}

impl SpoolFolder {
    /// A folder for updates on their way in.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(folder: PathBuf) -> io::Result<Arc<Self>> {
        base::durable::make_folder(&folder)?;
        Ok(Arc::new(Self { folder, idle: Mutex::default() }))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<File>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for an update of `bytes`.
    ///
    /// # Errors
    /// A file cannot be made or rewound.
    pub fn room(self: &Arc<Self>, bytes: u64) -> io::Result<Spool> {
        if bytes <= IN_MEMORY {
            return Ok(Spool::Memory(Vec::new()));
        }
        let idle = self.idle().pop();
        let mut file = match idle {
            Some(file) => file,
            // Without a name, so that it goes with the process.
            None => tempfile::tempfile_in(&self.folder)?,
        };
        file.rewind()?;
        Ok(Spool::File(SpoolFile { file: Some(file), len: 0, home: Arc::clone(self) }))
    }
}

/// The words of one update, as they arrived.
#[derive(Debug)]
pub enum Spool {
    /// A small update.
    Memory(Vec<u8>),
    /// A large one.
    File(SpoolFile),
}

/// A file that goes back to its folder when it is no longer needed.
#[derive(Debug)]
pub struct SpoolFile {
    /// There until this is dropped.
    file: Option<File>,
    /// Bytes of this update; the file may be longer, from one before.
    len: u64,
    home: Arc<SpoolFolder>,
}

impl SpoolFile {
    fn file(&mut self) -> io::Result<&mut File> {
        self.file.as_mut().ok_or_else(|| io::Error::other("the spool file is gone"))
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        self.home.idle().extend(self.file.take());
    }
}

impl Spool {
    /// Hands the update on in pieces of whole words, with the byte each starts at.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(self, mut piece: impl FnMut(usize, &[u8])) -> io::Result<()> {
        let mut update = match self {
            Self::Memory(bytes) => {
                piece(0, &bytes);
                return Ok(());
            }
            Self::File(_) => self.reader()?,
        };
        let mut buffer = vec![0; PIECE];
        let mut start = 0;
        loop {
            let read = fill(&mut update, &mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            piece(start, &buffer[..read]);
            start += read;
        }
    }

    /// The update as a stream of bytes, from the first on.
    ///
    /// # Errors
    /// The file cannot be rewound.
    pub fn reader(self) -> io::Result<SpoolReader> {
        Ok(match self {
            Self::Memory(bytes) => SpoolReader::Memory(io::Cursor::new(bytes)),
            Self::File(mut spool) => {
                spool.file()?.rewind()?;
                let left = spool.len;
                SpoolReader::File { spool, left }
            }
        })
    }
}

/// A spooled update that is read from its start, once or more.
#[derive(Debug)]
pub enum SpoolReader {
    /// A small update.
    Memory(io::Cursor<Vec<u8>>),
    /// A large one, and how many of its bytes are still to be read.
    File {
        /// The file, which may be longer than the update.
        spool: SpoolFile,
        /// Bytes to come.
        left: u64,
    },
}

impl SpoolReader {
    /// Begins again with the first byte.
    ///
    /// # Errors
    /// The file cannot be rewound.
    pub fn rewind(&mut self) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => bytes.set_position(0),
            Self::File { spool, left } => {
                spool.file()?.rewind()?;
                *left = spool.len;
            }
        }
        Ok(())
    }
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(bytes) => bytes.read(buffer),
            Self::File { spool, left } => {
                let read = spool.file()?.take(*left).read(buffer)?;
                *left -= read as u64;
                Ok(read)
            }
        }
    }
}

/// Reads until the buffer is full or the file ends, so that a piece never ends inside a word.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

impl Sink for Spool {
    fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => {
                bytes.extend_from_slice(piece);
                Ok(())
            }
            Self::File(spool) => {
                spool.len += piece.len() as u64;
                spool.file()?.write_all(piece)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_updates_come_back_as_they_went_in() {
        let folder = tempfile::tempdir().unwrap();
        let spools = SpoolFolder::new(folder.path().join("spool")).unwrap();
        // The larger one first: the smaller must not show what is left of it in the file.
        for words in [1_usize, 1000, 600_000, 300_000] {
            let bytes: Vec<u8> =
                (0..words).flat_map(|word| u32::try_from(word).unwrap().to_le_bytes()).collect();
            let mut spool = spools.room(bytes.len() as u64).unwrap();
            assert_eq!(matches!(spool, Spool::File(_)), bytes.len() as u64 > IN_MEMORY);
            // Pieces of a length that is not whole words, as a network delivers them.
            bytes.chunks(1337).for_each(|piece| spool.take(piece).unwrap());
            let mut back = Vec::new();
            let collect = |start, piece: &[u8]| {
                assert_eq!((start, piece.len() % 4), (back.len(), 0));
                back.extend_from_slice(piece);
            };
            spool.read(collect).unwrap();
            assert_eq!(back, bytes);
        }
    }
}
