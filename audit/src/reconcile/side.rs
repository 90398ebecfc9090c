//! What one log tells about releases.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::digest::Digest;
use crate::folder::Archived;
use crate::moment::UtcTime;
use crate::name::Name;
use crate::note::CheckpointText;
use crate::record::{Event, Node, Outcome, Record, Role, UPDATE};

/// A round of a run.
pub(super) type Key = (Name, u32);

/// An update that one side tells of.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// The record, from 1; 0 where it was archived.
    pub seq: u64,
    pub update: Digest,
    /// Its length; not known of what a coordinator archived.
    pub bytes: Option<u64>,
    /// When; not known of what was archived.
    pub time: Option<UtcTime>,
    /// Whether it was begun and not finished.
    pub failed: bool,
    /// When the process ended, where that was before the other side said that it has it.
    pub interrupted: Option<UtcTime>,
}

/// The offer of a round.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    pub seq: u64,
    pub model: Digest,
    /// The plan; not always known of what was archived.
    pub plan: Option<Digest>,
}

/// Noised numbers that a site let out of a run, beside updates.
#[derive(Debug, Clone)]
pub(super) struct Released {
    pub seq: u64,
    /// When the process ended next.
    pub interrupted: Option<UtcTime>,
    /// When they were released last; none where that was archived.
    pub last: Option<UtcTime>,
    /// Hashes of the numbers.
    pub numbers: BTreeSet<Digest>,
}

/// Noised numbers beside updates, as a coordinator received them.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub seq: u64,
    /// Hashes of the numbers.
    pub numbers: BTreeSet<Digest>,
}

/// One log's part in the story.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// Who tells it.
    pub node: Option<Node>,
    /// Consents and their end, by run: from which record on which plan is agreed to.
    pub consents: BTreeMap<Name, Vec<(u64, Option<Digest>)>>,
    pub offers: BTreeMap<Key, Offer>,
    /// Runs that are statistics requests, each with the number of its first record; 0 if that was archived.
    pub requests: BTreeMap<Name, u64>,
    pub reserved: BTreeMap<Key, u64>,
    pub sent: BTreeMap<Key, Vec<Told>>,
    pub acked: BTreeSet<Key>,
    pub received: BTreeMap<(Key, Name), Vec<Told>>,
    pub refused: BTreeSet<(Key, Name)>,
    /// Sites that agreed to a run, as a coordinator tells it.
    pub agreed: BTreeSet<Name>,
    /// Rounds that the coordinator, or whoever stopped the run, cut short.
    pub cut: BTreeMap<Key, UtcTime>,
    /// Rounds that were cut short and then offered again, with the time of the cut: what was sent later is no part of it.
    pub reopened: BTreeMap<Key, UtcTime>,
    /// When each round was closed, and when the last record of each run was made.
    pub closed: BTreeMap<Key, UtcTime>,
    pub run_ends: BTreeMap<Name, UtcTime>,
    /// Runs whose final model the coordinator released again, with the time at which the process before ended.
    pub released_again: BTreeMap<Name, UtcTime>,
    /// Noised numbers beside updates, by run.
    pub released: BTreeMap<Name, Released>,
    /// The same as a coordinator received them, by run and site.
    pub arrived: BTreeMap<(Name, Name), Arrived>,
    /// Noised numbers that this log tells of, its own or a site's, by run.
    pub told_numbers: BTreeSet<(Name, Digest)>,
    /// Noised numbers that the log's opening says earlier logs told, by run.
    pub carried_numbers: BTreeSet<(Name, Digest)>,
    /// Keys of other nodes' logs that were met, by node.
    pub keys: BTreeSet<(Name, Digest)>,
    /// What was spent of each data set before this log, and at its end.
    pub carried: BTreeMap<Name, Vec<u64>>,
    pub spent: BTreeMap<Name, Vec<u64>>,
    /// The time of the last record.
    pub last: Option<UtcTime>,
    /// The largest checkpoint seen of each other log, by its id and its key's.
    pub witnessed: BTreeMap<(Name, u32), CheckpointText>,
    /// Checkpoints that did not go on from what was seen: evidence against their owner.
    pub evidence: Vec<CheckpointText>,
    /// Signatures of other logs on checkpoints that this log recorded.
    pub cosigned: BTreeMap<(Name, u32), Cosigned>,
    /// Rounds that are going on.
    open: BTreeSet<Key>,
    /// Updates that were sent and not acknowledged by this process: the first place in the list of each.
    unfinished: BTreeMap<Key, usize>,
    /// Runs whose noised numbers were released by this process.
    releasing: BTreeSet<Name>,
    /// Runs whose final model was released, and when the process ended after that.
    finals: BTreeMap<Name, Option<UtcTime>>,
}

