//! Errors of the survival metrics.

use thiserror::Error;

/// Why a survival metric or curve could not be computed.
///
/// Messages name the offending argument and the position inside it. They never
/// contain the value found there, because that value belongs to a patient.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SurvivalError {
    /// An argument that must hold at least one entry is empty.
    #[error("`{field}` is empty")]
    Empty {
        /// Argument name.
        field: &'static str,
    },
    /// Two arguments that describe the same patients or times differ in length.
    #[error("`{field}` has {found} entries but {expected} are needed")]
    LengthMismatch {
        /// Argument name.
        field: &'static str,
        /// Entries the other arguments call for.
        expected: usize,
        /// Entries found.
        found: usize,
    },
    /// An entry is NaN or infinite.
    #[error("`{field}`[{index}] is not finite")]
    NotFinite {
        /// Argument name.
        field: &'static str,
        /// Zero-based position.
        index: usize,
    },
    /// A time is negative.
    #[error("`{field}`[{index}] is negative")]
    Negative {
        /// Argument name.
        field: &'static str,
        /// Zero-based position.
        index: usize,
    },
    /// A time grid is not strictly increasing.
    #[error("`{field}`[{index}] is not larger than the entry before it")]
    NotIncreasing {
        /// Argument name.
        field: &'static str,
        /// Zero-based position of the entry that fails to increase.
        index: usize,
    },
    /// A predicted survival probability lies outside [0, 1].
    #[error("survival curve of patient {patient} is outside [0, 1] at grid point {point}")]
    ProbabilityOutOfRange {
        /// Zero-based patient position.
        patient: usize,
        /// Zero-based grid position.
        point: usize,
    },
    /// A predicted survival curve goes up.
    #[error("survival curve of patient {patient} increases at grid point {point}")]
    CurveIncreases {
        /// Zero-based patient position.
        patient: usize,
        /// Zero-based grid position.
        point: usize,
    },
    /// A scalar setting is outside its domain.
    #[error("parameter `{name}` must be {requirement}")]
    InvalidParameter {
        /// Parameter name.
        name: &'static str,
        /// What the parameter has to satisfy.
        requirement: &'static str,
    },
    /// Every patient of the set is censored.
    #[error("all patients of `{field}` are censored")]
    AllCensored {
        /// Argument name.
        field: &'static str,
    },
    /// No pair of patients can be ordered by the observed outcomes.
    #[error("no comparable pair of patients")]
    NoComparablePairs,
    /// The censoring survival function is 0 where an inverse weight is needed.
    #[error("censoring survival function is zero at the event time of `{field}`[{index}]")]
    CensoringSurvivalZero {
        /// Argument name.
        field: &'static str,
        /// Zero-based position.
        index: usize,
    },
    /// A time lies beyond the last training time while the censoring survival
    /// function is still positive, so its value there is unknown.
    #[error("`{field}`[{index}] lies beyond the follow-up of the training set")]
    BeyondTrainingFollowUp {
        /// Argument name.
        field: &'static str,
        /// Zero-based position.
        index: usize,
    },
    /// An evaluation time is outside [first, last) observed test time.
    #[error("`{field}`[{index}] lies outside the follow-up of the test set")]
    OutsideTestFollowUp {
        /// Argument name.
        field: &'static str,
        /// Zero-based position.
        index: usize,
    },
    /// No patient has a known status at an evaluation time.
    #[error("no patient has a known status at `{field}`[{index}]")]
    NoKnownStatus {
        /// Argument name.
        field: &'static str,
        /// Zero-based position.
        index: usize,
    },
    /// The groups of a log-rank test carry no information on a difference.
    #[error("the log-rank variance is zero: fewer than two groups are at risk at an event time")]
    NoLogRankInformation,
    /// Adding two pair counts exceeds 64 bits.
    #[error("pair counts overflow 64 bits")]
    CountOverflow,
}
