//! From bytes to a tree of elements that borrows them.
//!
//! ```text
//! tag │ VR │ length │ value            explicit: VR names the type, and how wide the length is
//! tag │ length │ value                 implicit
//!                  └─ bytes │ items, each a data set │ fragments of compressed pixels
//! ```
//!
//! Layout: DICOM PS3.5, chapter 7 and annex A.4. Nothing is allocated for a length that the file
//! states: values are slices, and each step consumes at least eight bytes.

use super::fault::DicomFault;
use super::syntax::Encoding;
use super::tags::{self, Tag};

/// No image or ECG nests deeper; the limit keeps the stack small.
const MAX_DEPTH: usize = 16;
const MAX_ELEMENTS: usize = 1 << 18;
const UNDEFINED: u32 = u32::MAX;

/// Types with two reserved bytes and a length of 32 bits.
const LONG: [&[u8; 2]; 13] =
    [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"];
/// Types with a length of 16 bits.
const SHORT: [&[u8; 2]; 21] = [
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN",
    b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US",
];

/// Elements of one level.
pub(in crate::data) struct DataSet<'a> {
    pub(super) elements: Vec<(Tag, Body<'a>)>,
    pub(super) big: bool,
}

/// An element's value.
pub(in crate::data) enum Body<'a> {
    /// Bytes, and whether they are 16-bit words.
    Bytes(&'a [u8], bool),
    Items(Vec<DataSet<'a>>),
    /// Compressed pixels, without the offset table before them.
    Fragments(Vec<&'a [u8]>),
}

/// Where the reading stands.
pub(super) struct Walk<'a> {
    pub bytes: &'a [u8],
    pub place: usize,
    pub encoding: Encoding,
    count: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a [u8], place: usize, encoding: Encoding) -> Self {
        Self { bytes, place, encoding, count: 0 }
    }

    /// The next element's group, for the end of the file's header.
    pub(super) fn group(&self) -> Option<u16> {
        let bytes = self.bytes.get(self.place..)?.first_chunk()?;
        Some(self.encoding.u16(*bytes))
    }

    /// The elements up to `end`, or up to the item's delimiter where it is not `known`.
    pub(super) fn data_set(
        &mut self,
        end: usize,
        known: bool,
        depth: usize,
    ) -> Result<DataSet<'a>, DicomFault> {
        let mut elements = Vec::new();
        while self.place < end {
            let at = self.place;
            let tag = self.tag(end)?;
            if tag == tags::ITEM_END && !known {
                self.length(end)?;
                return Ok(DataSet { elements, big: self.encoding.big });
            }
            if tag.0 == tags::ITEM.0 {
                return Err(DicomFault::Structure { tag, at });
            }
            elements.push((tag, self.body(tag, end, depth)?));
        }
        if !known {
            return Err(DicomFault::TruncatedHeader { at: self.place });
        }
        Ok(DataSet { elements, big: self.encoding.big })
    }

    /// What follows a tag.
    pub(super) fn body(
        &mut self,
        tag: Tag,
        end: usize,
        depth: usize,
    ) -> Result<Body<'a>, DicomFault> {
        self.count += 1;
        if self.count > MAX_ELEMENTS {
            return Err(DicomFault::TooManyElements { most: MAX_ELEMENTS });
        }
        let vr_at = self.place;
        let (vr, length) = if self.encoding.explicit {
            let vr: [u8; 2] = self.take(end)?;
            if LONG.contains(&&vr) {
                self.take::<2>(end)?;
                (vr, self.length(end)?)
            } else if SHORT.contains(&&vr) {
                let length = self.take(end)?;
                (vr, u32::from(self.encoding.u16(length)))
            } else {
                return Err(DicomFault::UnknownVr { tag, at: vr_at });
            }
        } else {
            let length = self.length(end)?;
            let sequence = length == UNDEFINED || tags::SEQUENCES.contains(&tag);
            (if sequence { *b"SQ" } else { *b"OW" }, length)
        };
        let at = self.place;
        if tag == tags::PIXEL_DATA && length == UNDEFINED {
            return self.fragments(end).map(Body::Fragments);
        }
        if length == UNDEFINED {
            return match &vr {
                b"SQ" => self.items(end, false, depth).map(Body::Items),
                // A sequence that passed through a system that did not know it (PS3.5, 6.2.2).
                b"UN" => {
                    let outer = self.encoding;
                    self.encoding = Encoding { explicit: false, big: false };
                    let items = self.items(end, false, depth).map(Body::Items);
                    self.encoding = outer;
                    items
                }
                _ => Err(DicomFault::Structure { tag, at }),
            };
        }
        let value_end = self.within(tag, length, end)?;
        if vr == *b"SQ" {
            return self.items(value_end, true, depth).map(Body::Items);
        }
        self.place = value_end;
        let value = self.bytes.get(at..value_end).unwrap_or_default();
        Ok(Body::Bytes(value, vr == *b"OW"))
    }

    /// The items of a sequence.
    fn items(
        &mut self,
        end: usize,
        known: bool,
        depth: usize,
    ) -> Result<Vec<DataSet<'a>>, DicomFault> {
        if depth >= MAX_DEPTH {
            return Err(DicomFault::TooDeep { at: self.place, most: MAX_DEPTH });
        }
        let mut items = Vec::new();
        while self.place < end || !known {
            let at = self.place;
            let tag = self.tag(end)?;
            let length = self.length(end)?;
            if tag == tags::SEQUENCE_END && !known {
                break;
            }
            self.count += 1;
            if tag != tags::ITEM || self.count > MAX_ELEMENTS {
                return Err(DicomFault::Structure { tag, at });
            }
            let item_end = if length == UNDEFINED { end } else { self.within(tag, length, end)? };
            items.push(self.data_set(item_end, length != UNDEFINED, depth + 1)?);
        }
        Ok(items)
    }

    /// The fragments of compressed pixels; the first item is a table of offsets (PS3.5, A.4).
    fn fragments(&mut self, end: usize) -> Result<Vec<&'a [u8]>, DicomFault> {
        let mut fragments = Vec::new();
        let mut table = true;
        loop {
            let at = self.place;
            let tag = self.tag(end)?;
            let length = self.length(end)?;
            if tag == tags::SEQUENCE_END {
                return Ok(fragments);
            }
            self.count += 1;
            if tag != tags::ITEM || length == UNDEFINED || self.count > MAX_ELEMENTS {
                return Err(DicomFault::Structure { tag, at });
            }
            let start = self.place;
            self.place = self.within(tags::PIXEL_DATA, length, end)?;
            if !std::mem::take(&mut table) {
                fragments.extend(self.bytes.get(start..self.place));
            }
        }
    }

    /// Where a value of `length` ends, if that is before `end`.
    fn within(&self, tag: Tag, length: u32, end: usize) -> Result<usize, DicomFault> {
        let left = end.saturating_sub(self.place);
        match usize::try_from(length) {
            Ok(length) if length <= left => Ok(self.place + length),
            _ => {
                let needs = u64::from(length);
                let left = left as u64;
                Err(DicomFault::Truncated { tag, at: self.place, needs, left })
            }
        }
    }

    pub(super) fn tag(&mut self, end: usize) -> Result<Tag, DicomFault> {
        let [a, b, c, d] = self.take(end)?;
        Ok(Tag(self.encoding.u16([a, b]), self.encoding.u16([c, d])))
    }

    fn length(&mut self, end: usize) -> Result<u32, DicomFault> {
        let bytes = self.take(end)?;
        Ok(self.encoding.u32(bytes))
    }

    fn take<const N: usize>(&mut self, end: usize) -> Result<[u8; N], DicomFault> {
        let rest = self.bytes.get(self.place..end).unwrap_or_default();
        let found = rest.first_chunk().ok_or(DicomFault::TruncatedHeader { at: self.place })?;
        self.place += N;
        Ok(*found)
    }
}

impl Encoding {
    pub(in crate::data) fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    pub(in crate::data) fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}
