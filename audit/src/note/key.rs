//! A log's key pair, as texts of one line.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use aws_lc_rs::{encoding::AsBigEndian as _, encoding::Curve25519SeedBin};
use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::NoteError;
use crate::digest::Digest;
use crate::name::Name;

/// Marks Ed25519 in keys and key ids (C2SP signed-note).
const ED25519_KIND: u8 = 1;

/// What a secret key's text begins with, so that nobody takes it for a public one.
const PRIVATE: &str = "PRIVATE+KEY+";

fn malformed(why: &'static str) -> NoteError {
    NoteError::Malformed { what: "key", why }
}

/// The first four bytes of SHA-256(name ‖ newline ‖ kind ‖ public key), big-endian.
fn key_id(name: &Name, public: &[u8; 32]) -> u32 {
    let text = [name.as_str().as_bytes(), b"\n", &[ED25519_KIND], public].concat();
    let hash = Digest::sha256(&text);
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// Reads `name+id+base64(kind ‖ 32 bytes)`.
fn parse(text: &str) -> Result<(Name, u32, [u8; 32]), NoteError> {
    // The data may hold a '+' itself: base64 has one.
    let mut parts = text.trim_end_matches('\n').splitn(3, '+');
    let mut part = || parts.next().ok_or(malformed("it has no three parts joined by '+'"));
    let name = part()?;
    let id = part()?;
    let data = part()?;
    let name = name.parse().map_err(|_| malformed("its name is not a log's id"))?;
    let hex = id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = u32::from_str_radix(id, 16).ok().filter(|_| hex);
    let id = id.ok_or(malformed("its id is not 8 hexadecimal digits"))?;
    let data = BASE64_STANDARD.decode(data).map_err(|_| malformed("its data are not base64"))?;
    match data.split_first() {
        Some((&ED25519_KIND, bytes)) => {
            let bytes = bytes.try_into().map_err(|_| malformed("it does not have 32 bytes"))?;
            Ok((name, id, bytes))
        }
        _ => Err(malformed("it is not an Ed25519 key")),
    }
}

fn write(name: &Name, id: u32, bytes: &[u8]) -> String {
    let data = BASE64_STANDARD.encode([&[ED25519_KIND], bytes].concat());
    format!("{name}+{id:08x}+{data}")
}

/// The public half: all that a verifier needs. Written as `site-a.1+1f2e3d4c+AVlk…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: Name,
    id: u32,
    public: [u8; 32],
}

impl VerifierKey {
    /// The log that it belongs to.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The id that its signatures bear.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its 32 bytes, for other people's verifiers.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// Whether `signature` is this key's over `text`.
    #[must_use]
    pub fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(text, signature).is_ok()
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, id, public) = parse(text)?;
        if id != key_id(&name, &public) {
            return Err(malformed("its id is not that of its name and bytes"));
        }
        Ok(Self { name, id, public })
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&write(&self.name, self.id, &self.public))
    }
}

/// The secret half, which signs a log's checkpoints.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl SigningKey {
    /// A new key for the log with this id, from the system's randomness.
    ///
    /// # Errors
    /// The cryptographic library could not make one.
    pub fn generate(log: &Name) -> Result<Self, NoteError> {
        let pair = Ed25519KeyPair::generate()
            .map_err(|_| NoteError::Crypto { doing: "making a log's key" })?;
        Ok(Self::with(log.clone(), pair))
    }

    /// The key with this seed, for tests and for keys kept elsewhere.
    ///
    /// # Errors
    /// The cryptographic library refuses it.
    pub fn from_seed(log: &Name, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .map_err(|_| NoteError::Crypto { doing: "reading a log's key" })?;
        Ok(Self::with(log.clone(), pair))
    }

    fn with(name: Name, pair: Ed25519KeyPair) -> Self {
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        let verifier = VerifierKey { id: key_id(&name, &public), name, public };
        Self { pair, verifier }
    }

    /// Its public half.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The signature over a text.
    ///
    /// # Errors
    /// The cryptographic library could not sign.
    pub fn sign(&self, text: &[u8]) -> Result<Vec<u8>, NoteError> {
        let signed = self.pair.try_sign(text);
        let signed = signed.map_err(|_| NoteError::Crypto { doing: "signing a checkpoint" })?;
        Ok(signed.as_ref().to_vec())
    }

    /// Reads what [`SigningKey::to_secret_text`] wrote.
    ///
    /// # Errors
    /// It is no such text.
    pub fn from_secret_text(text: &str) -> Result<Self, NoteError> {
        let rest = text.strip_prefix(PRIVATE);
        let rest = rest.ok_or(malformed("a secret key begins with PRIVATE+KEY+"))?;
        let (name, id, seed) = parse(rest)?;
        let key = Self::from_seed(&name, &seed)?;
        if key.verifier.id != id {
            return Err(malformed("its id is not that of its name and bytes"));
        }
        Ok(key)
    }

    /// The key as one line. Whoever reads it can sign as this log.
    ///
    /// # Errors
    /// The cryptographic library does not give the seed out.
    pub fn to_secret_text(&self) -> Result<String, NoteError> {
        let refused = |_| NoteError::Crypto { doing: "writing a log's key" };
        let seed = self.pair.seed().map_err(refused)?;
        let seed: Curve25519SeedBin<'_> = seed.as_be_bytes().map_err(refused)?;
        Ok(format!("{PRIVATE}{}", write(&self.verifier.name, self.verifier.id, seed.as_ref())))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, secret)", self.verifier.name)
    }
}
