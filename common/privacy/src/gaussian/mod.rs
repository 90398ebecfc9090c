//! Exact rounded Gaussian noise for vectors of integers: `round(σ·N(0, 1))`.
//!
//! Rounding a Gaussian and adding it to an integer is the same as adding the Gaussian and
//! rounding the sum, so every result on the Gaussian mechanism applies word for word, and no
//! floating-point number comes near the noise (Mironov 2012, "On significance of the least
//! significant bits for differential privacy", is what goes wrong otherwise).
//!
//! ```
//! use privacy::gaussian::{GaussianSampler, NoiseKey, Sigma};
//!
//! # fn fresh_from_the_operating_system() -> [u8; 32] { [7; 32] }
//! let sampler = GaussianSampler::new(Sigma::from_ratio(15, 2)?);
//! let mut bytes = fresh_from_the_operating_system();
//! let mut sums = [120, -7, 0];
//! sampler.add_to(NoiseKey::from_bytes(&mut bytes)?, &mut sums)?;
//! # Ok::<(), privacy::gaussian::GaussianError>(())
//! ```
//!
//! # Method
//!
//! In the manner of Karney (2016, "Sampling exactly from the normal distribution", ACM TOMS
//! 42:3), with a table in place of his first step. Write `|N(0, 1)| = (i + x)/64` with a bin
//! `i ≥ 0` and a position `x` in [0, 1). Its density there is proportional to
//!
//! ```text
//! exp(-((i + x)/64)²/2) = exp(-i²/8192) · exp(-x(2i + x)/8192)
//! ```
//!
//! 1. Choose `i < 832` with weight `exp(-i²/8192)`: a uniform 128-bit integer against a
//!    cumulative table. The table is computed at first use, in integers (`table`).
//! 2. Draw `x` uniformly and accept with probability `exp(-x(2i + x)/8192)`, by comparing
//!    uniform integers in von Neumann's way (1951, "Various techniques used in connection
//!    with random digits"; `accept`). Otherwise start again; that happens to 0.6 % of draws.
//! 3. Draw a sign, and round `(i + x)·σ/64` (`scale`).
//!
//! Uniform numbers are drawn lazily: 64 bits in all settle most draws (`draw`), and more bits
//! of the same numbers are drawn wherever those leave bin, acceptance or rounding open.
//! Canonne, Kamath and Steinke (2020, "The discrete Gaussian for differential privacy") sample
//! the *discrete* Gaussian, another law; it agrees with this one for large σ only.
//!
//! # How exact
//!
//! The total-variation distance of one draw from `round(σ·N(0, 1))` is below **2^-118**, at
//! every σ. The ideal procedure has real weights and real `x` and no last bin. Four things
//! set the implemented one apart:
//!
//! * *Tail.* Without bins from 832 on, the Gaussian is conditioned on `|N| < 13`:
//!   `erfc(13/√2) < 2^-125.9`.
//! * *Table.* The table's boundaries are the exact ones rounded down to multiples of 2^-128
//!   (256 fraction bits carry less than 2^36 units of error, and no boundary is that close to
//!   a multiple, which a test shows), so each of 832 bin probabilities is off by less than
//!   2^-128: in sum `τ < 2^-118.29`.
//! * *Acceptance.* The exponent is computed from 128 bits of `x`, short by at most 2.3·2^-128,
//!   and compared with 128-bit integers `u`. With `Z` the exponent in units of 2^-128, a run
//!   of `k` descends with probability `C(Z, k)/2^(128k)` in place of `zᵏ/k!`; summed over `k`
//!   that differs by less than `z·e^z/2 · 2^-128 < 0.2·2^-128`. So the probability of
//!   acceptance is off by `η < 2.5·2^-128` at most. The quick test on leading bits accepts
//!   only what every continuation of them would accept, and adds nothing.
//! * *Position.* Rounding is decided on leading bits if every continuation gives the same
//!   integer, and otherwise on 192 bits of `x`, exactly. The bits beyond would matter only in
//!   a cell of width 2^-192 that holds a half-integer of `(i + x)·σ/64`, and a bin has at most
//!   `σ/64 + 1 ≤ 2^42 + 1` of those. Acceptance being at least `exp(-1663/8192) > 0.81`, the
//!   probability is below `1.25·(2^42 + 1)·2^-192 < 2^-149`.
//!
//! Let `g` be the ideal density of an accepted pair `(i, x)` in one round, of total mass
//! `G = √(π/2)·64/Σ exp(-i²/8192) > 0.993` (less the tail), and `g'` the implemented one. Then
//! `‖g - g'‖₁ ≤ τ + η`, and since rounds are repeated until one accepts, the laws of the
//! outcome are `g/G` and `g'/G'`, at most `‖g - g'‖₁/G` apart in total variation. Adding up:
//! `(2^-118.29 + 2.5·2^-128)/0.993 + 2^-125.9 + 2^-149 < 2^-118.2`. Sign and rounding are
//! functions of the pair and fresh bits, and add nothing. A vector of `d` coordinates is within
//! `d·2^-118` of its ideal; a δ of the accounting grows by at most `(1 + e^ε)` times that.
//!
//! This holds for uniform bits. They are ChaCha20's, under a 256-bit key that the caller
//! supplies, so against a computationally bounded adversary.
//!
//! # What it does not do
//!
//! * Draw randomness: the caller passes 32 fresh bytes for each vector. With a fresh key for
//!   each (run, round, step) nothing else needs to separate those; see [`NoiseKey`].
//! * Run in constant time; see [`GaussianSampler`].
//! * Wipe everything: keys, cipher states and keystream buffers are overwritten on drop, but
//!   not what the compiler spilled to the stack or left in registers. The noise itself is in
//!   the caller's vector.
//!
//! ChaCha20 comes from the `chacha20` crate: as fast as `rand_chacha` with AVX2, able to use
//! AVX-512 (four times the speed, with `--cfg chacha20_avx512`), and it overwrites its state
//! on drop, which `rand_chacha` does not.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::inline_always,
    reason = "fixed-point arithmetic takes words apart, once for every sample of a large vector"
)]

mod accept;
mod draw;
mod error;
mod fixed;
mod fraction;
mod key;
mod keystream;
mod sampler;
mod scale;
mod sigma;
mod table;

pub use error::GaussianError;
pub use key::{NOISE_KEY_BYTES, NoiseKey};
pub(super) use keystream::Keystream;
pub use sampler::GaussianSampler;
pub use sigma::{MAX_SIGMA, MIN_SIGMA, Sigma};
