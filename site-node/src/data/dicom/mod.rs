//! DICOM files (PS3.10) as a tree of elements.
//!
//! ```text
//! 128 bytes │ "DICM" │ group 0002: transfer syntax │ data set ─► walk ─► DataSet ─► values
//! ```
//!
//! Written here and not taken from a crate, because a file is not to be trusted: the reader that
//! was tried allocates whatever length an element states before it reads it, follows nested
//! sequences until the stack ends, and its RLE decoder indexes by numbers from the file. This
//! one reads no text but the numbers and codes that ECGs and images need.

mod fault;
mod syntax;
pub(super) mod tags;
mod values;
mod walk;

pub use fault::DicomFault;
pub use tags::Tag;

pub(super) use syntax::{Compression, Encoding};
pub(super) use values::needed;
pub(super) use walk::{Body, DataSet};

use walk::Walk;

/// Bytes before the word "DICM".
const PREAMBLE: usize = 128;

/// Whether bytes start as a DICOM file does.
pub(super) fn recognised(bytes: &[u8]) -> bool {
    bytes.get(PREAMBLE..).is_some_and(|rest| rest.starts_with(b"DICM"))
}

/// A file's elements, and how its pixels are written.
pub(super) fn parse(bytes: &[u8]) -> Result<(DataSet<'_>, Encoding, Compression), DicomFault> {
    if !recognised(bytes) {
        return Err(DicomFault::NoMeta);
    }
    let end = bytes.len();
    // The header is always written so, whatever follows (PS3.10, 7.1).
    let mut walk = Walk::new(bytes, PREAMBLE + 4, Encoding { explicit: true, big: false });
    let mut meta = DataSet { elements: Vec::new(), big: false };
    while walk.group() == Some(0x0002) {
        let tag = walk.tag(end)?;
        let body = walk.body(tag, end, 0)?;
        meta.elements.push((tag, body));
    }
    let uid = meta.text(tags::TRANSFER_SYNTAX)?.ok_or(DicomFault::NoTransferSyntax)?;
    let (encoding, compression) = syntax::of(uid)?;
    let data = Walk::new(bytes, walk.place, encoding).data_set(end, true, 0)?;
    Ok((data, encoding, compression))
}