/// A signature of another log on a checkpoint.
#[derive(Debug, Clone)]
pub(super) struct Cosigned {
    /// What was signed.
    pub text: Arc<str>,
    /// The signature.
    pub bytes: Vec<u8>,
}

/// What is kept of a log that tells of one breach after the other.
const MAX_EVIDENCE: usize = 64;

impl Side {
    /// What was archived, before the first record that is left.
    pub fn archived(&mut self, archived: &Archived) {
        for (note, outcome) in archived.peers.remembered() {
            if let Ok(text) = note.to_string().try_into() {
                self.seen(&text, outcome);
            }
        }
        let history = &archived.history;
        self.node = history.node().cloned();
        let site = self.node.as_ref().is_some_and(|node| node.role == Role::Site);
        for round in history.rounds() {
            let told = round.told.iter().map(|numbers| (round.run.clone(), *numbers));
            self.told_numbers.extend(told);
            let key = (round.run.clone(), round.round);
            if let Some(plan) = round.plan {
                self.consents.entry(round.run.clone()).or_insert_with(|| vec![(0, Some(plan))]);
            }
            if let Some(model) = round.offered {
                self.offers.insert(key.clone(), Offer { seq: 0, model, plan: round.plan });
            }
            let told = |update: Digest, bytes: Option<u64>| Told {
                seq: 0,
                update,
                bytes,
                time: None,
                failed: false,
                interrupted: None,
            };
            if let Some((update, bytes)) = round.sent {
                self.sent.insert(key.clone(), vec![told(update, Some(bytes))]);
            }
            for what in round.reserved {
                if what.as_str() == UPDATE {
                    self.reserved.insert(key.clone(), 0);
                }
            }
            if !round.told.is_empty() && site {
                let released = self.released.entry(round.run.clone());
                let none =
                    Released { seq: 0, interrupted: None, last: None, numbers: BTreeSet::new() };
                released.or_insert(none).numbers.extend(round.told);
            }
            for (site, update) in round.received {
                let of = (key.clone(), site.clone());
                self.received.insert(of, vec![told(*update, None)]);
            }
        }
        self.requests.extend(history.requests().map(|(run, _)| (run.clone(), 0)));
        for (run, numbers) in history.carried() {
            self.carried_numbers.insert((run.clone(), numbers));
        }
        for (data_set, total) in history.totals() {
            self.spent.insert(data_set.clone(), total.to_vec());
        }
    }

    pub fn take(&mut self, record: &Record) {
        self.node.get_or_insert_with(|| record.node.clone());
        self.last = self.last.max(Some(record.time));
        if let Event::Witness { checkpoint, .. } = &record.event {
            self.seen(checkpoint, record.outcome);
        }
        if record.outcome == Outcome::Refused {
            return;
        }
        match (&record.event, &record.site) {
            (Event::Start { .. } | Event::Stop { .. } | Event::Recovered { .. }, _) => {
                self.process_ended(record.time, None);
            }
            (Event::Kill {}, _) => self.process_ended(record.time, record.run.as_ref()),
            (Event::KeyNew { fingerprint } | Event::KeyRotated { fingerprint }, Some(node)) => {
                self.keys.insert((node.clone(), *fingerprint));
            }
            (Event::Budget { data_set, carried, .. }, _) if !carried.is_empty() => {
                self.carried.insert(data_set.clone(), carried.clone());
                self.spent.insert(data_set.clone(), carried.clone());
            }
            (Event::Reserve(reserve), _) => {
                self.spent.insert(reserve.data_set.clone(), reserve.total.clone());
            }
            _ => {}
        }
        if let Some(run) = record.run.clone() {
            self.of_run(record, run);
        }
    }

