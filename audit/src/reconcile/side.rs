//! What one log tells about updates.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::moment::UtcTime;
use crate::name::Name;
use crate::note::CheckpointText;
use crate::record::{Event, Outcome, Record, UPDATE};

/// A round of a run.
pub(super) type Key = (Name, u32);

/// An update that one side tells of.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub seq: u64,
    pub update: Digest,
    pub bytes: u64,
    pub time: UtcTime,
    /// Whether it was begun and not finished.
    pub failed: bool,
}

/// The offer of a round.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    pub seq: u64,
    pub model: Digest,
    pub plan: Digest,
}

/// One log's part in the story.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// Who tells it.
    pub node: Option<Name>,
    /// Consents and their end, by run: from which record on which plan is agreed to.
    pub consents: BTreeMap<Name, Vec<(u64, Option<Digest>)>>,
    pub offers: BTreeMap<Key, Offer>,
    pub reserved: BTreeMap<Key, u64>,
    pub sent: BTreeMap<Key, Vec<Told>>,
    pub acked: BTreeSet<Key>,
    pub received: BTreeMap<(Key, Name), Vec<Told>>,
    pub rejected: BTreeSet<(Key, Name)>,
    /// The largest checkpoint seen of each other log, by its id and its key's.
    pub witnessed: BTreeMap<(Name, u32), CheckpointText>,
    /// Checkpoints that did not go on from what was seen: evidence against their owner.
    pub evidence: Vec<CheckpointText>,
}

/// What is kept of a log that tells of one breach after the other.
const MOST_EVIDENCE: usize = 64;

impl Side {
    pub fn take(&mut self, record: &Record) {
        self.node.get_or_insert_with(|| record.node.name.clone());
        if let Event::Witness { checkpoint, .. } = &record.event {
            if record.outcome == Outcome::Ok {
                self.witness(checkpoint);
            } else if self.evidence.len() < MOST_EVIDENCE {
                self.evidence.push(checkpoint.clone());
            }
        }
        if record.outcome == Outcome::Refused {
            return;
        }
        let Some(run) = record.run.clone() else {
            return;
        };
        let key = (run.clone(), record.round.unwrap_or(0));
        let seq = record.seq;
        let told = |update: &Digest, bytes: &u64| Told {
            seq,
            update: *update,
            bytes: *bytes,
            time: record.time,
            failed: record.outcome == Outcome::Failed,
        };
        match (&record.event, &record.site) {
            (Event::Consent { plan }, _) if record.outcome == Outcome::Ok => {
                self.consents.entry(run).or_default().push((seq, Some(*plan)));
            }
            (Event::Declined { .. } | Event::Kill {}, _) => {
                self.consents.entry(run).or_default().push((seq, None));
            }
            (Event::RoundOffer { model, plan }, _) if record.outcome == Outcome::Ok => {
                let (model, plan) = (*model, *plan);
                self.offers.entry(key).or_insert(Offer { seq, model, plan });
            }
            (Event::Reserve(reserve), _) if reserve.what.as_str() == UPDATE => {
                self.reserved.entry(key).or_insert(seq);
            }
            (Event::Sent { update, bytes }, _) => {
                self.sent.entry(key).or_default().push(told(update, bytes));
            }
            (Event::Acked { .. }, _) => {
                self.acked.insert(key);
            }
            (Event::Received { update, bytes }, Some(site)) if record.outcome == Outcome::Ok => {
                let told = told(update, bytes);
                self.received.entry((key, site.clone())).or_default().push(told);
            }
            // A coordinator that refused an update has not lost it.
            (Event::Rejected { .. } | Event::Refused { .. }, Some(site)) => {
                self.rejected.insert((key, site.clone()));
            }
            _ => {}
        }
    }

    fn witness(&mut self, text: &CheckpointText) {
        let size = |text: &CheckpointText| text.checkpoint().map_or(0, |seen| seen.size);
        let Ok(seen) = text.checkpoint() else { return };
        let own = text.note().signatures().iter().find(|signed| signed.name == seen.origin);
        let Some(own) = own else { return };
        let log = (seen.origin, own.id);
        if self.witnessed.get(&log).is_none_or(|before| size(before) <= seen.size) {
            self.witnessed.insert(log, text.clone());
        }
    }

    /// Sites that this log tells of.
    pub fn sites(&self) -> impl Iterator<Item = &Name> {
        let received = self.received.keys().map(|(_, site)| site);
        received
            .chain(self.rejected.iter().map(|(_, site)| site))
            .collect::<BTreeSet<_>>()
            .into_iter()
    }

    /// The plan that is agreed to at some record.
    pub fn consent_at(&self, run: &Name, seq: u64) -> Option<Digest> {
        let consents = self.consents.get(run)?;
        consents.iter().take_while(|(at, _)| *at < seq).last()?.1
    }
}
