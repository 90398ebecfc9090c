//! Rényi accounting: the accountant that enforces budgets.
//!
//! ```text
//!  step (q, z) ── of_step ──► RdpVector ──times(T)──► + ──► epsilon(δ)        what a plan costs
//!                 integer     one value                │
//!                 fractional  an order                 └──► the ledger's filter   what may be spent
//! ```
//!
//! Rényi costs add up, order by order, and stay valid when a later release is chosen in view of
//! earlier results; a numerical privacy-loss distribution does not. The ledger therefore keeps
//! Rényi costs ([`order_of_step`]) and refuses by them, and reports are made by [`pld`](super::pld).

mod fractional;
mod integer;
mod orders;
mod vector;

pub use orders::ORDERS;
pub(crate) use vector::conversion;
pub use vector::{RdpVector, order_of_step};
