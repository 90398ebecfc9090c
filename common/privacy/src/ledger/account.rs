//! The arithmetic of a ledger: what was spent, and what still fits.

use std::collections::{BTreeMap, HashSet};

use super::cost::Cost;
use super::entry::{Entry, Released};
use super::error::LedgerError;
use super::filter::{Budget, Filter};
use super::planned::{PlannedReleases, Prospect, RunReleases};
use crate::mechanism::Mechanism;
use base::digest::Digest;
use base::ids::{Round, RunId};

/// What may be spent: on the data set over its life, and by any one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Over the data set's life.
    pub total: Budget,
    /// By one run, at the same δ; as much as is left where none is given.
    pub epsilon_per_run: Option<f64>,
}

/// What earlier entries come to that are no longer told one by one.
#[derive(Debug, Clone, PartialEq)]
pub struct OpeningBalance {
    /// What they spent.
    pub spent: Cost,
    /// What they released: it is not charged a second time.
    pub released: Vec<(RunId, Round, Released)>,
}

impl OpeningBalance {
    /// Nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self { spent: Cost::zero(), released: Vec::new() }
    }
}

/// A data set's account, as its entries tell it.
pub struct Account {
    total: Filter,
    run: Option<Filter>,
    entries: Vec<Entry>,
    spent: Cost,
    by_run: BTreeMap<RunId, Cost>,
    plans: BTreeMap<RunId, Digest>,
    charged: HashSet<(RunId, Round, Released)>,
}

/// What a limit says of more releases of one kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    pub(super) rule: &'static str,
    pub(super) would: f64,
    pub(super) allowed: f64,
    pub(super) delta: f64,
    pub(super) fits: u32,
}

/// The data set's filter, and that of one run.
fn filters(limits: Limits) -> (Filter, Option<Filter>) {
    let of_run = |epsilon| Filter::new(Budget { epsilon, ..limits.total });
    (Filter::new(limits.total), limits.epsilon_per_run.map(of_run))
}

impl Account {
    /// The account of these entries.
    ///
    /// # Errors
    /// They contradict each other or their own arithmetic.
    pub fn open(limits: Limits, entries: Vec<Entry>) -> Result<Self, LedgerError> {
        Self::after(limits, OpeningBalance::nothing(), entries)
    }

    /// The account of these entries, after earlier ones.
    ///
    /// # Errors
    /// As [`Account::open`].
    pub fn after(
        limits: Limits,
        carried: OpeningBalance,
        entries: Vec<Entry>,
    ) -> Result<Self, LedgerError> {
        let (total, run) = filters(limits);
        let mut account = Self {
            total,
            run,
            entries: Vec::new(),
            spent: carried.spent,
            by_run: BTreeMap::new(),
            plans: BTreeMap::new(),
            charged: carried.released.into_iter().collect(),
        };
        // Few mechanisms make up a ledger, and the cost of one takes a while to compute.
        let mut known: Vec<(Mechanism, Cost)> = Vec::new();
        for entry in entries {
            let seq = account.next_seq();
            let corrupt = |what| Err(LedgerError::Corrupt { seq, what });
            if entry.seq != seq {
                return corrupt("is out of order");
            }
            if !known.iter().any(|(mechanism, _)| *mechanism == entry.mechanism) {
                known.push((entry.mechanism, Cost::of(entry.mechanism)));
            }
            let its = |(mechanism, cost): &(Mechanism, Cost)| {
                *mechanism == entry.mechanism && entry.cost.agrees(cost)
            };
            if !known.iter().any(its) {
                return corrupt("has a cost that is not its mechanism's");
            }
            if entry.total != account.spent.add(&entry.cost) {
                return corrupt("has a total that is not the sum so far");
            }
            if account.has_charged(&entry.run, entry.round, entry.released) {
                return corrupt("charges a release a second time");
            }
            if account.same_plan(&entry.run, entry.plan).is_err() {
                return corrupt("charges a run under another plan");
            }
            account.enter(entry);
        }
        Ok(account)
    }

