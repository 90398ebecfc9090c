//! One file a verb. Data on stdout, everything else on stderr, every failure exits non-zero.

mod budget;
mod check;
mod data;
mod policy;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use common::process::chain;

/// Trains survival models on this hospital's patients without their data leaving it.
#[derive(Parser)]
#[command(name = "site-node", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Connect to the coordinator and take part in its runs until stopped.
    Run(ConfigArg),
    /// Check settings, policy, certificate, data and ledger, and connect to nobody.
    Check(ConfigArg),
    /// What was spent of the privacy budget, by which run, and what is left.
    Budget(BudgetArgs),
    /// What this hospital's policy says.
    #[command(subcommand)]
    Policy(policy::Verb),
    /// What this hospital's data are, and what is wrong with them.
    #[command(subcommand)]
    Data(data::Verb),
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
struct ConfigArg {
    /// The site's settings; the paths in it are relative to its folder.
    #[arg(long, value_name = "FILE", default_value = "site-node.toml")]
    config: PathBuf,
}

/// Runs the verb on the command line.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.verb {
        Verb::Run(arg) => run::run(&arg.config),
        Verb::Check(arg) => check::run(&arg.config),
        Verb::Budget(args) => budget::run(&args.config.config, args.format),
        Verb::Policy(verb) => policy::run(&verb),
        Verb::Data(verb) => data::run(&verb),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
