//! The common parts of encoders of dated codes: embeddings, rates of fading, and the most recent codes.

use plan::model::limits::CODES;
use plan::model::{Encoder, ParamLayout};

use super::{Brought, block};
use crate::examples::Code;
use crate::train::hazard::softplus;
use crate::train::multimodal::part::{Part, Visit};

/// Where the embeddings of a vocabulary lie.
#[derive(Debug, Clone)]
pub(super) struct Embedding {
    start: usize,
    pub(super) width: usize,
}

impl Embedding {
    pub(super) fn new(encoder: &Encoder, layout: &ParamLayout, width: usize) -> Self {
        Self { start: block(layout, encoder, "embedding").start, width }
    }

    /// The embedding of a word of the vocabulary.
    pub(super) fn row<'a>(&self, parameters: &'a [f32], word: u32) -> &'a [f32] {
        &parameters[self.start + word as usize * self.width..][..self.width]
    }

    /// The gradients `[words, width]` of the embeddings of these words.
    pub(super) fn visit(&self, words: &[u32], gradients: &[f32], visit: &mut impl Visit) {
        for (word, values) in words.iter().zip(gradients.chunks_exact(self.width.max(1))) {
            visit.part(Part::plain(self.start + *word as usize * self.width, values));
        }
    }
}

/// The rates of fading, softplus(φ) a year.
#[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
pub(super) fn rates(fading: &[f32]) -> Vec<f32> {
    fading.iter().map(|f| softplus(f64::from(*f)) as f32).collect()
}

/// exp(−rate·years) for each rate.
pub(super) fn fade(rates: &[f32], years: f32) -> impl Iterator<Item = f32> + '_ {
    rates.iter().map(move |rate| (-rate * years).exp())
}

/// A patient's codes, in any order. If there are too many, these are the most recent.
pub(super) fn most_recent(brought: Brought<'_>, into: &mut Vec<Code>) {
    into.clear();
    into.extend_from_slice(brought.modality.codes_of(brought.patient).unwrap_or_default());
    // Equal codes are equal, so that the order in which they came does not matter.
    let by_age = |a: &Code, b: &Code| a.age.total_cmp(&b.age).then(a.word.cmp(&b.word));
    if into.len() > CODES {
        into.sort_unstable_by(by_age);
        into.truncate(CODES);
    }
}
