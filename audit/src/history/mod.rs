//! What may follow what: the log's records as a state machine. Pure.
//!
//! ```text
//!  site          CONSENT ─► RESERVE ──► NOISED ──► SENT ──► ACKED
//!                (run)      (run, round, what)     same hash, same length
//!                             └── mechanism clip-only ──►┘
//!  coordinator   ROUND_OFFER ─► RECEIVED ─► AGGREGATED ─► RELEASE
//!                               (site)      inputs that were received, each site once
//!  statistics    STATISTICS_OFFER ─► CONSENT (site) ─► RESERVE, METRIC
//!                (run)               to this request
//! ```
//!
//! - Nothing is reserved, noised, sent or aggregated by a node that is not running: START to STOP or
//!   a KILL without a run. A KILL with a run, or DECLINED, takes the consent back.
//! - One round is charged once for each thing, noised once, and sent as it was noised.
//! - A site's noised metric was charged for, by its name; a coordinator's tells of what arrived.
//! - What is told again after a log took another one's place was told before: its opening, CARRIED before the
//!   first START, names the numbers. A node's first log carries none.
//! - A run has rounds or is one statistics request, never both. A site consents to its plan, or to its request.
//! - An exact metric and noise never meet in one run of a site.
//! - Within one process the boot stays and the monotonic clock never goes back. Wall time goes back by
//!   more than a second only where a process begins (GENERATION, START, RECOVERED) or at a CLOCK_STEP.
//! - Ledger: at each order the total is the one before and the cost, without overflow.
//!
//! What was refused has no effect. What failed counts as done wherever something may have left.

mod clock;
mod ledger;
mod run;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use clock::Clock;
use ledger::Account;
pub use ledger::Cost;
pub use run::PastRound;
use run::Run;

use crate::digest::Digest;
use crate::name::{Label, Name};
use crate::record::{Event, Node, Outcome, Record, Role};

/// What a record breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each variant's message says it")]
pub enum Violation {
    #[error("the log does not begin with a GENERATION that names it")]
    NotGeneration,
    #[error("a second GENERATION stands in one log")]
    SecondGeneration,
    #[error("the record is another node's")]
    OtherNode,
    #[error("the monotonic clock went back within one process")]
    MonotonicBack,
    #[error("the boot changed without a START")]
    BootChanged,
    #[error("the wall clock went back without a CLOCK_STEP")]
    TimeBack,
    #[error("the node was not running")]
    NotRunning,
    #[error("the site had not consented to the run")]
    NoConsent,
    #[error("the offer is of another plan or request than the site consented to")]
    OtherPlan,
    #[error("the data set has no budget")]
    NoBudget,
    #[error("the ledger's orders changed, or spending was carried over late")]
    OrdersChanged,
    #[error("the cost is not given at each of the ledger's orders")]
    CostLength,
    #[error("the cost is not the mechanism's")]
    Cost,
    #[error("the total is not the one before and the cost")]
    Total,
    #[error("the round was charged before for the same thing")]
    ChargedTwice,
    #[error("nothing was reserved for it")]
    NoReserve,
    #[error(
        "numbers of earlier logs are carried on by a log that is the node's first, or that has started"
    )]
    CarriedLate,
    #[error("noise was added for a mechanism without noise")]
    NotNoisy,
    #[error("the round was noised before, with another result")]
    NoisedTwice,
    #[error("what was sent was not noised")]
    NotNoised,
    #[error("what was sent is not what was noised")]
    SentOther,
    #[error("the round was sent before, as another update")]
    SentTwice,
    #[error("what was acknowledged was not sent")]
    NotSent,
    #[error("an exact metric left in a run with noise")]
    ExactMetric,
    #[error("the round was not offered")]
    NotOffered,
    #[error("the round was offered before, with another model")]
    OfferedTwice,
    #[error("another statistics request was offered under the same name before")]
    OtherRequest,
    #[error("a statistics request and rounds were offered under one name")]
    RequestAndRounds,
    #[error("a site's update was replaced by another")]
    ReceivedTwice,
    #[error("an update was aggregated that was not received")]
    NotReceived,
    #[error("a site was aggregated twice in one round")]
    InputTwice,
    #[error("the round was aggregated before, with another result")]
    AggregatedTwice,
    #[error("the model was not aggregated in the run")]
    NotAggregated,
}

