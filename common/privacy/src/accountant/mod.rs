//! Differential-privacy accounting of the Poisson-subsampled Gaussian mechanism.
//!
//! ```text
//!                                   ┌──► rdp  RdpVector ──► what a ledger may enforce
//!  SamplingRate q ┐                 │         (adds up, valid under adaptive choice)
//!  NoiseMultiplier z ├► Segment ────┤
//!  steps T        ┘                 └──► pld  epsilon ───────────────► what plans and reports say
//!                                             (tight, FFT, fixed composition)
//!  Budget (ε, δ) ──► smallest_noise_multiplier, largest_steps: either accountant read backwards
//! ```
//!
//! Neighbouring data sets differ in one patient, added or removed. Every ε that leaves this module
//! is an upper bound: series, grids, windows, the FFT and plain rounding are each bounded, and their
//! errors are added on the side of more privacy loss. Where arithmetic gives out the answer is +∞,
//! never a number that is too small and never not-a-number.
//!
//! Inputs are checked once, when [`SamplingRate`], [`NoiseMultiplier`], [`Delta`] or [`Epsilon`] is
//! made; afterwards nothing here can fail except a calibration that has no solution.

mod calibrate;
mod error;
mod mechanism;
mod normal;
mod params;
pub mod pld;
pub mod rdp;
mod rounding;
mod search;

pub use calibrate::{Accountant, largest_steps, smallest_noise_by, smallest_noise_multiplier};
pub use error::AccountantError;
pub use mechanism::{SampledGaussian, Segment};
pub use params::{Budget, Delta, Epsilon, NoiseMultiplier, SamplingRate};
pub use rdp::RdpVector;
