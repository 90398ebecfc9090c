//! Whether noise is drawn from OpenSSL's generator.
//!
//! ```text
//! when compiled   Cargo.toml: opendp … "use-openssl"  ──► no build without it
//! at start-up     check_randomness: bytes and draws differ, bits are balanced
//! ```
//!
//! opendp vouches for its noise only with the feature `use-openssl`; without it, it falls back in
//! decline on a generator that it calls insecure, and nothing in its interface tells the two apart.
//! Cargo adds up features and never takes one away, so a manifest that names the feature is the
//! proof. The assertion below reads the manifest when this crate is compiled.

use opendp::traits::samplers::fill_bytes;

use super::ReleaseError;
use super::spend::Spend;

const MANIFEST: &[u8] = include_bytes!("../../../../Cargo.toml");

const _: () = assert!(
    names_openssl(MANIFEST),
    "opendp in the workspace's Cargo.toml must have the feature use-openssl: \
     without it opendp's randomness is not secure"
);

/// Whether the line that declares opendp names the feature.
const fn names_openssl(manifest: &[u8]) -> bool {
    let key = b"\nopendp = {";
    let feature = b"\"use-openssl\"";
    let mut line = 0;
    while line < manifest.len() && !starts_with(manifest, line, key) {
        line += 1;
    }
    let mut at = line + 1;
    while at < manifest.len() && manifest[at] != b'\n' && manifest[at] != b'#' {
        if starts_with(manifest, at, feature) {
            return true;
        }
        at += 1;
    }
    false
}

const fn starts_with(text: &[u8], from: usize, start: &[u8]) -> bool {
    let mut at = 0;
    while at < start.len() {
        if from + at >= text.len() || text[from + at] != start[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Bytes drawn by the check.
const BYTES: usize = 4096;

/// Checks the generator behind every release; a site calls this before it starts.
///
/// Two draws of 4,096 bytes must differ and have close to half their bits set (within eight
/// standard deviations, √(8·4096)/2 ≈ 90 bits each), and Gaussian draws must differ. A sound
/// generator fails with probability below 10⁻¹⁴. This finds a generator that is broken outright; no
/// look at its output can prove one secure.
///
/// # Errors
/// [`ReleaseError::Randomness`] or [`ReleaseError::Opendp`] with what failed.
pub fn check_randomness() -> Result<(), ReleaseError> {
    let mut first = vec![0; BYTES];
    let mut second = vec![0; BYTES];
    for bytes in [&mut first, &mut second] {
        fill_bytes(bytes).map_err(|error| ReleaseError::setting("fill random bytes", &error))?;
    }
    let draws = Spend::of_start_up().gaussian(vec![0; 4], 1.0)?;
    judge(&first, &second, &draws.values)
}

fn judge(first: &[u8], second: &[u8], draws: &[i64]) -> Result<(), ReleaseError> {
    if first == second {
        return Err(ReleaseError::Randomness("two draws of bytes are the same"));
    }
    for bytes in [first, second] {
        let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
        let bits = 8.0 * bytes.len() as f64;
        if (f64::from(ones) - bits / 2.0).abs() > 8.0 * bits.sqrt() / 2.0 {
            return Err(ReleaseError::Randomness("random bits are not balanced"));
        }
    }
    if draws.iter().all(|draw| Some(draw) == draws.first()) {
        return Err(ReleaseError::Randomness("draws of noise are all the same"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_works() {
        check_randomness().unwrap();
    }

    #[test]
    fn a_manifest_without_the_feature_is_seen() {
        let with = b"[dependencies]\nopendp = { features = [\"contrib\", \"use-openssl\"] }\n";
        assert!(names_openssl(with));
        let without: [&[u8]; 4] = [
            b"",
            b"\nopendp = { features = [\"contrib\"] }\nother = { features = [\"use-openssl\"] }\n",
            b"\nopendp = { features = [] } # not \"use-openssl\"\n",
            b"\nopendp-derive = { features = [\"use-openssl\"] }",
        ];
        for manifest in without {
            assert!(!names_openssl(manifest), "{}", String::from_utf8_lossy(manifest));
        }
    }

    #[test]
    fn broken_generators_are_named() {
        let low = vec![0x01; BYTES];
        let mixed = vec![0x55; BYTES];
        let other = vec![0xaa; BYTES];
        let said = |result: Result<(), ReleaseError>| result.unwrap_err().to_string();
        assert!(said(judge(&mixed, &mixed, &[1, 2])).contains("bytes are the same"));
        assert!(said(judge(&mixed, &low, &[1, 2])).contains("balanced"));
        assert!(said(judge(&mixed, &other, &[5, 5])).contains("noise are all the same"));
        assert!(judge(&mixed, &other, &[5, 6]).is_ok());
    }
}