/// Whether a node may do anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Work {
    /// It has not started since the log began.
    #[default]
    Opening,
    /// It has stopped, or was killed.
    Idle,
    Running,
}

/// Everything that the next record's rules need to know: some 500 bytes a round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    log: Name,
    node: Option<Node>,
    clock: Option<Clock>,
    work: Work,
    accounts: BTreeMap<Name, Account>,
    runs: BTreeMap<Name, Run>,
}

impl History {
    /// Before the first record of the log with this id.
    #[must_use]
    pub fn new(log: Name) -> Self {
        Self {
            log,
            node: None,
            clock: None,
            work: Work::Opening,
            accounts: BTreeMap::new(),
            runs: BTreeMap::new(),
        }
    }

    /// Hashes of numbers that earlier logs told, each with its run.
    pub fn carried(&self) -> impl Iterator<Item = (&Name, Digest)> {
        self.runs.iter().flat_map(|(name, run)| run.carried().map(move |numbers| (name, numbers)))
    }

    /// What was spent of a data set, at each of its ledger's orders.
    #[must_use]
    pub fn spent(&self, data_set: &Name) -> Option<&[u64]> {
        self.accounts.get(data_set).map(Account::total)
    }

    /// The plan that a run is agreed to under.
    #[must_use]
    pub fn plan(&self, run: &Name) -> Option<Digest> {
        self.runs.get(run)?.plan()
    }

    /// The model that each round of each run was offered with.
    pub fn offers(&self) -> impl Iterator<Item = (&Name, u32, Digest)> {
        self.runs.iter().flat_map(|(name, run)| {
            run.rounds().filter_map(move |(round, offered, _)| Some((name, round, offered?)))
        })
    }

    /// The statistics requests that were offered: each name with its hash.
    pub fn requests(&self) -> impl Iterator<Item = (&Name, Digest)> {
        self.runs.iter().filter_map(|(name, run)| Some((name, run.question()?)))
    }

    /// The plan or statistics request that the node consented to first under each name. It is unknown of a run that an
    /// archive of an earlier version tells of, where the node did something for the run and took its consent back.
    pub fn first_consents(&self) -> impl Iterator<Item = (&Name, Option<Digest>)> {
        let known = |run: &Run| run.first().is_some() || run.has_begun();
        self.runs.iter().filter(move |(_, run)| known(run)).map(|(name, run)| (name, run.first()))
    }

    /// What was charged for: run, round and what was released.
    pub fn charges(&self) -> impl Iterator<Item = (&Name, u32, &Label)> {
        self.runs.iter().flat_map(|(name, run)| {
            run.rounds().flat_map(move |(round, _, reserved)| {
                reserved.keys().map(move |what| (name, round, what))
            })
        })
    }

    /// Whose log it is, once its first record was taken.
    #[must_use]
    pub fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    /// Every data set with a budget, and what was spent of it at each of the ledger's orders.
    pub fn totals(&self) -> impl Iterator<Item = (&Name, &[u64])> {
        self.accounts.iter().map(|(data_set, account)| (data_set, account.total()))
    }

