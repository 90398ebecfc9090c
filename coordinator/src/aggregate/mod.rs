//! Many updates into one model: pure arithmetic on words.
//!
//! ```text
//! update words ─► Accumulator (sums modulo 2³²) ─► mean ─► ServerOptimizer ─► next model's words
//! ```
//!
//! Integer sums make the result independent of the order of arrival. The accumulator is one model
//! in size and becomes the next model in place: whatever the number of sites, two models are held.

mod accumulator;
mod optimizer;

pub use accumulator::Accumulator;
pub use optimizer::ServerOptimizer;
