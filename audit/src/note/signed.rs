//! A text and the signatures below it (C2SP signed-note).

use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::{NoteError, SigningKey, VerifierKey};
use crate::name::Name;

/// The most signatures that are read.
const MAX_SIGNATURES: usize = 100;

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The log whose key made it.
    pub name: Name,
    /// The id of that key.
    pub id: u32,
    /// What the key made.
    pub bytes: Vec<u8>,
}

/// A text with signatures, none of which is checked yet: see [`SignedNote::check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<Signature>,
}

fn malformed(why: &'static str) -> NoteError {
    NoteError::Malformed { what: "signed note", why }
}

impl SignedNote {
    /// Signs a text, which must end with a newline.
    ///
    /// # Errors
    /// The text has another end or an empty line, or cannot be signed.
    pub fn sign(text: String, key: &SigningKey) -> Result<Self, NoteError> {
        let mut note = Self { text, signatures: Vec::new() };
        if !note.text.ends_with('\n') || note.text.contains("\n\n") {
            return Err(malformed("its text has no newline at its end, or an empty line"));
        }
        note.cosign(key)?;
        Ok(note)
    }

    /// Adds the signature of another key.
    ///
    /// # Errors
    /// It cannot be signed, or bears too many signatures already.
    pub fn cosign(&mut self, key: &SigningKey) -> Result<(), NoteError> {
        let name = key.verifier().name().clone();
        let id = key.verifier().id();
        let mine = |other: &&Signature| other.name == name && other.id == id;
        if self.signatures.iter().find(mine).is_some() {
            return Ok(());
        }
        if self.signatures.len() == MAX_SIGNATURES {
            return Err(malformed("it bears 100 signatures already"));
        }
        let bytes = key.sign(self.text.as_bytes())?;
        self.signatures.push(Signature { name, id, bytes });
        Ok(())
    }

    /// Adds a signature that another log made of this very text. It is not checked: see
    /// [`SignedNote::check`].
    ///
    /// # Errors
    /// The note bears too many signatures already.
    pub fn add(&mut self, signature: Signature) -> Result<(), NoteError> {
        if self.signatures.contains(&signature) {
            return Ok(());
        }
        if self.signatures.len() == MAX_SIGNATURES {
            return Err(malformed("it bears 100 signatures already"));
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// Reads a note.
    ///
    /// # Errors
    /// It has another form, or more than 100 signatures.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(malformed("it holds a control character"));
        }
        let split =
            note.rfind("\n\n").ok_or(malformed("no empty line parts text and signatures"))?;
        let text = &note[..=split];
        let below = &note[split + 2..];
        let below = below.strip_suffix('\n').ok_or(malformed("its last line has no end"))?;
        let mut signatures = Vec::new();
        for line in below.split('\n') {
            if signatures.len() == MAX_SIGNATURES {
                return Err(malformed("it bears more than 100 signatures"));
            }
            signatures.push(signature(line)?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The same text with the one signature of `key` alone: whatever else stood below it is nobody's.
    ///
    /// # Errors
    /// The key did not sign it.
    pub fn signed_alone(&self, key: &VerifierKey) -> Result<Self, NoteError> {
        let own = self.signatures.iter().find(|signature| {
            signature.name == *key.name()
                && signature.id == key.id()
                && key.verifies(self.text.as_bytes(), &signature.bytes)
        });
        let unsigned =
            || NoteError::Unsigned { key: format!("{} (key id {:08x})", key.name(), key.id()) };
        let own = own.ok_or_else(unsigned)?;
        Ok(Self { text: self.text.clone(), signatures: vec![own.clone()] })
    }

    /// The signed text, with its last newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its signatures, unchecked.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Whether a key signed it.
    ///
    /// # Errors
    /// No signature bears the key's name and id, or one that does is false.
    pub fn check(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let said = || format!("{} (key id {:08x})", key.name(), key.id());
        let mut mine = self
            .signatures
            .iter()
            .filter(|signature| signature.name == *key.name() && signature.id == key.id())
            .peekable();
        if mine.peek().is_none() {
            return Err(NoteError::Unsigned { key: said() });
        }
        if mine.all(|signature| key.verifies(self.text.as_bytes(), &signature.bytes)) {
            return Ok(());
        }
        Err(NoteError::BadSignature { key: said() })
    }
}

impl FromStr for Signature {
    type Err = NoteError;
    /// Reads its line, without the newline.
    fn from_str(line: &str) -> Result<Self, NoteError> {
        signature(line)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = [&self.id.to_be_bytes(), &*self.bytes].concat();
        write!(f, "— {} {}", self.name, BASE64_STANDARD.encode(data))
    }
}

fn signature(line: &str) -> Result<Signature, NoteError> {
    let line = line.strip_prefix("— ").ok_or(malformed("a signature does not begin with '— '"))?;
    let (name, data) = line.split_once(' ').ok_or(malformed("a signature has no two parts"))?;
    let name = name.parse().map_err(|_| malformed("a signature's name is not a log's id"))?;
    let data = BASE64_STANDARD.decode(data).map_err(|_| malformed("a signature is not base64"))?;
    let (id, bytes) = data.split_first_chunk().ok_or(malformed("a signature is too short"))?;
    if bytes.len() > 1024 {
        return Err(malformed("a signature is too long"));
    }
    Ok(Signature { name, id: u32::from_be_bytes(*id), bytes: bytes.to_vec() })
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}
