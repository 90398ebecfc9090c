//! Private training: parameters that change by noised sums alone.
//!
//! ```text
//! Receipt ─ begin ─► PrivateTraining ── sample ─► who takes part in the next step
//!  (all steps of        ▲      │                        │ the site's clipped sum, in integers
//!   the round, paid)    └──── step ◄────────────────────┘
//!                         noise, divide, the optimiser's rule
//!                              │
//!                           finish ─► clipped to a public bound ─► PrivatizedUpdate
//! ```
//!
//! The parameters are held here and change only in [`PrivateTraining::step`], by a function of
//! themselves and of a sum that was noised. What [`PrivateTraining::finish`] gives is therefore
//! post-processing of the paid steps, whatever the site's own code computes.

use super::accountant::SamplingRate;
use super::gaussian::{GaussianSampler, NoiseKey, Sigma};
use super::grid;
use super::ledger::{Charge, Receipt};
use super::mechanism::Mechanism;
use super::sampling::poisson;
use super::update::{Delta, PrivacyError, PrivatizedUpdate};

/// A round's training at one site, paid for in advance.
pub struct PrivateTraining {
    start: Vec<f32>,
    parameters: Vec<f32>,
    charge: Charge,
    rate: SamplingRate,
    noise: GaussianSampler,
    /// Of a unit of the noised sum in the gradient: C·2⁻²⁰ / (q·N).
    unit: f64,
    /// Steps that were paid for and not begun.
    left: u32,
    /// Whether patients were sampled whose sum has not come yet.
    open: bool,
    sum: Vec<i64>,
}

impl PrivateTraining {
    /// Training from `start` (flat, in the model's layout) that the receipt pays for.
    ///
    /// A step's sum is divided by `expected_batch`, the configured q·N, never by the number of
    /// patients that were sampled.
    ///
    /// # Errors
    /// The receipt is not for private steps or its parameters are out of range, or the expected
    /// batch is not above 0.
    pub fn begin(
        receipt: Receipt,
        start: &[f32],
        expected_batch: f64,
    ) -> Result<Self, PrivacyError> {
        let charge = receipt.spend();
        let Mechanism::DpSgd { sampling_rate, noise_multiplier, steps } = charge.mechanism else {
            return Err(PrivacyError::Mechanism);
        };
        if !(expected_batch.is_finite() && expected_batch > 0.0) {
            return Err(PrivacyError::ExpectedBatch(expected_batch));
        }
        // Rounded up: never less noise than was charged.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let sigma = Sigma::from_integer(grid::noise_units(noise_multiplier).ceil() as u64)?;
        Ok(Self {
            start: start.to_vec(),
            parameters: start.to_vec(),
            rate: SamplingRate::new(sampling_rate)?,
            noise: GaussianSampler::new(sigma),
            unit: grid::unit(charge.clip) / expected_batch,
            left: steps,
            open: false,
            sum: Vec::new(),
            charge,
        })
    }

    /// The parameters after the steps so far: safe to look at.
    #[must_use]
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// The bound C on one patient's gradient.
    #[must_use]
    pub fn clip(&self) -> f64 {
        self.charge.clip
    }

    /// Begins the next step: which of the site's `patients` take part in it, in increasing order.
    /// None when all steps that were paid for are done.
    ///
    /// `key` is 32 fresh bytes from the operating system.
    pub fn sample(&mut self, patients: usize, key: NoiseKey) -> Option<Vec<usize>> {
        self.left = self.left.checked_sub(1)?;
        self.open = true;
        Some(poisson(self.rate, patients, key))
    }

    /// Ends the step: noises the sum over the sampled patients of their clipped gradients, in units
    /// of C·2⁻²⁰, and lets `rule` change the parameters by the noised gradient.
    ///
    /// `key` is 32 fresh bytes from the operating system.
    ///
    /// # Errors
    /// No step was begun, the sum is not as long as the model, or it overflows.
    pub fn step(
        &mut self,
        sum: &[i64],
        key: NoiseKey,
        rule: impl FnOnce(&mut [f32], Vec<f32>),
    ) -> Result<(), PrivacyError> {
        if !std::mem::take(&mut self.open) {
            return Err(PrivacyError::NoStep);
        }
        if sum.len() != self.parameters.len() {
            let before = self.parameters.len();
            let after = sum.len();
            return Err(PrivacyError::Length { before, after });
        }
        self.sum.clear();
        self.sum.extend_from_slice(sum);
        self.noise.add_to(key, &mut self.sum)?;
        #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
        let gradient = self.sum.iter().map(|&units| (units as f64 * self.unit) as f32).collect();
        rule(&mut self.parameters, gradient);
        Ok(())
    }

