//! `bench`: what a round costs without training, one JSON line a measurement.

mod coordinator;
mod plan;
mod rounds;
mod site;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Models come and go with every round: this allocator hands their memory on instead of returning it
/// to the system and having it cleared again.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Benchmarks that print JSON.
#[derive(Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Rounds between separate processes over mutual TLS, without training, privacy mode "none".
    Rounds(rounds::Args),
    /// The coordinator's process of `rounds`.
    #[command(hide = true)]
    Coordinator(coordinator::Args),
    /// A site's process of `rounds`.
    #[command(hide = true)]
    Site(site::Args),
}

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Rounds(args) => rounds::run(&args),
        Verb::Coordinator(args) => coordinator::run(&args),
        Verb::Site(args) => site::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
