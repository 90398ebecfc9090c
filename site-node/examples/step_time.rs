//! Prints how long one step of local training takes on this machine, plain and private: one JSON
//! line a model, times in microseconds, ratios over the plain step.
//!
//! The steps take turns, a few at a time, and the ratios are medians over neighbours, so that other
//! work on the machine disturbs both alike. `RAYON_NUM_THREADS=1` shows the cost on one core. A
//! number as argument: only the models with so many patients.

#![allow(
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "this program measures time and knows its numbers"
)]

mod step;

use std::error::Error;

use plan::model::{Head, ModelSpec};
use serde_json::json;
use site_node::train::{Device, PrivateGradient};

use step::{Case, INTERVALS, examples, median, round};

const REPEATS: usize = 151;

fn main() -> Result<(), Box<dyn Error>> {
    let hazard = |proportional| Head::LogisticHazard { intervals: INTERVALS, proportional };
    let cases = [
        (200, 39, vec![], hazard(true)),
        (200, 39, vec![], hazard(false)),
        (200, 39, vec![], Head::Cox),
        (64, 64, vec![256, 128], hazard(false)),
        (256, 64, vec![256, 128], hazard(false)),
    ];
    let only: Option<usize> =
        std::env::args().nth(1).map(|patients| patients.parse()).transpose()?;
    let cases = cases.into_iter().filter(|case| only.is_none_or(|patients| case.0 == patients));
    for (n, inputs, hidden, head) in cases {
        let spec = ModelSpec { inputs, hidden, fusion: None, head, initial_hazard_ppm: 50_000 };
        let data = examples(n, inputs as usize)?;
        let mut sums = PrivateGradient::new(&spec, &Device::cpu()).ok();
        let case = Case::new(spec.clone(), data, 2000 / n as u32, &Device::cpu());
        let mut times = Vec::new();
        for _ in 0..REPEATS {
            let [plain, _] = case.plain()?;
            times.push(match &mut sums {
                Some(sums) => [plain, case.private(sums)?[0], case.noised(sums)?[0]],
                None => [plain, f64::NAN, f64::NAN],
            });
        }
        let time = |kind: usize| median(times.iter().map(|times| times[kind]));
        let ratio = |kind: usize| median(times.iter().map(|times| times[kind] / times[0]));
        let line = json!({
            "patients": n, "features": spec.inputs, "hidden": spec.hidden,
            "head": format!("{:?}", spec.head),
            "plain_us": round(time(0), 1),
            "private_us": round(time(1), 1), "ratio": round(ratio(1), 3),
            "private_with_noise_us": round(time(2), 1), "ratio_with_noise": round(ratio(2), 3),
        });
        println!("{line}");
    }
    Ok(())
}
