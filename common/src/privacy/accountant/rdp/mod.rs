//! Rényi accounting: the accountant that enforces budgets.
//!
//! ```text
//!  step (q, z) ── of_step ──► RdpVector ──times(T)──► + ──► epsilon(δ)        what a plan costs
//!                 integer     one value                │
//!                 fractional  an order                 └──► RdpFilter::admits  what the ledger allows
//! ```
//!
//! Rényi costs add up, order by order, and stay valid when a later release is chosen in view of
//! earlier results; a numerical privacy-loss distribution does not. The ledger therefore stores
//! [`RdpVector`]s and refuses by [`RdpFilter`], and reports by [`pld`](super::pld).

mod filter;
mod fractional;
mod integer;
mod orders;
mod vector;

pub use filter::RdpFilter;
pub use orders::ORDERS;
pub use vector::RdpVector;
