//! The join itself. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::index::{Contents, First, Index, Numbers};
use super::others::Others;
use super::side::{Arrived, Key, Offer, Released, Side, Told};
use super::{Class, Discrepancy};
use crate::moment::UtcTime;
use crate::name::Name;

/// One log that is joined, with its name and how far it is signed.
pub(super) struct Part<'a> {
    pub log: String,
    pub side: &'a Side,
    pub signed: u64,
}

/// What is joined: every log of the coordinator, and of each site.
pub(super) struct Join<'a> {
    pub coordinators: Vec<Part<'a>>,
    pub sites: BTreeMap<Name, Vec<Part<'a>>>,
    /// Who tells that a node has logs that were not given.
    pub others: &'a Others,
    /// How far apart clocks may be, in milliseconds.
    pub max_skew_ms: u64,
}

pub(super) struct Joined {
    pub discrepancies: Vec<Discrepancy>,
    pub agreed: u64,
}

/// An update, and the log that tells of it.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub part: &'a Part<'a>,
    pub told: &'a Told,
}

impl Place<'_> {
    pub fn is_signed(&self) -> bool {
        self.told.seq <= self.part.signed
    }
}

/// One round of one site, seen from both sides.
struct Pair<'a> {
    join: &'a Join<'a>,
    key: &'a Key,
    name: &'a Name,
    parts: &'a [Part<'a>],
    sent: Vec<Place<'a>>,
    received: Vec<Place<'a>>,
}

impl Join<'_> {
    pub fn run(&self) -> Joined {
        let mut joined = Joined { discrepancies: Vec::new(), agreed: 0 };
        let index = Index::new(self);
        let none = BTreeSet::new();
        for (name, parts) in &self.sites {
            let sent = parts.iter().flat_map(|part| part.side.sent.keys());
            let received = index.received.get(name).unwrap_or(&none);
            let keys: BTreeSet<&Key> = sent.chain(received.iter().copied()).collect();
            for key in keys {
                let pair = self.pair(key, name, parts);
                let before = joined.discrepancies.len();
                pair.sides(&mut joined.discrepancies, &index.first);
                pair.rights(&mut joined.discrepancies);
                pair.skew(&mut joined.discrepancies);
                joined.agreed += u64::from(joined.discrepancies.len() == before);
            }
            self.numbers(&Site { name, parts }, &index, &mut joined.discrepancies);
        }
        joined.discrepancies.sort();
        joined
    }

    /// Whether another log of the node whose records are `missing` may explain a difference with a site. The word of
    /// whoever is accused of the difference explains nothing.
    fn excuses(&self, missing: &Name, site: &Name, accused: Accused) -> bool {
        let Some(tellers) = self.others.of(missing) else { return false };
        let is_coordinator =
            |name: &Name| self.coordinators.iter().any(|part| part.side.belongs_to(name));
        let is_accused = |teller: &Name| match accused {
            Accused::Coordinator => is_coordinator(teller),
            Accused::Both => is_coordinator(teller) || teller == site,
        };
        // The site would accuse: it is believed where it says that a log is missing.
        let said = tellers.said.contains(site) && !is_accused(site);
        said || tellers.proven.iter().any(|teller| !is_accused(teller))
    }

    fn pair<'a>(&'a self, key: &'a Key, name: &'a Name, parts: &'a [Part<'a>]) -> Pair<'a> {
        let mut pair =
            Pair { join: self, key, name, parts, sent: Vec::new(), received: Vec::new() };
        for part in parts {
            let told = part.side.sent.get(key).into_iter().flatten();
            pair.sent.extend(told.map(|told| Place { part, told }));
        }
        for part in &self.coordinators {
            let told = part.side.received.get(&(key.clone(), name.clone())).into_iter().flatten();
            pair.received.extend(told.map(|told| Place { part, told }));
        }
        pair
    }

    /// Compares noised numbers that are not updates: answers to statistics requests, and metrics of a final model.
    fn numbers(&self, site: &Site<'_>, index: &Index<'_>, found: &mut Vec<Discrepancy>) {
        let Site { name, parts } = site;
        let told = |run: &Name, class| Discrepancy::new(run, 0, name, class);
        for Numbers { part, run, arrived } in index.arrived.get(name).into_iter().flatten() {
            let released = || parts.iter().filter_map(move |part| part.side.released.get(*run));
            let class = if released().next().is_none() {
                self.softened(Class::Forged, name)
            } else if is_told(arrived, released()) {
                continue;
            } else {
                self.softened(Class::Altered, name)
            };
            found.push(told(run, class).with_coordinator(&part.log, arrived.seq));
        }
        for part in *parts {
            for (run, released) in &part.side.released {
                let of = (run.clone(), (*name).clone());
                let arrived =
                    self.coordinators.iter().any(|part| part.side.arrived.contains_key(&of));
                // What a coordinator archived no more tells of such numbers.
                if arrived || !index.offered.contains(run) {
                    continue;
                }
                let ends = self.coordinators.iter().filter_map(|part| part.side.run_ends.get(run));
                // What was released after that was for the process that released the model again.
                let again = self.coordinators.iter().any(|part| {
                    let ended = part.side.released_again.get(run);
                    let is_later =
                        |ended| released.last.is_some_and(|last| self.is_after(last, ended));
                    ended.is_some_and(|ended| !is_later(*ended))
                });
                let class =
                    if again || self.was_interrupted(released.interrupted, ends.max().copied()) {
                        Class::Undelivered
                    } else {
                        Class::Lost
                    };
                found.push(told(run, class).with_site(&part.log, released.seq));
            }
        }
    }

    /// What a site's log lacks, and another log of the site's may tell.
    fn softened(&self, class: Class, site: &Name) -> Class {
        let accused = match class {
            Class::Forged => Accused::Coordinator,
            // Either side may have changed it.
            _ => Accused::Both,
        };
        if self.excuses(site, site, accused) { Class::Unaccounted } else { class }
    }

    /// Whether other logs of the coordinator may tell what those that were given lack of a site.
    fn coordinator_is_excused(&self, site: &Name) -> bool {
        let mut names = self.coordinators.iter().filter_map(|part| part.side.node.as_ref());
        names.any(|node| self.excuses(&node.name, site, Accused::Coordinator))
    }

    /// Whether a process ended before what it was in was over, as far as clocks can tell.
    fn was_interrupted(&self, ended: Option<UtcTime>, over: Option<UtcTime>) -> bool {
        ended.is_some_and(|ended| over.is_none_or(|over| !self.is_after(ended, over)))
    }

    /// Whether one moment is after another, as far as clocks can tell.
    fn is_after(&self, later: UtcTime, earlier: UtcTime) -> bool {
        later.millis() > earlier.millis().saturating_add(self.max_skew_ms)
    }

    /// When the newest of the coordinator's logs ends.
    fn coordinator_ends(&self) -> Option<UtcTime> {
        self.coordinators.iter().filter_map(|part| part.side.last).max()
    }
}

