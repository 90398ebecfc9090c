//! Measurements as numbers with names: the form in which they travel and are stored.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::METRIC_NAME;
use super::id::{MetricId, UnknownMetric};
use super::measurement::{Measured, Measurement};

/// How the name of a deviation begins.
const DEVIATION: &str = "deviation/";

/// A number with its name, which may be of another release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Such as `train.loss`.
    pub name: String,
    /// Finite.
    pub value: f64,
}

impl Metric {
    /// The numbers of some measurements: each value, and behind it how far noise moves it.
    #[must_use]
    pub fn list(measurements: &[Measurement]) -> Vec<Self> {
        let named = |quantity: Quantity, value| Self { name: quantity.to_string(), value };
        let both = |Measurement { id, measured }: &Measurement| {
            let value = measured.value().map(|value| named(Quantity::Value(id.clone()), value));
            let around = measured.deviation();
            let around = around.map(|value| named(Quantity::Deviation(id.clone()), value));
            [value, around]
        };
        measurements.iter().flat_map(both).flatten().collect()
    }
}

/// What a number is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quantity {
    /// The value of a metric. It has the metric's own name.
    Value(MetricId),
    /// How far noise moves the value: one standard deviation.
    Deviation(MetricId),
}

impl Quantity {
    /// The metric that the number belongs to.
    #[must_use]
    pub fn id(&self) -> &MetricId {
        match self {
            Self::Value(id) | Self::Deviation(id) => id,
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(id) => id.fmt(f),
            Self::Deviation(id) => f.pad(&format!("{DEVIATION}{id}")),
        }
    }
}

impl FromStr for Quantity {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        if text.len() > METRIC_NAME {
            return Err(UnknownMetric::new(text));
        }
        match text.strip_prefix(DEVIATION) {
            Some(id) => id.parse().map(Self::Deviation).map_err(|_| UnknownMetric::new(text)),
            None => text.parse().map(Self::Value),
        }
    }
}

/// What some numbers say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Readings {
    /// Each metric once, in the order in which they first appear.
    pub measurements: Vec<Measurement>,
    /// Numbers whose name this release does not know, and those whose name has appeared before.
    pub unknown: Vec<Metric>,
}

#[derive(Default)]
struct Numbers {
    value: Option<f64>,
    deviation: Option<f64>,
}

impl Readings {
    /// Reads numbers with names.
    #[must_use]
    pub fn from_metrics(metrics: &[Metric]) -> Self {
        let mut places: BTreeMap<MetricId, usize> = BTreeMap::new();
        let mut found: Vec<(MetricId, Numbers)> = Vec::new();
        let mut unknown = Vec::new();
        for metric in metrics {
            let Ok(quantity) = metric.name.parse::<Quantity>() else {
                unknown.push(metric.clone());
                continue;
            };
            let place = *places.entry(quantity.id().clone()).or_insert_with(|| {
                found.push((quantity.id().clone(), Numbers::default()));
                found.len() - 1
            });
            let Some((_, numbers)) = found.get_mut(place) else { continue };
            let slot = match quantity {
                Quantity::Value(_) => &mut numbers.value,
                Quantity::Deviation(_) => &mut numbers.deviation,
            };
            match slot {
                Some(_) => unknown.push(metric.clone()),
                None => *slot = Some(metric.value),
            }
        }
        let measurement = |(id, Numbers { value, deviation }): (MetricId, Numbers)| {
            Measured::from_numbers(value, deviation).map(|measured| Measurement { id, measured })
        };
        Self { measurements: found.into_iter().filter_map(measurement).collect(), unknown }
    }

    /// The measurements if nothing else is among the numbers.
    ///
    /// # Errors
    /// The first number that is no part of a measurement.
    pub fn complete(self) -> Result<Vec<Measurement>, UnknownMetric> {
        match self.unknown.first() {
            Some(unknown) => Err(UnknownMetric::new(&unknown.name)),
            None => Ok(self.measurements),
        }
    }
}
