//! Datagrams on a stream: a length of two bytes, then the datagram.

use bytes::{Bytes, BytesMut};

/// The largest datagram in a tunnel. TCP cuts and joins as it likes, so this need not fit any packet of the network.
/// Each datagram costs a fixed time on both sides, so large ones are cheaper.
pub(crate) const MAX_DATAGRAM: u16 = 8192;

/// The bytes of a length.
const PREFIX: usize = 2;

/// The number of bytes that are read from the stream at a time.
const READ: usize = 16 << 10;

/// A length that no datagram of a tunnel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the other side announced a datagram of {found} bytes, and 1 to {MAX_DATAGRAM} are allowed; install the same \
     release on both"
)]
pub(crate) struct FrameError {
    found: u16,
}

/// Appends a datagram with its length. One that is too long for a tunnel is left out, as a network would.
pub(super) fn append(datagram: &[u8], to: &mut Vec<u8>) {
    let length = u16::try_from(datagram.len()).unwrap_or(u16::MAX);
    if (1..=MAX_DATAGRAM).contains(&length) {
        to.extend(length.to_le_bytes());
        to.extend(datagram);
    }
}

/// Cuts a stream into datagrams.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    buffer: BytesMut,
}

impl Decoder {
    /// Where the next bytes of the stream go. [`Self::next`] is called until it has no more before this is asked for
    /// again, so that less than one datagram is kept.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        self.buffer.reserve(READ);
        &mut self.buffer
    }

    /// The next whole datagram, if it has come.
    ///
    /// # Errors
    /// The length is none of a datagram. Nothing after it can be read.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(prefix) = self.buffer.first_chunk::<PREFIX>() else { return Ok(None) };
        let length = u16::from_le_bytes(*prefix);
        if !(1..=MAX_DATAGRAM).contains(&length) {
            return Err(FrameError { found: length });
        }
        let end = PREFIX + usize::from(length);
        if self.buffer.len() < end {
            return Ok(None);
        }
        Ok(Some(self.buffer.split_to(end).freeze().slice(PREFIX..)))
    }

    /// Whether the stream may end here.
    pub(super) fn is_between(&self) -> bool {
        self.buffer.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All datagrams of a stream that comes in pieces of this size.
    fn cut(stream: &[u8], size: usize) -> (Vec<Bytes>, Result<bool, FrameError>) {
        let mut decoder = Decoder::default();
        let mut found = Vec::new();
        for piece in stream.chunks(size) {
            decoder.buffer().extend_from_slice(piece);
            loop {
                match decoder.next() {
                    Ok(Some(datagram)) => found.push(datagram),
                    Ok(None) => break,
                    Err(error) => return (found, Err(error)),
                }
            }
            assert!(decoder.buffer.len() < PREFIX + usize::from(MAX_DATAGRAM));
        }
        (found, Ok(decoder.is_between()))
    }

    #[test]
    fn datagrams_come_back_whole_wherever_the_stream_was_cut() {
        let datagrams: Vec<Vec<u8>> = [1, 2, 255, 256, 1200, usize::from(MAX_DATAGRAM)]
            .iter()
            .map(|length| (0..*length).map(|at| u8::try_from(at % 251).unwrap()).collect())
            .collect();
        let mut stream = Vec::new();
        for datagram in &datagrams {
            append(datagram, &mut stream);
        }
        for size in [1, 2, 3, 7, 1000, READ] {
            let (found, ended) = cut(&stream, size);
            assert_eq!(found, datagrams);
            assert_eq!(ended, Ok(true));
        }
        let (found, ended) = cut(&stream[..stream.len() - 1], 1000);
        assert_eq!((found.len(), ended), (datagrams.len() - 1, Ok(false)));
    }

    #[test]
    fn a_length_that_no_datagram_has_ends_the_stream_before_anything_is_kept() {
        for found in [0, MAX_DATAGRAM + 1, u16::MAX] {
            let mut stream = Vec::new();
            append(b"good", &mut stream);
            stream.extend(found.to_le_bytes());
            stream.extend([0; 100]);
            let (datagrams, ended) = cut(&stream, 1);
            assert_eq!((datagrams.len(), ended), (1, Err(FrameError { found })));
        }
        assert_eq!(cut(b"GET / HTTP/1.1\r\n\r\n", 16).1.unwrap_err().found, 0x4547);
    }

    #[test]
    fn what_is_too_long_or_empty_is_never_sent() {
        let mut stream = Vec::new();
        append(&[], &mut stream);
        append(&vec![0; usize::from(MAX_DATAGRAM) + 1], &mut stream);
        append(&vec![0; 1 << 17], &mut stream);
        assert!(stream.is_empty());
    }
}
