//! What is to be thought of some logs, in one place: `verify`, `reconcile` and `report` say the same words,
//! draw the same colours and end with the same exit codes.
//!
//! ```text
//!  word         colour   exit   means
//!  sound        green    0      everything holds
//!  explained    amber    0      something went otherwise, and the logs themselves say why
//!  attention    amber    1      something is missing, or nobody can say yet what it means
//!  violation    red      1      a node broke a rule, or two logs contradict each other
//!  tampered     red      2      a log is not what was signed
//!  unreadable   red      3      a log cannot be judged
//! ```

use std::fmt;

use serde::Serialize;

use crate::name::Name;

/// How far logs can be relied on, best first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Everything holds.
    #[default]
    Sound,
    /// Something went otherwise than planned, and the logs say why: a crash, a restart, a late update.
    Explained,
    /// Something is missing, or nobody can say yet what it means.
    Attention,
    /// A node broke a rule, or two logs contradict each other.
    Violation,
    /// A log cannot be judged.
    Unreadable,
    /// A log is not what was signed.
    Tampered,
}

/// The colour that a level is drawn in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Nothing is to be done.
    Green,
    /// Somebody should read on.
    Amber,
    /// Do not rely on it.
    Red,
}

impl Level {
    /// Its word, as in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Explained => "explained",
            Self::Attention => "attention",
            Self::Violation => "violation",
            Self::Unreadable => "unreadable",
            Self::Tampered => "tampered",
        }
    }

    /// The exit code of every verb that finds it.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Sound | Self::Explained => 0,
            Self::Attention | Self::Violation => 1,
            Self::Tampered => 2,
            Self::Unreadable => 3,
        }
    }

    /// Its colour.
    #[must_use]
    pub fn colour(self) -> Colour {
        match self {
            Self::Sound => Colour::Green,
            Self::Explained | Self::Attention => Colour::Amber,
            Self::Violation | Self::Unreadable | Self::Tampered => Colour::Red,
        }
    }

    /// What it means, in one sentence.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Sound => "Everything that was given holds.",
            Self::Explained => {
                "The logs hold. Something went otherwise than planned, and the logs say why."
            }
            Self::Attention => "The logs hold as far as they go, but they need attention.",
            Self::Violation => "A node broke a rule, or logs contradict each other.",
            Self::Unreadable => "A log cannot be judged.",
            Self::Tampered => "A log is not what was signed.",
        }
    }
}

/// One thing that was found, and how grave it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// How grave it is.
    pub level: Level,
    /// What it is, as a code.
    pub code: String,
    /// What it is, in words.
    pub text: String,
    /// The run that it is about; absent where it is about a log, and so about every run in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Name>,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.level.word(), self.code, self.text)
    }
}

/// The verdict on some logs, with its reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// The gravest of the reasons.
    pub level: Level,
    /// Everything that was found, gravest first.
    pub reasons: Vec<Reason>,
}

impl Judgement {
    /// The verdict that follows from what was found. There is no other way to one.
    #[must_use]
    pub fn of(mut reasons: Vec<Reason>) -> Self {
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.level));
        let level = reasons.first().map_or(Level::Sound, |reason| reason.level);
        Self { level, reasons }
    }

    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.level.exit_code()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_reason_is_the_verdict() {
        let reason = |level: Level| {
            let code = level.word().to_owned();
            Reason { level, code, text: String::new(), run: None }
        };
        assert_eq!(Judgement::of(Vec::new()).exit_code(), 0);
        let levels = [Level::Explained, Level::Tampered, Level::Unreadable, Level::Attention];
        let found = Judgement::of(levels.map(reason).into());
        assert_eq!((found.level, found.exit_code()), (Level::Tampered, 2));
        assert_eq!(found.reasons[3].level, Level::Explained);
        assert_eq!(Judgement::of(vec![reason(Level::Explained)]).exit_code(), 0);
        assert_eq!(Judgement::of(vec![reason(Level::Attention)]).exit_code(), 1);
    }
}