    /// What may be spent.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let epsilon_per_run = self.run.as_ref().map(|filter| filter.budget().epsilon);
        Limits { total: self.total.budget(), epsilon_per_run }
    }

    /// Sets what may be spent, from now on. What was spent stays spent.
    pub(super) fn set_limits(&mut self, limits: Limits) {
        (self.total, self.run) = filters(limits);
    }

    pub(super) fn next_seq(&self) -> u64 {
        self.entries.len() as u64 + 1
    }

    pub(super) fn enter(&mut self, entry: Entry) {
        self.spent = self.spent.add(&entry.cost);
        let run = self.by_run.entry(entry.run.clone()).or_insert_with(Cost::zero);
        *run = run.add(&entry.cost);
        self.plans.insert(entry.run.clone(), entry.plan);
        self.charged.insert((entry.run.clone(), entry.round, entry.released));
        self.entries.push(entry);
    }

    /// That a run's plan is the one that it was charged under.
    pub(super) fn same_plan(&self, run: &RunId, plan: Digest) -> Result<(), LedgerError> {
        match self.plans.get(run) {
            Some(charged) if *charged != plan => Err(LedgerError::OtherPlan { run: run.clone() }),
            _ => Ok(()),
        }
    }

    /// What was spent so far.
    #[must_use]
    pub fn spent(&self) -> &Cost {
        &self.spent
    }

    /// What each run spent.
    #[must_use]
    pub fn by_run(&self) -> &BTreeMap<RunId, Cost> {
        &self.by_run
    }

    /// The data set's limit.
    #[must_use]
    pub fn limit(&self) -> &Filter {
        &self.total
    }

    /// Its entries, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether a release was charged.
    #[must_use]
    pub fn has_charged(&self, run: &RunId, round: Round, released: Released) -> bool {
        self.charged.contains(&(run.clone(), round, released))
    }

    /// Whether all that a run will release fits, before any of it is computed. What was charged for it already is not
    /// asked for again.
    ///
    /// # Errors
    /// It does not, and the error says how many updates would fit; or the run was charged under another
    /// plan.
    pub fn foresee(
        &self,
        run: &RunId,
        plan: Digest,
        releases: RunReleases,
    ) -> Result<(), LedgerError> {
        self.foresee_beside(run, plan, &PlannedReleases::new(releases), &Cost::zero())
    }

    /// The same for a run beside others. `others` is what those have still to charge ([`Account::outstanding`]), and
    /// counts as spent on the data set.
    ///
    /// # Errors
    /// As [`Account::foresee`].
    pub fn foresee_beside(
        &self,
        run: &RunId,
        plan: Digest,
        planned: &PlannedReleases,
        others: &Cost,
    ) -> Result<(), LedgerError> {
        self.same_plan(run, plan)?;
        let open = self.uncharged(run, planned);
        let rounds = open.count;
        let beside = !others.is_zero();
        match self.judge(run, &open, others) {
            None => Ok(()),
            Some(Verdict { rule, would, allowed, delta, fits }) => {
                Err(LedgerError::Unaffordable { rule, rounds, would, allowed, delta, fits, beside })
            }
        }
    }

    /// The cost of the planned releases that a run has not charged yet.
    #[must_use]
    pub fn outstanding(&self, run: &RunId, planned: &PlannedReleases) -> Cost {
        self.uncharged(run, planned).total()
    }

    /// What of a run's planned releases is not charged yet.
    fn uncharged<'a>(&self, run: &RunId, planned: &'a PlannedReleases) -> Prospect<'a> {
        let charged = u32::try_from(self.count(run, Released::Update)).unwrap_or(u32::MAX);
        let once = planned.once.as_ref().filter(|once| self.count(run, once.released) == 0);
        Prospect {
            each: &planned.each,
            count: planned.rounds.saturating_sub(charged),
            extra: once.map_or_else(Cost::zero, |once| once.cost.clone()),
        }
    }

    /// How many releases of one kind were charged for a run.
    fn count(&self, run: &RunId, released: Released) -> usize {
        let same = |entry: &&Entry| entry.run == *run && entry.released == released;
        self.entries.iter().filter(same).count()
    }

    /// Whether all that a description releases fits, before any of it is: `count` releases by one
    /// mechanism, under a name that nothing was charged under.
    ///
    /// # Errors
    /// It does not, or it was charged before, whole or in part.
    pub fn foresee_statistics(
        &self,
        run: &RunId,
        mechanism: Mechanism,
        count: u32,
    ) -> Result<(), LedgerError> {
        self.foresee_statistics_beside(run, mechanism, count, &Cost::zero())
    }

    /// The same beside runs. `others` is what those have still to charge ([`Account::outstanding`]), and counts as
    /// spent on the data set.
    ///
    /// # Errors
    /// As [`Account::foresee_statistics`].
    pub fn foresee_statistics_beside(
        &self,
        run: &RunId,
        mechanism: Mechanism,
        count: u32,
        others: &Cost,
    ) -> Result<(), LedgerError> {
        // What an earlier log, or its removed segments, charged counts too.
        if self.charged.iter().any(|(charged, ..)| charged == run) {
            return Err(LedgerError::Answered { run: run.clone() });
        }
        let each = Cost::of(mechanism);
        let beside = !others.is_zero();
        match self.judge(run, &Prospect::equal(&each, count), others) {
            None => Ok(()),
            Some(Verdict { rule, would, allowed, delta, .. }) => {
                Err(LedgerError::Dear { rule, count, would, allowed, delta, beside })
            }
        }
    }

    /// The limit that charging all of `prospect` for a run would exceed if other runs spend `others` too, and how many
    /// of its equal releases would fit.
    pub(super) fn judge(
        &self,
        run: &RunId,
        prospect: &Prospect<'_>,
        others: &Cost,
    ) -> Option<Verdict> {
        let Prospect { each, extra, .. } = prospect;
        let more = prospect.total();
        let nothing = Cost::zero();
        let by_run = self.by_run.get(run).unwrap_or(&nothing);
        let spent = self.spent.add(others);
        let total = Some(("policy.budget.epsilon", &self.total, &spent));
        let per_run =
            self.run.as_ref().map(|filter| ("policy.budget.epsilon_per_run", filter, by_run));
        let limits: Vec<_> = total.into_iter().chain(per_run).collect();
        let within =
            |(_, filter, spent): &(&str, &Filter, &Cost)| filter.fits(&spent.add(extra), each);
        limits.iter().find_map(|&(rule, filter, spent)| {
            let after = spent.add(&more);
            if more.is_zero() || filter.admits(&after) {
                return None;
            }
            let Budget { epsilon: allowed, delta } = filter.budget();
            let would = filter.used(&after);
            // What fits, fits all limits.
            let fits = limits.iter().map(within).min().unwrap_or(u32::MAX);
            Some(Verdict { rule, would, allowed, delta, fits })
        })
    }
}
