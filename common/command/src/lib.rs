//! What the command lines of `coordinator` and `site-node` have in common.
//!
//! ```text
//! arguments ─ parse ─► a verb ─► Outcome ─ end ─► text on stderr and an exit code
//! ```

mod exit;
mod shell;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

pub use exit::{EXIT_CODES, Exit, Failure};
pub use shell::{Completions, Manual};

/// What a verb returns.
pub type Outcome = Result<(), Box<dyn Error>>;

/// Reads the command line. Help and the version are printed, and so are mistakes.
///
/// # Errors
/// There is nothing more to do: the code to exit with.
pub fn parse<C: Parser>() -> Result<C, ExitCode> {
    C::try_parse().map_err(|error| {
        let printed = error.print().is_ok();
        let code = if error.use_stderr() { Exit::Usage.code() } else { ExitCode::SUCCESS };
        if printed { code } else { Exit::Failed.code() }
    })
}

/// Ends the program: says on stderr why a verb failed, and gives the exit code of it. `known` names the code of errors
/// that the program itself has.
pub fn end(outcome: Outcome, known: impl Fn(&(dyn Error + 'static)) -> Option<Exit>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    let exit = known(error.as_ref()).unwrap_or_else(|| exit::of(error.as_ref()));
    let text = node::process::chain(error.as_ref());
    // Nothing failed where a person left, or an operator stopped the run.
    let prefix = if matches!(exit, Exit::Interrupted | Exit::Stopped) { "" } else { "error: " };
    eprintln!("{prefix}{text}");
    exit.code()
}
