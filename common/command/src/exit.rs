//! Exit codes, by the numbers of `sysexits.h` where it has one.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use base::config::ConfigError;
use node::transport::TransportError;
use node::wire::Refusal;

/// Why a program ended. Success is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The command failed for a reason that has no code of its own.
    Failed,
    /// An operator stopped the run that was followed.
    Stopped,
    /// The command line is wrong (`EX_USAGE`).
    Usage,
    /// The data have problems, which are listed (`EX_DATAERR`).
    Data,
    /// The other side cannot be reached (`EX_UNAVAILABLE`).
    Unavailable,
    /// The other side refused (`EX_NOPERM`).
    Refused,
    /// A configuration file has mistakes, which are listed (`EX_CONFIG`).
    Config,
    /// The person at the terminal left. What runs elsewhere goes on.
    Interrupted,
}

/// What `--help` says of exit codes.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    success
  1    the command failed
  3    an operator stopped the run
  64   the command line is wrong
  65   the data have problems, which are listed
  69   the other side cannot be reached
  77   the other side refused
  78   a configuration file has mistakes, which are listed
  130  you left; what runs elsewhere goes on
The verbs audit verify, reconcile and report have exit codes of their own: see consilium-audit --help.";

impl Exit {
    /// The number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Stopped => 3,
            Self::Usage => 64,
            Self::Data => 65,
            Self::Unavailable => 69,
            Self::Refused => 77,
            Self::Config => 78,
            // 128 + SIGINT, as a shell names it.
            Self::Interrupted => 130,
        }
    }

    /// The number as the system takes it.
    #[must_use]
    pub fn code(self) -> ExitCode {
        ExitCode::from(self.number())
    }
}

/// An error with the exit code that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// What failed, and the next step.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

/// The code of an error: that of the first of its causes that has one.
pub(crate) fn of(error: &(dyn Error + 'static)) -> Exit {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(exit) = known(error) {
            return exit;
        }
        cause = error.source();
    }
    Exit::Failed
}

fn known(error: &(dyn Error + 'static)) -> Option<Exit> {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return Some(failure.exit);
    }
    if error.is::<ConfigError>() {
        Some(Exit::Config)
    } else if error.is::<TransportError>() {
        Some(Exit::Unavailable)
    } else if error.is::<Refusal>() {
        Some(Exit::Refused)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Behind(Box<dyn Error>);

    impl fmt::Display for Behind {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("something else came first")
        }
    }

    impl Error for Behind {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self.0.as_ref())
        }
    }

    #[test]
    fn an_error_has_the_code_of_its_first_cause_that_has_one() {
        let config = ConfigError { source: "policy.toml".to_owned(), problems: Vec::new() };
        assert_eq!(of(&Behind(Box::new(config))), Exit::Config);
        assert_eq!(of(&Behind(Box::new(Refusal::OutOfTurn))), Exit::Refused);
        let data = Failure { exit: Exit::Data, message: "1 problem".to_owned() };
        assert_eq!(of(&Behind(Box::new(Behind(Box::new(data))))), Exit::Data);
        assert_eq!(of(&std::io::Error::other("disk")), Exit::Failed);
    }

    #[test]
    fn every_code_is_listed_once() {
        let all = [
            Exit::Failed,
            Exit::Stopped,
            Exit::Usage,
            Exit::Data,
            Exit::Unavailable,
            Exit::Refused,
            Exit::Config,
            Exit::Interrupted,
        ];
        for exit in all {
            let line = format!("\n  {:<4} ", exit.number());
            assert_eq!(EXIT_CODES.matches(&line).count(), 1, "{line:?}");
        }
    }
}
