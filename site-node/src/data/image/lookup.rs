//! A lookup table of DICOM PS3.3, C.11.1.1 and C.11.2.1.1: stored or measured values to others.

use crate::data::dicom::{DataSet, DicomFault, tags};

/// The entries of a ModalityLUTSequence or VOILUTSequence.
#[derive(Debug)]
pub(super) struct LookupTable {
    /// The value that the first entry stands for; lower ones take it too.
    first: f64,
    entries: Vec<u16>,
    /// The largest entry that its bits allow.
    pub(super) largest: f64,
}

impl LookupTable {
    /// Reads a sequence's item. `negative` says whether values below zero can reach the table: then
    /// its first value is a signed number.
    ///
    /// # Errors
    /// The descriptor is not three numbers, its bits are not 8 to 16, or entries are missing.
    pub(super) fn read(item: &DataSet<'_>, negative: bool) -> Result<Self, DicomFault> {
        let descriptor = |what| DicomFault::Value { tag: tags::LUT_DESCRIPTOR, what };
        let [count, first, bits] = item.words(tags::LUT_DESCRIPTOR)[..] else {
            return Err(descriptor("is not three numbers of 16 bits"));
        };
        // No entries stands for 2^16 of them.
        let count = if count == 0 { 1 << 16 } else { usize::from(count) };
        if !(8..=16).contains(&bits) {
            return Err(descriptor("states other than 8 to 16 bits an entry"));
        }
        let first = if negative { f64::from(first.cast_signed()) } else { f64::from(first) };
        let mut entries = item.words(tags::LUT_DATA);
        if entries.len() < count && bits == 8 {
            // Entries of 8 bits may lie packed, two a word.
            let bytes = item.bytes(tags::LUT_DATA).unwrap_or_default();
            entries = bytes.iter().map(|byte| u16::from(*byte)).collect();
        }
        if entries.len() < count {
            let what = "holds fewer entries than LUTDescriptor states";
            return Err(DicomFault::Value { tag: tags::LUT_DATA, what });
        }
        entries.truncate(count);
        let largest = u16::MAX >> (16 - bits);
        if entries.iter().any(|entry| *entry > largest) {
            let what = "holds an entry of more bits than LUTDescriptor states";
            return Err(DicomFault::Value { tag: tags::LUT_DATA, what });
        }
        Ok(Self { first, entries, largest: f64::from(largest) })
    }

    /// The entry that stands for a value; values outside take the first or the last.
    pub(super) fn at(&self, value: f64) -> f64 {
        let last = self.entries.len().saturating_sub(1);
        let offset = (value - self.first).clamp(0.0, last as f64);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the entries; a fraction belongs to the entry below it"
        )]
        let place = offset as usize;
        f64::from(self.entries.get(place).copied().unwrap_or_default())
    }
}
