//! `coordinator synth`: synthetic hospitals with tables, codes, ECGs and images.

use std::fmt::Write;
use std::path::PathBuf;

use coordinator::synth::{
    CIndices, EcgRate, ImageSize, MAX_PATIENTS, MAX_SITES, Oracle, Recipe, make, usual_patients,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::Outcome;
use super::output::{Format, Output};

/// What `--help` says.
pub(super) const ABOUT: &str = "\
Generate synthetic hospitals: tables, codes, ECGs, images, and each patient's true risk.

OUT gets one folder per hospital (site-1, site-2, ...) with CSV tables, dated codes, WFDB ECGs, PNG
images, and a cohort.toml that describes them. Beside the folders, truth.csv holds each patient's true
risk, and oracle.json the C-index of that risk. It is an upper bound: a model sees only noisy records.

Each of the four modalities shows one trait. All four traits affect survival, and those of ECG and image
interact. Hospitals differ in case mix, survival, follow-up, units, scanners, and in who has an ECG or an
image. The oracle without one trait knows the other three exactly. A model that beat it would have used
all four, and none is expected to.";

#[derive(clap::Args)]
#[command(after_help = "Example: coordinator synth runs/cohort --patients 6000 --seed 7")]
pub(super) struct Args {
    /// A new or empty folder.
    out: PathBuf,
    /// How many hospitals. The first six are as large as 500, 350, 250, 150, 100 and 60; further
    /// ones begin again.
    #[arg(long, value_name = "S", default_value_t = 6)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SITES)))]
    sites: u32,
    /// Decides every byte.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// All patients together; the hospitals keep their proportions. [default: 1410 at six sites]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PATIENTS)))]
    patients: Option<u32>,
    /// Samples per second of the ECGs, which last ten seconds.
    #[arg(long, value_name = "HZ", default_value = "100", value_parser = ["100", "500"])]
    ecg_rate: String,
    /// Rows and columns of the images.
    #[arg(long, value_name = "PIXELS", default_value = "64", value_parser = ["64", "128"])]
    image_size: String,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(args: &Args) -> Outcome {
    let patients = args.patients.unwrap_or_else(|| usual_patients(args.sites));
    let mut recipe = Recipe::new(args.seed, args.sites, patients)?;
    if args.ecg_rate == "500" {
        recipe.ecg_rate = EcgRate::Hz500;
    }
    if args.image_size == "128" {
        recipe.image_size = ImageSize::Pixels128;
    }
    let bar = bar(patients, args.output.quiet);
    let made = make(recipe, &args.out, &|| bar.inc(1));
    if made.is_ok() {
        bar.finish();
    } else {
        bar.abandon();
    }
    let oracle = made?;
    match args.output.format {
        Format::Table => print!("{}", table(&oracle)),
        Format::Json => {
            let folder = std::path::absolute(&args.out).unwrap_or_else(|_| args.out.clone());
            println!("{}", json!({ "folder": folder, "oracle": oracle }));
        }
    }
    Ok(())
}

fn bar(patients: u32, quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(u64::from(patients)), target);
    let style = ProgressStyle::with_template("{prefix:>12} [{bar:30}] {pos}/{len} patients, {eta}")
        .map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> "));
    bar.with_style(style).with_prefix("Writing")
}

/// One of the oracles.
type Figure = fn(&CIndices) -> Option<f64>;

/// The oracle for people.
fn table(oracle: &Oracle) -> String {
    let mut text = String::new();
    // A String takes whatever is written to it.
    let _ = writeln!(
        text,
        "{:<12}{:>9}{:>9}{:>8}{:>8}",
        "site", "patients", "events", "ECGs", "images"
    );
    for site in &oracle.sites {
        let part = |count: usize| format!("{:.0} %", 100.0 * count as f64 / site.patients as f64);
        let events = part(site.events);
        let ecgs = part(site.ecgs);
        let images = part(site.images);
        let _ =
            writeln!(text, "{:<12}{:>9}{events:>9}{ecgs:>8}{images:>8}", site.site, site.patients);
    }
    let _ = writeln!(
        text,
        "\n{:<26}{:>8}{:>8}  (Harrell)",
        "C-index by the true traits", "all", "test"
    );
    let rows: [(&str, Figure, &str); 11] = [
        ("  all four", |c| c.true_log_hazard, "the ceiling"),
        ("  without interaction", |c| c.without_interaction, ""),
        ("  without table", |c| c.without_ehr, ""),
        ("  without codes", |c| c.without_codes, ""),
        ("  without ECG", |c| c.without_ecg, ""),
        ("  without image", |c| c.without_image, ""),
        ("  best without one", |c| c.best_without_one, "knows three traits exactly"),
        ("  table alone", |c| c.only_ehr, ""),
        ("  codes alone", |c| c.only_codes, ""),
        ("  ECG alone", |c| c.only_ecg, ""),
        ("  image alone", |c| c.only_image, ""),
    ];
    for (name, figure, note) in rows {
        let shown = |c: &CIndices| figure(c).map_or("–".to_owned(), |c| format!("{c:.4}"));
        let all = shown(&oracle.all);
        let test = shown(&oracle.test);
        let line = format!("{name:<26}{all:>8}{test:>8}  {note}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
