//! Prints how long one step of training takes for three nets (tables, ECG, image), plain and private: one
//! JSON line a net, times in microseconds by the clock on the
//! wall and on cores, ratios (of the latter) over the plain step. `torch_speed.py` beside this file
//! times PyTorch on the same nets.
//!
//! Plain and private steps take turns, and the ratios are medians over neighbours, so that other work on
//! the machine disturbs both alike. `RAYON_NUM_THREADS=1` shows the cost on one core. Arguments: the names
//! of some nets, and a number for how many turns.

#![allow(
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "this program measures time and knows its numbers"
)]

use std::error::Error;
use std::time::Instant;

use common::digest::Digest;
use common::ids::Round;
use common::model::{Block, Encoder, EncoderKind, Fusion, Head, ModelSpec, initial_parameters};
use common::privacy::gaussian::NoiseKey;
use common::privacy::{
    Budget, Charge, Entry, Ledger, LedgerStore, Limits, Mechanism, PrivateTraining, Released,
};
use serde_json::json;
use site_node::train::{
    Device, Examples, LocalTraining, Modality, PrivateGradient, Rule, TrainError, UNITS_PER_CLIP,
    train, train_privately,
};

const INTERVALS: u32 = 20;

fn value(i: usize) -> f64 {
    (i * 7919 % 10_007) as f64 / 10_007.0
}

/// Patients with inputs from tables, and numbers of one modality.
fn examples(n: usize, width: usize, numbers: usize) -> Result<Examples, TrainError> {
    let features = (0..n * width).map(|i| value(i) as f32 - 0.5).collect();
    let time = (0..n).map(|i| 0.01 + f64::from(INTERVALS) * value(i * 31 + 7)).collect();
    let event = (0..n).map(|i| value(i * 17 + 3) < 0.5).collect();
    let edges: Vec<f64> = (1..=INTERVALS).map(f64::from).collect();
    let examples = Examples::new(features, width, time, event, &edges)?;
    if numbers == 0 {
        return Ok(examples);
    }
    let each = |patient: usize| {
        let own = (0..numbers).map(|i| 2.0 * value(patient * numbers + i * 13) as f32 - 1.0);
        Some(own.collect::<Vec<f32>>())
    };
    examples.with(vec![Modality::numbers((0..n).map(each), numbers)?])
}

/// A net of one encoder, as wide as its last block, under the head.
fn fusion(kind: EncoderKind) -> Fusion {
    let encoder = Encoder { view: "view".to_owned(), kind, frozen: false };
    let width = encoder.width();
    Fusion { encoders: vec![encoder], width, hidden: vec![], dropout_ppm: 0 }
}

