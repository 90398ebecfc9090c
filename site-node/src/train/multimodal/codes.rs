//! An encoder of codes: a sum of embeddings that fade with age.
//!
//! With n codes of words cᵢ and ages aᵢ in years, embeddings E and the fading φ,
//!
//! ```text
//! h_d = Σᵢ s_id·E[cᵢ]_d / √(1 + n)            s_id = exp(−softplus(φ_d)·aᵢ)
//! ∂L/∂E[c]_d = Σ_{i: cᵢ = c} s_id·∂L/∂h_d / √(1 + n)
//! ∂L/∂φ_d = −σ(φ_d)·∂L/∂h_d·Σᵢ aᵢ·s_id·E[cᵢ]_d / √(1 + n)
//! ```
//!
//! Of a patient with more than [`MAX`] codes, the most recent ones count, and n is [`MAX`].

use std::ops::Range;

use plan::model::{Encoder, ParamLayout};

use super::part::{Part, Visit};
use crate::train::hazard::{sigmoid, softplus};
use crate::train::modality::Code;

/// Codes of a patient that are used, so that nobody's pass takes unbounded time.
pub(super) use plan::model::fusion::bounds::CODES as MAX;

/// Where an encoder's parameters lie.
#[derive(Debug, Clone)]
pub(super) struct Codes {
    width: usize,
    embedding: Range<usize>,
    fading: Range<usize>,
    pub(super) frozen: bool,
}

/// One patient's numbers on the way.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// By word, and then by age.
    codes: Vec<Code>,
    /// s, `[n, width]`.
    kept: Vec<f32>,
    /// Each word once, and its embedding's gradient `[words, width]`.
    words: Vec<u32>,
    embeddings: Vec<f32>,
    fading: Vec<f32>,
}

impl Codes {
    pub(super) fn new(encoder: &Encoder, layout: &ParamLayout) -> Self {
        let part = |name: &str| {
            let name = format!("encoder.{}.{name}", encoder.view);
            layout.block(&name).map_or(0..0, |block| block.range.clone())
        };
        let width = encoder.width() as usize;
        let frozen = encoder.frozen;
        Self { width, embedding: part("embedding"), fading: part("fading"), frozen }
    }

    fn scale(codes: usize) -> f32 {
        1.0 / ((1 + codes) as f32).sqrt()
    }

    fn embedding<'a>(&self, parameters: &'a [f32], word: u32) -> &'a [f32] {
        &parameters[self.embedding.start + word as usize * self.width..][..self.width]
    }

    /// h from the patient's codes, whose words are within the vocabulary.
    #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
    pub(super) fn forward(
        &self,
        parameters: &[f32],
        codes: &[Code],
        space: &mut Space,
        h: &mut [f32],
    ) {
        space.codes.clear();
        space.codes.extend_from_slice(codes);
        // Equal codes are equal, so that the order in which they came does not matter.
        let by_age = |a: &Code, b: &Code| a.age.total_cmp(&b.age).then(a.word.cmp(&b.word));
        if space.codes.len() > MAX {
            space.codes.sort_unstable_by(by_age);
            space.codes.truncate(MAX);
        }
        let by_word = |a: &Code, b: &Code| a.word.cmp(&b.word).then(a.age.total_cmp(&b.age));
        space.codes.sort_unstable_by(by_word);
        let fading = parameters[self.fading.clone()].iter();
        let rates: Vec<f32> = fading.map(|f| softplus(f64::from(*f)) as f32).collect();
        space.kept.clear();
        h.fill(0.0);
        for code in &space.codes {
            let kept = rates.iter().map(|rate| (-rate * code.age).exp());
            let start = space.kept.len();
            space.kept.extend(kept);
            let embedding = self.embedding(parameters, code.word);
            for ((h, s), e) in h.iter_mut().zip(&space.kept[start..]).zip(embedding) {
                *h = s.mul_add(*e, *h);
            }
        }
        let scale = Self::scale(space.codes.len());
        for h in h {
            *h *= scale;
        }
    }

    /// Writes the parameters' gradient to the space, from ∂L/∂h and what [`Codes::forward`] left there.
    pub(super) fn backward(&self, parameters: &[f32], slope: &[f32], space: &mut Space) {
        let scale = Self::scale(space.codes.len());
        let slope: Vec<f32> = slope.iter().map(|d| d * scale).collect();
        let Space { codes, kept, words, embeddings, fading } = space;
        words.clear();
        embeddings.clear();
        fading.clear();
        fading.resize(self.width, 0.0);
        for (code, kept) in codes.iter().zip(kept.chunks_exact(self.width.max(1))) {
            if words.last() != Some(&code.word) {
                words.push(code.word);
                embeddings.resize(words.len() * self.width, 0.0);
            }
            let into = (words.len() - 1) * self.width;
            let pairs = embeddings[into..].iter_mut().zip(kept).zip(&slope);
            pairs.for_each(|((to, s), d)| *to = s.mul_add(*d, *to));
            let embedding = self.embedding(parameters, code.word);
            for ((to, s), e) in fading.iter_mut().zip(kept).zip(embedding) {
                *to = (code.age * s).mul_add(*e, *to);
            }
        }
        let rates = parameters[self.fading.clone()].iter().zip(&slope);
        for (to, (rate, d)) in fading.iter_mut().zip(rates) {
            *to *= -sigmoid(*rate) * d;
        }
    }

    /// The parameters' gradient that [`Codes::backward`] wrote.
    pub(super) fn visit(&self, space: &Space, visit: &mut impl Visit) {
        let rows = space.words.iter().zip(space.embeddings.chunks_exact(self.width.max(1)));
        for (word, values) in rows {
            let at = self.embedding.start + *word as usize * self.width;
            visit.part(Part::plain(at, values));
        }
        visit.part(Part::plain(self.fading.start, &space.fading));
    }
}
