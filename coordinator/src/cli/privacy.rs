//! `coordinator privacy epsilon|noise`: what a mechanism costs, and what noise a budget asks for.
//! Plain calculators that touch no data and no federation.

use clap::Subcommand;
use privacy::accountant::{
    Accountant, Budget, Delta, Epsilon, NoiseMultiplier, SampledGaussian, SamplingRate, Segment,
    smallest_noise_multiplier,
};
use serde_json::{Value, json};

use super::Outcome;
use super::output::Format;

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Compute ε of a number of steps of the Poisson-subsampled Gaussian mechanism.
    #[command(allow_negative_numbers = true)]
    Epsilon {
        #[command(flatten)]
        shape: Shape,
        /// Standard deviation of the noise over the bound on one patient's share.
        #[arg(long, value_name = "Z")]
        noise: f64,
    },
    /// Compute the least noise with which the steps stay within ε.
    #[command(allow_negative_numbers = true)]
    Noise {
        #[command(flatten)]
        shape: Shape,
        /// The budget, above 0.
        #[arg(long, value_name = "E")]
        epsilon: f64,
    },
}

#[derive(clap::Args)]
pub(super) struct Shape {
    /// Chance of each patient to be in a step's batch, in (0, 1].
    #[arg(long, value_name = "Q")]
    sampling_rate: f64,
    /// How many steps, at least 1.
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// The δ at which ε is stated, in (0, 0.5); well below one over the number of patients.
    #[arg(long, value_name = "D")]
    delta: f64,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

pub(super) fn run(verb: &Verb) -> Outcome {
    match verb {
        Verb::Epsilon { shape, noise } => {
            print(shape.format, &bounds(shape, NoiseMultiplier::new(*noise)?)?);
        }
        Verb::Noise { shape, epsilon } => {
            let rate = SamplingRate::new(shape.sampling_rate)?;
            let delta = Delta::new(shape.delta)?;
            let budget = Budget { epsilon: Epsilon::new(*epsilon)?, delta };
            let noise = smallest_noise_multiplier(Accountant::Pld, budget, rate, shape.steps)?;
            print(shape.format, &bounds(shape, noise)?);
        }
    }
    Ok(())
}

/// Both accountants' bounds for one setting.
fn bounds(shape: &Shape, noise: NoiseMultiplier) -> Result<Value, Box<dyn std::error::Error>> {
    let rate = SamplingRate::new(shape.sampling_rate)?;
    let delta = Delta::new(shape.delta)?;
    let segment = Segment { mechanism: SampledGaussian { rate, noise }, steps: shape.steps };
    Ok(json!({
        "epsilon_pld": Accountant::Pld.epsilon(&[segment], delta),
        "epsilon_rdp": Accountant::Rdp.epsilon(&[segment], delta),
        "noise": noise.get(),
        "sampling_rate": shape.sampling_rate,
        "steps": shape.steps,
        "delta": shape.delta,
        "unit": "one patient, added or removed",
    }))
}

fn print(format: Format, found: &Value) {
    if format == Format::Json {
        println!("{found}");
        return;
    }
    println!("noise multiplier   {}", found["noise"]);
    let pld = shown(&found["epsilon_pld"]);
    let rdp = shown(&found["epsilon_rdp"]);
    println!("ε, PLD accountant  {pld}  (tight: what plans and reports call promised)");
    println!("ε, RDP accountant  {rdp}  (holds under adaptive choices)");
    println!("δ                  {}", found["delta"]);
    println!("unit               {}", found["unit"].as_str().unwrap_or_default());
}

/// A number as it is, or with its magnitude alone where nobody would read its digits.
fn shown(epsilon: &Value) -> String {
    match epsilon.as_f64() {
        Some(epsilon) if epsilon >= 1e6 => format!("{epsilon:.3e}"),
        Some(epsilon) => epsilon.to_string(),
        // JSON has no infinity.
        None => "no finite bound".to_owned(),
    }
}
