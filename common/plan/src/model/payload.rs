//! Parameters as raw little-endian words.

use bytes::Bytes;

/// Bytes that are not a vector of finite parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    /// Not a whole number of words.
    #[error("wire: {0} bytes are not a whole number of 32-bit words")]
    Ragged(usize),
    /// NaN or infinite.
    #[error("wire: parameter {0} is not finite")]
    NotFinite(usize),
}

/// Parameters as bytes.
#[must_use]
pub fn from_parameters(parameters: &[f32]) -> Bytes {
    let mut bytes = vec![0; parameters.len() * 4];
    for (place, value) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(parameters) {
        *place = value.to_le_bytes();
    }
    bytes.into()
}

/// Parameters from bytes, every one finite.
///
/// # Errors
/// The bytes are not whole words, or a word is NaN or infinite.
pub fn to_parameters(bytes: &[u8]) -> Result<Vec<f32>, WordError> {
    let (words, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(WordError::Ragged(bytes.len()));
    }
    let parameters: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
    match not_finite(&parameters) {
        Some(index) => Err(WordError::NotFinite(index)),
        None => Ok(parameters),
    }
}

/// The first parameter that is NaN or infinite.
#[must_use]
pub fn not_finite(parameters: &[f32]) -> Option<usize> {
    // A sum of products with zero is finite exactly where all are: no branch for each parameter.
    let all = |part: &[f32]| part.iter().map(|value| value * 0.0).sum::<f32>() == 0.0;
    if parameters.chunks(1 << 12).all(all) {
        return None;
    }
    parameters.iter().position(|value| !value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_their_bits() {
        let parameters = [0.0, -0.0, 1.5, f32::MIN_POSITIVE, f32::MAX];
        let read = to_parameters(&from_parameters(&parameters)).unwrap();
        assert!(read.iter().zip(&parameters).all(|(a, b)| a.to_bits() == b.to_bits()));
        assert_eq!(from_parameters(&[1.0])[..], [0, 0, 0x80, 0x3f]);
    }

    #[test]
    fn what_is_not_a_finite_word_is_named() {
        assert_eq!(to_parameters(&[0; 7]), Err(WordError::Ragged(7)));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(to_parameters(&from_parameters(&[1.0, bad])), Err(WordError::NotFinite(1)));
        }
    }
}
