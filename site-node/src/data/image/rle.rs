//! DICOM's run-length encoding (PS3.5, annex G).
//!
//! ```text
//! count │ 15 offsets │ segment: the high bytes of all samples │ segment: the low bytes │ …
//!                      └ n in 0..=127: n + 1 bytes follow; n in 129..: one byte, 257 − n times
//! ```

use super::ImageFault;

const HEADER: usize = 64;

/// The segments of a frame, `count` of them with `len` bytes each.
pub(super) fn segments(frame: &[u8], count: usize, len: usize) -> Result<Vec<Vec<u8>>, ImageFault> {
    let fault = |what| ImageFault::Rle { what };
    // A pair of bytes stands for at most 128; `len` may be allocated after this.
    if len > frame.len().saturating_mul(64) {
        return Err(fault("is too short for its picture"));
    }
    let header = frame.get(..HEADER).ok_or(fault("ends in its header"))?;
    let (words, _) = header.as_chunks::<4>();
    let mut words = words.iter().map(|word| u32::from_le_bytes(*word));
    if words.next().map(usize::try_from) != Some(Ok(count)) {
        return Err(fault("has another number of segments than its samples need"));
    }
    let starts: Vec<usize> =
        words.take(count).map(|start| usize::try_from(start).unwrap_or(usize::MAX)).collect();
    let mut segments = Vec::with_capacity(count);
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(frame.len());
        let packed = frame.get(*start..end).filter(|_| *start >= HEADER);
        let packed = packed.ok_or(fault("has a segment outside itself"))?;
        segments.push(unpack(packed, len).ok_or(fault("has a segment that ends too early"))?);
    }
    Ok(segments)
}

/// `len` bytes from runs and literals; padding behind them is left.
fn unpack(mut packed: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(len);
    while out.len() < len {
        let (&head, rest) = packed.split_first()?;
        packed = match head {
            0..=127 => {
                let (literal, rest) = rest.split_at_checked(usize::from(head) + 1)?;
                out.extend_from_slice(literal);
                rest
            }
            128 => rest,
            129.. => {
                let (&byte, rest) = rest.split_first()?;
                out.extend(std::iter::repeat_n(byte, 257 - usize::from(head)));
                rest
            }
        };
    }
    out.truncate(len);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packbits_example_unpacks() {
        // Apple Technical Note TN1023.
        let packed = [
            0xFE, 0xAA, 0x02, 0x80, 0x00, 0x2A, 0xFD, 0xAA, 0x03, 0x80, 0x00, 0x2A, 0x22, 0xF7,
            0xAA,
        ];
        let wanted = [
            0xAA, 0xAA, 0xAA, 0x80, 0x00, 0x2A, 0xAA, 0xAA, 0xAA, 0xAA, 0x80, 0x00, 0x2A, 0x22,
            0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA,
        ];
        assert_eq!(unpack(&packed, wanted.len()).unwrap(), wanted);
        assert_eq!(unpack(&packed, wanted.len() + 1), None);
    }

    #[test]
    fn headers_that_lie_are_refused() {
        let frame = |count: u32, starts: &[u32]| {
            let mut frame = vec![0; HEADER];
            frame[..4].copy_from_slice(&count.to_le_bytes());
            for (place, start) in starts.iter().enumerate() {
                frame[4 + 4 * place..8 + 4 * place].copy_from_slice(&start.to_le_bytes());
            }
            frame.extend([0xFD, 7]);
            frame
        };
        assert_eq!(segments(&frame(1, &[64]), 1, 4).unwrap(), [[7, 7, 7, 7]]);
        for (bad, len) in [
            (frame(u32::MAX, &[64]), 4),
            (frame(2, &[64, 66]), 4),
            (frame(1, &[u32::MAX]), 4),
            (frame(1, &[0]), 4),
            (frame(1, &[64]), 5),
            (frame(1, &[64]), usize::MAX),
            (vec![1, 0, 0], 4),
        ] {
            let fault = segments(&bad, 1, len).unwrap_err();
            assert!(matches!(fault, ImageFault::Rle { .. }), "{fault}");
        }
    }
}
