//! How often a coordinator may ask. What it asks makes the hospital write, and read its patients, at no cost in ε: so
//! much at once, and a little more with time.
//!
//! ```text
//! Question   a plan, or a description
//! Offer      a round's model, or the final one; a round that is trained gives its offer back. Each run has its own
//! Remark     a line in this program's log, or the record of a refusal, that no question or offer paid for
//! ```

use std::time::Duration;

use audit::record::{Entry, Event, Outcome};
use base::clock::Moment;
use base::ids::RunId;
use node::allowance::Allowance;
use node::audit_log::name;

use super::{DeclineReason, SiteRule};

/// What a coordinator does that makes a hospital write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked<'r> {
    /// It asks for consent to a plan, or for a description.
    Question,
    /// It offers a model of this run.
    Offer(&'r RunId),
    /// It says something that is worth a line.
    Remark,
}

/// Plans and descriptions that may be asked at once, and as many offers of one run that no training follows.
const AT_ONCE: u32 = 60;

/// One more of them is allowed after such a time.
const EVERY: Duration = Duration::from_secs(60);

/// Lines that may be written at once.
const REMARKS: u32 = 600;

/// One more line may be written after such a time.
const REMARK_EVERY: Duration = Duration::from_secs(6);

/// One allowance, and what was refused by it.
struct Meter {
    allowance: Allowance,
    rule: SiteRule,
    /// How many were refused since the last one that was allowed.
    left_out: u64,
}

impl Meter {
    fn new(rule: SiteRule, most: u32, every: Duration, now: Moment) -> Self {
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
                rule = self.rule.name(),
                "the coordinator asks too often; more of it is refused and not logged"
            );
        }
        None
    }
}

/// The allowance of the offers of one run. A further run goes on with what a run without a slot left, so that new names
/// bring no more offers.
struct RunOffers {
    run: Option<RunId>,
    meter: Meter,
}

/// What was asked so far.
pub(super) struct Questions {
    plans: Meter,
    /// One for each slot.
    offers: Vec<RunOffers>,
    remarks: Meter,
}

/// Why an offer is not considered: its run has used up its allowance.
const TOO_MANY_OFFERS: &str = "this hospital takes 60 offers of a run at once that no training follows, and one more \
                               every minute; offer again in a minute";

/// The same of a run that has no allowance.
const NO_SLOT: &str = "this run has no slot at this hospital any more; propose it again";

impl Questions {
    /// The allowances of a hospital with so many slots for runs. Each slot brings offers of its own: a run whose
    /// rounds are too short for this hospital uses up those of no other run.
    pub fn new(now: Moment, slots: u32) -> Self {
        let offers =
            |_| RunOffers { run: None, meter: Meter::new(SiteRule::Offers, AT_ONCE, EVERY, now) };
        Self {
            plans: Meter::new(SiteRule::Plans, AT_ONCE, EVERY, now),
            offers: (0..slots.max(1)).map(offers).collect(),
            remarks: Meter::new(SiteRule::Remarks, REMARKS, REMARK_EVERY, now),
        }
    }

    /// Lets something be considered, and says how many of its kind were refused before it: they make one record
    /// together. A run that `has_slot` keeps its allowance of offers.
    ///
    /// # Errors
    /// Too much was asked. This is neither considered nor recorded.
    pub fn admit(
        &mut self,
        asked: Asked<'_>,
        now: Moment,
        has_slot: impl Fn(&RunId) -> bool,
    ) -> Result<Option<Entry>, DeclineReason> {
        let (meter, rule, reason) = match asked {
            Asked::Question => (
                Some(&mut self.plans),
                SiteRule::Plans,
                "this hospital considers 60 plans and statistics requests at once, and one more every minute; ask \
                 again in a minute",
            ),
            Asked::Offer(run) => {
                let own = self.offers_of(run, has_slot);
                let reason = if own.is_some() { TOO_MANY_OFFERS } else { NO_SLOT };
                (own, SiteRule::Offers, reason)
            }
            Asked::Remark => (
                Some(&mut self.remarks),
                SiteRule::Remarks,
                "this hospital has written enough about that",
            ),
        };
        let refused = meter.and_then(|meter| meter.take(now));
        let refused = refused.ok_or_else(|| DeclineReason::new(rule, reason))?;
        let entry = || {
            let count = name(&format!("{refused}-refused"));
            Entry::new(name("daemon"), Event::Refused { rule: name(rule.name()) })
                .ended(Outcome::Refused, count)
        };
        Ok((refused > 0).then(entry))
    }

