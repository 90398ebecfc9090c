//! A metric with its value, and how far noise moves the value.

use privacy::release::Estimate;

use super::id::MetricId;

/// What a table shows in place of a value that is lost in noise.
pub const LOST_IN_NOISE: &str = "no value: the noise is larger than the counts";

/// The deviation that a site reports of a value that is lost in noise.
const NO_VALUE: f64 = 1.0;

/// A metric that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Which one.
    pub id: MetricId,
    /// What was found.
    pub measured: Measured,
}

/// The value of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measured {
    /// Without noise.
    Exact(f64),
    /// With noise, and the standard deviation of what the noise does to the value.
    Noised(Estimate),
    /// The noise is larger than the counts behind the value. The metric was paid for, and has no value.
    LostInNoise {
        /// What was reported as its standard deviation.
        deviation: f64,
    },
}

impl Measured {
    /// The value if there is one.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Exact(value) | Self::Noised(Estimate { value, .. }) => Some(value),
            Self::LostInNoise { .. } => None,
        }
    }

    /// How far noise moves the value: one standard deviation. None without noise.
    #[must_use]
    pub fn deviation(self) -> Option<f64> {
        match self {
            Self::Exact(_) => None,
            Self::Noised(Estimate { deviation, .. }) | Self::LostInNoise { deviation } => {
                Some(deviation)
            }
        }
    }

    /// What a value and a deviation, each of which may be missing, say together.
    pub(super) fn from_numbers(value: Option<f64>, deviation: Option<f64>) -> Option<Self> {
        match (value, deviation) {
            (Some(value), Some(deviation)) => Some(Self::Noised(Estimate { value, deviation })),
            (Some(value), None) => Some(Self::Exact(value)),
            (None, Some(deviation)) => Some(Self::LostInNoise { deviation }),
            (None, None) => None,
        }
    }
}

/// A released estimate; none where it is lost in noise.
impl From<Option<Estimate>> for Measured {
    fn from(released: Option<Estimate>) -> Self {
        released.map_or(Self::LostInNoise { deviation: NO_VALUE }, Self::Noised)
    }
}
