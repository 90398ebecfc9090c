//! `consilium-audit`: what a hospital's reviewer runs on a copy of a log.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
