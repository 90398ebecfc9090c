//! `consilium-audit`: what a hospital's reviewer runs on a copy of a log.

use std::process::ExitCode;

fn main() -> ExitCode {
    audit::cli::run()
}
