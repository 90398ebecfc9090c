//! What examples are refused for.

/// Why patients cannot be examples of a model. Holds no patient's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExamplesError {
    /// A length that does not fit what it belongs to.
    #[error("{what}: {found} given, {expected} needed")]
    Length {
        /// Of what.
        what: &'static str,
        /// The length that fits.
        expected: usize,
        /// The length that came.
        found: usize,
    },
    /// A feature that is not a finite number.
    #[error("feature {column} (counted from 0) has a value that is not finite")]
    Feature {
        /// The feature's place in the plan.
        column: usize,
    },
    /// A code beyond the vocabulary, or of no age.
    #[error("a code is not of the vocabulary, or has no age of 0 years or more")]
    Code,
    /// A number of an ECG or an image that is not finite.
    #[error("an ECG or image has a value that is not finite")]
    Signal,
    /// What patients bring is not what the model's encoder of that place reads.
    #[error("an encoder reads another kind of modality than the patients bring")]
    Modality,
    /// A time of observation that is not a finite number of zero or more.
    #[error("a time of observation is negative or not finite")]
    Time,
    /// Edges of intervals that are not finite, above zero and increasing.
    #[error("the edges of the intervals do not increase from above zero")]
    Edges,
    /// An event of a cause that the head has no hazards for.
    #[error("an event is of a cause beyond the {causes} of the head")]
    Cause {
        /// The head's causes.
        causes: usize,
    },
    /// A patient who is not there.
    #[error("patient {patient} (counted from 0) is named, and there are {patients}")]
    Patient {
        /// Who is named.
        patient: usize,
        /// How many there are.
        patients: usize,
    },
}
