//! The sites that have signed the state of this coordinator's log that ends with an offer.
//!
//! A site sends its update or its answer only once enough sites have signed the very state that it was shown. So no
//! site can be given another model than the others.

use std::collections::{BTreeMap, BTreeSet};

use audit::note::{SignedNote, VerifierKey};
use base::ids::SiteName;
use node::audit_log::{AttestError, MAX_WITNESSES, OfferKind, PublishedOffer, cosigned_by};
use node::wire::Cosignature;

/// The open offer, and who signed it.
pub(super) struct Witnesses {
    kind: OfferKind,
    shown: PublishedOffer,
    needed: usize,
    cosigned: BTreeMap<SiteName, Cosignature>,
    keys: BTreeMap<SiteName, VerifierKey>,
    /// Sites that signed in their present sessions and wait until enough have signed.
    waiting: BTreeSet<SiteName>,
    told: BTreeSet<SiteName>,
}

impl Witnesses {
    /// Creates the list of an offer that `needed` sites must have signed.
    pub fn new(kind: OfferKind, shown: PublishedOffer, needed: u32) -> Self {
        let needed = usize::try_from(needed).unwrap_or(usize::MAX).min(MAX_WITNESSES);
        let cosigned = BTreeMap::new();
        let keys = BTreeMap::new();
        let waiting = BTreeSet::new();
        let told = BTreeSet::new();
        Self { kind, shown, needed, cosigned, keys, waiting, told }
    }

    /// The kind of the offer.
    pub fn kind(&self) -> OfferKind {
        self.kind
    }

    /// What sites are shown.
    pub fn shown(&self) -> &PublishedOffer {
        &self.shown
    }

    /// Takes a site's signature and returns the size of the log that it has seen.
    ///
    /// # Errors
    /// It is not that site's signature of this state.
    pub fn take(
        &mut self,
        site: &SiteName,
        key: &VerifierKey,
        line: &str,
    ) -> Result<u64, AttestError> {
        cosigned_by(&self.shown.note, site, key, line)?;
        self.keys.insert(site.clone(), key.clone());
        let site = site.clone();
        if !self.told.contains(&site) {
            self.waiting.insert(site.clone());
        }
        let key = key.to_string();
        let signature = line.to_owned();
        self.cosigned.insert(site.clone(), Cosignature { site, key, signature });
        Ok(self.shown.size)
    }

    /// Whether as many sites have signed as must have seen it.
    pub fn is_seen(&self) -> bool {
        // A site that verifies the signatures counts one key under two names once.
        let keys: BTreeSet<&[u8; 32]> = self.keys.values().map(VerifierKey::public).collect();
        keys.len() >= self.needed
    }

    /// Whether enough sites can still sign when only `waiting` may.
    pub fn can_be_seen<'s>(&self, waiting: impl Iterator<Item = &'s SiteName>) -> bool {
        let more = waiting.filter(|site| !self.cosigned.contains_key(*site)).count();
        self.is_seen() || self.cosigned.len() + more >= self.needed
    }

    /// The sites that are to receive signatures now, each with its proof. Once enough sites have signed, these are the
    /// ones that signed in their present session and received none in it yet.
    pub fn news(&mut self) -> Vec<(SiteName, Vec<Cosignature>)> {
        // Nothing waits for the signatures of a final model.
        if matches!(self.kind, OfferKind::Evaluate(_)) || !self.is_seen() {
            return Vec::new();
        }
        let untold = std::mem::take(&mut self.waiting);
        self.told.extend(untold.iter().cloned());
        untold.into_iter().map(|site| (site.clone(), self.proof(&site))).collect()
    }

    /// A site's own signature and those of others, as many as anybody needs.
    fn proof(&self, site: &SiteName) -> Vec<Cosignature> {
        let own = self.cosigned.get(site).into_iter();
        let others = self.cosigned.iter().filter(|(other, _)| *other != site);
        own.chain(others.map(|(_, signed)| signed)).take(MAX_WITNESSES).cloned().collect()
    }

    /// Notes that a site begins a new session. It receives the signatures once it has signed in that session, and not
    /// before. Its earlier signature still counts for the others.
    pub fn forget(&mut self, site: &SiteName) {
        self.told.remove(site);
        self.waiting.remove(site);
    }

    /// The checkpoint with the signatures of those who saw it.
    pub fn note(&self) -> SignedNote {
        let mut note = self.shown.note.clone();
        for signed in self.cosigned.values().take(MAX_WITNESSES) {
            // Each was checked when it came.
            if let Ok(signature) = signed.signature.parse() {
                let _ = note.add(signature);
            }
        }
        note
    }
}

#[cfg(test)]
mod tests {
    use audit::note::SigningKey;
    use base::ids::Round;
    use node::wire::LastRecord;

    use super::*;

    /// A checkpoint of the coordinator, and the line with which each of these hospitals signs it.
    fn offered(sites: &[&str]) -> (PublishedOffer, Vec<(SiteName, VerifierKey, String)>) {
        let key = |log: String| SigningKey::generate(&log.parse().unwrap()).unwrap();
        let coordinator = key("coordinator.1".to_owned());
        let root = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let note = SignedNote::sign(format!("coordinator.1\n7\n{root}\n"), &coordinator).unwrap();
        let sign = |site: &&str| {
            let key = key(format!("{site}.1"));
            let mut signed = note.clone();
            signed.cosign(&key).unwrap();
            let line = signed.signatures().last().unwrap().to_string();
            (site.parse().unwrap(), key.verifier().clone(), line)
        };
        let signatures = sites.iter().map(sign).collect();
        let record = LastRecord { line: Vec::new(), inclusion: Vec::new() };
        (PublishedOffer { note, size: 7, record }, signatures)
    }

    /// Otherwise it would receive signatures for an offer that it was not shown in this session, and decline the round.
    #[test]
    fn a_site_that_comes_back_is_told_once_it_has_signed_again() {
        let (shown, signatures) = offered(&["hospital-a", "hospital-b", "hospital-c"]);
        let mut witnesses = Witnesses::new(OfferKind::Train(Round(1)), shown, 2);
        let signs = |witnesses: &mut Witnesses, place: usize| {
            let (site, key, line) = &signatures[place];
            witnesses.take(site, key, line).unwrap();
            let told = witnesses.news();
            told.iter().map(|(site, _)| site.to_string()).collect::<Vec<_>>()
        };
        assert!(signs(&mut witnesses, 0).is_empty());
        // It begins a new session before enough have signed, and again afterwards. Only the others receive signatures.
        let first = signatures[0].0.clone();
        witnesses.forget(&first);
        assert_eq!(signs(&mut witnesses, 1), ["hospital-b"]);
        assert_eq!(signs(&mut witnesses, 0), ["hospital-a"]);
        assert!(signs(&mut witnesses, 0).is_empty());
        witnesses.forget(&first);
        assert_eq!(signs(&mut witnesses, 2), ["hospital-c"]);
        assert_eq!(signs(&mut witnesses, 0), ["hospital-a"]);
        assert!(witnesses.is_seen());
    }
}
