//! An update on its way in: kept until it is complete and checked, outside the coordinator's memory
//! where it is large.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use common::transport::Sink;

/// Up to this many bytes an update waits in memory; larger ones wait in a file.
const IN_MEMORY: u64 = 256 << 10;

/// Bytes read back at a time.
const PIECE: usize = 1 << 20;

/// The words of one update, as they arrived.
#[derive(Debug)]
pub enum Spool {
    /// A small update.
    Memory(Vec<u8>),
    /// A large one, in a file without a name that the system removes with the process.
    File(File),
}

impl Spool {
    /// Room for an update of `bytes`; large ones lie in `folder`.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn new(folder: &Path, bytes: u64) -> io::Result<Self> {
        if bytes <= IN_MEMORY {
            return Ok(Self::Memory(Vec::new()));
        }
        tempfile::tempfile_in(folder).map(Self::File)
    }

    /// Hands the update on in pieces of whole words, with the byte each starts at.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(self, mut piece: impl FnMut(usize, &[u8])) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => piece(0, &bytes),
            Self::File(mut file) => {
                file.seek(SeekFrom::Start(0))?;
                let mut buffer = vec![0; PIECE];
                let mut start = 0;
                loop {
                    let read = fill(&mut file, &mut buffer)?;
                    if read == 0 {
                        break;
                    }
                    piece(start, &buffer[..read]);
                    start += read;
                }
            }
        }
        Ok(())
    }
}

/// Reads until the buffer is full or the file ends, so that a piece never ends inside a word.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
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
            Self::File(file) => file.write_all(piece),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_updates_come_back_as_they_went_in() {
        let folder = tempfile::tempdir().unwrap();
        for words in [1_usize, 1000, 600_000] {
            let bytes: Vec<u8> =
                (0..words).flat_map(|word| u32::try_from(word).unwrap().to_le_bytes()).collect();
            let mut spool = Spool::new(folder.path(), bytes.len() as u64).unwrap();
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
