//! What runs are going to release, and what that costs.

use super::cost::Cost;
use super::entry::Released;
use crate::mechanism::Mechanism;

/// All releases of a run by its plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunReleases {
    /// The mechanism of each update.
    pub update: Mechanism,
    /// Rounds, each of which releases one update.
    pub rounds: u32,
    /// What is released once besides.
    pub once: Option<SingleRelease>,
}

/// A value that a run releases once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SingleRelease {
    /// What it tells.
    pub released: Released,
    /// By which mechanism.
    pub mechanism: Mechanism,
}

impl RunReleases {
    /// So many updates by one mechanism, and nothing else.
    #[must_use]
    pub fn of_updates(update: Mechanism, rounds: u32) -> Self {
        Self { update, rounds, once: None }
    }
}

/// The releases of a run with the cost of each.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedReleases {
    pub(super) rounds: u32,
    /// The cost of one update.
    pub(super) each: Cost,
    pub(super) once: Option<PlannedOnce>,
}

/// A single release with its cost.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PlannedOnce {
    pub(super) released: Released,
    pub(super) cost: Cost,
}

impl PlannedReleases {
    /// Computes the cost of each release, which takes a while.
    #[must_use]
    pub fn new(releases: RunReleases) -> Self {
        let RunReleases { update, rounds, once } = releases;
        let once = once.map(|SingleRelease { released, mechanism }| PlannedOnce {
            released,
            cost: Cost::of(mechanism),
        });
        Self { rounds, each: Cost::of(update), once }
    }
}

/// What is about to be charged: equal releases, and what comes beside them.
pub(super) struct Prospect<'a> {
    /// The cost of one of the equal releases.
    pub(super) each: &'a Cost,
    pub(super) count: u32,
    /// The cost of everything else.
    pub(super) extra: Cost,
}

impl<'a> Prospect<'a> {
    /// Equal releases alone.
    pub(super) fn equal(each: &'a Cost, count: u32) -> Self {
        Self { each, count, extra: Cost::zero() }
    }

    /// The cost of all of it.
    pub(super) fn total(&self) -> Cost {
        self.each.times(u64::from(self.count)).add(&self.extra)
    }
}
