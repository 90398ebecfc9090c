//! What a plan, a model or an update is, in 32 bytes, and which function made them.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// A SHA-256, written as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256([u8; 32]);

/// The function that made a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// BLAKE3: models, updates, plans, policies.
    Blake3,
    /// BLAKE3 under a key that only the hospital has: its patients.
    KeyedBlake3,
    /// SHA-256: programs, keys of logs, torn lines.
    Sha256,
}

impl Function {
    const ALL: [Self; 3] = [Self::Blake3, Self::KeyedBlake3, Self::Sha256];

    /// The name that stands before a hash, such as `blake3`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Blake3 => "blake3",
            Self::KeyedBlake3 => "keyed-blake3",
            Self::Sha256 => "sha256",
        }
    }
}

/// A content hash of 32 bytes, written as its function's name, a colon and 64 lowercase hexadecimal
/// digits: `sha256:e3b0…`.
///
/// The log compares such hashes. It computes only those of bytes that it keeps aside itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    function: Function,
    bytes: [u8; 32],
}

/// A text that is not a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a hash: expected blake3:, keyed-blake3: or sha256: and 64 lowercase hexadecimal digits"
)]
pub struct InvalidDigest;

/// A text that is not a SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a hash: use 64 lowercase hexadecimal digits")]
pub struct InvalidSha256;

impl Sha256 {
    /// The SHA-256 of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut found = [0; 32];
        found.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Self(found)
    }

    /// A hash whose bytes are known.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Digest {
    /// A BLAKE3 hash whose bytes are known.
    #[must_use]
    pub fn blake3(bytes: [u8; 32]) -> Self {
        Self { function: Function::Blake3, bytes }
    }

    /// A hash by BLAKE3 under a key, whose bytes are known.
    #[must_use]
    pub fn keyed_blake3(bytes: [u8; 32]) -> Self {
        Self { function: Function::KeyedBlake3, bytes }
    }

    /// The SHA-256 of some bytes.
    #[must_use]
    pub fn sha256(bytes: &[u8]) -> Self {
        Self { function: Function::Sha256, bytes: Sha256::of(bytes).0 }
    }

    /// The function that made it.
    #[must_use]
    pub fn function(&self) -> Function {
        self.function
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl FromStr for Sha256 {
    type Err = InvalidSha256;
    fn from_str(text: &str) -> Result<Self, InvalidSha256> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(InvalidSha256);
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let (high, low) = nibble(*high).zip(nibble(*low)).ok_or(InvalidSha256)?;
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;
    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let (name, hash) = text.split_once(':').ok_or(InvalidDigest)?;
        let known = Function::ALL.into_iter().find(|function| function.name() == name);
        let function = known.ok_or(InvalidDigest)?;
        let Sha256(bytes) = hash.parse().map_err(|InvalidSha256| InvalidDigest)?;
        Ok(Self { function, bytes })
    }
}

impl TryFrom<String> for Sha256 {
    type Error = InvalidSha256;
    fn try_from(text: String) -> Result<Self, InvalidSha256> {
        text.parse()
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;
    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        text.parse()
    }
}

impl From<Sha256> for String {
    fn from(hash: Sha256) -> Self {
        hash.to_string()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            let digits = b"0123456789abcdef";
            *pair = [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]];
        }
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.function.name(), Sha256(self.bytes))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_read_back_as_they_were_written() {
        // FIPS 180-2, appendix B.1.
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Sha256::of(b"abc").to_string(), text);
        assert_eq!(text.parse(), Ok(Sha256::of(b"abc")));
        for bad in ["", &text[1..], &text.to_uppercase(), &text.replace('b', "g")] {
            assert_eq!(bad.parse::<Sha256>(), Err(InvalidSha256));
            assert_eq!(format!("sha256:{bad}").parse::<Digest>(), Err(InvalidDigest));
        }
        let bytes = *Sha256::of(b"abc").as_bytes();
        let digests = [Digest::blake3(bytes), Digest::keyed_blake3(bytes), Digest::sha256(b"abc")];
        for digest in digests {
            assert_eq!(digest.to_string(), format!("{}:{text}", digest.function().name()));
            assert_eq!(digest.to_string().parse(), Ok(digest));
        }
        assert_eq!(text.parse::<Digest>(), Err(InvalidDigest));
        assert_eq!(format!("md5:{text}").parse::<Digest>(), Err(InvalidDigest));
        // The same bytes by another function are another hash.
        assert_ne!(digests[0], digests[2]);
    }
}
