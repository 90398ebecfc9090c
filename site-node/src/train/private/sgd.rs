//! The steps of one private round (DP-SGD: Abadi et al., arXiv:1607.00133, algorithm 1).

use std::panic::{AssertUnwindSafe, catch_unwind};

use plan::experiment::Training;
use plan::model::ModelSpec;
use privacy::gaussian::NoiseKey;
use privacy::{PrivacyError, PrivateTraining};

use super::PrivateGradient;
use crate::cancel::Cancel;
use crate::examples::Examples;
use crate::train::error::TrainError;
use crate::train::local::check;
use crate::train::optimizer::Descent;

/// A round of private training that cannot go on, for a reason that no patient has a part in.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// A setting of the plan.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The privacy core.
    #[error(transparent)]
    Privacy(#[from] PrivacyError),
    /// The operating system gives no random bytes.
    #[error("no random bytes from the operating system; nothing is released without noise")]
    NoRandomness,
}

/// Takes all steps that were paid for, on the examples of one site.
///
/// `key` gives 32 fresh bytes of the operating system each time. Whether a sum can be computed may
/// depend on the patients, so a step whose sum fails goes on with noise alone. `None` where the flag is set
/// before the last step: what was paid stays paid, and nothing is released.
///
/// # Errors
/// A setting outside its range, or no randomness.
pub fn train_privately(
    spec: &ModelSpec,
    plan: &Training,
    gradient: &mut PrivateGradient,
    mut training: PrivateTraining,
    examples: &Examples,
    cancel: &Cancel,
    mut key: impl FnMut() -> Option<NoiseKey>,
) -> Result<Option<PrivateTraining>, PrivateError> {
    let settings = check(plan)?;
    let start = training.parameters().to_vec();
    let mut optimizer = Descent::new(spec, plan, settings, &start);
    let mut sum = vec![0; start.len()];
    let mut fresh = || key().ok_or(PrivateError::NoRandomness);
    while let Some(sampled) = training.sample(examples.len(), fresh()?) {
        if cancel.is_set() {
            return Ok(None);
        }
        let clip = training.clip();
        let parameters = training.parameters();
        // Neither an error nor a panic, of a device without memory for so many patients say, may show.
        let computed = catch_unwind(AssertUnwindSafe(|| {
            let words = gradient.clipped_sum(parameters, examples, &sampled, clip)?;
            sum.copy_from_slice(words);
            Ok::<_, TrainError>(())
        }));
        if !matches!(computed, Ok(Ok(()))) {
            let error = computed.ok().and_then(Result::err);
            tracing::error!(?error, "a private step's sum failed; it goes on with noise alone");
            sum.fill(0);
        }
        training.step(&sum, fresh()?, |parameters, gradient| {
            optimizer.step(parameters, gradient);
        })?;
    }
    Ok(Some(training))
}

#[cfg(test)]
mod tests {
    use base::digest::Digest;
    use base::ids::Round;
    use plan::model::{Block, Encoder, EncoderKind, Fusion, Head, Image, Pool, initial_parameters};
    use privacy::{Budget, Charge, Entry, Ledger, LedgerStore, Limits, Mechanism, Released};

    use super::*;
    use crate::examples::Modality;
    use crate::train::{Device, Optimizer, train};

    struct Nowhere;
    impl LedgerStore for Nowhere {
        fn append(&mut self, _: &Entry) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Pays for steps whose noise is far below what is compared here.
    fn paid(start: &[f32], steps: u32, clip: f64, batch: f64) -> PrivateTraining {
        let total = Budget { epsilon: f64::MAX, delta: 1e-5 };
        let limits = Limits { total, epsilon_per_run: None };
        let mut ledger = Ledger::open(Nowhere, limits, Vec::new()).unwrap();
        let mechanism = Mechanism::DpSgd { sampling_rate: 1.0, noise_multiplier: 0.01, steps };
        let run = "run-a".parse().unwrap();
        let round = Round(1);
        let released = Released::Update;
        let charge = Charge { run, plan: Digest::of(b"plan"), round, released, mechanism, clip };
        PrivateTraining::begin(ledger.reserve(charge).unwrap(), start, batch).unwrap()
    }

    fn keys() -> impl FnMut() -> Option<NoiseKey> {
        let mut byte = 0;
        move || {
            byte += 1;
            NoiseKey::from_bytes(&mut [byte; 32]).ok()
        }
    }

