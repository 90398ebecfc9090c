//! From a change of weights to something that may leave a hospital.
//!
//! ```text
//! Delta ─ clip to C ─► ClippedDelta ─┐
//!                                    ├─ privatize ─► PrivatizedUpdate ─► the wire
//! Charge ─ Ledger::reserve ─► Receipt┘
//!             (durable first)
//! ```
//!
//! Only a [`PrivatizedUpdate`] can be sent, and only [`privatize`] makes one, from a
//! [`ClippedDelta`] whose norm was checked in integers and a [`Receipt`] that the hospital's
//! ledger gave after its entry was on disk. Sending raw weights is a type error.
//!
//! Updates are integers: a clipped delta is put on a grid of C·2⁻²⁰ as 32-bit words, noise is added
//! on the grid, and words are summed modulo 2³². Integer sums do not depend on the order of
//! arrival, and noise on integers has no floating-point holes (Mironov, CCS 2012).
//!
//! [`accountant`] says what a mechanism costs: plans and reports show its bounds. [`gaussian`] draws
//! the noise.
//!
//! Nothing here reads files, clocks or the network; the ledger's storage is passed in.

pub mod accountant;
mod budget;
pub mod gaussian;
pub mod grid;
mod ledger;
mod noise;
mod update;

pub use budget::{Budget, Rho, epsilon};
pub use ledger::{Charge, Entry, Ledger, LedgerError, LedgerStore, Mechanism, REPLACED, Receipt};
pub use update::{ClippedDelta, Delta, PrivacyError, PrivatizedUpdate, privatize};
