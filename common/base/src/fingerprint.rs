//! A certificate's SHA-256 fingerprint: what a person compares, and a policy lists.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};

use crate::hex;

const PREFIX: &str = "sha256:";

/// SHA-256 of a certificate's DER bytes, as `openssl x509 -fingerprint -sha256` shows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

/// Text that is not a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a fingerprint: write \"sha256:\" and 64 hexadecimal digits")]
pub struct InvalidFingerprint;

impl Fingerprint {
    /// Of a certificate.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, der).as_ref());
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    /// Colons between the digits and capitals, as openssl writes them, are welcome.
    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let digits = text.strip_prefix(PREFIX).ok_or(InvalidFingerprint)?;
        let digits: String = digits.chars().filter(|c| *c != ':').take(65).collect();
        hex::parse(&digits).map(Self).ok_or(InvalidFingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_it_writes_and_what_openssl_writes() {
        let fingerprint = Fingerprint::of(b"abc");
        let text = fingerprint.to_string();
        // FIPS 180-2, appendix B.1.
        assert_eq!(&text[..23], "sha256:ba7816bf8f01cfea");
        assert_eq!(text.parse(), Ok(fingerprint));
        let digits = text[7..].to_uppercase();
        let pairs: Vec<&str> = (0..32).map(|pair| &digits[2 * pair..2 * pair + 2]).collect();
        assert_eq!(format!("sha256:{}", pairs.join(":")).parse(), Ok(fingerprint));
        for bad in ["", "sha256:", "ba78", &text[..70], &format!("{text}0"), "sha256:zz"] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(InvalidFingerprint), "{bad}");
        }
    }
}