impl Pair<'_> {
    fn found(
        &self,
        class: Class,
        ours: Option<&Place<'_>>,
        sent: Option<&Place<'_>>,
    ) -> Discrepancy {
        let (run, round) = self.key;
        let mut found = Discrepancy::new(run, *round, self.name, class);
        if let Some(place) = ours {
            found = found.with_coordinator(&place.part.log, place.told.seq);
        }
        if let Some(place) = sent {
            found = found.with_site(&place.part.log, place.told.seq);
        }
        found
    }

    /// Whether both sides tell of the same bytes, once.
    fn sides(&self, found: &mut Vec<Discrepancy>, first: &First<'_>) {
        let sent = self.sent.first();
        if self.received.is_empty() {
            if let Some(class) = self.missing() {
                found.push(self.found(class, None, sent));
            }
            return;
        }
        let contents = Contents::new(&self.sent);
        for (place, received) in self.received.iter().enumerate() {
            let log = |part: &Part<'_>| std::ptr::eq(part, received.part);
            let at = self.join.coordinators.iter().position(log).unwrap_or(0);
            let again = first
                .get(&(self.name, received.told.update))
                .is_some_and(|seen| *seen < (at, received.told.seq));
            let same = contents.signed(received.told);
            let class = match (sent, same) {
                _ if place > 0 => Class::Duplicate,
                (None, _) if again => Class::Duplicate,
                (None, _) => self.join.softened(Class::Forged, self.name),
                (Some(_), None) => self.join.softened(Class::Altered, self.name),
                (Some(_), Some(signed)) => {
                    if signed && received.is_signed() {
                        continue;
                    }
                    Class::Unsigned
                }
            };
            found.push(self.found(class, Some(received), sent));
        }
    }

    fn is_refused(&self) -> bool {
        let of = (self.key.clone(), self.name.clone());
        self.join.coordinators.iter().any(|part| part.side.refused.contains(&of))
    }

    /// What it means that nothing arrived; nothing where it need not have.
    fn missing(&self) -> Option<Class> {
        let acked = self.parts.iter().any(|part| part.side.acked.contains(self.key));
        // Its own word that it has an update binds the coordinator, whatever it says of a refusal.
        if self.is_refused() && !acked {
            return self.sent.iter().any(|place| !place.told.failed).then_some(Class::Rejected);
        }
        // What failed on its way need not have arrived, unless the site was told that it did.
        if !acked && self.sent.iter().all(|place| place.told.failed) {
            return None;
        }
        let before = |cut: &UtcTime| {
            let times = self.sent.iter().filter_map(|place| place.told.time);
            times.into_iter().all(|sent| !self.join.is_after(sent, *cut))
        };
        let cut = self.join.coordinators.iter().any(|part| {
            part.side.cut.contains_key(self.key)
                || part.side.reopened.get(self.key).is_some_and(before)
        });
        let closed = self.join.coordinators.iter();
        let closed = closed.filter_map(|part| part.side.closed.get(self.key)).max().copied();
        let ended = self.sent.iter().filter_map(|place| place.told.interrupted).min();
        let interrupted = self.join.was_interrupted(ended, closed);
        let later = |ends: UtcTime| self.sent.iter().all(|place| place.told.time > Some(ends));
        Some(if self.join.coordinator_is_excused(self.name) {
            Class::Unaccounted
        } else if !self.sent.iter().any(Place::is_signed) {
            Class::Unsigned
        } else if acked {
            Class::Dropped
        } else if interrupted || cut {
            Class::Undelivered
        } else if self.join.coordinator_ends().is_some_and(later) {
            Class::Pending
        } else {
            Class::Lost
        })
    }

    /// The coordinator's offer of the round.
    fn offer(&self) -> Option<(&Part<'_>, &Offer)> {
        let mut parts = self.join.coordinators.iter();
        parts.find_map(|part| Some((part, part.side.offers.get(self.key)?)))
    }

    /// Whether the site could send at all.
    fn rights(&self, found: &mut Vec<Discrepancy>) {
        // What was archived was held to this when it was.
        let Some(sent) = self.sent.iter().find(|place| place.told.seq > 0) else {
            return;
        };
        let side = sent.part.side;
        let seq = sent.told.seq;
        let received = self.received.first();
        if side.reserved.get(self.key).is_none_or(|reserved| *reserved > seq) {
            found.push(self.found(Class::Uncharged, received, Some(sent)));
        }
        let agreed = side.consent_at(&self.key.0, seq);
        let offer = self.offer();
        let offered = offer.and_then(|(_, offer)| offer.plan);
        let other = offered.zip(agreed).is_some_and(|(offered, agreed)| offered != agreed);
        if agreed.is_none() || other {
            let class = Class::Unconsented;
            let told = match offer.filter(|_| other) {
                Some((part, offer)) => {
                    self.found(class, None, Some(sent)).with_coordinator(&part.log, offer.seq)
                }
                None => self.found(class, received, Some(sent)),
            };
            found.push(told);
        }
        // Different models to different sites.
        if let Some(((part, ours), theirs)) = offer.zip(side.offers.get(self.key))
            && (ours.model != theirs.model
                || ours.plan.zip(theirs.plan).is_some_and(|(ours, theirs)| ours != theirs))
        {
            let (run, round) = self.key;
            let altered = Discrepancy::new(run, *round, self.name, Class::Altered);
            let altered = altered.with_coordinator(&part.log, ours.seq);
            found.push(altered.with_site(&sent.part.log, theirs.seq));
        }
    }

    fn skew(&self, found: &mut Vec<Discrepancy>) {
        let Some(received) = self.received.first() else { return };
        let Some(at) = received.told.time else { return };
        let apart =
            |place: &&Place<'_>| place.told.time.map(|sent| sent.millis().abs_diff(at.millis()));
        // The same bytes may have been sent several times: the nearest is the one that arrived.
        let timed = self.sent.iter().filter(|place| place.told.time.is_some());
        let Some(sent) = timed.min_by_key(apart) else { return };
        if apart(&sent).is_some_and(|apart| apart > self.join.max_skew_ms) {
            found.push(self.found(Class::ClockSkew, Some(received), Some(sent)));
        }
    }
}

/// Whether the numbers that arrived are among those that were let out, as far as hashes of both are recorded.
fn is_told<'a>(
    arrived: &Arrived,
    mut released: impl Iterator<Item = &'a Released> + Clone,
) -> bool {
    let unknown = released.clone().all(|released| released.numbers.is_empty());
    let among = |released: &Released| arrived.numbers.is_subset(&released.numbers);
    unknown || released.any(among)
}

/// Who may have caused a difference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Accused {
    Coordinator,
    /// The coordinator or the site.
    Both,
}

/// A site and its logs.
struct Site<'a> {
    name: &'a Name,
    parts: &'a [Part<'a>],
}
