//! A gated recurrent unit over codes in the order of their dates, whose state fades between them.
//!
//! With the n codes of a patient from the oldest to the most recent, cₜ of age aₜ in years, embeddings E, the fading φ,
//! and γ(Δ) = exp(−softplus(φ)·Δ),
//!
//! ```text
//! xₜ = E[cₜ]        sₜ = γ(aₜ₋₁ − aₜ) ⊙ hₜ₋₁        h₀ = 0
//! rₜ = σ(xₜ·Wʳ + sₜ·Uʳ + bʳ)
//! zₜ = σ(xₜ·Wᶻ + sₜ·Uᶻ + bᶻ)
//! qₜ = sₜ·U + d
//! mₜ = tanh(xₜ·W + rₜ ⊙ qₜ + b)
//! hₜ = (1 − zₜ) ⊙ mₜ + zₜ ⊙ sₜ        h = γ(aₙ) ⊙ hₙ
//! ```
//!
//! and from ∂L/∂hₜ, with primes for ∂L/∂ of what a gate's function reads,
//!
//! ```text
//! m′ = ∂hₜ ⊙ (1 − z) ⊙ (1 − m²)        z′ = ∂hₜ ⊙ (s − m) ⊙ z ⊙ (1 − z)        r′ = m′ ⊙ q ⊙ r ⊙ (1 − r)
//! ∂W += x ⊗ [r′ z′ m′]      ∂U += s ⊗ [r′ z′ m′⊙r]      ∂b += [r′ z′ m′]      ∂d += m′ ⊙ r
//! ∂E[c] += W·[r′ z′ m′]     ∂s = ∂hₜ ⊙ z + U·[r′ z′ m′⊙r]
//! ∂φ −= σ(φ)·Δ·∂s ⊙ s       ∂hₜ₋₁ = ∂s ⊙ γ(Δ)
//! ```
//!
//! Codes of one day are read in the order of the vocabulary. Of a patient with more than
//! [`CODES`](plan::model::limits::CODES) codes, the most recent ones count.

#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use std::ops::Range;

use plan::model::{Encoder, ParamLayout};

use super::dated_codes::{Embedding, fade, most_recent, rates};
use super::{Brought, Encode, With, block};
use crate::examples::Code;
use crate::train::hazard::sigmoid;
use crate::train::multimodal::lanes::{Cpu, Task, add_times, dot, widest};
use crate::train::multimodal::part::{Part, Visit};

/// Where an encoder's parameters lie.
#[derive(Debug, Clone)]
pub(super) struct Gru {
    width: usize,
    embedding: Embedding,
    input_weight: Range<usize>,
    input_bias: Range<usize>,
    state_weight: Range<usize>,
    state_bias: Range<usize>,
    fading: Range<usize>,
}

/// One code's numbers on the way, `[codes, width]` each.
#[derive(Debug, Default)]
struct Steps {
    /// γ of the time since the code before.
    kept: Vec<f32>,
    /// s, the state that the code finds.
    found: Vec<f32>,
    /// r, z and m.
    reset: Vec<f32>,
    update: Vec<f32>,
    candidate: Vec<f32>,
    /// q.
    before_reset: Vec<f32>,
    /// The state that it leaves.
    left: Vec<f32>,
}

impl Steps {
    fn all(&mut self) -> [&mut Vec<f32>; 7] {
        let Self { kept, found, reset, update, candidate, before_reset, left } = self;
        [kept, found, reset, update, candidate, before_reset, left]
    }
}

/// The parameters' gradients.
#[derive(Debug, Default)]
struct Gradients {
    /// Each word once, in order, and its embedding's gradient `[words, embedding]`.
    words: Vec<u32>,
    embeddings: Vec<f32>,
    input_weight: Vec<f32>,
    input_bias: Vec<f32>,
    state_weight: Vec<f32>,
    state_bias: Vec<f32>,
    fading: Vec<f32>,
}

/// One patient's numbers on the way.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// From the oldest on.
    codes: Vec<Code>,
    steps: Steps,
    /// γ of the last code's age.
    kept_since: Vec<f32>,
    gradients: Gradients,
}

impl Gru {
    pub(super) fn new(encoder: &Encoder, layout: &ParamLayout) -> Self {
        let part = |name: &str| block(layout, encoder, name);
        let width = encoder.width() as usize;
        let input_weight = part("input.weight");
        Self {
            width,
            embedding: Embedding::new(encoder, layout, input_weight.len() / (3 * width).max(1)),
            input_weight,
            input_bias: part("input.bias"),
            state_weight: part("state.weight"),
            state_bias: part("state.bias"),
            fading: part("fading"),
        }
    }

