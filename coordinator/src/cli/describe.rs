//! `coordinator describe`: what hospitals tell of their patients, with noise, before anything is trained.

use std::io::IsTerminal;
use std::path::PathBuf;

use base::config::{self, Override};
use coordinator::client::describe;
use coordinator::statistics::{Cost, DescriptionReport};
use node::transport::Address;
use node::wire::{StatisticsLaunch, Told};
use plan::experiment::{Experiment, LeftOut};
use privacy::shown_epsilon;

use super::output::{Format, Output};
use super::{Outcome, log, operator, runtime};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The experiment's file; its table [describe] says what is asked.
    experiment: PathBuf,
    /// The coordinator's settings: where it listens, and the operator's certificate.
    #[arg(long, value_name = "FILE", default_value = "coordinator.toml")]
    config: PathBuf,
    /// Where the coordinator is reached, by host name or address, if not as the settings' `listen`.
    #[arg(long, value_name = "ADDRESS")]
    coordinator: Option<Address>,
    /// A value in place of the file's, such as describe.rho=0.1; may be given many times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<Override>,
    /// Ask the hospitals without asking here first whether the charge is wanted.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(args: &Args) -> Outcome {
    log(args.output.level());
    let Experiment { plan, describe: table, .. } = config::load(&args.experiment, &args.overrides)?;
    let (question, left_out) = table.question(&plan)?;
    if let Some(plan_error) = question.check().into_iter().next() {
        return Err(plan_error.into());
    }
    let (identity, coordinator) = operator(&args.config, args.coordinator.as_ref())?;
    let cost = Cost::of(&question, &plan);
    let quiet = args.output.quiet;
    if !quiet || !args.yes {
        announce(cost, &left_out);
    }
    if !args.yes {
        confirm()?;
    }
    let inquiry = StatisticsLaunch { question: question.clone(), window: plan.aggregation.window };
    let heard = runtime()?.block_on(describe(identity, &coordinator, inquiry, |told| {
        if !quiet {
            follow(told);
        }
    }))?;
    let report = DescriptionReport::of(&question, cost, left_out, &heard.steps);
    // What was answered was paid for, however it ended.
    if heard.end.is_ok() || !report.sites.is_empty() {
        match args.output.format {
            Format::Table => print!("{}", report.table()),
            Format::Json => println!("{}", serde_json::to_string(&report)?),
        }
    }
    heard.end?;
    if report.sites.is_empty() {
        return Err(nobody(&heard.steps).into());
    }
    Ok(())
}

/// Why there is no answer: each hospital's reason.
fn nobody(steps: &[Told]) -> String {
    let reason = |told: &Told| match told {
        Told::Declined { site, rule, reason } => Some(format!("\n  {site}: {rule}: {reason}")),
        _ => None,
    };
    let reasons: String = steps.iter().filter_map(reason).collect();
    format!(
        "no hospital answered{reasons}\nOne that was lost or late after it answered is charged and has kept the \
         answer: ask the same again"
    )
}

/// What each hospital will be charged, before any is asked.
fn announce(cost: Cost, left_out: &[LeftOut]) {
    let Cost { rho, epsilon, epsilon_charged, delta, releases } = cost;
    let [epsilon, charged] = [epsilon, epsilon_charged].map(shown_epsilon);
    eprintln!(
        "each hospital that has not answered this before is charged ε = {charged} at δ = {delta:e}; promised are ε = \
         {epsilon} for one patient, added or removed (ρ = {rho}, {releases} releases)"
    );
    for LeftOut { name, why } in left_out {
        eprintln!("left out {name}: {why}");
    }
}

/// Asks the person at the terminal whether hospitals' budgets may be spent.
fn confirm() -> Outcome {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(
            "nothing was asked, as it is charged to the hospitals' budgets; add --yes to go on"
                .into(),
        );
    }
    eprint!("Go on? [y/N] ");
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err("nothing was asked".into()),
    }
}

fn follow(told: &Told) {
    match told {
        Told::Asked { sites } => eprintln!("       Asked {} sites", sites.len()),
        Told::Answered { site, .. } => eprintln!("    Answered {site}"),
        Told::Declined { site, rule, reason } => eprintln!("    Declined {site}: {rule}: {reason}"),
        Told::Complete { seconds } => eprintln!("    Finished in {seconds:.3} s"),
        Told::Failed { .. } | Told::Stopped { .. } => {}
    }
}
