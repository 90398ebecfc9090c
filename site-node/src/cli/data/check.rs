//! `site-node data check`: Check / Problem / How to fix.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use base::config::{self, Override};
use command::{Exit, Failure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use plan::experiment::Draft;
use plan::policy::Policy;
use serde_json::json;
use site_node::data::prepare::Progress;
use site_node::data::{Day, Source};
use site_node::inspect::{Check, Finding, Findings, check, value};

use super::{Place, inside_only};
use crate::cli::Format;

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    place: Place,
    /// Hold the data against an experiment's features and outcome too.
    #[arg(long, value_name = "FILE")]
    experiment: Option<PathBuf>,
    /// A value in place of the experiment's, such as outcome.unit=days; may be given many times.
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "experiment")]
    overrides: Vec<Override>,
    /// Show the value of each cell that is wrong and the file of each ECG or image: for eyes inside the
    /// hospital.
    #[arg(long)]
    show_values: bool,
    /// Write values to a file or a pipe too.
    #[arg(long, requires = "show_values")]
    anywhere: bool,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

pub(super) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    if args.show_values {
        inside_only(args.anywhere)?;
    }
    let (settings, source) = args.place.load()?;
    let policy = Policy::load(&settings.policy)?;
    let plan = match &args.experiment {
        Some(path) => Some(config::load::<Draft>(path, &args.overrides)?.0.plan),
        None => None,
    };
    let asked = Check {
        source: &source,
        policy: Some(&policy),
        plan: plan.as_ref(),
        today: today(),
        cache: &settings.state.join("cache"),
    };
    let bars = Bars::default();
    let found = check(&asked, &|what, progress| bars.take(what, progress));
    bars.finish();
    let values: Vec<Option<String>> = if args.show_values {
        found.problems.iter().map(|finding| value(&source, finding)).collect()
    } else {
        vec![None; found.problems.len()]
    };
    match args.format {
        Format::Table => table(&source, &found, &values),
        Format::Json => println!("{}", object(&found, &values)),
    }
    let count = found.problems.len() + found.more;
    match count {
        0 => Ok(()),
        1 => Err(problems("1 problem in this hospital's data")),
        _ => Err(problems(&format!("{count} problems in this hospital's data"))),
    }
}

fn problems(message: &str) -> Box<dyn Error> {
    Box::new(Failure { exit: Exit::Data, message: message.to_owned() })
}

/// By this machine's clock, in UTC and a day later: no hospital's calendar is further ahead.
fn today() -> Option<Day> {
    let since = std::time::UNIX_EPOCH.elapsed().ok()?;
    i32::try_from(since.as_secs() / 86_400 + 1).ok().map(Day)
}

/// A bar for each kind of file, on stderr.
#[derive(Default)]
struct Bars(Mutex<BTreeMap<&'static str, ProgressBar>>);

impl Bars {
    fn take(&self, what: &'static str, progress: Progress) {
        let Ok(mut bars) = self.0.lock() else { return };
        let bar =
            bars.entry(what).or_insert_with(|| {
                let all = u64::try_from(progress.all).unwrap_or_default();
                let style = ProgressStyle::with_template(
                    "{prefix:>12} [{bar:30}] {pos}/{len} {msg}, {eta}",
                )
                .map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> "));
                let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
                bar.with_style(style).with_prefix("Checking").with_message(what)
            });
        bar.set_position(u64::try_from(progress.done).unwrap_or_default());
    }

    fn finish(&self) {
        if let Ok(bars) = self.0.lock() {
            bars.values().for_each(ProgressBar::finish);
        }
    }
}

fn table(source: &Source, found: &Findings, values: &[Option<String>]) {
    // The folder of a cohort file that was named without one.
    let here = source.folder.as_os_str().is_empty();
    let folder = if here { Path::new(".") } else { &source.folder }.display();
    let told: Vec<String> = found
        .problems
        .iter()
        .zip(values)
        .map(|(Finding { problem, .. }, value)| match value {
            Some(value) => format!("{problem} [{value:?}]"),
            None => problem.clone(),
        })
        .collect();
    let widest = told.iter().map(|text| text.chars().count()).max().unwrap_or_default();
    if told.is_empty() {
        println!("data in {folder}: nothing wrong was found");
    } else {
        println!("{:<14}{:<widest$}  How to fix", "Check", "Problem");
    }
    for (Finding { check, fix, .. }, problem) in found.problems.iter().zip(&told) {
        println!("{check:<14}{problem:<widest$}  {fix}");
    }
    if found.more > 0 {
        println!("… and {} more", found.more);
    }
    for note in &found.notes {
        println!("note: {note}");
    }
}

fn object(found: &Findings, values: &[Option<String>]) -> serde_json::Value {
    let problems: Vec<_> = found
        .problems
        .iter()
        .zip(values)
        .map(|(finding, value)| {
            let Finding { check, file, row, rows, count, column, problem, fix, .. } = finding;
            json!({ "check": check, "file": file, "row": row, "rows": rows, "count": count,
                    "column": column, "problem": problem, "fix": fix, "value": value })
        })
        .collect();
    let sound = found.problems.is_empty() && found.more == 0;
    json!({ "sound": sound, "problems": problems, "more": found.more, "notes": found.notes })
}
