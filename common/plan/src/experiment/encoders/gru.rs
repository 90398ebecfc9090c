//! `kind = "gru"`, over codes in the order of their dates.

use super::Sizes;
use crate::model::{EncoderKind, Gru};

pub(super) const KEYS: &[&str] = &["width", "embedding"];

pub(super) const HINT: &str = "remove the key: a GRU has only a width and an embedding";

pub(super) fn kind(vocabulary: u32, sizes: &Sizes) -> EncoderKind {
    let width = sizes.width.unwrap_or(16);
    let embedding = sizes.embedding.unwrap_or(width);
    EncoderKind::Gru(Gru { vocabulary, embedding, width })
}
