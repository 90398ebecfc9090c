//! Models of several modalities, patient by patient.
//!
//! ```text
//!  tables ─ dense ───────────┐
//!  codes  ─ `codes` or `gru` │ h_m
//!  ECG    ─ `stack` of       ├──► `gates` ─► v ─► ReLU ─► dense ─► head ─► logits
//!  image  ─ conv and norm ───┘
//! ```
//!
//! A patient passes through the network alone, forward and backward, on one thread; patients share the
//! threads. Each layer has its formulas, its forward and its backward in one file: [`dense`],
//! [`encoders`], [`conv`] (with its two products in [`product`]), [`norm`], [`gates`]. What a patient's pass leaves is a
//! list of parts of the flat gradient ([`part`]), which [`plain`] adds up and [`private`] clips ([`sums`]).
//!
//! # Why patient by patient
//!
//! Clipping needs each patient's own gradient, and one patient's numbers fit into a core's cache, where a
//! batch's do not. So this order costs a plain step nothing, and the private one computes the same passes and
//! reads each gradient twice more.
//!
//! # The promise of private training
//!
//! It is the one that `train::private` states, and rests on the same three steps.
//!
//! 1. *What enters for a patient is the patient's own.* A pass has one patient, and every sum in it is
//!    written out in these files: which numbers, in which order. No other patient, no batch size, no thread
//!    and no library's choice of a program enters, so that nothing has to be probed. The room that a pass
//!    works in ([`patient`]) is used again for the next patient; a pass reads nothing there that it has not
//!    written, except for zeros that nobody writes.
//! 2. *The norm is checked in integers.* A patient's gradient is rounded to integers ([`clip`]); their
//!    squares are added without rounding, and a patient over 2⁴⁰ is scaled down, or in the end left out.
//! 3. *The sum is exact.* Each integer is within 2²⁰ by that check: 2¹⁰ patients are added in 32 bits, and
//!    those sums in 64, in any order.
//!
//! # Which gradients are written down
//!
//! That of a dense layer is the product of two vectors, x ⊗ ∂L/∂z. It is formed entry by entry where it is
//! needed (norm, rounding, sum) and never stored: ‖x‖²·‖∂L/∂z‖² is its squared norm. That of a convolution
//! is a sum of such products over positions, and rounding to integers must come after that sum; norms
//! without the gradient ("ghost" norms) would save only one of the three passes over it. So it is written
//! down, and is smaller than the activations; so is that of a recurrent layer, which is a sum over codes. Of embeddings
//! there are the rows of the patient's words alone.
//!
//! # On a GPU
//!
//! Convolutions, which are nearly all the work, are computed there for some patients at a time ([`tensors`]);
//! everything else stays as it is, and the same parts come out ([`device`]).

mod clip;
mod conv;
mod dense;
mod device;
mod dropout;
mod encoders;
mod gates;
mod lanes;
mod norm;
mod part;
mod patient;
mod plain;
mod pool;
mod private;
mod product;
mod sums;
mod tensors;
#[cfg(test)]
mod tests;

pub(super) use dropout::key_at;
pub(super) use plain::Multimodal;
pub(super) use private::ClippedSum;