    /// What leaves: the change since the start, times `weight`, clipped to `clip`. Both are public,
    /// and so is all that is done here to what was noised already.
    ///
    /// Parameters that ran off to infinity leave as no change at all.
    ///
    /// # Errors
    /// The bound or the weight is not one.
    pub fn finish(self, clip: f64, weight: f64) -> Result<PrivatizedUpdate, PrivacyError> {
        let delta = match Delta::between(&self.start, self.parameters) {
            Err(PrivacyError::NotFinite { .. }) => Delta::between(&self.start, self.start.clone()),
            other => other,
        };
        Ok(PrivatizedUpdate::of_clipped(delta?.clip(clip, weight)?, self.charge))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::receipt;
    use super::*;

    fn steps(sampling_rate: f64, noise_multiplier: f64, steps: u32) -> Mechanism {
        Mechanism::DpSgd { sampling_rate, noise_multiplier, steps }
    }

    fn key(byte: u8) -> NoiseKey {
        NoiseKey::from_bytes(&mut [byte; 32]).unwrap()
    }

    fn descend(parameters: &mut [f32], gradient: Vec<f32>) {
        parameters.iter_mut().zip(gradient).for_each(|(w, g)| *w -= g);
    }

    #[test]
    fn no_more_steps_than_were_paid_for() {
        let mut training =
            PrivateTraining::begin(receipt(steps(1.0, 0.5, 2), 1.0), &[0.0; 3], 4.0).unwrap();
        // No sum without sampling, nor two for one.
        assert!(matches!(training.step(&[0; 3], key(1), descend), Err(PrivacyError::NoStep)));
        for step in 0..2 {
            assert_eq!(training.sample(5, key(2 + step)).unwrap(), [0, 1, 2, 3, 4]);
            training.step(&[0; 3], key(12 + step), descend).unwrap();
            assert!(matches!(training.step(&[0; 3], key(9), descend), Err(PrivacyError::NoStep)));
        }
        assert!(training.sample(5, key(8)).is_none());
        assert!(training.parameters().iter().all(|w| *w != 0.0), "noise moved every parameter");
    }

    #[test]
    fn the_sum_is_noised_and_divided_by_what_was_configured() {
        let n = 40_000;
        let clip = 0.5;
        let batch = 8.0;
        let z = 3.0;
        let mut training =
            PrivateTraining::begin(receipt(steps(1.0, z, 1), clip), &vec![0.0; n], batch).unwrap();
        training.sample(10, key(1)).unwrap();
        // A sum of 2C in every coordinate.
        let sum = vec![2 << 20; n];
        training.step(&sum, key(2), descend).unwrap();
        let values: Vec<f64> = training.parameters().iter().map(|w| f64::from(-w)).collect();
        let mean = values.iter().sum::<f64>() / n as f64;
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
        let expected = z * clip / batch;
        assert!((mean - 2.0 * clip / batch).abs() < 5.0 * expected / (n as f64).sqrt(), "{mean}");
        assert!((deviation / expected - 1.0).abs() < 5.0 / (2.0 * n as f64).sqrt(), "{deviation}");
    }

    #[test]
    fn what_leaves_is_the_change_of_the_parameters_within_the_bound() {
        let receipt = receipt(steps(0.5, 1.0, 1), 1.0);
        let mut training = PrivateTraining::begin(receipt, &[1.0, -1.0], 1.0).unwrap();
        training.sample(2, key(1)).unwrap();
        training.step(&[0, 0], key(2), |w, _| w.copy_from_slice(&[1.25, -1.0])).unwrap();
        let update = training.finish(1.0, 1.0).unwrap();
        assert_eq!(update.words()[..], [0, 0, 4, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn parameters_that_ran_off_leave_as_no_change() {
        let mut training =
            PrivateTraining::begin(receipt(steps(1.0, 1.0, 1), 1.0), &[0.0], 1.0).unwrap();
        training.sample(1, key(1)).unwrap();
        training.step(&[0], key(2), |w, _| w[0] = f32::INFINITY).unwrap();
        assert_eq!(training.finish(1.0, 1.0).unwrap().words()[..], [0; 4]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let whole = Mechanism::GaussianUpdate { noise_multiplier: 1.0 };
        let begin =
            |mechanism, batch| PrivateTraining::begin(receipt(mechanism, 1.0), &[0.0], batch);
        assert!(matches!(begin(whole, 1.0), Err(PrivacyError::Mechanism)));
        for batch in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let refused = begin(steps(1.0, 1.0, 1), batch);
            assert!(matches!(refused, Err(PrivacyError::ExpectedBatch(_))), "{batch}");
        }
        let mut training = begin(steps(1.0, 1.0, 1), 1.0).unwrap();
        training.sample(1, key(1)).unwrap();
        assert!(matches!(
            training.step(&[0, 0], key(2), descend),
            Err(PrivacyError::Length { before: 1, after: 2 })
        ));
    }
}
