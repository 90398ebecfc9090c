//! `site-node`: the daemon that a hospital runs.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
