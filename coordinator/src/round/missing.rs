//! The hospitals that a run waits for.

use base::clock::Moment;
use base::ids::SiteName;

use super::Machine;
use super::machine::{Standing, State};

/// More hospitals that a run needs before it can go on, and how long it waits for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// How many, beside those that are connected and may still contribute.
    pub more: u32,
    /// When the run ends without them.
    pub until: Moment,
}

impl Machine {
    /// The hospitals that the run waits for because too few are connected; none where enough are.
    #[must_use]
    pub fn missing(&self) -> Option<Missing> {
        // Those who are expected back after a restart are not there yet: whoever follows the run is told.
        let waiting = |standing: &Standing| matches!(standing, Standing::Asked | Standing::Present);
        let there = |site: &SiteName| self.sites.get(site).is_some_and(waiting);
        let (until, hoped) = match &self.state {
            State::AwaitQuorum { until } => {
                (*until, self.sites.values().filter(|standing| waiting(standing)).count())
            }
            State::AwaitUpdates { until, offered, taken, .. } => {
                let open = offered.iter().filter(|site| !taken.contains_key(*site) && there(site));
                let asked = self.sites.iter().filter(|(site, standing)| {
                    **standing == Standing::Asked && !offered.contains(*site)
                });
                (*until, taken.len() + open.count() + asked.count())
            }
            State::AwaitModel | State::AwaitEvaluations { .. } | State::Over => return None,
        };
        let hoped = u32::try_from(hoped).unwrap_or(u32::MAX);
        let more = self.rules.min_sites.saturating_sub(hoped);
        (more > 0).then_some(Missing { more, until })
    }
}
