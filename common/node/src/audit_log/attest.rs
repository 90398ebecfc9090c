//! Who else signed the state of a log: pure.

use std::collections::BTreeSet;

use audit::note::{NoteError, Signature, SignedNote, VerifierKey};

use crate::wire::Cosignature;
use base::ids::SiteName;

/// Signatures that do not carry what they should.
#[derive(Debug, thiserror::Error)]
pub enum AttestError {
    /// A key or a signature is none.
    #[error("the signature of {site}: {source}")]
    Malformed {
        /// Whose.
        site: SiteName,
        /// Why.
        source: NoteError,
    },
    /// The key is that of another site's log.
    #[error("the signature of {site} is by the key of log {log}")]
    OtherNode {
        /// Whose it should be.
        site: SiteName,
        /// Whose it is.
        log: String,
    },
    /// The site signed something else: it was shown another state of the log.
    #[error(
        "{site} signed another state of the coordinator's log than the one shown to this site: they \
         may have been given different models"
    )]
    Diverged {
        /// Which site.
        site: SiteName,
        /// Its signature, on a text that this node does not have.
        signature: Signature,
    },
    /// Too few sites signed.
    #[error("{found} sites signed the state of the coordinator's log; the plan asks for {needed}")]
    TooFew {
        /// How many did.
        found: usize,
        /// How many must.
        needed: usize,
    },
}

/// A key's signature on a checkpoint, from its line; none where it is not.
#[must_use]
pub fn signed_by(note: &SignedNote, key: &VerifierKey, line: &str) -> Option<Signature> {
    let signature: Signature = line.parse().ok()?;
    let own = signature.name == *key.name() && signature.id == key.id();
    (own && key.verifies(note.text().as_bytes(), &signature.bytes)).then_some(signature)
}

/// The signature that a site put on a checkpoint.
///
/// # Errors
/// It is no signature of that key on that text.
pub fn cosigned_by(
    note: &SignedNote,
    site: &SiteName,
    key: &VerifierKey,
    line: &str,
) -> Result<Signature, AttestError> {
    let malformed = |source| AttestError::Malformed { site: site.clone(), source };
    let signature: Signature = line.parse().map_err(malformed)?;
    if signature.name != *key.name() || signature.id != key.id() {
        let log = signature.name.to_string();
        return Err(AttestError::OtherNode { site: site.clone(), log });
    }
    if key.verifies(note.text().as_bytes(), &signature.bytes) {
        Ok(signature)
    } else {
        Err(AttestError::Diverged { site: site.clone(), signature })
    }
}

/// Nobody waits for more witnesses than this: a note bears a hundred signatures.
pub const MAX_WITNESSES: usize = 64;

/// A site's signature on a checkpoint, which its key verifies.
#[derive(Debug, Clone)]
pub struct Attestation {
    /// The site.
    pub site: SiteName,
    /// The key of the site's log.
    pub key: VerifierKey,
    /// The signature.
    pub signature: Signature,
}

/// Verifies the signatures that sites put on a checkpoint. Where any keys are `listed`, signatures by others are
/// left out.
///
/// # Errors
/// A site signed something else, or what is shown is not its signature.
pub fn verify_cosignatures(
    note: &SignedNote,
    cosignatures: &[Cosignature],
    listed: &[VerifierKey],
) -> Result<Vec<Attestation>, AttestError> {
    let mut verified = Vec::new();
    for Cosignature { site, key, signature } in cosignatures.iter().take(MAX_WITNESSES) {
        let malformed = |source| AttestError::Malformed { site: site.clone(), source };
        let key: VerifierKey = key.parse().map_err(malformed)?;
        if !listed.is_empty() && !listed.contains(&key) {
            continue;
        }
        let own = key.name().as_str().strip_prefix(site.as_str());
        if own.is_none_or(|rest| !rest.starts_with('.')) {
            let log = key.name().to_string();
            return Err(AttestError::OtherNode { site: site.clone(), log });
        }
        let signature = cosigned_by(note, site, &key, signature)?;
        verified.push(Attestation { site: site.clone(), key, signature });
    }
    Ok(verified)
}

/// Checks that at least `needed` different sites with logs of their own signed a checkpoint, but never asks for more
/// than [`MAX_WITNESSES`], and returns it with their signatures.
///
/// # Errors
/// They are too few.
pub fn attest(
    note: &SignedNote,
    verified: &[Attestation],
    needed: usize,
) -> Result<SignedNote, AttestError> {
    let needed = needed.min(MAX_WITNESSES);
    let mut attested = note.clone();
    let mut sites = BTreeSet::new();
    let mut keys = BTreeSet::new();
    for Attestation { site, key, signature } in verified {
        let malformed = |source| AttestError::Malformed { site: site.clone(), source };
        attested.add(signature.clone()).map_err(malformed)?;
        // One key under two names is one site.
        if keys.insert(*key.public()) {
            sites.insert(site);
        }
    }
    match sites.len() {
        found if found < needed => Err(AttestError::TooFew { found, needed }),
        _ => Ok(attested),
    }
}
