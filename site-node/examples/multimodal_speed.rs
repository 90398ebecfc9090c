//! Prints how long one plain and one private step of training take for five nets, one JSON line per net. The nets read
//! tables, an ECG, an image, codes as a bag, and codes in order. Times are wall-clock and CPU microseconds. Ratios are
//! of CPU time over the plain step. `torch_speed.py` beside this file times PyTorch on the same nets.
//!
//! Plain and private steps take turns, and the ratios are medians over neighbours, so that other work on
//! the machine disturbs both alike. `RAYON_NUM_THREADS=1` shows the cost on one core. Arguments: the names
//! of some nets, and a number for how many turns.
//!
//! Built with `--features cuda`, a GPU that works is timed after the CPU, with [`ON_GPU`] patients a step, as many as
//! keep it busy: `…_patients_per_s` are ECGs or images a second. Without one a line on standard error says so.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    reason = "this program measures time and knows its numbers"
)]

mod step;

use std::error::Error;

use plan::model::{
    Block, CodeBag, Ecg, Encoder, EncoderKind, Fusion, Gru, Head, Image, ModelSpec, Pool,
};
use serde_json::{Value, json};
use site_node::examples::{Code, Examples, ExamplesError, Modality};
use site_node::train::{Device, DeviceChoice, PrivateGradient};

use step::{Case, INTERVALS, examples, median, round, value};

/// Patients a step on a GPU.
const ON_GPU: usize = 256;

/// What a patient brings beside inputs from tables.
#[derive(Clone, Copy)]
enum Brings {
    Nothing,
    /// So many numbers.
    Numbers(usize),
    /// So many codes, of a vocabulary of [`WORDS`].
    Codes(usize),
}

/// Words of the vocabulary.
const WORDS: u32 = 500;

/// Patients with inputs from tables, and one modality.
fn patients(n: usize, width: usize, brings: Brings) -> Result<Examples, ExamplesError> {
    let examples = examples(n, width)?;
    let modality = match brings {
        Brings::Nothing => return Ok(examples),
        Brings::Numbers(numbers) => {
            let each = |patient: usize| {
                let start = patient * numbers;
                let own = (0..numbers).map(|i| 2.0 * value(start + i * 13) as f32 - 1.0);
                Some(own.collect::<Vec<f32>>())
            };
            Modality::numbers((0..n).map(each), numbers)?
        }
        Brings::Codes(codes) => {
            let code = |i: usize| Code {
                word: (value(i * 29) * f64::from(WORDS)) as u32,
                age: 10.0 * value(i * 17) as f32,
            };
            let each =
                |patient: usize| (patient * codes..(patient + 1) * codes).map(code).collect();
            Modality::codes((0..n).map(each).collect(), WORDS as usize)?
        }
    };
    examples.with(vec![modality])
}

/// A net of one encoder, as wide as its last block, under the head.
fn fusion(kind: EncoderKind) -> Fusion {
    let encoder = Encoder { view: "view".to_owned(), kind, frozen: false, pool: Pool::Mean };
    let width = encoder.width();
    Fusion { encoders: vec![encoder], width, hidden: vec![], dropout_ppm: 0 }
}

fn blocks(channels: &[u32], kernel: u32, strides: &[u32]) -> Vec<Block> {
    let block =
        |(&channels, &stride)| Block { channels, kernel, stride, dilation: 1, residual: false };
    channels.iter().zip(strides).map(block).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let ecg =
        EncoderKind::Ecg(Ecg { samples: 1000, blocks: blocks(&[32, 32, 64, 64, 64], 7, &[2; 5]) });
    let image = EncoderKind::Image(Image {
        width: 64,
        height: 64,
        blocks: blocks(&[16, 32, 64, 64], 3, &[1, 2, 2, 2]),
    });
    let bag = EncoderKind::Codes(CodeBag { vocabulary: WORDS, width: 32 });
    let gru = EncoderKind::Gru(Gru { vocabulary: WORDS, embedding: 32, width: 32 });
    let nets = [
        ("mlp", 256, 64, vec![256, 128], None, Brings::Nothing),
        ("ecg", 32, 0, vec![], Some(fusion(ecg)), Brings::Numbers(12_000)),
        ("image", 32, 0, vec![], Some(fusion(image)), Brings::Numbers(4096)),
        ("bag", 256, 0, vec![], Some(fusion(bag)), Brings::Codes(64)),
        ("gru", 256, 0, vec![], Some(fusion(gru)), Brings::Codes(64)),
    ];
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let turns = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(31_usize);
    let named = |name: &str| arguments.iter().any(|argument| argument == name);
    let all = !nets.iter().any(|net| named(net.0));
    let mut devices = vec![Device::cpu()];
    match Device::choose(DeviceChoice::Auto) {
        gpu if gpu.is_gpu() => devices.push(gpu),
        _ if cfg!(feature = "cuda") => eprintln!("no GPU works on this machine: the CPU alone"),
        _ => eprintln!("built without --features cuda: the CPU alone"),
    }
    for (name, n, inputs, hidden, fusion, brings) in
        nets.into_iter().filter(|net| all || named(net.0))
    {
        let head = Head::LogisticHazard { intervals: INTERVALS, proportional: false };
        let spec = ModelSpec { inputs, hidden, fusion, head, initial_hazard_ppm: 50_000 };
        spec.check()?;
        for device in &devices {
            let n = if device.is_gpu() { ON_GPU } else { n };
            let data = patients(n, inputs as usize, brings)?;
            println!("{}", timed(name, &spec, data, device, turns)?);
        }
    }
    Ok(())
}

/// One line: a net on a device.
fn timed(
    name: &str,
    spec: &ModelSpec,
    data: Examples,
    device: &Device,
    turns: usize,
) -> Result<Value, Box<dyn Error>> {
    let n = data.len();
    let mut sums = PrivateGradient::new(spec, device)?;
    let case = Case::new(spec.clone(), data, 8, device);
    if device.is_gpu() {
        // Programs are compiled for the GPU when they are first used.
        case.plain()?;
        case.private(&mut sums)?;
    }
    let mut times = Vec::new();
    for _ in 0..turns {
        times.push([case.plain()?, case.private(&mut sums)?, case.noised(&mut sums)?]);
    }
    let exact = |kind: usize, clock: usize| median(times.iter().map(|times| times[kind][clock]));
    let time = |kind: usize, clock: usize| round(exact(kind, clock), 1);
    // What a GPU does is on no core's clock.
    let clock = usize::from(!device.is_gpu());
    let ratio = |kind: usize| {
        round(median(times.iter().map(|times| times[kind][clock] / times[0][clock])), 3)
    };
    let rate = |kind: usize| round(n as f64 * 1e6 / exact(kind, 0), 0);
    Ok(json!({
        "net": name, "device": device.to_string(), "patients": n,
        "parameters": spec.parameters(), "threads": rayon::current_num_threads(),
        "plain_us": time(0, 0), "plain_cpu_us": time(0, 1),
        "private_us": time(1, 0), "private_cpu_us": time(1, 1), "ratio": ratio(1),
        "with_noise_us": time(2, 0), "with_noise_cpu_us": time(2, 1),
        "ratio_with_noise": ratio(2),
        "plain_patients_per_s": rate(0), "private_patients_per_s": rate(1),
        "with_noise_patients_per_s": rate(2),
    }))
}
