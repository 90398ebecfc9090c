//! The answers to a description: what it is about, then a charge and a release for each question.

use std::collections::BTreeMap;

use plan::experiment::{DescribedInput, Statistic, StatisticsRequest};
use plan::metric::Metric;
use plan::policy::Policy;
use privacy::Receipt;
use privacy::release::{ReleaseError, clipped_mean, count, histogram, quantile, survival_curve};

use super::site::Counts;
use super::{DeclineReason, RecordsInForce, SiteRule, failed};
use crate::cohort::Cohort;
use crate::features::{Lookup, Rules, gather};
use crate::privatize::PrivacyGate;

/// Candidates among which a quartile is chosen, from the lower bound to the upper.
const CANDIDATES: usize = 501;

/// What is asked about: the patients who train, each of whom is one entry in every list.
pub(super) struct Facts {
    times: Vec<f64>,
    events: Vec<bool>,
    /// By its name, the values of each input and how many patients have none.
    inputs: BTreeMap<String, (Vec<f64>, u64)>,
}

impl Facts {
    /// Reads them, if there are as many patients and events as the policy asks for.
    pub(super) fn read(
        records: &RecordsInForce<'_>,
        policy: &Policy,
        question: &StatisticsRequest,
    ) -> Result<Self, DeclineReason> {
        let (patients, split) = records.read().map_err(|error| failed(SiteRule::Data)(&error))?;
        patients.losses.log(policy.min_patients as usize);
        let cohort = Cohort::new(patients, &question.outcome, split)
            .map_err(|error| failed(SiteRule::Patients)(&error))?;
        policy.admit_cohort(cohort.training_patients(), cohort.training_events())?;
        let part = cohort.part(true);
        let mut inputs = BTreeMap::new();
        let mut lookup = Lookup::new(part.patients);
        for input in &question.inputs {
            let gathered = gather(&mut lookup, &input.view, Rules::PROTECTED)
                .map_err(|error| failed(SiteRule::Features)(&error))?;
            // A conversion may overflow; a refusal later on would be an exact answer about one patient.
            let finite = |value: &f64| value.is_finite();
            let of = |row: &usize| gathered.values.get(*row).copied().flatten().filter(finite);
            let values: Vec<f64> = part.rows.iter().filter_map(of).collect();
            let missing = part.rows.len() - values.len();
            inputs.insert(input.view.name.clone(), (values, missing as u64));
        }
        // A time that overflowed with its unit is beyond every edge.
        let times = part.time.iter().map(|time| time.min(f64::MAX)).collect();
        Ok(Self { times, events: part.event, inputs })
    }

    /// How many patients these are.
    pub(super) fn counts(&self) -> Counts {
        let events = self.events.iter().filter(|event| **event).count();
        Counts { patients: self.times.len(), events }
    }
}

/// Charges each question, and answers it once that is on disk. An error names a stage and no patient;
/// what was charged until then stands.
pub(super) fn answer(
    gate: &PrivacyGate,
    question: &StatisticsRequest,
    facts: &Facts,
) -> Result<Vec<Metric>, DeclineReason> {
    let mut numbers = Vec::new();
    for (round, one) in question.questions() {
        let receipt = gate
            .answer(question, round, &one)
            .map_err(|error| failed(SiteRule::Privatize)(&error))?;
        let values =
            release(receipt, &one, facts).map_err(|error| failed(SiteRule::Describe)(&error))?;
        // A mean that is not known has no number.
        let named = one.names().into_iter().zip(values);
        numbers.extend(named.map(|(name, value)| Metric { name, value }));
    }
    Ok(numbers)
}

/// One release: the values of the question's names, in their order.
fn release(
    receipt: Receipt,
    question: &Statistic<'_>,
    facts: &Facts,
) -> Result<Vec<f64>, ReleaseError> {
    let whole = |counts: Vec<i64>| counts.into_iter().map(|count| count as f64).collect();
    let none = (Vec::new(), facts.times.len() as u64);
    let of = |input: &DescribedInput| facts.inputs.get(&input.view.name).unwrap_or(&none);
    match *question {
        Statistic::Patients => {
            let patients = facts.times.len() as u64;
            Ok(whole(vec![count(receipt, patients)?.patients]))
        }
        Statistic::Events => {
            let events = facts.events.iter().filter(|event| **event).count() as u64;
            Ok(whole(vec![count(receipt, events)?.patients]))
        }
        Statistic::Survival(edges) => {
            let curve = survival_curve(receipt, &facts.times, &facts.events, edges)?;
            Ok(whole([curve.events, curve.censored, vec![curve.beyond]].concat()))
        }
        // A patient lacks the input or has it: one of two bins.
        Statistic::Missing(input) => {
            let (values, missing) = of(input);
            Ok(whole(histogram(receipt, &[*missing, values.len() as u64])?.bins))
        }
        Statistic::Mean(input) => {
            let noisy = clipped_mean(receipt, &of(input).0, input.lower, input.upper)?;
            Ok(noisy.mean.map_or_else(Vec::new, |mean| vec![mean.value, mean.deviation]))
        }
        Statistic::Quartile(input, q, _) => {
            let (values, _) = of(input);
            Ok(vec![quantile(receipt, values, q, input.lower, input.upper, CANDIDATES)?])
        }
    }
}
