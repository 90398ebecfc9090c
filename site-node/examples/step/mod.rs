//! One training step, plain and private, by the clock on the wall and on cores: what the programs beside this
//! folder print.

use std::error::Error;
use std::time::Instant;

use base::digest::Digest;
use base::ids::Round;
use plan::model::{ModelSpec, initial_parameters};
use privacy::gaussian::NoiseKey;
use privacy::{
    Budget, Charge, Entry, Ledger, LedgerStore, Limits, Mechanism, PrivateTraining, Released,
};
use site_node::cancel::Cancel;
use site_node::examples::{Examples, ExamplesError};
use site_node::train::{
    Device, Optimizer, PrivateGradient, Training, UNITS_PER_CLIP, train, train_privately,
};

/// Intervals of every model's time grid.
pub const INTERVALS: u32 = 20;

/// A number in [0, 1) that looks like chance.
pub fn value(i: usize) -> f64 {
    (i * 7919 % 10_007) as f64 / 10_007.0
}

/// Patients with inputs from tables.
pub fn examples(n: usize, width: usize) -> Result<Examples, ExamplesError> {
    let features = (0..n * width).map(|i| value(i) as f32 - 0.5).collect();
    let time = (0..n).map(|i| 0.01 + f64::from(INTERVALS) * value(i * 31 + 7)).collect();
    let event = (0..n).map(|i| value(i * 17 + 3) < 0.5).collect();
    let edges: Vec<f64> = (1..=INTERVALS).map(f64::from).collect();
    Examples::new(features, width, time, event, &edges)
}

/// The middle of some values.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A value with so many digits after the point.
pub fn round(value: f64, digits: i32) -> f64 {
    (value * 10_f64.powi(digits)).round() / 10_f64.powi(digits)
}

fn plan(epochs: u32) -> Training {
    let optimizer = Optimizer::Sgd;
    let learning_rate = 1e-3;
    let weight_decay = 0.0;
    let proximal = 0.0;
    Training {
        optimizer,
        learning_rate,
        epochs,
        batch: None,
        weight_decay,
        proximal,
        rates: Vec::new(),
        decays: Vec::new(),
    }
}

/// Time that this program's threads have had on a core, in seconds (Linux alone; elsewhere 0).
fn on_core() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let text =
        |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("schedstat")).ok();
    let nanoseconds =
        |text: String| text.split(' ').next().and_then(|first| first.parse::<f64>().ok());
    tasks.filter_map(text).filter_map(nanoseconds).sum::<f64>() / 1e9
}

/// Wall clock and time on cores.
struct Clock {
    start: Instant,
    on_core: f64,
}

impl Clock {
    fn now() -> Self {
        Self { start: Instant::now(), on_core: on_core() }
    }

    /// Microseconds a step: wall clock, on cores.
    fn each_step(&self, steps: f64) -> [f64; 2] {
        let wall = self.start.elapsed().as_secs_f64();
        let cores = on_core() - self.on_core;
        [wall, cores].map(|seconds| seconds * 1e6 / steps)
    }
}

/// A model, where its training starts, on whom, for how many steps, and on what.
pub struct Case {
    spec: ModelSpec,
    start: Vec<f32>,
    data: Examples,
    steps: u32,
    device: Device,
}

impl Case {
    /// Away from the initial parameters, whose last layer is zero.
    pub fn new(spec: ModelSpec, data: Examples, steps: u32, device: &Device) -> Self {
        let shift = |i: usize| ((i * 7919 % 1009) as f32 / 504.0 - 1.0) * 0.05;
        let start = initial_parameters(&spec, 1);
        let start = start.iter().enumerate().map(|(i, w)| w + shift(i)).collect();
        Self { spec, start, data, steps, device: device.clone() }
    }

    /// Microseconds of a plain step: wall clock, on cores.
    pub fn plain(&self) -> Result<[f64; 2], Box<dyn Error>> {
        let clock = Clock::now();
        train(&self.spec, &plan(self.steps), &self.start, &self.data, 1, &self.device)?;
        // The losses before and after take two forward passes, a third of a step each.
        Ok(clock.each_step(f64::from(self.steps) + 0.7))
    }

    /// The same with the clipped sum for a gradient, before noise.
    pub fn private(&self, sums: &mut PrivateGradient) -> Result<[f64; 2], Box<dyn Error>> {
        let everyone: Vec<usize> = (0..self.data.len()).collect();
        let mut parameters = self.start.clone();
        let clock = Clock::now();
        for _ in 0..self.steps {
            let words = sums.clipped_sum(&parameters, &self.data, &everyone, 1.0)?;
            let rate = 1e-3 / UNITS_PER_CLIP as f32 / everyone.len() as f32;
            for (w, word) in parameters.iter_mut().zip(words) {
                *w -= rate * *word as f32;
            }
        }
        Ok(clock.each_step(f64::from(self.steps)))
    }

    /// Private training whole: sampling (of everybody), clipped sum, noise, optimiser.
    pub fn noised(&self, sums: &mut PrivateGradient) -> Result<[f64; 2], Box<dyn Error>> {
        let total = Budget { epsilon: f64::MAX, delta: 1e-5 };
        let limits = Limits { total, epsilon_per_run: None };
        let mut ledger = Ledger::open(Nowhere, limits, Vec::new())?;
        let run = "run-a".parse()?;
        let round = Round(1);
        let released = Released::Update;
        let sampling_rate = 1.0;
        let noise_multiplier = 1.0;
        let mechanism = Mechanism::DpSgd { sampling_rate, noise_multiplier, steps: self.steps };
        let receipt = ledger.reserve(Charge {
            run,
            plan: Digest::of(b"a step"),
            round,
            released,
            mechanism,
            clip: 1.0,
        })?;
        let training = PrivateTraining::begin(receipt, &self.start, self.data.len() as f64)?;
        let plan = plan(1);
        let mut byte = 0;
        let key = || {
            byte = byte % u8::MAX + 1;
            NoiseKey::from_bytes(&mut [byte; 32]).ok()
        };
        let clock = Clock::now();
        let never = Cancel::default();
        train_privately(&self.spec, &plan, sums, training, &self.data, &never, key)?;
        Ok(clock.each_step(f64::from(self.steps)))
    }
}

struct Nowhere;

impl LedgerStore for Nowhere {
    fn append(&mut self, _: &Entry) -> std::io::Result<()> {
        Ok(())
    }
}
