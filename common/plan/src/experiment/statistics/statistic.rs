//! The single questions of a description, and the names of the numbers that answer them.

use super::{DescribedInput, StatisticsRequest};
use crate::metric::Metric;
use base::ids::Round;
use privacy::{Mechanism, Released};

/// The quartiles, and what they are called.
const QUARTILES: [(f64, &str); 3] = [(0.25, "q25"), (0.5, "q50"), (0.75, "q75")];

/// No hospital has this many patients: what is told beyond is no count.
const MAX: f64 = (1_u64 << 40) as f64;

/// One question, which is one release and one charge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic<'d> {
    /// How many patients train.
    Patients,
    /// How many of them had the event.
    Events,
    /// Events and censorings by interval: the counts behind the survival curve.
    Survival(&'d [f64]),
    /// How many lack an input, and how many have it.
    Missing(&'d DescribedInput),
    /// An input's mean, clipped to its bounds.
    Mean(&'d DescribedInput),
    /// A quartile of an input.
    Quartile(&'d DescribedInput, f64, &'static str),
}

impl Statistic<'_> {
    /// What leaves for it, as a ledger enters it.
    #[must_use]
    pub fn released(&self) -> Released {
        match self {
            Self::Patients => Released::Patients,
            Self::Events => Released::Events,
            Self::Survival(_) => Released::Survival,
            Self::Missing(_) => Released::Missing,
            Self::Mean(_) => Released::Mean,
            Self::Quartile(..) => Released::Quantile,
        }
    }

    /// The names of the numbers that answer it.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let of = |input: &DescribedInput, what: &str| format!("input.{}.{what}", input.view.name);
        match self {
            Self::Patients => vec!["patients".to_owned()],
            Self::Events => vec!["events".to_owned()],
            Self::Survival(edges) => {
                let each = |what: &str| {
                    (1..=edges.len())
                        .map(|edge| format!("survival.{what}.{edge}"))
                        .collect::<Vec<_>>()
                };
                let beyond = "survival.beyond".to_owned();
                [each("events"), each("censored"), vec![beyond]].concat()
            }
            Self::Missing(input) => vec![of(input, "missing"), of(input, "present")],
            Self::Mean(input) => vec![of(input, "mean"), of(input, "mean_deviation")],
            Self::Quartile(input, _, name) => vec![of(input, name)],
        }
    }

    /// Whether the values, in the order of the names, can be answers: counts are whole numbers, means and
    /// quartiles lie within the public bounds, and a mean's deviation is what the noise allows.
    fn allows(&self, values: &[f64], rho: f64) -> bool {
        let within =
            |input: &DescribedInput, value: f64| (input.lower..=input.upper).contains(&value);
        match (self, values) {
            (Self::Mean(input), [mean, deviation]) => {
                // Of one patient: half the width times √(1/(2·¾ρ) + 1/(2·¼ρ)) is below the width by √ρ.
                let most = (input.upper - input.lower) / rho.sqrt();
                within(input, *mean) && (0.0..=most).contains(deviation)
            }
            (Self::Quartile(input, ..), [value]) => within(input, *value),
            (Self::Mean(_) | Self::Quartile(..), _) => false,
            _ => values.iter().all(|value| value.abs() <= MAX && value.fract() == 0.0),
        }
    }

    /// Whether a hospital may have no answer: a mean where the noisy count of patients is not above 0.
    fn may_be_open(&self) -> bool {
        matches!(self, Self::Mean(_))
    }
}

impl StatisticsRequest {
    /// The questions in their order; the first is charged as round 1.
    #[must_use]
    pub fn questions(&self) -> Vec<(Round, Statistic<'_>)> {
        let first =
            [Statistic::Patients, Statistic::Events, Statistic::Survival(&self.outcome.edges)];
        let each = self.inputs.iter().flat_map(|input| {
            let quartiles = QUARTILES.map(|(q, name)| Statistic::Quartile(input, q, name));
            [Statistic::Missing(input), Statistic::Mean(input)].into_iter().chain(quartiles)
        });
        (1..).map(Round).zip(first.into_iter().chain(each)).collect()
    }

    /// How many questions there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.inputs.len()).unwrap_or(u32::MAX).saturating_mul(5).saturating_add(3)
    }

    /// What one question may spend: all of them together no more than is stated.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        Mechanism::Zcdp { rho: self.share() }
    }

    fn share(&self) -> f64 {
        (self.rho / f64::from(self.count())).next_down()
    }

    /// The standard deviation of the noise in each count of patients. Public.
    #[must_use]
    pub fn count_deviation(&self) -> f64 {
        (f64::from(self.count()) / (2.0 * self.rho)).sqrt()
    }

    /// Holds a hospital's numbers against the questions: each that was asked for, in order and of a size
    /// that it can have, and no other.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn accepts(&self, numbers: &[Metric]) -> Result<(), &'static str> {
        let mut told = numbers.iter().peekable();
        for (_, question) in self.questions() {
            let names = question.names();
            let begun = |number: &&Metric| names.first().is_some_and(|name| *name == number.name);
            if question.may_be_open() && !told.peek().is_some_and(begun) {
                continue;
            }
            let mut values = Vec::with_capacity(names.len());
            for name in names {
                let number = told.next_if(|number| number.name == name);
                values.push(number.ok_or("a question without its answer")?.value);
            }
            if !question.allows(&values, self.share()) {
                return Err("a number that is no answer to its question");
            }
        }
        if told.next().is_none() { Ok(()) } else { Err("a number that was not asked for") }
    }
}