    /// With everybody in each step, hardly any noise and a bound that nobody reaches, private
    /// training is training.
    #[test]
    fn without_clipping_and_noise_it_is_plain_training() {
        for fused in [false, true] {
            without_clipping_and_noise(fused);
        }
    }

    fn without_clipping_and_noise(fused: bool) {
        let n = 96_usize;
        let block = Block { channels: 8, kernel: 3, stride: 2, dilation: 1, residual: false };
        let image = EncoderKind::Image(Image { width: 6, height: 6, blocks: vec![block] });
        let encoder =
            Encoder { view: "scan".to_owned(), kind: image, frozen: false, pool: Pool::Mean };
        let fusion = Fusion { encoders: vec![encoder], width: 8, hidden: vec![], dropout_ppm: 0 };
        let spec = ModelSpec {
            inputs: 3,
            hidden: vec![8],
            head: Head::LogisticHazard { intervals: 4, proportional: false },
            fusion: fused.then_some(fusion),
            initial_hazard_ppm: 100_000,
        };
        let image = |i: usize| {
            (!i.is_multiple_of(4)).then(|| (0..36).map(|j| ((i * j) % 7) as f32).collect())
        };
        let images = Modality::numbers((0..n).map(image), 36).unwrap();
        let features = (0..3 * n).map(|i| (i * 7919 % 1009) as f32 / 504.0 - 1.0).collect();
        let time = (0..n).map(|i| 0.3 + (i * 5 % 13) as f64 / 3.0).collect();
        let event = (0..n).map(|i| i % 3 != 1).collect();
        let examples = Examples::new(features, 3, time, event, &[1.0, 2.0, 3.0, 4.0]).unwrap();
        let examples = examples.with(if fused { vec![images] } else { vec![] }).unwrap();
        let start = initial_parameters(&spec, 5);
        for (rule, learning_rate) in [(Optimizer::Sgd, 0.5), (Optimizer::Adam, 0.02)] {
            let steps = 5;
            let plan = Training {
                optimizer: rule,
                learning_rate,
                epochs: steps,
                batch: None,
                weight_decay: 0.01,
                proximal: 0.1,
                rates: Vec::new(),
                decays: Vec::new(),
            };
            let plain = train(&spec, &plan, &start, &examples, 1, &Device::cpu()).unwrap();
            let mut gradient = PrivateGradient::new(&spec, &Device::cpu()).unwrap();
            let training = paid(&start, steps, 8.0, n as f64);
            let plan = Training { epochs: 1, ..plan.clone() };
            let going = Cancel::default();
            let private =
                train_privately(&spec, &plan, &mut gradient, training, &examples, &going, keys())
                    .unwrap()
                    .unwrap();
            let pairs = || plain.parameters.iter().zip(private.parameters());
            let apart = pairs().map(|(w, private)| f64::from((w - private).abs())).sum::<f64>();
            let moved = pairs().zip(&start).map(|((_, w), start)| (w - start).abs());
            let moved = moved.fold(0.0, f32::max);
            // Noise of 0.01·8/96 a step; where the gradient is small, Adam may step either way.
            assert!(apart / (start.len() as f64) < 0.01, "{rule:?}: {apart} in all");
            assert!(moved > 0.05, "{rule:?} moved {moved}");
        }
    }

    #[test]
    fn without_randomness_nothing_goes_on() {
        let spec = ModelSpec {
            inputs: 1,
            hidden: vec![],
            head: Head::LogisticHazard { intervals: 1, proportional: true },
            fusion: None,
            initial_hazard_ppm: 100_000,
        };
        let examples = Examples::new(vec![0.5], 1, vec![1.0], vec![true], &[2.0]).unwrap();
        let plan = Training {
            optimizer: Optimizer::Sgd,
            learning_rate: 0.05,
            epochs: 1,
            batch: None,
            weight_decay: 0.0,
            proximal: 0.0,
            rates: Vec::new(),
            decays: Vec::new(),
        };
        let mut gradient = PrivateGradient::new(&spec, &Device::cpu()).unwrap();
        let training = paid(&[0.0; 2], 1, 1.0, 1.0);
        let going = Cancel::default();
        let none =
            train_privately(&spec, &plan, &mut gradient, training, &examples, &going, || None)
                .map(drop);
        assert!(matches!(none, Err(PrivateError::NoRandomness)));
    }
}