    /// Years from the code before one to it; 0 before the first, where there is no state yet.
    fn gap(codes: &[Code], step: usize) -> f32 {
        match step.checked_sub(1) {
            Some(before) => codes[before].age - codes[step].age,
            None => 0.0,
        }
    }
}

impl Encode for Gru {
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
        let from_the_oldest =
            |a: &Code, b: &Code| b.age.total_cmp(&a.age).then(a.word.cmp(&b.word));
        space.codes.sort_unstable_by(from_the_oldest);
        widest(Forward { gru: self, parameters, rates, space });
        space.kept_since.clear();
        let since = space.codes.last().map_or(0.0, |last| last.age);
        space.kept_since.extend(fade(rates, since));
        let last = space.steps.left.chunks_exact(self.width.max(1)).last().unwrap_or_default();
        h.fill(0.0);
        h.iter_mut().zip(last).zip(&space.kept_since).for_each(|((h, s), kept)| *h = s * kept);
    }

    fn backward(&self, with: With<'_, Self>, slope: &[f32]) {
        let With { parameters, space, .. } = with;
        widest(Backward { gru: self, parameters, slope, space });
    }

    fn visit(&self, space: &Space, visit: &mut impl Visit) {
        let of = &space.gradients;
        self.embedding.visit(&of.words, &of.embeddings, visit);
        for (range, values) in [
            (&self.input_weight, &of.input_weight),
            (&self.input_bias, &of.input_bias),
            (&self.state_weight, &of.state_weight),
            (&self.state_bias, &of.state_bias),
            (&self.fading, &of.fading),
        ] {
            visit.part(Part::plain(range.start, values));
        }
    }
}

/// Adds x·W, row by row of W.
#[inline(always)]
fn add_product<C: Cpu>(cpu: C, x: &[f32], weight: &[f32], into: &mut [f32]) {
    for (x, row) in x.iter().zip(weight.chunks_exact(into.len().max(1))) {
        add_times(cpu, *x, row, into);
    }
}

/// Adds W·d.
#[inline(always)]
fn add_back<C: Cpu>(cpu: C, weight: &[f32], d: &[f32], into: &mut [f32]) {
    for (to, row) in into.iter_mut().zip(weight.chunks_exact(d.len().max(1))) {
        *to += dot(cpu, row, d);
    }
}

/// Adds x ⊗ d.
#[inline(always)]
fn add_outer<C: Cpu>(cpu: C, x: &[f32], d: &[f32], into: &mut [f32]) {
    for (x, row) in x.iter().zip(into.chunks_exact_mut(d.len().max(1))) {
        add_times(cpu, *x, d, row);
    }
}

struct Forward<'a> {
    gru: &'a Gru,
    parameters: &'a [f32],
    rates: &'a [f32],
    space: &'a mut Space,
}

impl Task for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) {
        let Self { gru, parameters, rates, space } = self;
        let width = gru.width;
        let of = |range: &Range<usize>| &parameters[range.clone()];
        let Space { codes, steps, .. } = space;
        for numbers in steps.all() {
            numbers.clear();
        }
        let mut state = vec![0.0; width];
        let mut read = vec![0.0; 3 * width];
        let mut recalled = vec![0.0; 3 * width];
        for (step, code) in codes.iter().enumerate() {
            let start = steps.found.len();
            steps.kept.extend(fade(rates, Gru::gap(codes, step)));
            let faded = state.iter().zip(&steps.kept[start..]).map(|(h, kept)| h * kept);
            steps.found.extend(faded);
            let found = &steps.found[start..];
            read.copy_from_slice(of(&gru.input_bias));
            let x = gru.embedding.row(parameters, code.word);
            add_product(cpu, x, of(&gru.input_weight), &mut read);
            let (gates, candidate) = recalled.split_at_mut(2 * width);
            gates.fill(0.0);
            candidate.copy_from_slice(of(&gru.state_bias));
            add_product(cpu, found, of(&gru.state_weight), &mut recalled);
            for unit in 0..width {
                let gate = |place: usize| sigmoid(read[place] + recalled[place]);
                let reset = gate(unit);
                let update = gate(width + unit);
                let before_reset = recalled[2 * width + unit];
                let candidate = reset.mul_add(before_reset, read[2 * width + unit]).tanh();
                let left = update.mul_add(found[unit] - candidate, candidate);
                steps.reset.push(reset);
                steps.update.push(update);
                steps.before_reset.push(before_reset);
                steps.candidate.push(candidate);
                steps.left.push(left);
                state[unit] = left;
            }
        }
    }
}

