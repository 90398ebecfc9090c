//! How results are printed.

use clap::ValueEnum;
use coordinator::client::OperatorError;
use coordinator::report::Report;

use super::Outcome;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// One object, for programs.
    Json,
}

#[derive(clap::Args)]
pub(super) struct Output {
    /// How the result is printed.
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    /// No progress: nothing but the result.
    #[arg(long, short)]
    pub quiet: bool,
}

impl Output {
    /// The level to log at beside the progress.
    pub(super) fn level(&self) -> &'static str {
        if self.quiet { "error" } else { "warn" }
    }

    /// Prints what became of a run. For programs there is also an object of one that has no model.
    pub(super) fn print_end(&self, end: Result<Report, OperatorError>) -> Outcome {
        match end {
            Ok(report) => self.print(&report),
            Err(error) => {
                if let OperatorError::Failed { report, .. }
                | OperatorError::Stopped { report, .. }
                | OperatorError::RunInterrupted { report, .. } = &error
                    && self.format == Format::Json
                {
                    self.print(report)?;
                }
                Err(error.into())
            }
        }
    }

    pub(super) fn print(&self, report: &Report) -> Outcome {
        match self.format {
            Format::Table => print!("{}", report.table()),
            Format::Json => println!("{}", serde_json::to_string(report)?),
        }
        Ok(())
    }
}
