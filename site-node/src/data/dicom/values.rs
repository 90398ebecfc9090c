//! Values of elements, by attribute.

use super::fault::DicomFault;
use super::tags::Tag;
use super::walk::{Body, DataSet};

type Found<T> = Result<Option<T>, DicomFault>;

impl<'a> DataSet<'a> {
    /// An element's value of whatever form.
    pub(in crate::data) fn body(&self, tag: Tag) -> Option<&Body<'a>> {
        self.elements.iter().find(|(found, _)| *found == tag).map(|(_, body)| body)
    }

    /// The bytes of a value; an empty one counts as absent, as everywhere in DICOM.
    pub(in crate::data) fn bytes(&self, tag: Tag) -> Option<&'a [u8]> {
        match self.body(tag) {
            Some(Body::Bytes(bytes, _)) if !bytes.is_empty() => Some(bytes),
            _ => None,
        }
    }

    /// The items of a sequence; none where it is absent.
    pub(in crate::data) fn items(&self, tag: Tag) -> &[Self] {
        match self.body(tag) {
            Some(Body::Items(items)) => items,
            _ => &[],
        }
    }

    /// A whole number of 16 bits (US).
    pub(in crate::data) fn small(&self, tag: Tag) -> Found<u16> {
        let Some(bytes) = self.bytes(tag) else { return Ok(None) };
        let what = "is not one number of 16 bits";
        let pair = bytes.try_into().map_err(|_| DicomFault::Value { tag, what })?;
        Ok(Some(if self.big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }))
    }

    /// All whole numbers of 16 bits (US, SS, or OW) of an element, as their bits stand; none where it is absent.
    pub(in crate::data) fn words(&self, tag: Tag) -> Vec<u16> {
        let (pairs, _) = self.bytes(tag).unwrap_or_default().as_chunks::<2>();
        let word = |pair: &[u8; 2]| {
            if self.big { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) }
        };
        pairs.iter().map(word).collect()
    }

    /// A whole number of 32 bits (UL).
    pub(in crate::data) fn large(&self, tag: Tag) -> Found<u32> {
        let Some(bytes) = self.bytes(tag) else { return Ok(None) };
        let what = "is not one number of 32 bits";
        let four = bytes.try_into().map_err(|_| DicomFault::Value { tag, what })?;
        Ok(Some(if self.big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }))
    }

    /// The first of the values that a backslash divides, as text without its padding.
    pub(in crate::data) fn text(&self, tag: Tag) -> Found<&'a str> {
        let Some(bytes) = self.bytes(tag) else { return Ok(None) };
        let first = bytes.split(|byte| *byte == b'\\').next().unwrap_or_default();
        let what = "is not plain text";
        let text = str::from_utf8(first).map_err(|_| DicomFault::Value { tag, what })?;
        let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// The first of the finite numbers in decimal digits (DS, IS).
    pub(in crate::data) fn number(&self, tag: Tag) -> Found<f64> {
        let Some(text) = self.text(tag)? else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(DicomFault::Value { tag, what: "is not a finite decimal number" }),
        }
    }
}

/// What must be there.
pub(in crate::data) fn needed<T>(tag: Tag, found: Found<T>) -> Result<T, DicomFault> {
    found?.ok_or(DicomFault::Missing(tag))
}
