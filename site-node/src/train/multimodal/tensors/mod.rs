//! An encoder of convolutions as tensor operations over a batch, for a GPU.
//!
//! ```text
//! x [n, rows, columns, channels] ─► windows [n·positions, taps·channels] × W ─► z ─► norm [+ x] ─► ReLU ─► … ─► h [n, width]
//! ```
//!
//! The formulas are those of [`super::conv`], [`super::norm`] and [`super::stack`], and so are the layers: which
//! there are, how they lie in the flat vector, what a convolution reads, is taken from there. Here is a
//! second way to compute them: a GPU wants few large operations, a core one patient who fits into its cache.
//!
//! # Operations
//!
//! Slices, concatenations, products, sums along an axis and what works number by number: operations that every
//! device of Burn's has, which round alike for every patient. Windows are written out by slices, one a tap and
//! axis ([`axis`]). They take more memory than a library's convolution would; but the gradient of each
//! patient's weights, which clipping needs, is a product with those windows, and no library has it.
//!
//! The backward is written out, not differentiated by Burn: it keeps x, ẑ and y of each block, makes windows
//! anew, and ends in the gradient of each patient, or in the sum over all without any patient's own.

pub(super) mod axis;
mod block;
mod stack;

use burn::Dispatch;
use burn::tensor::Tensor;

pub(super) use stack::{Passed, StackOnDevice};

type T<const D: usize> = Tensor<Dispatch, D>;

/// Whose gradient of the parameters is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Each patient's, a row each.
    Each,
    /// That of all patients together, in one row.
    All,
}
