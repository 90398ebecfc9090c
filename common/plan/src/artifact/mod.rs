//! A model as others open it: its weights as safetensors, and a card that says what they are.
//!
//! ```text
//! ParamLayout, words ─► header ─┐                        ┌─► Weights, every one finite
//!                               ├─► RUN.safetensors ─────┤   (read: bounded, block by block)
//!              Plan, run ─► Card ─► RUN.json ────────────┴─► Card, its hashes checked
//! ```
//!
//! Pure: bytes in, bytes out. Files are opened and written by `node::model_store`.
//!
//! The format is that of <https://github.com/huggingface/safetensors>: the header's length (`u64`, little
//! endian), a JSON object that names each tensor with type, shape and place, then the tensors' bytes. It
//! is read and written here and not by the safetensors crate, whose reader takes a header of 100 MB,
//! keeps the last of two tensors of one name, and knows nothing of the model: here a header is bounded
//! by what the model needs, and every refusal names the tensor. A test holds both against that crate.
//!
//! Each block of the layout is one tensor of type F32 under the block's name. Weights are
//! `[inputs, outputs]`: a layer is `x @ weight + bias`.

mod card;
mod error;
mod header;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use card::{
    CARD_FORMAT, Card, CardError, Hashes, Lineage, LogState, Metrics, Promise, Simulated, Start,
    WeightsRecord,
};
pub use error::WeightsError;
pub use header::largest;
pub use read::{Weights, read};
pub use write::header;

use aws_lc_rs::digest::{Context, SHA256};

/// The version of the header's metadata, under `consilium`.
pub const WEIGHTS_FORMAT: &str = "1";

/// The SHA-256 of a file in parts: what `sha256sum` prints.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> audit::Sha256 {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut found = [0; 32];
    found.copy_from_slice(context.finish().as_ref());
    audit::Sha256::from_bytes(found)
}
