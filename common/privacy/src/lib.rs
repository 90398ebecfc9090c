//! From a change of weights to something that may leave a hospital.
//!
//! ```text
//! Delta ─ clip to C ─► ClippedDelta ─┐
//!                                    ├─ privatize ─► PrivatizedUpdate ─► the wire
//! Charge ─ Ledger::reserve ─► Receipt┤
//!             (durable first)        └─ PrivateTraining: sampled, clipped, noised steps ─► the wire
//! ```
//!
//! Only a [`PrivatizedUpdate`] can be sent, and two things make one, both from a [`Receipt`] that the
//! hospital's ledger gave after its entry was on disk: [`privatize`], from a [`ClippedDelta`] whose
//! norm was checked in integers, and [`PrivateTraining`], whose parameters change by noised sums
//! alone. Sending raw weights is a type error.
//!
//! Updates are integers: a clipped delta is put on a grid of C·2⁻²⁰ as 32-bit words, noise is added
//! on the grid, and words are summed as integers. Integer sums do not depend on the order of
//! arrival, and noise on integers has no floating-point holes (Mironov, CCS 2012). Whoever sums
//! updates holds each against its [`UpdateBound`] first: a clipping bound counts where it is checked.
//!
//! [`accountant`] says what a mechanism costs: plans and reports show its bounds. [`gaussian`] draws
//! the noise. [`release`] answers low-dimensional questions, each against a receipt of its own.
//!
//! Nothing here reads files, clocks or the network; the ledger's storage is passed in.

pub mod accountant;
mod bound;
mod concentrated;
pub mod gaussian;
pub mod grid;
mod ledger;
mod mechanism;
mod noise;
mod recorded;
pub mod release;
mod sampling;
mod steps;
#[cfg(test)]
mod testing;
mod update;

pub use bound::{NormMeter, OverBound, UpdateBound};
pub use concentrated::{epsilon, shown_epsilon};
pub use ledger::{
    Account, Budget, Charge, Cost, Entry, Filter, Ledger, LedgerError, LedgerStore, Limits,
    ORDERS as LEDGER_ORDERS, OpeningBalance, PlannedReleases, Receipt, Released,
};
pub use mechanism::{Mechanism, REPLACED};
pub use recorded::{UnknownMechanism, cost};
pub use steps::PrivateTraining;
pub use update::{ClippedDelta, Delta, PrivacyError, PrivatizedUpdate, privatize};
