//! One file a verb. Data on stdout, progress and logs on stderr, every failure exits non-zero with
//! what was tried, why it failed, and where that is known, the next step.

mod audit;
#[cfg(feature = "simulate")]
mod demo;
mod describe;
mod follow;
mod init;
mod models;
mod output;
mod place;
mod plan;
mod privacy;
mod run;
mod runs;
mod serve;
#[cfg(feature = "simulate")]
mod simulate;
mod sites;
mod synth;

use std::error::Error;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use ::plan::experiment::Plan;
use clap::{Parser, Subcommand};
use command::{Completions, EXIT_CODES, Exit, Manual, Outcome};
use coordinator::client::OperatorError;
use coordinator::settings::CoordinatorSettings;
use node::pki::{Identity, Role};
use node::transport::{Address, Route};
use tracing_subscriber::EnvFilter;

/// Train one survival model across hospitals while each patient's records stay inside their hospital.
#[derive(Parser)]
#[command(name = "coordinator", version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Create a federation: its authority, certificates, and commented settings.
    Init(init::Args),
    /// List, add, renew and revoke the hospitals' certificates, and accept their new audit logs.
    #[command(subcommand)]
    Sites(sites::Verb),
    /// Serve a federation: let sites in and run what operators launch.
    ///
    /// On SIGTERM or SIGINT the coordinator starts nothing new and lets the open rounds close, within `drain` of the
    /// settings. A second signal stops it at once. Its runs go on at the next start.
    Serve(serve::Args),
    /// Show what an experiment would cost in privacy and traffic, and what policies would answer, before it runs.
    Plan(plan::Args),
    /// Request private statistics of the hospitals' patients from the live federation, before a run.
    ///
    /// Each hospital whose policy allows it answers once, with counts, missing rates, means, quartiles and
    /// the survival curve. All of them are noised, and its own ledger is charged for them. The coordinator
    /// keeps the answers, so the same request returns the same numbers at no cost.
    Describe(describe::Args),
    /// Launch an experiment on the live federation and follow it.
    Run(run::Args),
    /// List, show, follow and stop runs.
    #[command(subcommand)]
    Runs(runs::Verb),
    /// List, show, fetch, verify and use trained models.
    #[command(subcommand)]
    Models(models::Verb),
    /// Verify and reconcile audit logs, report on a run, and begin or restart this coordinator's log.
    #[command(subcommand)]
    Audit(audit::Verb),
    /// Compute the privacy cost of a mechanism, or the noise that a budget needs.
    #[command(subcommand)]
    Privacy(privacy::Verb),
    /// Generate synthetic hospitals: tables, codes, ECGs, images, and each patient's true risk.
    #[command(long_about = synth::ABOUT)]
    Synth(synth::Args),
    /// Run an experiment on this machine, with many sites over real QUIC and mutual TLS.
    #[cfg(feature = "simulate")]
    Simulate(simulate::Args),
    /// Train one model at six synthetic hospitals on this machine.
    #[cfg(feature = "simulate")]
    Demo(demo::Args),
    /// Print completions for a shell.
    Completions(Completions),
    /// Write the manual pages.
    Manual(Manual),
}

/// Runs the verb on the command line.
pub fn run() -> ExitCode {
    let cli = match command::parse::<Cli>() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let outcome = match cli.verb {
        Verb::Init(args) => init::run(&args),
        Verb::Sites(verb) => sites::run(&verb),
        Verb::Serve(args) => serve::run(&args),
        Verb::Plan(args) => plan::run(&args),
        Verb::Describe(args) => describe::run(&args),
        Verb::Run(args) => run::run(&args),
        Verb::Runs(verb) => runs::run(&verb),
        Verb::Models(verb) => models::run(&verb),
        Verb::Audit(verb) => return audit::run(verb),
        Verb::Privacy(verb) => privacy::run(&verb),
        Verb::Synth(args) => synth::run(&args),
        #[cfg(feature = "simulate")]
        Verb::Simulate(args) => simulate::run(&args),
        #[cfg(feature = "simulate")]
        Verb::Demo(args) => demo::run(&args),
        Verb::Completions(args) => {
            args.print::<Cli>();
            Ok(())
        }
        Verb::Manual(args) => args.write::<Cli>().map_err(Into::into),
    };
    command::end(outcome, known)
}

/// The exit codes of an operator's errors.
fn known(error: &(dyn Error + 'static)) -> Option<Exit> {
    match error.downcast_ref()? {
        OperatorError::Detached { .. }
        | OperatorError::Interrupted
        | OperatorError::InterruptedDescription => Some(Exit::Interrupted),
        OperatorError::Stopped { .. } | OperatorError::StatisticsStopped { .. } => {
            Some(Exit::Stopped)
        }
        OperatorError::Refused(_) | OperatorError::NotStopped { .. } => Some(Exit::Refused),
        OperatorError::Transport(_)
        | OperatorError::Lost { .. }
        | OperatorError::RunInterrupted { .. }
        | OperatorError::Broken
        | OperatorError::BrokenOff
        | OperatorError::Unheard => Some(Exit::Unavailable),
        OperatorError::Failed { .. } | OperatorError::Untold { .. } | OperatorError::TooMuch => {
            Some(Exit::Failed)
        }
    }
}

/// Logs on stderr, at the level that `RUST_LOG` says, or else at `level`.
fn log(level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let colours = std::io::stderr().is_terminal();
    let format = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours);
    format.with_writer(std::io::stderr).init();
}

/// An operator's certificate, and where the coordinator is reached.
fn operator(config: &Path, address: Option<&Address>) -> Result<(Identity, Route), Box<dyn Error>> {
    let settings = CoordinatorSettings::load(config)?;
    let identity = Identity::load(&settings.operator)?;
    if !matches!(identity.role, Role::Operator(_)) {
        return Err(format!(
            "{}: the certificate is that of a {}; this command needs an operator's",
            settings.operator.display(),
            identity.role
        )
        .into());
    }
    let route = match address {
        Some(address) => settings.route_at(address),
        None => settings.route(),
    };
    Ok((identity, route))
}

/// Prints what is valid in a plan and seldom meant, before anything begins.
fn warn(plan: &Plan, quiet: bool) {
    if !quiet {
        for caution in plan.cautions() {
            eprintln!("     Warning {caution}");
        }
    }
}

/// The threads that everything asynchronous runs on.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
