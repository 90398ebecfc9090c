//! `coordinator`: what researchers and the research centre's IT run.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
