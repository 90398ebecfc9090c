//! One file a verb. Data on stdout, everything else on stderr, every failure exits non-zero.

mod audit;
mod budget;
mod certificate;
mod check;
mod data;
mod evaluate;
mod paths;
mod policy;
mod predict;
mod run;
mod trust;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use command::{Completions, EXIT_CODES, Manual};

/// Train survival models on this hospital's patients without their data leaving it.
#[derive(Parser)]
#[command(name = "site-node", version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Connect to the coordinator and take part in its runs until stopped.
    ///
    /// On SIGTERM or SIGINT the node finishes the work in hand and sends it, within `drain` of the settings. A second
    /// signal stops it at once. On SIGHUP it reads the policy and stops training that is no longer allowed.
    Run(ConfigArg),
    /// Check settings, policy, certificate, data and ledger, and which paths lead to the coordinator.
    ///
    /// It tries UDP and TCP with a handshake alone, and ends with 69 if neither leads to the coordinator. It opens no
    /// session, so it works beside a running node.
    Check(CheckArgs),
    /// Show what was spent of the privacy budget, by which run, and what is left.
    Budget(BudgetArgs),
    /// Verify and show this hospital's audit log, prove single records, report on a run, and begin or restart the log.
    #[command(subcommand)]
    Audit(audit::Verb),
    /// Trust a coordinator's audit log by its public key, whatever was seen of it before.
    Trust(trust::Args),
    /// Explain what this hospital's policy and ledger allow.
    #[command(subcommand)]
    Policy(policy::Verb),
    /// Inspect and validate this hospital's data.
    #[command(subcommand)]
    Data(data::Verb),
    /// Evaluate a model on this hospital's test patients, by subgroup and with the importance of its inputs.
    Evaluate(evaluate::Args),
    /// Predict risk and survival for this hospital's patients, for eyes inside the hospital.
    Predict(predict::Args),
    /// Print completions for a shell.
    Completions(Completions),
    /// Write the manual pages.
    Manual(Manual),
}

/// Says beside figures of a ledger that its log breaks a rule: the node's own word is all that they rest on.
fn note_violation(violation: Option<&str>) {
    if let Some(violation) = violation {
        eprintln!(
            "warning: the audit log breaks a rule, and reports on it will say so: {violation}"
        );
    }
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// One object, for programs.
    Json,
}

#[derive(clap::Args)]
struct BudgetArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(clap::Args)]
struct CheckArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Do not connect to the coordinator.
    #[arg(long)]
    offline: bool,
}

#[derive(clap::Args)]
struct ConfigArg {
    /// The site's settings; the paths in it are relative to its folder.
    #[arg(long, value_name = "FILE", default_value = "site-node.toml")]
    config: PathBuf,
}

/// Runs the verb on the command line.
pub fn run() -> ExitCode {
    let cli = match command::parse::<Cli>() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let outcome = match cli.verb {
        Verb::Run(arg) => run::run(&arg.config),
        Verb::Check(args) => check::run(&args.config.config, args.offline),
        Verb::Budget(args) => budget::run(&args.config.config, args.format),
        Verb::Audit(verb) => return audit::run(verb),
        Verb::Trust(args) => trust::run(&args),
        Verb::Policy(verb) => policy::run(&verb),
        Verb::Data(verb) => data::run(&verb),
        Verb::Evaluate(args) => evaluate::run(&args),
        Verb::Predict(args) => predict::run(&args),
        Verb::Completions(args) => {
            args.print::<Cli>();
            Ok(())
        }
        Verb::Manual(args) => args.write::<Cli>().map_err(Into::into),
    };
    command::end(outcome, |_| None)
}
