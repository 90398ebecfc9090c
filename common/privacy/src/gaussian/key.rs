//! The key of one noise vector.

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::error::GaussianError;

/// Bytes in a [`NoiseKey`].
pub const NOISE_KEY_BYTES: usize = 32;

/// 256 secret bits that determine one noise vector.
///
/// A key is good for one vector: whoever sees two vectors noised alike can subtract them and
/// has the difference without noise. The type enforces that as far as a type can: drawing
/// consumes the key, it cannot be cloned, copied, compared, printed or serialised, and
/// [`from_bytes`](Self::from_bytes) wipes the bytes it was made from. Since every (run, round,
/// step) has a fresh key, no further separation of domains by nonce is needed.
///
/// ```compile_fail,E0382
/// use privacy::gaussian::{GaussianSampler, NoiseKey};
///
/// fn noise_twice(sampler: &GaussianSampler, key: NoiseKey, one: &mut [i64], two: &mut [i64]) {
///     sampler.fill(key, one);
///     sampler.fill(key, two); // use of moved value
/// }
/// ```
///
/// Dropping a key overwrites its bytes. They live on the heap, so moving the key around
/// leaves no copy of them behind.
#[derive(ZeroizeOnDrop)]
pub struct NoiseKey(Box<[u8; NOISE_KEY_BYTES]>);

impl NoiseKey {
    /// Takes 32 bytes from the operating system's generator (or, in a simulation only, a
    /// fixed seed) and overwrites `bytes` with zeros.
    ///
    /// # Errors
    /// [`GaussianError::KeyAllZero`] if every byte is zero. Random bytes are so with
    /// probability 2^-256, whereas a buffer that was never filled, or that has been made
    /// into a key before, always is.
    pub fn from_bytes(bytes: &mut [u8; NOISE_KEY_BYTES]) -> Result<Self, GaussianError> {
        // Folded without a branch on any single byte.
        if bytes.iter().fold(0, |seen, byte| seen | byte) == 0 {
            return Err(GaussianError::KeyAllZero);
        }
        let mut key = Box::new([0; NOISE_KEY_BYTES]);
        key.copy_from_slice(bytes);
        bytes.zeroize();
        Ok(Self(key))
    }

    /// The bytes, for the keystream only.
    pub(super) fn expose(&self) -> &[u8; NOISE_KEY_BYTES] {
        &self.0
    }
}
