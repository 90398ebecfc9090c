//! The numbers of a privacy guarantee, each checked once and then held as a type.

use super::AccountantError;

/// Declares a checked `f64`: the type is the proof that the value lies in its range.
macro_rules! checked_number {
    (
        $(#[$doc:meta])*
        $name:ident, $field:literal, $allowed:literal, $accepts:expr
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
        pub struct $name(f64);

        impl $name {
            /// Checks the value once.
            ///
            /// # Errors
            /// [`AccountantError::OutOfRange`] when the value is not a number or lies outside the
            /// range given above.
            pub fn new(value: f64) -> Result<Self, AccountantError> {
                let accepts: fn(f64) -> bool = $accepts;
                if accepts(value) {
                    Ok(Self(value))
                } else {
                    Err(AccountantError::OutOfRange {
                        field: $field,
                        found: value,
                        allowed: $allowed,
                    })
                }
            }

            /// The number itself, dimensionless.
            #[must_use]
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = AccountantError;

            fn try_from(value: f64) -> Result<Self, Self::Error> {
                Self::new(value)
            }
        }
    };
}

checked_number! {
    /// Probability q in (0, 1] with which each patient takes part in a step, independently of all
    /// others (Poisson sampling). 1 is the plain Gaussian mechanism.
    ///
    /// It is the configured constant, never the realised batch over the true number of patients,
    /// and it does not describe batches from a shuffled epoch.
    SamplingRate, "sampling rate", "above 0 and at most 1", |q| q > 0.0 && q <= 1.0
}

checked_number! {
    /// Noise multiplier z: the standard deviation of the noise on the *sum*, in units of the
    /// sensitivity (the clipping norm).
    ///
    /// The range [0.001, 1 000 000] is far wider than any use: below it a single step costs
    /// ε > 10⁵, above it nothing is learnt. Its bounds keep every exponent of the accountants
    /// inside `f64`.
    NoiseMultiplier, "noise multiplier", "between 0.001 and 1000000",
    |z| (NoiseMultiplier::SMALLEST..=NoiseMultiplier::LARGEST).contains(&z)
}

impl NoiseMultiplier {
    /// The smallest accepted value.
    pub const SMALLEST: f64 = 1e-3;
    /// The largest accepted value.
    pub const LARGEST: f64 = 1e6;
}

checked_number! {
    /// δ in (0, 1/2): the probability mass on which ε may fail. Choose it well below one over the
    /// number of patients.
    Delta, "delta", "above 0 and below 0.5", |delta| delta > 0.0 && delta < 0.5
}

checked_number! {
    /// A target ε: finite and above 0, in nats (natural logarithm of the likelihood ratio).
    Epsilon, "epsilon", "finite and above 0", |epsilon| epsilon > 0.0 && epsilon.is_finite()
}

/// The two halves of an (ε, δ) guarantee that belong together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// The most ε that may be spent.
    pub epsilon: Epsilon,
    /// The δ at which it is counted.
    pub delta: Delta,
}
