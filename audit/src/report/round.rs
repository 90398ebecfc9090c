//! One round of a run, as one log tells it.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::moment::UtcTime;
use crate::name::Name;
use crate::record::{Event, Input, Record};

/// An update, and when the log tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Which record tells it.
    pub seq: u64,
    /// When.
    pub time: UtcTime,
    /// The update's hash.
    pub update: Digest,
    /// Its length.
    pub bytes: u64,
}

/// A model that updates were summed into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregated {
    /// When.
    pub time: UtcTime,
    /// Which.
    pub inputs: Vec<Input>,
    /// How.
    pub rule: Name,
    /// What came of them.
    pub output: Digest,
}

/// One round, as one node saw it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Round {
    /// The model that it started from.
    pub model: Option<Digest>,
    /// The plan that it followed.
    pub plan: Option<Digest>,
    /// What was noised: hash and length.
    pub noised: Option<(Digest, u64)>,
    /// What a site sent, the first time.
    pub sent: Option<Sent>,
    /// How many times it was sent.
    pub times: u64,
    /// Whether the other side said that it has it.
    pub acked: bool,
    /// What a coordinator received, by site.
    pub received: BTreeMap<Name, Sent>,
    /// The rule by which a coordinator did not take a site's update.
    pub rejected: BTreeMap<Name, Name>,
    /// What came of it.
    pub aggregated: Option<Aggregated>,
}

impl Round {
    pub(super) fn take(&mut self, record: &Record) {
        let told = |update: &Digest, bytes: &u64| Sent {
            seq: record.seq,
            time: record.time,
            update: *update,
            bytes: *bytes,
        };
        match (&record.event, &record.site) {
            (Event::RoundOffer { model, plan }, _) => {
                self.model = Some(*model);
                self.plan = Some(*plan);
            }
            (Event::Noised { update, bytes }, _) => self.noised = Some((*update, *bytes)),
            (Event::Sent { update, bytes }, _) => {
                self.times += 1;
                self.sent.get_or_insert(told(update, bytes));
            }
            (Event::Acked { .. }, _) => self.acked = true,
            (Event::Received { update, bytes }, Some(site)) => {
                self.received.insert(site.clone(), told(update, bytes));
            }
            (Event::Refused { rule }, Some(site)) => {
                self.rejected.insert(site.clone(), rule.clone());
            }
            (Event::Aggregated { inputs, rule, output }, _) => {
                let inputs = inputs.clone();
                let rule = rule.clone();
                let output = *output;
                self.aggregated = Some(Aggregated { time: record.time, inputs, rule, output });
            }
            _ => {}
        }
    }
}
