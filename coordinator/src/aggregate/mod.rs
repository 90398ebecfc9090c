//! Many updates into one model: pure arithmetic on words.
//!
//! ```text
//! update words ─► Accumulator (integer sums) ─► mean ─► ServerOptimizer ─► next model's words
//! ```
//!
//! Integer sums make the result independent of the order of arrival. The accumulator is one model
//! in size, or two where noise of many sites could leave 32 bits, and becomes the next model in
//! place: the number of sites adds nothing to it.

mod accumulator;
mod optimizer;

pub use accumulator::Accumulator;
pub use optimizer::ServerOptimizer;
