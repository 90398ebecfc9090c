//! A run after the coordinator's process ended: who is expected back, and what is waited for anew.
//!
//! ```text
//! AwaitQuorum, AwaitUpdates, AwaitModel ─ Resumed ─► AwaitQuorum of the same round
//! AwaitEvaluations ────────────────────── Resumed ─► AwaitEvaluations of those who have not evaluated
//! ```

use std::time::Duration;

use base::clock::Moment;

use super::Machine;
use super::machine::{Standing, State};

/// How long sites that took part are expected back. A site tries again after 8 seconds at the latest, and one attempt
/// takes about 10; the line of a hospital may be down as well.
const RETURN: Duration = Duration::from_secs(120);

impl Machine {
    /// Takes up the run where another process left it. The open round begins anew with a window of its own: the time
    /// without a coordinator is nobody's fault.
    pub(super) fn resume(&mut self, now: Moment) {
        let window = self.rules.window;
        let end = now.plus(window);
        match &mut self.state {
            State::Over => return,
            State::AwaitEvaluations { until, .. } => *until = end,
            state => {
                self.reopens |= !matches!(state, State::AwaitQuorum { .. });
                *state = State::AwaitQuorum { until: end };
            }
        }
        self.ending = false;
        // Who had left before may come back as any other site.
        self.sites.retain(|_, standing| {
            matches!(standing, Standing::Asked | Standing::Present | Standing::Returning)
        });
        self.sites.values_mut().for_each(|standing| *standing = Standing::Returning);
        self.return_by = Some(now.plus(window.min(RETURN)));
    }

    /// Waits no longer for sites that are not back in time. The round begins with those that are.
    pub(super) fn expect_back(&mut self, now: Moment) {
        let Some(return_by) = self.return_by else { return };
        if now < return_by && self.count(Standing::Returning) > 0 {
            return;
        }
        self.return_by = None;
        self.sites.retain(|_, standing| *standing != Standing::Returning);
        if let State::AwaitEvaluations { pending, .. } = &mut self.state {
            pending.retain(|site| self.sites.contains_key(site));
        }
    }
}