    /// The allowance of a run's offers: its own, or that of a run without a slot. There is none for a run that has no
    /// slot while all others have theirs.
    fn offers_of(&mut self, run: &RunId, has_slot: impl Fn(&RunId) -> bool) -> Option<&mut Meter> {
        let is_free = |offers: &RunOffers| offers.run.as_ref().is_none_or(|run| !has_slot(run));
        if !self.offers.iter().any(|offers| offers.run.as_ref() == Some(run)) {
            let free = self.offers.iter().position(is_free)?;
            // To the end of the list, so that the next run takes one that had more time to refill.
            let RunOffers { meter, .. } = self.offers.remove(free);
            self.offers.push(RunOffers { run: Some(run.clone()), meter });
        }
        self.own_offers(run)
    }

    fn own_offers(&mut self, run: &RunId) -> Option<&mut Meter> {
        let own = self.offers.iter_mut().find(|offers| offers.run.as_ref() == Some(run));
        own.map(|offers| &mut offers.meter)
    }

    /// A round of this run was trained: it has cost the coordinator what its plan says, and gives its offer back.
    pub fn trained(&mut self, run: &RunId) {
        if let Some(meter) = self.own_offers(run) {
            meter.allowance.grant(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    fn run(name: &str) -> RunId {
        name.parse().unwrap()
    }

    /// Whether an offer is taken while only these runs have slots.
    fn offered(questions: &mut Questions, run: &RunId, with_slots: &[RunId], now: Moment) -> bool {
        questions.admit(Asked::Offer(run), now, |run| with_slots.contains(run)).is_ok()
    }

    #[test]
    fn a_run_that_has_used_up_its_offers_leaves_those_of_other_runs() {
        let runs = [run("run-a"), run("run-b")];
        let mut questions = Questions::new(at(0), 2);
        let taken = (0..1000).filter(|_| offered(&mut questions, &runs[0], &runs, at(0))).count();
        assert_eq!(taken, AT_ONCE as usize);
        let taken = (0..1000).filter(|_| offered(&mut questions, &runs[1], &runs, at(0))).count();
        assert_eq!(taken, AT_ONCE as usize);
        // Trained rounds of one give the other nothing.
        questions.trained(&runs[1]);
        assert!(!offered(&mut questions, &runs[0], &runs, at(0)));
        assert!(offered(&mut questions, &runs[1], &runs, at(0)));
    }

    #[test]
    fn runs_that_come_and_go_have_no_more_offers_than_the_slots() {
        let mut questions = Questions::new(at(0), 2);
        let mut taken = 0;
        for number in 0..100 {
            let run = run(&format!("run-{number}"));
            let with_slots = [run.clone()];
            taken +=
                (0..1000).filter(|_| offered(&mut questions, &run, &with_slots, at(0))).count();
        }
        assert_eq!(taken, 2 * AT_ONCE as usize);
        assert_eq!(questions.offers.len(), 2);
    }

    #[test]
    fn what_is_asked_too_often_makes_one_record_with_its_count() {
        let run = run("run-a");
        for (asked, rule) in [(Asked::Question, "plans"), (Asked::Offer(&run), "offers")] {
            let mut questions = Questions::new(at(0), 1);
            let mut admit = |now| questions.admit(asked, at(now), |_| true);
            assert!((0..AT_ONCE).all(|_| matches!(admit(0), Ok(None))));
            for _ in 0..5000 {
                let refused = admit(59).unwrap_err();
                assert!(refused.rule.as_str() == rule && refused.is_too_often());
            }
            let entry = admit(60).unwrap().unwrap();
            assert_eq!(entry.reason.as_ref().map(audit::Name::as_str), Some("5000-refused"));
            entry.check().unwrap();
            assert!(matches!(admit(120), Ok(None)));
        }
    }

    #[test]
    fn a_run_of_any_length_is_trained_and_offers_without_training_end() {
        let mut questions = Questions::new(at(0), 1);
        let runs = [run("run-a")];
        for _ in 0..100_000 {
            assert!(offered(&mut questions, &runs[0], &runs, at(0)));
            questions.trained(&runs[0]);
        }
        let taken = (0..1000).filter(|_| offered(&mut questions, &runs[0], &runs, at(0))).count();
        assert_eq!(taken, AT_ONCE as usize);
        // Questions and lines have allowances of their own.
        let mut admit = |asked| questions.admit(asked, at(0), |_| true);
        admit(Asked::Question).unwrap();
        let lines = (0..10_000).filter(|_| admit(Asked::Remark).is_ok()).count();
        assert_eq!(lines, REMARKS as usize);
    }
}
