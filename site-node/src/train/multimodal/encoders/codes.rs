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
//! Of a patient with more than [`CODES`](plan::model::limits::CODES) codes, the most recent ones count, and n is their
//! number.

use std::ops::Range;

use plan::model::{Encoder, ParamLayout};

use super::dated_codes::{Embedding, fade, most_recent, rates};
use super::{Brought, Encode, With, block};
use crate::examples::Code;
use crate::train::hazard::sigmoid;
use crate::train::multimodal::part::{Part, Visit};

/// Where an encoder's parameters lie.
#[derive(Debug, Clone)]
pub(super) struct CodeBag {
    embedding: Embedding,
    fading: Range<usize>,
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

impl CodeBag {
    pub(super) fn new(encoder: &Encoder, layout: &ParamLayout) -> Self {
        Self {
            embedding: Embedding::new(encoder, layout, encoder.width() as usize),
            fading: block(layout, encoder, "fading"),
        }
    }

    fn scale(codes: usize) -> f32 {
        1.0 / ((1 + codes) as f32).sqrt()
    }
}

impl Encode for CodeBag {
    /// The rates of fading.
    type Loaded = Vec<f32>;
    type Space = Space;

    fn load(&self, parameters: &[f32]) -> Vec<f32> {
        rates(&parameters[self.fading.clone()])
    }

    fn space(&self) -> Space {
        Space::default()
    }

    fn forward(&self, with: With<'_, Self>, brought: Brought<'_>, h: &mut [f32]) {
        let With { parameters, loaded: rates, space } = with;
        most_recent(brought, &mut space.codes);
        let by_word = |a: &Code, b: &Code| a.word.cmp(&b.word).then(a.age.total_cmp(&b.age));
        space.codes.sort_unstable_by(by_word);
        space.kept.clear();
        h.fill(0.0);
        for code in &space.codes {
            let start = space.kept.len();
            space.kept.extend(fade(rates, code.age));
            let embedding = self.embedding.row(parameters, code.word);
            for ((h, s), e) in h.iter_mut().zip(&space.kept[start..]).zip(embedding) {
                *h = s.mul_add(*e, *h);
            }
        }
        let scale = Self::scale(space.codes.len());
        for h in h {
            *h *= scale;
        }
    }

    fn backward(&self, with: With<'_, Self>, slope: &[f32]) {
        let With { parameters, space, .. } = with;
        let scale = Self::scale(space.codes.len());
        let slope: Vec<f32> = slope.iter().map(|d| d * scale).collect();
        let Space { codes, kept, words, embeddings, fading } = space;
        let width = self.embedding.width;
        words.clear();
        embeddings.clear();
        fading.clear();
        fading.resize(width, 0.0);
        for (code, kept) in codes.iter().zip(kept.chunks_exact(width.max(1))) {
            if words.last() != Some(&code.word) {
                words.push(code.word);
                embeddings.resize(words.len() * width, 0.0);
            }
            let into = (words.len() - 1) * width;
            let pairs = embeddings[into..].iter_mut().zip(kept).zip(&slope);
            pairs.for_each(|((to, s), d)| *to = s.mul_add(*d, *to));
            let embedding = self.embedding.row(parameters, code.word);
            for ((to, s), e) in fading.iter_mut().zip(kept).zip(embedding) {
                *to = (code.age * s).mul_add(*e, *to);
            }
        }
        let rates = parameters[self.fading.clone()].iter().zip(&slope);
        for (to, (rate, d)) in fading.iter_mut().zip(rates) {
            *to *= -sigmoid(*rate) * d;
        }
    }

    fn visit(&self, space: &Space, visit: &mut impl Visit) {
        self.embedding.visit(&space.words, &space.embeddings, visit);
        visit.part(Part::plain(self.fading.start, &space.fading));
    }
}
