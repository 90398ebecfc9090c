//! The last stage before the border: the ledger is charged, then the change is clipped and noised.

mod ledger_file;

use std::path::Path;

use common::experiment::{Plan, PrivacyMode};
use common::ids::{Round, RunId};
use common::privacy::gaussian::NoiseKey;
use common::privacy::{
    Budget, Charge, Delta, Ledger, LedgerError, Mechanism, PrivacyError, PrivatizedUpdate,
    privatize,
};

pub use ledger_file::{LedgerFile, LedgerFileError};

/// A change that may not leave.
#[derive(Debug, thiserror::Error)]
pub enum PrivatizeError {
    /// The ledger refuses the charge.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The mechanism cannot be applied.
    #[error(transparent)]
    Privacy(#[from] PrivacyError),
    /// The operating system gives no random bytes.
    #[error("no random bytes from the operating system; nothing is released without noise")]
    NoRandomness,
}

/// 32 bytes from the operating system, for one update.
fn fresh_key() -> Result<NoiseKey, PrivatizeError> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| PrivatizeError::NoRandomness)?;
    NoiseKey::from_bytes(&mut bytes).map_err(|error| PrivacyError::Noise(error).into())
}

/// The mechanism that a plan asks for.
#[must_use]
pub fn mechanism(plan: &Plan) -> Mechanism {
    match plan.privacy.mode {
        PrivacyMode::Off => Mechanism::ClipOnly,
        PrivacyMode::Site => {
            Mechanism::WholeUpdateGaussian { noise_multiplier: plan.privacy.noise_multiplier }
        }
    }
}

/// The gate through which every update passes: one for each data set.
pub struct Gate {
    ledger: Ledger<LedgerFile>,
}

impl Gate {
    /// Opens the data set's ledger in `folder`.
    ///
    /// # Errors
    /// The ledger is held by another process, cannot be read, or contradicts itself.
    pub fn open(folder: &Path, budget: Budget) -> Result<Self, LedgerFileError> {
        let (file, entries) = LedgerFile::open(folder)?;
        Ok(Self { ledger: Ledger::open(file, budget, entries)? })
    }

    /// Whether all rounds of a plan fit the budget, before any of them trains.
    ///
    /// # Errors
    /// They do not; the error says how many would.
    pub fn foresee(&self, run: &RunId, plan: &Plan) -> Result<(), LedgerError> {
        self.ledger.foresee(run, mechanism(plan), plan.rounds)
    }

    /// Whether a round was charged already, by this process or one before it.
    #[must_use]
    pub fn has_charged(&self, run: &RunId, round: Round) -> bool {
        self.ledger.has_charged(run, round)
    }

    /// Charges one round and makes the change from `before` to `after` into what may leave.
    ///
    /// # Errors
    /// The charge is refused, or the change cannot be privatized.
    pub fn pass(
        &mut self,
        plan: &Plan,
        run: &RunId,
        round: Round,
        (before, after): (&[f32], Vec<f32>),
        weight: f64,
    ) -> Result<PrivatizedUpdate, PrivatizeError> {
        let clip = plan.privacy.clip;
        let delta = match Delta::between(before, after) {
            // Whether a change is finite depends on the patients: noise leaves all the same.
            Err(PrivacyError::NotFinite { .. }) if plan.privacy.mode != PrivacyMode::Off => {
                Delta::between(before, before.to_vec())
            }
            other => other,
        };
        let clipped = delta?.clip(clip, weight)?;
        let charge = Charge { run: run.clone(), round, mechanism: mechanism(plan), clip };
        // The key before the charge: without randomness nothing is spent.
        let key = fresh_key()?;
        let receipt = self.ledger.reserve(charge)?;
        Ok(privatize(clipped, receipt, key)?)
    }
}
