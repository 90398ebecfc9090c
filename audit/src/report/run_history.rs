//! What one log tells of one run, taken record by record.
//!
//! ```text
//!  START POLICY KEY BUDGET │ run's first record … run's last record │ STOP START …
//!        the last of each  │               all of them              │ dropped
//! ```
//!
//! Records without a run count where they were in force while the run went on.

use std::collections::BTreeMap;

use super::ledger::Ledger;
use super::round::Round;
use crate::digest::Digest;
use crate::moment::UtcTime;
use crate::name::{Label, Name};
use crate::note::CheckpointText;
use crate::record::{Event, Node, Outcome, Record, Role, Terms};

/// Everything that one log tells of a run.
#[derive(Debug, Clone, Default)]
pub struct RunHistory {
    /// Who tells it.
    pub node: Option<Node>,
    /// How many records are the run's.
    pub records: u64,
    /// The run's first record: number and time.
    pub first: Option<(u64, UtcTime)>,
    /// The run's last record.
    pub last: Option<(u64, UtcTime)>,
    /// START, STOP, KILL of the node, CLOCK_STEP, RECOVERED and GENERATION in its time.
    pub node_events: Vec<Record>,
    /// Policies in force in its time.
    pub policies: Vec<Record>,
    /// The data that was read for it.
    pub data: Vec<Record>,
    /// Keys and certificates known by its end.
    pub keys: Vec<Record>,
    /// A coordinator's first offer of a round or of the statistics request, and CONSENT, DECLINED, KILL, RELEASE, KEPT
    /// and FETCHED of the run.
    pub decisions: Vec<Record>,
    /// Whatever was refused, rejected or failed in the run.
    pub refusals: Vec<Record>,
    /// Metrics that left: name, whether noised, and how many times.
    pub metrics: BTreeMap<(Label, bool), u64>,
    /// Exact metrics that left the site in any run of the log.
    pub exact: u64,
    /// What the plan says that was agreed to; the last one, where it was agreed to several times.
    pub terms: Option<Terms>,
    /// The hash of the statistics request, if the run is one.
    pub question: Option<Digest>,
    /// Its rounds. The statistics of a request are numbered like rounds.
    pub rounds: BTreeMap<u32, Round>,
    /// Data sets that were charged, or have a budget.
    pub ledgers: BTreeMap<Name, Ledger>,
    /// Whether a process of the node ended, in order or not, after the run's last record.
    pub process_ended: bool,
    /// Whether the log says what earlier logs had spent.
    pub carries: bool,
    /// How many peers' checkpoints were recorded, and the largest of each peer, and whether cosigned.
    pub witnessed: BTreeMap<Name, (u64, CheckpointText, bool)>,
    /// The latest of each kind before the run.
    before: BTreeMap<&'static str, Record>,
    /// What came after the run's last record so far.
    after: Vec<Record>,
}

impl RunHistory {
    pub(super) fn take(&mut self, run: &Name, record: &Record) {
        self.node.get_or_insert_with(|| record.node.clone());
        if let Event::Witness { checkpoint, cosigned, .. } = &record.event {
            self.witness(checkpoint, *cosigned);
        }
        let outcome = record.outcome;
        match &record.event {
            Event::Budget { data_set, carried, .. } if outcome == Outcome::Ok => {
                self.carries |= !carried.is_empty();
                let running = self.first.is_some();
                self.ledgers.entry(data_set.clone()).or_default().set(record, running);
            }
            Event::Reserve(reserve) if outcome != Outcome::Refused => {
                let own = record.run.as_ref() == Some(run);
                let ledger = self.ledgers.entry(reserve.data_set.clone()).or_default();
                ledger.charge(record, reserve, own);
            }
            Event::Metric { noised: false, .. } if outcome != Outcome::Refused => {
                self.exact += u64::from(record.node.role == Role::Site);
            }
            _ => {}
        }
        if matches!(record.event, Event::Start { .. } | Event::Stop { .. }) && self.first.is_some()
        {
            self.process_ended = true;
        }
        match &record.event {
            // Whenever it was fetched, or carried on from an earlier log: the run had ended by then.
            Event::Fetched { .. } if record.run.as_ref() == Some(run) => {
                return self.decisions.push(record.clone());
            }
            Event::Carried { .. } => return,
            _ => {}
        }
        if record.run.as_ref() == Some(run) {
            self.process_ended = false;
            self.of_run(record);
        } else if record.run.is_none() && is_of_node(&record.event) {
            if self.first.is_some() {
                self.after.push(record.clone());
            } else if is_key(&record.event) {
                self.keys.push(record.clone());
            } else {
                self.before.insert(record.event.name(), record.clone());
            }
        }
    }

