//! 32 bytes in hexadecimal.

/// The bytes that 64 hexadecimal digits spell.
pub(crate) fn parse(text: &str) -> Option<[u8; 32]> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != 32 || !odd.is_empty() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let digit = |c: u8| char::from(c).to_digit(16);
        *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
    }
    Some(bytes)
}