    /// Every round of every run, as far as it is remembered.
    pub fn rounds(&self) -> impl Iterator<Item = PastRound<'_>> {
        self.runs.iter().flat_map(|(name, run)| run.past(name))
    }

    /// Takes the next record. After a violation the history is not to be used.
    ///
    /// # Errors
    /// The record breaks a rule.
    pub fn apply(&mut self, record: &Record, cost: Option<&Cost<'_>>) -> Result<(), Violation> {
        self.belongs(record)?;
        let opens = matches!(
            record.event,
            Event::Generation { .. } | Event::Start { .. } | Event::Recovered { .. }
        );
        match &mut self.clock {
            Some(clock) if !opens => clock.tick(record)?,
            clock => *clock = Some(Clock::at(record)),
        }
        if !counts(record) {
            return self.refused(record);
        }
        self.happened(record, cost)
    }

    /// A log is one node's, and says so first of all.
    fn belongs(&mut self, record: &Record) -> Result<(), Violation> {
        match (&self.node, &record.event) {
            (None, Event::Generation { number, log, .. }) => {
                let named = format!("{}.{number}", record.node.name);
                if *log != self.log || named != log.as_str() {
                    return Err(Violation::NotGeneration);
                }
                self.node = Some(record.node.clone());
                Ok(())
            }
            (None, _) => Err(Violation::NotGeneration),
            (Some(_), Event::Generation { .. }) => Err(Violation::SecondGeneration),
            (Some(node), _) if *node != record.node => Err(Violation::OtherNode),
            _ => Ok(()),
        }
    }

    /// Whether no other log of the node was before this one.
    fn is_first(&self) -> bool {
        self.log.as_str().rsplit_once('.').is_none_or(|(_, number)| number == "1")
    }

    fn refused(&self, record: &Record) -> Result<(), Violation> {
        // A charge that was refused must not have moved the account.
        if let Event::Reserve(reserve) = &record.event
            && let Some(account) = self.accounts.get(&reserve.data_set)
            && account.total() != reserve.total
        {
            return Err(Violation::Total);
        }
        Ok(())
    }

    fn happened(&mut self, record: &Record, cost: Option<&Cost<'_>>) -> Result<(), Violation> {
        let works = matches!(
            record.event,
            Event::Reserve(_)
                | Event::Noised { .. }
                | Event::Sent { .. }
                | Event::Metric { .. }
                | Event::Aggregated { .. }
        );
        if works && self.work != Work::Running {
            return Err(Violation::NotRunning);
        }
        match (&record.event, &record.run) {
            (Event::Start { .. }, _) => self.work = Work::Running,
            (Event::Stop { .. }, _) | (Event::Kill {}, None) => self.work = Work::Idle,
            (Event::Budget { data_set, orders, carried, .. }, _) => {
                match self.accounts.get(data_set) {
                    None => {
                        let account = Account::new(orders.clone(), carried.clone());
                        self.accounts.insert(data_set.clone(), account);
                    }
                    Some(account) if account.orders() == orders && carried.is_empty() => {}
                    Some(_) => return Err(Violation::OrdersChanged),
                }
            }
            (Event::Refused { .. } | Event::Witness { .. }, _) => {}
            (Event::Carried { .. }, _) if self.work != Work::Opening || self.is_first() => {
                return Err(Violation::CarriedLate);
            }
            (event, Some(run)) => {
                let site = record.node.role == Role::Site;
                if !self.runs.contains_key(run) {
                    self.runs.insert(run.clone(), Run::default());
                }
                if let Some(run) = self.runs.get_mut(run) {
                    run.apply(record, site)?;
                }
                if let Event::Reserve(reserve) = event {
                    let account = self.accounts.get_mut(&reserve.data_set);
                    ledger::charge(account, reserve, cost)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether something follows from a record.
fn counts(record: &Record) -> bool {
    match record.event {
        // What failed half-way may have left, and is spent.
        Event::Reserve(_)
        | Event::Noised { .. }
        | Event::Sent { .. }
        | Event::Metric { .. }
        | Event::Acked { .. }
        | Event::Release { .. }
        | Event::Declined { .. }
        | Event::Kill {}
        | Event::Stop { .. } => record.outcome != Outcome::Refused,
        _ => record.outcome == Outcome::Ok,
    }
}
