//! `kind = "bag"`, as codes have if their table says nothing.

use super::Sizes;
use crate::model::{CodeBag, EncoderKind};

pub(super) const KEYS: &[&str] = &["width"];

pub(super) const HINT: &str =
    "remove the key: a bag has only a width; kind = \"gru\" also has an embedding";

pub(super) fn kind(vocabulary: u32, sizes: &Sizes) -> EncoderKind {
    EncoderKind::Codes(CodeBag { vocabulary, width: sizes.width.unwrap_or(16) })
}
