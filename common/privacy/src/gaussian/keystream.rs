//! ChaCha20 keystream as 64-bit words.

use chacha20::{
    ChaCha20Legacy,
    cipher::{KeyIvInit, StreamCipher},
};
use zeroize::Zeroize;

use super::key::NoiseKey;

/// Bytes generated at a time: whole 64-byte blocks, so that the cipher's own block buffer
/// never holds keystream.
const BUFFER_BYTES: usize = 4096;

/// The words of one stream of one key, in order.
///
/// Bernstein's original layout (64-bit nonce, 64-bit block counter): one stream holds 2^70
/// bytes, so no vector can exhaust it, whatever the rejections.
///
/// On drop the cipher state (by `chacha20`'s `zeroize` feature) and the buffer are
/// overwritten. Copies that the compiler spills to the stack or leaves in registers, the
/// cipher's vector registers among them, are not.
pub(crate) struct Keystream {
    cipher: ChaCha20Legacy,
    buffer: [u8; BUFFER_BYTES],
    /// Index of the next unread word of `buffer`.
    next: usize,
}

impl Keystream {
    /// Stream number `stream` of `key`, from its start.
    pub(crate) fn new(key: &NoiseKey, stream: u64) -> Self {
        Self {
            cipher: ChaCha20Legacy::new(key.expose().into(), &stream.to_le_bytes().into()),
            buffer: [0; BUFFER_BYTES],
            next: BUFFER_BYTES / 8,
        }
    }

    /// The next 64 uniform bits.
    #[inline(always)]
    pub(crate) fn word(&mut self) -> u64 {
        let (words, _) = self.buffer.as_chunks::<8>();
        if let Some(word) = words.get(self.next) {
            self.next += 1;
            u64::from_le_bytes(*word)
        } else {
            self.refill()
        }
    }

    /// The next 128 uniform bits.
    pub(super) fn double_word(&mut self) -> u128 {
        (u128::from(self.word()) << 64) | u128::from(self.word())
    }

    /// Refills the buffer and returns its first word.
    #[cold]
    #[inline(never)]
    fn refill(&mut self) -> u64 {
        self.cipher.write_keystream(&mut self.buffer);
        self.next = 1;
        let (words, _) = self.buffer.as_chunks::<8>();
        words.first().copied().map_or(0, u64::from_le_bytes)
    }
}

impl Drop for Keystream {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answer of `draft-strombergson-chacha-test-vectors-01`, TC2 (256-bit key with
    /// the single bit 0x01 in its first byte, zero nonce).
    #[test]
    fn matches_a_published_vector() {
        let mut bytes = [0; 32];
        bytes[0] = 1;
        let key = NoiseKey::from_bytes(&mut bytes).unwrap();
        let mut stream = Keystream::new(&key, 0);
        let expected = [0xc5, 0xd3, 0x0a, 0x7c, 0xe1, 0xec, 0x11, 0x93];
        assert_eq!(stream.word().to_le_bytes(), expected);
    }

    #[test]
    fn refills_without_a_seam_and_separates_streams() {
        let key = NoiseKey::from_bytes(&mut [3; 32]).unwrap();
        let mut reference = [0; 3 * BUFFER_BYTES];
        ChaCha20Legacy::new(&[3; 32].into(), &7u64.to_le_bytes().into())
            .write_keystream(&mut reference);
        let mut stream = Keystream::new(&key, 7);
        for word in reference.as_chunks::<8>().0 {
            assert_eq!(stream.word(), u64::from_le_bytes(*word));
        }
        assert_ne!(Keystream::new(&key, 7).word(), Keystream::new(&key, 8).word());
    }
}