    fn of_run(&mut self, record: &Record, run: Name) {
        let key = (run.clone(), record.round.unwrap_or(0));
        let seq = record.seq;
        let told = |update: &Digest, bytes: &u64| Told {
            seq,
            update: *update,
            bytes: Some(*bytes),
            time: Some(record.time),
            failed: record.outcome == Outcome::Failed,
            interrupted: None,
        };
        let done = record.outcome == Outcome::Ok;
        match &record.event {
            // Neither is part of the run: one comes before it is told again, the other after its end.
            Event::Carried { numbers } => {
                let carried = numbers.iter().map(|numbers| (run.clone(), *numbers));
                return self.carried_numbers.extend(carried);
            }
            Event::Fetched { .. } => return,
            _ => {}
        }
        if let Event::Metric { noised: true, numbers: Some(numbers), .. } = &record.event {
            self.told_numbers.insert((run.clone(), *numbers));
        }
        self.run_ends.insert(run.clone(), record.time);
        match (&record.event, &record.site) {
            (Event::Consent { .. }, Some(site)) if done => {
                self.agreed.insert(site.clone());
            }
            (Event::Consent { plan, .. }, None) if done => {
                self.consents.entry(run).or_default().push((seq, Some(*plan)));
            }
            (Event::Declined { .. } | Event::Kill {}, None) => {
                self.consents.entry(run).or_default().push((seq, None));
            }
            (Event::RoundOffer { model, plan }, _) if done => {
                let offer = Offer { seq, model: *model, plan: Some(*plan) };
                self.offers.entry(key.clone()).or_insert(offer);
                if let Some(at) = self.cut.remove(&key) {
                    self.reopened.insert(key.clone(), at);
                }
                self.open.insert(key);
            }
            (Event::StatisticsOffer { .. }, _) if done => {
                self.requests.entry(run).or_insert(seq);
            }
            (Event::Reserve(reserve), _) if reserve.what.as_str() == UPDATE => {
                self.reserved.entry(key).or_insert(seq);
            }
            (Event::Sent { update, bytes }, _) => {
                let sent = self.sent.entry(key.clone()).or_default();
                if !self.acked.contains(&key) {
                    self.unfinished.entry(key).or_insert(sent.len());
                }
                sent.push(told(update, bytes));
            }
            (Event::Acked { .. }, _) => {
                self.unfinished.remove(&key);
                self.acked.insert(key);
            }
            (Event::Received { update, bytes }, Some(site)) if done => {
                let told = told(update, bytes);
                self.received.entry((key, site.clone())).or_default().push(told);
            }
            // A coordinator that refused an update has not lost it.
            (Event::Refused { .. }, Some(site)) => {
                self.refused.insert((key, site.clone()));
            }
            (Event::Aggregated { .. }, _) => {
                self.open.remove(&key);
                self.closed.insert(key, record.time);
            }
            (Event::Release { .. }, _) => {
                if let Some(Some(at)) = self.finals.insert(run.clone(), None) {
                    self.released_again.insert(run, at);
                }
            }
            (Event::Metric { noised: true, numbers, .. }, Some(site)) => {
                let arrived = Arrived { seq, numbers: BTreeSet::new() };
                let arrived = self.arrived.entry((run, site.clone())).or_insert(arrived);
                arrived.numbers.extend(*numbers);
            }
            (Event::Metric { noised: true, numbers, .. }, None) => {
                let released = self.released.entry(run.clone()).or_insert_with(|| Released {
                    seq,
                    interrupted: None,
                    last: Some(record.time),
                    numbers: BTreeSet::new(),
                });
                released.numbers.extend(*numbers);
                released.last = Some(record.time);
                if released.interrupted.is_none() {
                    self.releasing.insert(run);
                }
            }
            _ => {}
        }
    }

