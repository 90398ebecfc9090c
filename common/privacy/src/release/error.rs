//! Errors of releases.

use crate::Mechanism;
use survival::SurvivalError;

/// Why nothing was released.
///
/// Messages name public settings, arguments and positions, never a patient's value. That a release
/// failed may still depend on a patient (one time of NaN), so an error stays at the site. What the
/// ledger charged stands.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The receipt paid for another mechanism.
    #[error("release: the receipt is for {found:?}; reserve Mechanism::Zcdp for a release")]
    Mechanism {
        /// What it paid for.
        found: Mechanism,
    },
    /// The ρ that was paid is not one that a release can spend.
    #[error("release: rho = {0} is outside [2^-40, 10^6]; reserve an amount between them")]
    Rho(f64),
    /// The bounds do not enclose an interval.
    #[error("release: bounds {lower} and {upper}; use finite bounds, the lower below the upper")]
    Bounds {
        /// The lower bound.
        lower: f64,
        /// The upper bound.
        upper: f64,
    },
    /// A value is NaN or infinite: its place is named, not the value.
    #[error("release: {field}[{index}] is not finite; leave the patient out or impute the value")]
    NotFinite {
        /// Argument name.
        field: &'static str,
        /// Zero-based position.
        index: usize,
    },
    /// Two arguments that describe the same patients differ in length.
    #[error("release: {field} has {found} entries for {expected} patients; pass one for each")]
    Length {
        /// Argument name.
        field: &'static str,
        /// Number of patients.
        expected: usize,
        /// Entries found.
        found: usize,
    },
    /// A public size is out of range.
    #[error("release: {field} = {found} is outside {least}..={most}; choose a size within")]
    Size {
        /// Argument name.
        field: &'static str,
        /// The size found.
        found: usize,
        /// The smallest size allowed.
        least: usize,
        /// The largest size allowed.
        most: usize,
    },
    /// The quantile asked for is not one.
    #[error("release: q = {0} is not a quantile; use a number from 0 to 1")]
    Quantile(f64),
    /// A public grid does not rise.
    #[error("release: {field}[{index}] is not a finite number above the one before it (or 0)")]
    Grid {
        /// Argument name.
        field: &'static str,
        /// Zero-based position.
        index: usize,
    },
    /// The outcomes are not ones.
    #[error("release: {0}")]
    Survival(#[from] SurvivalError),
    /// opendp refused.
    #[error("release: opendp could not {step}: {what}; nothing was released")]
    Opendp {
        /// What was tried.
        step: &'static str,
        /// What opendp said.
        what: String,
    },
    /// opendp computes a higher cost than was paid.
    #[error("release: opendp puts the cost at rho = {found:e}, over the {paid:e} that was paid")]
    TooDear {
        /// The cost.
        found: f64,
        /// What was paid.
        paid: f64,
    },
    /// The random generator fails a check.
    #[error("randomness: {0}; do not start this site before its random generator works")]
    Randomness(&'static str),
}

impl ReleaseError {
    /// What opendp said about public settings.
    pub(super) fn setting(step: &'static str, error: &opendp::error::Error) -> Self {
        let what = match &error.message {
            Some(message) => format!("{}: {message}", error.variant),
            None => error.variant.to_string(),
        };
        Self::Opendp { step, what }
    }

    /// What opendp said while it held patients' data: the kind of failure alone.
    pub(super) fn draw(error: &opendp::error::Error) -> Self {
        Self::Opendp { step: "draw noise", what: error.variant.to_string() }
    }
}
