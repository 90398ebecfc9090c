//! Who has seen the state of this coordinator's log that the open round, or the statistics request, was offered in.
//!
//! A site lets its update or its answer leave only when enough sites signed the very state that it was shown, so
//! that nobody can be given another model than the rest.

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
    told: BTreeSet<SiteName>,
}

impl Witnesses {
    /// Of an offer, which `needed` sites must have seen.
    pub fn new(kind: OfferKind, shown: PublishedOffer, needed: u32) -> Self {
        let needed = usize::try_from(needed).unwrap_or(usize::MAX).min(MAX_WITNESSES);
        let cosigned = BTreeMap::new();
        let keys = BTreeMap::new();
        let told = BTreeSet::new();
        Self { kind, shown, needed, cosigned, keys, told }
    }

    /// What is offered.
    pub fn kind(&self) -> OfferKind {
        self.kind
    }

    /// What sites are shown.
    pub fn shown(&self) -> &PublishedOffer {
        &self.shown
    }

    /// Takes a site's signature; how far it has seen this log.
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
        let key = key.to_string();
        let signature = line.to_owned();
        self.cosigned.insert(site.clone(), Cosignature { site, key, signature });
        Ok(self.shown.size)
    }

    /// Whether as many sites have signed as must have seen it.
    pub fn is_seen(&self) -> bool {
        // One key under two names is one site, to whoever is told.
        let keys: BTreeSet<&[u8; 32]> = self.keys.values().map(VerifierKey::public).collect();
        keys.len() >= self.needed
    }

    /// Whether enough sites can still sign when only `waiting` may.
    pub fn can_be_seen<'s>(&self, waiting: impl Iterator<Item = &'s SiteName>) -> bool {
        let more = waiting.filter(|site| !self.cosigned.contains_key(*site)).count();
        self.is_seen() || self.cosigned.len() + more >= self.needed
    }

    /// Once enough have signed: each site that has and was not told yet, with its proof.
    pub fn news(&mut self) -> Vec<(SiteName, Vec<Cosignature>)> {
        // Nothing waits for the signatures of a final model.
        if matches!(self.kind, OfferKind::Evaluate(_)) || !self.is_seen() {
            return Vec::new();
        }
        let untold: Vec<SiteName> =
            self.cosigned.keys().filter(|site| !self.told.contains(*site)).cloned().collect();
        self.told.extend(untold.iter().cloned());
        untold.into_iter().map(|site| (site.clone(), self.proof(&site))).collect()
    }

    /// A site's own signature and those of others, as many as anybody needs.
    fn proof(&self, site: &SiteName) -> Vec<Cosignature> {
        let own = self.cosigned.get(site).into_iter();
        let others = self.cosigned.iter().filter(|(other, _)| *other != site);
        own.chain(others.map(|(_, signed)| signed)).take(MAX_WITNESSES).cloned().collect()
    }

    /// The site was told before and comes back: it is told again.
    pub fn forget(&mut self, site: &SiteName) {
        self.told.remove(site);
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