    /// Nothing that was going on can have been finished by the process that ended, of one run or of all. Each entry
    /// is looked at once: what has ended is not open any more.
    fn process_ended(&mut self, at: UtcTime, run: Option<&Name>) {
        for (key, from) in take_keys(&mut self.unfinished, run) {
            for told in self.sent.get_mut(&key).into_iter().flatten().skip(from) {
                told.interrupted.get_or_insert(at);
            }
        }
        let releasing = match run {
            None => std::mem::take(&mut self.releasing),
            Some(run) => self.releasing.take(run).into_iter().collect(),
        };
        for run in releasing {
            if let Some(released) = self.released.get_mut(&run) {
                released.interrupted.get_or_insert(at);
            }
        }
        if self.node.as_ref().is_some_and(|node| node.role == Role::Coordinator) {
            if run.is_none() {
                self.finals.values_mut().for_each(|ended| *ended = Some(at));
            }
            let cut = match run {
                None => std::mem::take(&mut self.open),
                Some(run) => self.open.extract_if(rounds_of(run), |_| true).collect(),
            };
            self.cut.extend(cut.into_iter().map(|key| (key, at)));
        }
    }

    fn seen(&mut self, checkpoint: &CheckpointText, outcome: Outcome) {
        if outcome == Outcome::Ok {
            self.witness(checkpoint);
        } else if self.evidence.len() < MAX_EVIDENCE {
            self.evidence.push(checkpoint.clone());
        }
    }

    fn witness(&mut self, text: &CheckpointText) {
        let size = |text: &CheckpointText| text.checkpoint().map_or(0, |seen| seen.size);
        let Ok(seen) = text.checkpoint() else { return };
        let signed: Arc<str> = text.note().text().into();
        for other in text.note().signatures().iter().filter(|other| other.name != seen.origin) {
            let text = Arc::clone(&signed);
            let bytes = other.bytes.clone();
            self.cosigned.insert((other.name.clone(), other.id), Cosigned { text, bytes });
        }
        let own = text.note().signatures().iter().find(|signed| signed.name == seen.origin);
        let Some(own) = own else { return };
        let log = (seen.origin, own.id);
        if self.witnessed.get(&log).is_none_or(|before| size(before) <= seen.size) {
            self.witnessed.insert(log, text.clone());
        }
    }

    /// Whether it is a log of this node.
    pub fn belongs_to(&self, name: &Name) -> bool {
        self.node.as_ref().is_some_and(|node| node.name == *name)
    }

    /// Sites of which this log says that they took part.
    pub fn sites(&self) -> impl Iterator<Item = &Name> {
        let received = self.received.keys().map(|(_, site)| site);
        let refused = self.refused.iter().map(|(_, site)| site);
        let arrived = self.arrived.keys().map(|(_, site)| site);
        received.chain(refused).chain(arrived).chain(&self.agreed)
    }

    /// The plan that is agreed to at some record.
    pub fn consent_at(&self, run: &Name, seq: u64) -> Option<Digest> {
        let consents = self.consents.get(run)?;
        let before = consents.partition_point(|(at, _)| *at < seq);
        consents.get(before.checked_sub(1)?)?.1
    }
}

/// Every round of a run.
fn rounds_of(run: &Name) -> RangeInclusive<Key> {
    (run.clone(), 0)..=(run.clone(), u32::MAX)
}

/// Takes the entries of one run, or of all, out of a map.
fn take_keys<T>(map: &mut BTreeMap<Key, T>, run: Option<&Name>) -> BTreeMap<Key, T> {
    match run {
        None => std::mem::take(map),
        Some(run) => map.extract_if(rounds_of(run), |_, _| true).collect(),
    }
}