struct Backward<'a> {
    gru: &'a Gru,
    parameters: &'a [f32],
    slope: &'a [f32],
    space: &'a mut Space,
}

impl Task for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) {
        let Self { gru, parameters, slope, space } = self;
        let width = gru.width;
        let of = |range: &Range<usize>| &parameters[range.clone()];
        let Space { codes, steps, kept_since, gradients } = space;
        gradients.clear(gru, codes);
        let mut by_state: Vec<f32> = slope.iter().zip(&*kept_since).map(|(d, k)| d * k).collect();
        // Σ Δ·∂s ⊙ s, of which the fading's gradient is a part; that of the last code's age first.
        if let (Some(last), Some(left)) =
            (codes.last(), steps.left.chunks_exact(width.max(1)).last())
        {
            let terms = gradients.fading.iter_mut().zip(&by_state).zip(left);
            terms.for_each(|((to, d), h)| *to = last.age * d * h);
        }
        let mut by_read = vec![0.0; 3 * width];
        let mut by_recalled = vec![0.0; 3 * width];
        let mut by_found = vec![0.0; width];
        for (step, code) in codes.iter().enumerate().rev() {
            let own = step * width..(step + 1) * width;
            let found = &steps.found[own.clone()];
            for unit in 0..width {
                let at = own.start + unit;
                let [reset, update, candidate] =
                    [steps.reset[at], steps.update[at], steps.candidate[at]];
                let d = by_state[unit];
                let by_candidate = d * (1.0 - update) * candidate.mul_add(-candidate, 1.0);
                let by_update = d * (found[unit] - candidate) * update * (1.0 - update);
                let by_reset = by_candidate * steps.before_reset[at] * reset * (1.0 - reset);
                for (gate, d) in [by_reset, by_update, by_candidate].into_iter().enumerate() {
                    by_read[gate * width + unit] = d;
                    by_recalled[gate * width + unit] = d;
                }
                by_recalled[2 * width + unit] = by_candidate * reset;
                by_found[unit] = d * update;
            }
            let x = gru.embedding.row(parameters, code.word);
            add_outer(cpu, x, &by_read, &mut gradients.input_weight);
            add_outer(cpu, found, &by_recalled, &mut gradients.state_weight);
            add_times(cpu, 1.0, &by_read, &mut gradients.input_bias);
            add_times(cpu, 1.0, &by_recalled[2 * width..], &mut gradients.state_bias);
            if let Some(row) = gradients.embedding_of(code.word, gru.embedding.width) {
                add_back(cpu, of(&gru.input_weight), &by_read, row);
            }
            add_back(cpu, of(&gru.state_weight), &by_recalled, &mut by_found);
            let gap = Gru::gap(codes, step);
            for unit in 0..width {
                let d = by_found[unit];
                gradients.fading[unit] += gap * d * found[unit];
                by_state[unit] = d * steps.kept[own.start + unit];
            }
        }
        for (to, fading) in gradients.fading.iter_mut().zip(of(&gru.fading)) {
            *to *= -sigmoid(*fading);
        }
    }
}

impl Gradients {
    /// Zeros for these codes.
    fn clear(&mut self, gru: &Gru, codes: &[Code]) {
        self.words.clear();
        self.words.extend(codes.iter().map(|code| code.word));
        self.words.sort_unstable();
        self.words.dedup();
        let embeddings = self.words.len() * gru.embedding.width;
        for (numbers, size) in [
            (&mut self.embeddings, embeddings),
            (&mut self.input_weight, gru.input_weight.len()),
            (&mut self.input_bias, gru.input_bias.len()),
            (&mut self.state_weight, gru.state_weight.len()),
            (&mut self.state_bias, gru.state_bias.len()),
            (&mut self.fading, gru.fading.len()),
        ] {
            numbers.clear();
            numbers.resize(size, 0.0);
        }
    }

    fn embedding_of(&mut self, word: u32, width: usize) -> Option<&mut [f32]> {
        let place = self.words.binary_search(&word).ok()?;
        self.embeddings.get_mut(place * width..(place + 1) * width)
    }
}
