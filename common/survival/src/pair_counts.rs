//! Integer counts of comparable pairs.

use super::error::SurvivalError;
use super::numeric::real;

/// How the comparable pairs of a set of patients are ordered by the risk score.
///
/// Counts of several sites add up with [`PairCounts::checked_add`]. The sum holds
/// the pairs *within* sites only, so its [`PairCounts::c_index`] is the C-index
/// stratified by site, not the C-index of the pooled patients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PairCounts {
    /// Pairs in which the patient who failed first has the higher risk.
    pub concordant: u64,
    /// Pairs in which the patient who failed first has the lower risk.
    pub discordant: u64,
    /// Pairs whose risks differ by no more than the tie tolerance.
    pub tied_risk: u64,
}

impl PairCounts {
    /// All comparable pairs: concordant, discordant and tied.
    #[must_use]
    pub const fn comparable(&self) -> u64 {
        self.concordant.saturating_add(self.discordant).saturating_add(self.tied_risk)
    }

    /// Concordant pairs plus half of the tied pairs.
    pub(super) fn score(&self) -> f64 {
        0.5f64.mul_add(real(self.tied_risk), real(self.concordant))
    }

    /// `(concordant + tied / 2) / comparable`, in [0, 1]; Harrell et al. 1996.
    ///
    /// # Errors
    /// [`SurvivalError::NoComparablePairs`] when all counts are 0.
    pub fn c_index(&self) -> Result<f64, SurvivalError> {
        match self.comparable() {
            0 => Err(SurvivalError::NoComparablePairs),
            comparable => Ok(self.score() / real(comparable)),
        }
    }

    /// Sum of two counts, e.g. of two sites.
    ///
    /// # Errors
    /// [`SurvivalError::CountOverflow`] when a sum, or the number of comparable
    /// pairs it implies, exceeds 64 bits.
    pub fn checked_add(self, other: Self) -> Result<Self, SurvivalError> {
        let sum = || {
            let counts = Self {
                concordant: self.concordant.checked_add(other.concordant)?,
                discordant: self.discordant.checked_add(other.discordant)?,
                tied_risk: self.tied_risk.checked_add(other.tied_risk)?,
            };
            counts.concordant.checked_add(counts.discordant)?.checked_add(counts.tied_risk)?;
            Some(counts)
        };
        sum().ok_or(SurvivalError::CountOverflow)
    }

    /// Field-wise sum of counts taken from one set of patients.
    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            concordant: self.concordant + other.concordant,
            discordant: self.discordant + other.discordant,
            tied_risk: self.tied_risk + other.tied_risk,
        }
    }

    /// Field-wise difference; `earlier` counts a subset of the same pairs.
    pub(super) const fn minus(self, earlier: Self) -> Self {
        Self {
            concordant: self.concordant - earlier.concordant,
            discordant: self.discordant - earlier.discordant,
            tied_risk: self.tied_risk - earlier.tied_risk,
        }
    }
}