    fn of_run(&mut self, record: &Record) {
        let now = (record.seq, record.time);
        self.records += 1;
        self.first.get_or_insert(now);
        self.last = Some(now);
        let before = std::mem::take(&mut self.before).into_values();
        let mut earlier: Vec<Record> = before.chain(self.after.drain(..)).collect();
        earlier.sort_by_key(|record| record.seq);
        for record in earlier {
            self.keep(record);
        }
        let refused = record.outcome != Outcome::Ok
            || matches!(
                record.event,
                Event::Refused { .. } | Event::Declined { .. } | Event::Kill {}
            );
        if refused {
            self.refusals.push(record.clone());
        }
        if let Event::Consent { terms: Some(terms), .. } = &record.event
            && record.outcome == Outcome::Ok
        {
            self.terms = Some((**terms).clone());
        }
        match &record.event {
            Event::Consent { .. }
            | Event::Declined { .. }
            | Event::Kill {}
            | Event::Kept { .. }
            | Event::Release { .. } => self.decisions.push(record.clone()),
            Event::RoundOffer { .. }
                if self.rounds.is_empty() && record.node.role == Role::Coordinator =>
            {
                self.decisions.push(record.clone());
            }
            Event::StatisticsOffer { question } if record.outcome == Outcome::Ok => {
                let is_first = self.question.replace(*question).is_none();
                if is_first && record.node.role == Role::Coordinator {
                    self.decisions.push(record.clone());
                }
            }
            Event::DataRead { .. } => self.data.push(record.clone()),
            Event::Metric { name, noised, .. } if record.outcome != Outcome::Refused => {
                *self.metrics.entry((name.clone(), *noised)).or_default() += 1;
            }
            _ if is_of_node(&record.event) => self.keep(record.clone()),
            _ => {}
        }
        if let Some(round) = record.round
            && record.outcome != Outcome::Refused
        {
            self.rounds.entry(round).or_default().take(record);
        }
    }

    fn keep(&mut self, record: Record) {
        let kept = match &record.event {
            Event::PolicyLoaded { .. } => &mut self.policies,
            event if is_key(event) => &mut self.keys,
            _ => &mut self.node_events,
        };
        kept.push(record);
    }

    fn witness(&mut self, text: &CheckpointText, cosigned: bool) {
        let Ok(seen) = text.checkpoint() else { return };
        let size = |text: &CheckpointText| text.checkpoint().map_or(0, |seen| seen.size);
        let kept = self.witnessed.entry(seen.origin);
        let kept = kept.or_insert_with(|| (0, text.clone(), cosigned));
        kept.0 += 1;
        if size(&kept.1) <= seen.size {
            (kept.1, kept.2) = (text.clone(), cosigned);
        }
    }
}

fn is_key(event: &Event) -> bool {
    matches!(event, Event::KeyNew { .. } | Event::KeyRotated { .. })
}

/// What holds for a node whatever run it is in.
fn is_of_node(event: &Event) -> bool {
    let plain = matches!(
        event,
        Event::Start { .. }
            | Event::Stop { .. }
            | Event::PolicyLoaded { .. }
            | Event::ClockStep { .. }
            | Event::Kill {}
            | Event::Recovered { .. }
            | Event::Generation { .. }
    );
    plain || is_key(event)
}
