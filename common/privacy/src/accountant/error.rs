//! What can be wrong with an accountant's input.

/// Why an accountant refused its input or could not answer.
///
/// Every variant names the field, what was found and what would have been accepted, so that the
/// message can be shown to an operator as it is.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AccountantError {
    /// A privacy parameter lies outside its range.
    #[error("{field} is {found}, but must be {allowed}")]
    OutOfRange {
        /// The parameter, in the words of the documentation.
        field: &'static str,
        /// The value that was given.
        found: f64,
        /// The accepted range.
        allowed: &'static str,
    },

    /// A stored RDP vector does not have one value for each public order.
    #[error("an RDP vector has {found} values, but must have {expected}, one for each order")]
    VectorLength {
        /// The number of values that was given.
        found: usize,
        /// The number of public orders.
        expected: usize,
    },

    /// A stored RDP vector holds a value that is no divergence.
    #[error("the RDP value at order {order} is {found}, but must be at least 0 (infinity allowed)")]
    VectorValue {
        /// The Rényi order at which the value stands.
        order: f64,
        /// The value that was given.
        found: f64,
    },

    /// No accepted noise multiplier reaches the target.
    #[error(
        "epsilon {target} at delta {delta} cannot be reached: the largest accepted noise \
         multiplier {largest_noise} still costs epsilon {cost}"
    )]
    Unreachable {
        /// The ε that was asked for.
        target: f64,
        /// The δ that was asked for.
        delta: f64,
        /// The largest noise multiplier that was tried.
        largest_noise: f64,
        /// The ε which that noise multiplier costs.
        cost: f64,
    },
}
