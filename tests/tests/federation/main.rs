//! The product as its users see it: built binaries, and hostile peers over real QUIC.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "a test may stop, measure time, and knows its numbers"
)]

mod bad_input;
mod order;
mod processes;
mod real_data;
mod rogue;

/// A test that ends with what went wrong.
type Outcome = Result<(), tests::SetupError>;
