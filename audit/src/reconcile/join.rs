//! The join itself. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::side::{Key, Side, Told};
use super::{Class, Discrepancy};
use crate::digest::Digest;
use crate::name::Name;

pub(super) struct Joined {
    pub discrepancies: Vec<Discrepancy>,
    pub agreed: u64,
}

/// One round of one site, seen from both sides.
struct Pair<'a> {
    key: &'a Key,
    name: &'a Name,
    coordinator: &'a Side,
    site: &'a Side,
    sent: &'a [Told],
    received: &'a [Told],
}

pub(super) fn join(coordinator: &Side, sites: &BTreeMap<Name, Side>, max_skew_ms: u64) -> Joined {
    let mut joined = Joined { discrepancies: Vec::new(), agreed: 0 };
    // Which round each update was first received in: a second one is a replay.
    let mut first: BTreeMap<(&Name, Digest), u64> = BTreeMap::new();
    for ((_, name), told) in &coordinator.received {
        for told in told {
            let seq = first.entry((name, told.update)).or_insert(told.seq);
            *seq = told.seq.min(*seq);
        }
    }
    for (name, site) in sites {
        let received = coordinator.received.keys().filter(|(_, of)| of == name);
        let keys: BTreeSet<&Key> = site.sent.keys().chain(received.map(|(key, _)| key)).collect();
        for key in keys {
            let received = coordinator.received.get(&(key.clone(), name.clone()));
            let pair = Pair {
                key,
                name,
                coordinator,
                site,
                sent: site.sent.get(key).map_or(&[], Vec::as_slice),
                received: received.map_or(&[], Vec::as_slice),
            };
            let before = joined.discrepancies.len();
            pair.sides(&mut joined.discrepancies, &first);
            pair.rights(&mut joined.discrepancies);
            pair.skew(&mut joined.discrepancies, max_skew_ms);
            joined.agreed += u64::from(joined.discrepancies.len() == before);
        }
    }
    joined.discrepancies.sort();
    joined
}

impl Pair<'_> {
    fn found(&self, class: Class, coordinator: Option<u64>, site: Option<u64>) -> Discrepancy {
        Discrepancy {
            run: self.key.0.clone(),
            round: self.key.1,
            site: self.name.clone(),
            class,
            coordinator_seq: coordinator,
            site_seq: site,
        }
    }

    /// Whether both sides tell of the same bytes, once.
    fn sides(&self, found: &mut Vec<Discrepancy>, first: &BTreeMap<(&Name, Digest), u64>) {
        let sent = self.sent.first().map(|told| told.seq);
        let rejected = self.coordinator.rejected.contains(&(self.key.clone(), self.name.clone()));
        // What failed on its way need not have arrived, unless the site was told that it did.
        let whole = self.sent.iter().any(|told| !told.failed) || self.site.acked.contains(self.key);
        if self.received.is_empty() && !rejected && whole {
            found.push(self.found(Class::Lost, None, sent));
        }
        for (place, told) in self.received.iter().enumerate() {
            let same = |other: &&Told| (other.update, other.bytes) == (told.update, told.bytes);
            let again = first.get(&(self.name, told.update)).is_some_and(|seq| *seq < told.seq);
            let class = match (sent, self.sent.iter().any(|other| same(&other))) {
                _ if place > 0 => Class::Duplicate,
                (None, _) if again => Class::Duplicate,
                (None, _) => Class::Forged,
                (Some(_), false) => Class::Altered,
                (Some(_), true) => continue,
            };
            found.push(self.found(class, Some(told.seq), sent));
        }
    }

    /// Whether the site could send at all.
    fn rights(&self, found: &mut Vec<Discrepancy>) {
        let Some(sent) = self.sent.first() else {
            return;
        };
        let received = self.received.first().map(|told| told.seq);
        if self.site.reserved.get(self.key).is_none_or(|seq| *seq > sent.seq) {
            found.push(self.found(Class::Uncharged, received, Some(sent.seq)));
        }
        let offer = self.coordinator.offers.get(self.key);
        let agreed = self.site.consent_at(&self.key.0, sent.seq);
        let other = offer.zip(agreed).is_some_and(|(offer, agreed)| offer.plan != agreed);
        if agreed.is_none() || other {
            let seq = offer.filter(|_| other).map(|offer| offer.seq).or(received);
            found.push(self.found(Class::Unconsented, seq, Some(sent.seq)));
        }
        // Different models to different sites.
        if let Some((ours, theirs)) = offer.zip(self.site.offers.get(self.key))
            && (ours.model, ours.plan) != (theirs.model, theirs.plan)
        {
            found.push(self.found(Class::Altered, Some(ours.seq), Some(theirs.seq)));
        }
    }

    fn skew(&self, found: &mut Vec<Discrepancy>, max_skew_ms: u64) {
        let Some(received) = self.received.first() else {
            return;
        };
        let apart = |sent: &&Told| sent.time.millis().abs_diff(received.time.millis());
        // The same bytes may have been sent several times: the nearest is the one that arrived.
        let Some(sent) = self.sent.iter().min_by_key(apart) else {
            return;
        };
        if apart(&sent) > max_skew_ms {
            found.push(self.found(Class::ClockSkew, Some(received.seq), Some(sent.seq)));
        }
    }
}
