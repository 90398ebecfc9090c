//! How often a coordinator may ask. What it asks is recorded and makes the hospital read its patients,
//! at no cost in ε: so many plans and descriptions at once, and one more with every minute.

use std::time::Duration;

use audit::record::{Entry, Event, Outcome};
use base::clock::Moment;
use node::allowance::Allowance;
use node::audit_log::name;

use super::DeclineReason;

/// Plans and descriptions that may be asked at once.
const AT_ONCE: u32 = 60;

/// One more may be asked after such a time.
const EVERY: Duration = Duration::from_secs(60);

/// The rule by which more are refused.
const RULE: &str = "plans";

/// What was asked so far.
pub(super) struct Questions {
    allowance: Allowance,
    /// Questions that were refused since the last one that was considered.
    left_out: u64,
}

impl Questions {
    pub fn new(now: Moment) -> Self {
        Self { allowance: Allowance::new(AT_ONCE, EVERY, now), left_out: 0 }
    }

    /// Lets a question be considered, and says how many were refused before it: they make one record
    /// together.
    ///
    /// # Errors
    /// Too many were asked. This one is neither considered nor recorded.
    pub fn admit(&mut self, now: Moment) -> Result<Option<Entry>, DeclineReason> {
        if !self.allowance.take(1, now) {
            self.left_out = self.left_out.saturating_add(1);
            if self.left_out == 1 {
                tracing::warn!(
                    "the coordinator asks too often; more of it is refused and not logged"
                );
            }
            let reason = "this hospital considers 60 plans and descriptions at once, and one more \
                          every minute; ask again in a minute";
            return Err(DeclineReason::new(RULE, reason));
        }
        let refused = std::mem::take(&mut self.left_out);
        let entry = || {
            let count = name(&format!("{refused}-refused"));
            Entry::new(name("daemon"), Event::Refused { rule: name(RULE) })
                .ended(Outcome::Refused, count)
        };
        Ok((refused > 0).then(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_too_often_makes_one_record_with_its_count() {
        let at = |seconds| Moment(Duration::from_secs(seconds));
        let mut questions = Questions::new(at(0));
        assert!((0..AT_ONCE).all(|_| matches!(questions.admit(at(0)), Ok(None))));
        for _ in 0..5000 {
            let refused = questions.admit(at(59)).unwrap_err();
            assert_eq!(refused.rule, "plans");
        }
        let entry = questions.admit(at(60)).unwrap().unwrap();
        assert_eq!(entry.reason.as_ref().map(audit::Name::as_str), Some("5000-refused"));
        entry.check().unwrap();
        assert!(matches!(questions.admit(at(120)), Ok(None)));
    }
}
