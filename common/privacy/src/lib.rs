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
//!
//! # Example
//!
//! This crate stands alone: it accounts for a budget, adds exact noise to an update, and releases a count.
//!
//! ```
//! use base::digest::Digest;
//! use base::ids::Round;
//! use privacy::gaussian::NoiseKey;
//! use privacy::release::count;
//! use privacy::{
//!     Budget, Charge, Delta, Entry, Ledger, LedgerError, LedgerStore, Limits, Mechanism, Released,
//!     privatize,
//! };
//!
//! /// A real store appends each entry to a file and syncs it before it returns.
//! struct Memory(Vec<Entry>);
//!
//! impl LedgerStore for Memory {
//!     fn append(&mut self, entry: &Entry) -> std::io::Result<()> {
//!         self.0.push(entry.clone());
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // All releases of this data set together may cost epsilon = 3 at delta = 1e-5.
//! let total = Budget { epsilon: 3.0, delta: 1e-5 };
//! let limits = Limits { total, epsilon_per_run: None };
//! let mut ledger = Ledger::open(Memory(Vec::new()), limits, Vec::new())?;
//!
//! // An update: what training changed, clipped to a norm of 1. The charge is on record before noise is drawn.
//! let clip = 1.0;
//! let mut charge = Charge {
//!     run: "run-a".parse()?,
//!     plan: Digest::of(b"the plan"),
//!     round: Round(1),
//!     released: Released::Update,
//!     mechanism: Mechanism::GaussianUpdate { noise_multiplier: 10.0 },
//!     clip,
//! };
//! let before = [0.5, 0.25, -0.125];
//! let after = vec![0.75, 0.0, -0.5];
//! let clipped = Delta::between(&before, after)?.clip(clip, 1.0)?;
//! let receipt = ledger.reserve(charge.clone())?;
//! let mut random = [0; 32];
//! aws_lc_rs::rand::fill(&mut random)?;
//! let update = privatize(clipped, receipt, NoiseKey::from_bytes(&mut random)?)?;
//! assert_eq!(update.words().len(), 4 * before.len());
//!
//! // A count of patients, with noise of the standard deviation 1 / sqrt(2 rho).
//! charge.released = Released::Patients;
//! charge.mechanism = Mechanism::Zcdp { rho: 0.02 };
//! let noisy = count(ledger.reserve(charge.clone())?, 1_200)?;
//! assert!((noisy.deviation - 5.0).abs() < 1e-12);
//!
//! // What was spent adds up, nothing is released twice, and what does not fit is refused.
//! let spent = ledger.account().spent().epsilon(total.delta);
//! assert!(1.0 < spent && spent < 3.0, "{spent}");
//! assert!(matches!(ledger.reserve(charge.clone()), Err(LedgerError::Repeated { .. })));
//! charge.released = Released::Events;
//! charge.mechanism = Mechanism::Zcdp { rho: 1.0 };
//! assert!(matches!(ledger.reserve(charge), Err(LedgerError::Overspent { .. })));
//! assert_eq!(ledger.store().0.len(), 2);
//! # Ok(())
//! # }
//! ```

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
    ORDERS as LEDGER_ORDERS, OpeningBalance, PlannedReleases, Receipt, Released, RunReleases,
    SingleRelease,
};
pub use mechanism::{Mechanism, REPLACED};
pub use recorded::{UnknownMechanism, cost};
pub use steps::PrivateTraining;
pub use update::{ClippedDelta, Delta, PrivacyError, PrivatizedUpdate, privatize};
