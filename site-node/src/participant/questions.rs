//! How often a coordinator may ask. What it asks makes the hospital write, and read its patients, at no cost in ε: so
//! much at once, and a little more with time.
//!
//! ```text
//! Question   a plan, or a description
//! Offer      a round's model, or the final one; a round that is trained gives its offer back
//! Remark     a line in this program's log, or the record of a refusal, that no question or offer paid for
//! ```

use std::time::Duration;

use audit::record::{Entry, Event, Outcome};
use base::clock::Moment;
use node::allowance::Allowance;
use node::audit_log::name;

use super::DeclineReason;

/// What a coordinator does that makes a hospital write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It asks for consent to a plan, or for a description.
    Question,
    /// It offers a model.
    Offer,
    /// It says something that is worth a line.
    Remark,
}

/// Plans and descriptions that may be asked at once, and as many offers that no training follows.
const AT_ONCE: u32 = 60;

/// One more of them is allowed after such a time.
const EVERY: Duration = Duration::from_secs(60);

/// Lines that may be written at once.
const REMARKS: u32 = 600;

/// One more line may be written after such a time.
const REMARK_EVERY: Duration = Duration::from_secs(6);

/// The rule by which more plans and descriptions are refused.
const PLANS: &str = "plans";

/// The rule by which more offers are refused.
const OFFERS: &str = "offers";

/// The rule by which more lines are left out.
const REMARKS_RULE: &str = "remarks";

/// One allowance, and what was refused by it.
struct Meter {
    allowance: Allowance,
    rule: &'static str,
    /// How many were refused since the last one that was allowed.
    left_out: u64,
}

impl Meter {
    fn new(rule: &'static str, most: u32, every: Duration, now: Moment) -> Self {
        Self { allowance: Allowance::new(most, every, now), rule, left_out: 0 }
    }

    /// Allows one, and says how many were refused before it; none where this one is refused too.
    fn take(&mut self, now: Moment) -> Option<u64> {
        if self.allowance.take(1, now) {
            return Some(std::mem::take(&mut self.left_out));
        }
        self.left_out = self.left_out.saturating_add(1);
        if self.left_out == 1 {
            tracing::warn!(
                rule = self.rule,
                "the coordinator asks too often; more of it is refused and not logged"
            );
        }
        None
    }
}

/// What was asked so far.
pub(super) struct Questions {
    plans: Meter,
    offers: Meter,
    remarks: Meter,
}

impl Questions {
    /// The allowances of a hospital with so many slots for runs. Each slot brings offers of its own: a run whose
    /// rounds are too short for this hospital leaves some to the others.
    pub fn new(now: Moment, slots: u32) -> Self {
        let slots = slots.max(1);
        Self {
            plans: Meter::new(PLANS, AT_ONCE, EVERY, now),
            offers: Meter::new(OFFERS, AT_ONCE.saturating_mul(slots), EVERY / slots, now),
            remarks: Meter::new(REMARKS_RULE, REMARKS, REMARK_EVERY, now),
        }
    }

    /// Lets something be considered, and says how many of its kind were refused before it: they make one record
    /// together.
    ///
    /// # Errors
    /// Too much was asked. This is neither considered nor recorded.
    pub fn admit(&mut self, asked: Asked, now: Moment) -> Result<Option<Entry>, DeclineReason> {
        let (meter, reason) = match asked {
            Asked::Question => (
                &mut self.plans,
                "this hospital considers 60 plans and statistics requests at once, and one more every minute; ask \
                 again in a minute",
            ),
            Asked::Offer => (
                &mut self.offers,
                "this hospital takes 60 offers for each of its slots at once that no training follows, and one more \
                 for each every minute; offer again in a minute",
            ),
            Asked::Remark => (&mut self.remarks, "this hospital has written enough about that"),
        };
        let refused = meter.take(now).ok_or_else(|| DeclineReason::new(meter.rule, reason))?;
        let rule = meter.rule;
        let entry = || {
            let count = name(&format!("{refused}-refused"));
            Entry::new(name("daemon"), Event::Refused { rule: name(rule) })
                .ended(Outcome::Refused, count)
        };
        Ok((refused > 0).then(entry))
    }

    /// A round was trained: it has cost the coordinator what its plan says, and gives its offer back.
    pub fn trained(&mut self) {
        self.offers.allowance.grant(1);
    }
}

impl DeclineReason {
    /// Whether it says that the coordinator asks too often: it leaves no line of its own.
    pub(crate) fn is_too_often(&self) -> bool {
        [PLANS, OFFERS, REMARKS_RULE].contains(&self.rule.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    #[test]
    fn what_is_asked_too_often_makes_one_record_with_its_count() {
        for (asked, rule) in [(Asked::Question, "plans"), (Asked::Offer, "offers")] {
            let mut questions = Questions::new(at(0), 1);
            assert!((0..AT_ONCE).all(|_| matches!(questions.admit(asked, at(0)), Ok(None))));
            for _ in 0..5000 {
                let refused = questions.admit(asked, at(59)).unwrap_err();
                assert!(refused.rule == rule && refused.is_too_often());
            }
            let entry = questions.admit(asked, at(60)).unwrap().unwrap();
            assert_eq!(entry.reason.as_ref().map(audit::Name::as_str), Some("5000-refused"));
            entry.check().unwrap();
            assert!(matches!(questions.admit(asked, at(120)), Ok(None)));
        }
    }

    #[test]
    fn a_run_of_any_length_is_trained_and_offers_without_training_end() {
        let mut questions = Questions::new(at(0), 1);
        for _ in 0..100_000 {
            questions.admit(Asked::Offer, at(0)).unwrap();
            questions.trained();
        }
        let taken = (0..1000).filter(|_| questions.admit(Asked::Offer, at(0)).is_ok()).count();
        assert_eq!(taken, AT_ONCE as usize);
        // Questions and lines have allowances of their own.
        questions.admit(Asked::Question, at(0)).unwrap();
        let lines = (0..10_000).filter(|_| questions.admit(Asked::Remark, at(0)).is_ok()).count();
        assert_eq!(lines, REMARKS as usize);
    }
}
