//! Stored numbers from the bytes of pixels that are not JPEG (DICOM PS3.5, chapter 8).

use super::{ImageFault, rle};
use crate::data::dicom::Encoding;

/// How one sample is stored.
pub(super) struct Layout {
    /// 1 or 2 bytes.
    pub bytes: usize,
    /// The bits that count, and the highest of them.
    pub stored: u16,
    pub high: u16,
    pub signed: bool,
}

impl Layout {
    pub(super) fn new(
        allocated: u16,
        stored: u16,
        high: u16,
        signed: bool,
    ) -> Result<Self, ImageFault> {
        if ![8, 16].contains(&allocated) {
            return Err(ImageFault::BitDepth { bits: allocated });
        }
        if stored == 0 || stored > allocated || high >= allocated || high + 1 < stored {
            return Err(ImageFault::BitLayout { allocated, stored, high });
        }
        Ok(Self { bytes: usize::from(allocated / 8), stored, high, signed })
    }

    fn value(&self, raw: u16) -> i32 {
        let shifted = i32::from(raw >> (self.high + 1 - self.stored));
        let unused = 32 - u32::from(self.stored);
        let top = shifted << unused;
        if self.signed { top >> unused } else { (top.cast_unsigned() >> unused).cast_signed() }
    }
}

/// `count` samples that are not compressed.
pub(super) fn native(
    bytes: &[u8],
    layout: &Layout,
    encoding: Encoding,
    words: bool,
    count: usize,
) -> Result<Vec<i32>, ImageFault> {
    let needs = (count as u64).saturating_mul(layout.bytes as u64);
    let found = bytes.len() as u64;
    if found < needs {
        return Err(ImageFault::PixelBytes { needs, found });
    }
    if layout.bytes == 2 {
        let (pairs, _) = bytes.as_chunks::<2>();
        return Ok(pairs
            .iter()
            .take(count)
            .map(|pair| layout.value(encoding.u16(*pair)))
            .collect());
    }
    // Bytes that are written as words lie in pairs, the second first, where high bytes come first.
    let swap = usize::from(words && encoding.big);
    let byte = |place: usize| bytes.get(place ^ swap).copied().unwrap_or_default();
    Ok((0..count).map(|place| layout.value(u16::from(byte(place)))).collect())
}

/// `planes` planes of `pixels` samples from an RLE frame.
pub(super) fn run_length(
    frame: &[u8],
    layout: &Layout,
    planes: usize,
    pixels: usize,
) -> Result<Vec<i32>, ImageFault> {
    let segments = rle::segments(frame, planes * layout.bytes, pixels)?;
    let mut values = Vec::with_capacity(planes * pixels);
    for plane in segments.chunks(layout.bytes) {
        match plane {
            [high, low] => {
                let pairs = high.iter().zip(low);
                values.extend(
                    pairs.map(|(high, low)| layout.value(u16::from_be_bytes([*high, *low]))),
                );
            }
            [only] => values.extend(only.iter().map(|byte| layout.value(u16::from(*byte)))),
            _ => {}
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_cut_out_and_signs_extended() {
        let layout = |stored, high, signed| Layout::new(16, stored, high, signed).unwrap();
        assert_eq!(layout(12, 11, true).value(0xF800), -2048);
        assert_eq!(layout(12, 11, false).value(0xF800), 0x800);
        assert_eq!(layout(12, 15, false).value(0xABCD), 0xABC);
        assert_eq!(layout(16, 15, true).value(0xFFFF), -1);
        assert_eq!(layout(16, 15, false).value(0xFFFF), 65535);
        for (allocated, stored, high) in [(16, 17, 16), (16, 0, 0), (8, 8, 8), (16, 12, 10)] {
            assert!(matches!(
                Layout::new(allocated, stored, high, false).map(|_| ()),
                Err(ImageFault::BitLayout { .. })
            ));
        }
    }

    #[test]
    fn bytes_in_words_swap_with_the_byte_order() {
        let layout = Layout::new(8, 8, 7, false).unwrap();
        let big = Encoding { explicit: true, big: true };
        assert_eq!(native(&[2, 1, 0, 3], &layout, big, true, 3).unwrap(), [1, 2, 3]);
        assert_eq!(native(&[1, 2, 3, 0], &layout, big, false, 3).unwrap(), [1, 2, 3]);
    }
}
