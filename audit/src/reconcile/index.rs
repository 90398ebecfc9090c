//! What logs tell, by what it is looked up by: no log is walked for each entry of another one.

use std::collections::{BTreeMap, BTreeSet};

use super::join::{Join, Part, Place};
use super::side::{Arrived, Key, Told};
use crate::digest::Digest;
use crate::name::Name;

/// Noised numbers that arrived, and the log that tells of it.
pub(super) struct Numbers<'a> {
    pub part: &'a Part<'a>,
    pub run: &'a Name,
    pub arrived: &'a Arrived,
}

/// What the coordinator's logs tell.
pub(super) struct Index<'a> {
    /// Which record first received each update: one that comes again in another round is a replay.
    pub first: First<'a>,
    /// The rounds that an update was received in, by site.
    pub received: BTreeMap<&'a Name, BTreeSet<&'a Key>>,
    /// Noised numbers that arrived, by site.
    pub arrived: BTreeMap<&'a Name, Vec<Numbers<'a>>>,
    /// Runs and statistics requests whose offers are in records that were not archived.
    pub offered: BTreeSet<&'a Name>,
}

/// The log and the record that first received an update of a site.
pub(super) type First<'a> = BTreeMap<(&'a Name, Digest), (usize, u64)>;

impl<'a> Index<'a> {
    pub fn new(join: &'a Join<'_>) -> Self {
        let mut first = BTreeMap::new();
        let mut offered = BTreeSet::new();
        let mut received: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        let mut arrived: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (place, part) in join.coordinators.iter().enumerate() {
            for ((key, site), told) in &part.side.received {
                received.entry(site).or_default().insert(key);
                for told in told {
                    let at = (place, told.seq);
                    let kept = first.entry((site, told.update)).or_insert(at);
                    *kept = at.min(*kept);
                }
            }
            for ((run, site), numbers) in &part.side.arrived {
                let numbers = Numbers { part, run, arrived: numbers };
                arrived.entry(site).or_default().push(numbers);
            }
            let left = part.side.offers.iter().filter(|(_, offer)| offer.seq > 0);
            offered.extend(left.map(|((run, _), _)| run));
            let left = part.side.requests.iter().filter(|(_, seq)| **seq > 0);
            offered.extend(left.map(|(run, _)| run));
        }
        Self { first, received, arrived, offered }
    }
}

/// What a site sent in a round, by content.
pub(super) struct Contents(BTreeMap<Digest, Lengths>);

/// The lengths that an update is told with, and whether a signed record tells of each.
#[derive(Default)]
struct Lengths {
    known: BTreeMap<u64, bool>,
    unknown: Option<bool>,
    any: bool,
}

impl Contents {
    pub fn new(sent: &[Place<'_>]) -> Self {
        let mut contents: BTreeMap<Digest, Lengths> = BTreeMap::new();
        for place in sent {
            let lengths = contents.entry(place.told.update).or_default();
            let signed = place.is_signed();
            match place.told.bytes {
                Some(bytes) => *lengths.known.entry(bytes).or_default() |= signed,
                None => *lengths.unknown.get_or_insert_default() |= signed,
            }
            lengths.any |= signed;
        }
        Self(contents)
    }

    /// Whether a signed record tells of the update that was received, as far as both lengths are known; none where
    /// no record does.
    pub fn signed(&self, received: &Told) -> Option<bool> {
        let lengths = self.0.get(&received.update)?;
        let Some(bytes) = received.bytes else { return Some(lengths.any) };
        let told = [lengths.known.get(&bytes).copied(), lengths.unknown];
        told.into_iter().flatten().reduce(|one, other| one | other)
    }
}