fn blocks(channels: &[u32], kernel: u32, strides: &[u32]) -> Vec<Block> {
    let block =
        |(&channels, &stride)| Block { channels, kernel, stride, dilation: 1, residual: false };
    channels.iter().zip(strides).map(block).collect()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn plan(epochs: u32) -> LocalTraining {
    let (optimizer, learning_rate) = (Rule::Sgd, 1e-3);
    let (weight_decay, proximal) = (0.0, 0.0);
    LocalTraining {
        optimizer,
        learning_rate,
        epochs,
        batch: None,
        weight_decay,
        proximal,
        rates: Vec::new(),
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
        let (wall, cores) = (self.start.elapsed().as_secs_f64(), on_core() - self.on_core);
        [wall, cores].map(|seconds| seconds * 1e6 / steps)
    }
}

/// A model, where its training starts, on whom, and for how many steps.
struct Case {
    spec: ModelSpec,
    start: Vec<f32>,
    data: Examples,
    steps: u32,
}

impl Case {
    fn plain(&self) -> Result<[f64; 2], Box<dyn Error>> {
        let clock = Clock::now();
        train(&self.spec, &plan(self.steps), &self.start, &self.data, 1, &Device::cpu())?;
        // The losses before and after take two forward passes, a third of a step each.
        Ok(clock.each_step(f64::from(self.steps) + 0.7))
    }

    /// The same with the clipped sum for a gradient, before noise.
    fn private(&self, sums: &mut PrivateGradient) -> Result<[f64; 2], Box<dyn Error>> {
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
    fn noised(&self, sums: &mut PrivateGradient) -> Result<[f64; 2], Box<dyn Error>> {
        let total = Budget { epsilon: f64::MAX, delta: 1e-5 };
        let limits = Limits { total, epsilon_per_run: None };
        let mut ledger = Ledger::open(Nowhere, limits, Vec::new())?;
        let (run, round, released) = ("run-a".parse()?, Round(1), Released::Update);
        let (sampling_rate, noise_multiplier) = (1.0, 1.0);
        let mechanism =
            Mechanism::PrivateSteps { sampling_rate, noise_multiplier, steps: self.steps };
        let receipt = ledger.reserve(Charge {
            run,
            plan: Digest::of(b"step_time"),
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
        train_privately(&self.spec, &plan, sums, training, &self.data, key)?;
        Ok(clock.each_step(f64::from(self.steps)))
    }
}

struct Nowhere;

impl LedgerStore for Nowhere {
    fn append(&mut self, _: &Entry) -> std::io::Result<()> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let ecg = EncoderKind::Ecg { samples: 1000, blocks: blocks(&[32, 32, 64, 64, 64], 7, &[2; 5]) };
    let image = EncoderKind::Image {
        width: 64,
        height: 64,
        blocks: blocks(&[16, 32, 64, 64], 3, &[1, 2, 2, 2]),
    };
    let nets = [
        ("mlp", 256, 64, vec![256, 128], None, 0),
        ("ecg", 32, 0, vec![], Some(fusion(ecg)), 12_000),
        ("image", 32, 0, vec![], Some(fusion(image)), 4096),
    ];
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let turns = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(31_usize);
    let named = |name: &str| arguments.iter().any(|argument| argument == name);
    let all = !nets.iter().any(|net| named(net.0));
    for (name, n, inputs, hidden, fusion, numbers) in
        nets.into_iter().filter(|net| all || named(net.0))
    {
        let head = Head::LogisticHazard { intervals: INTERVALS, proportional: false };
        let spec = ModelSpec { inputs, hidden, fusion, head, initial_hazard_ppm: 50_000 };
        spec.check()?;
        let data = examples(n, inputs as usize, numbers)?;
        let shift = |i: usize| ((i * 7919 % 1009) as f32 / 504.0 - 1.0) * 0.05;
        let start = initial_parameters(&spec, 1);
        let start = start.iter().enumerate().map(|(i, w)| w + shift(i)).collect();
        let case = Case { spec, start, data, steps: 8 };
        let mut sums = PrivateGradient::new(&case.spec, &Device::cpu())?;
        let mut times = Vec::new();
        for _ in 0..turns {
            times.push([case.plain()?, case.private(&mut sums)?, case.noised(&mut sums)?]);
        }
        let round =
            |value: f64, digits: i32| (value * 10_f64.powi(digits)).round() / 10_f64.powi(digits);
        let time = |kind: usize, clock: usize| {
            round(median(times.iter().map(|times| times[kind][clock])), 1)
        };
        let ratio =
            |kind: usize| round(median(times.iter().map(|times| times[kind][1] / times[0][1])), 3);
        let line = json!({
            "net": name, "patients": n, "parameters": case.start.len(),
            "threads": rayon::current_num_threads(),
            "plain_us": time(0, 0), "plain_cpu_us": time(0, 1),
            "private_us": time(1, 0), "private_cpu_us": time(1, 1), "ratio": ratio(1),
            "with_noise_us": time(2, 0), "with_noise_cpu_us": time(2, 1),
            "ratio_with_noise": ratio(2),
        });
        println!("{line}");
    }
    Ok(())
}
