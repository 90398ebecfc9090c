//! A dense layer of one patient.
//!
//! ```text
//! z = x·W + b        ∂L/∂W = x ⊗ ∂L/∂z        ∂L/∂b = ∂L/∂z        ∂L/∂x = W·∂L/∂z
//! ```

#![allow(clippy::inline_always, reason = "loops are compiled anew for the CPU's vectors")]

use std::ops::Range;

use plan::model::ParamLayout;

use super::lanes::{Cpu, Task, add_times, dot, widest};
use super::part::{Part, Visit};

/// Where a layer's parameters lie.
#[derive(Debug, Clone)]
pub(super) struct Dense {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    weight: Range<usize>,
    bias: Option<Range<usize>>,
}

impl Dense {
    /// The layer `NAME.weight` and, where there is one, `NAME.bias`.
    pub(super) fn find(layout: &ParamLayout, name: &str) -> Option<Self> {
        let weight = layout.block(&format!("{name}.weight"))?;
        let bias = layout.block(&format!("{name}.bias")).map(|bias| bias.range.clone());
        let &[inputs, outputs] = weight.shape.as_slice() else { return None };
        Some(Self { inputs, outputs, weight: weight.range.clone(), bias })
    }

    /// The layers `NAME.0`, `NAME.1`, …
    pub(super) fn all(layout: &ParamLayout, name: &str) -> Vec<Self> {
        (0..).map_while(|index| Self::find(layout, &format!("{name}.{index}"))).collect()
    }

    /// z from x.
    pub(super) fn forward(&self, parameters: &[f32], input: &[f32], output: &mut [f32]) {
        match &self.bias {
            Some(bias) => output.copy_from_slice(&parameters[bias.clone()]),
            None => output.fill(0.0),
        }
        widest(Forward { weight: &parameters[self.weight.clone()], input, output });
    }

    /// Adds ∂L/∂x, from ∂L/∂z.
    pub(super) fn add_input_gradient(&self, parameters: &[f32], slope: &[f32], into: &mut [f32]) {
        widest(Backward { weight: &parameters[self.weight.clone()], slope, into });
    }

    /// The parameters' gradient, from x and ∂L/∂z.
    pub(super) fn visit(&self, input: &[f32], slope: &[f32], visit: &mut impl Visit) {
        visit.part(Part { at: self.weight.start, factors: input, values: slope });
        if let Some(bias) = &self.bias {
            visit.part(Part::plain(bias.start, slope));
        }
    }
}

struct Forward<'a> {
    weight: &'a [f32],
    input: &'a [f32],
    output: &'a mut [f32],
}

impl Task for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) {
        let Self { weight, input, output } = self;
        for (x, row) in input.iter().zip(weight.chunks_exact(output.len())) {
            add_times(cpu, *x, row, output);
        }
    }
}

struct Backward<'a> {
    weight: &'a [f32],
    slope: &'a [f32],
    into: &'a mut [f32],
}

impl Task for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) {
        let Self { weight, slope, into } = self;
        for (to, row) in into.iter_mut().zip(weight.chunks_exact(slope.len())) {
            *to += dot(cpu, row, slope);
        }
    }
}

/// y = max(0, z), a NaN staying one.
pub(super) fn relu(values: &mut [f32]) {
    for z in values {
        *z = if *z < 0.0 { 0.0 } else { *z };
    }
}

/// ∂L/∂y to ∂L/∂z, from y.
pub(super) fn through_relu(output: &[f32], slope: &mut [f32]) {
    slope.iter_mut().zip(output).for_each(|(d, y)| *d = if *y > 0.0 { *d } else { 0.0 });
}

/// Dense layers, each with `ReLU` after it, and what they leave of one patient.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// The output of each layer, and ∂L/∂z.
    outputs: Vec<Vec<f32>>,
    slopes: Vec<Vec<f32>>,
}

impl Chain {
    pub(super) fn new(layers: &[Dense]) -> Self {
        let each = || layers.iter().map(|layer| vec![0.0; layer.outputs]).collect();
        Self { outputs: each(), slopes: each() }
    }

    /// Runs through all layers.
    pub(super) fn forward(&mut self, layers: &[Dense], parameters: &[f32], input: &[f32]) {
        for (index, layer) in layers.iter().enumerate() {
            let (before, after) = self.outputs.split_at_mut(index);
            let input = before.last().map_or(input, Vec::as_slice);
            layer.forward(parameters, input, &mut after[0]);
            relu(&mut after[0]);
        }
    }

    /// What came out, or the input where there is no layer.
    pub(super) fn output<'a>(&'a self, input: &'a [f32]) -> &'a [f32] {
        self.outputs.last().map_or(input, Vec::as_slice)
    }

    /// Runs backward from ∂L/∂output; adds ∂L/∂input where it is asked for.
    pub(super) fn backward(
        &mut self,
        layers: &[Dense],
        parameters: &[f32],
        slope: &[f32],
        into_input: Option<&mut [f32]>,
    ) {
        let Some(last) = self.slopes.last_mut() else {
            if let Some(into) = into_input {
                into.iter_mut().zip(slope).for_each(|(to, d)| *to += d);
            }
            return;
        };
        last.copy_from_slice(slope);
        for (index, layer) in layers.iter().enumerate().rev() {
            let (below, above) = self.slopes.split_at_mut(index);
            through_relu(&self.outputs[index], &mut above[0]);
            if let Some(below) = below.last_mut() {
                below.fill(0.0);
                layer.add_input_gradient(parameters, &above[0], below);
            }
        }
        if let (Some(into), Some(first)) = (into_input, layers.first()) {
            first.add_input_gradient(parameters, &self.slopes[0], into);
        }
    }

    /// The gradients of all layers' parameters.
    pub(super) fn visit(&self, layers: &[Dense], input: &[f32], visit: &mut impl Visit) {
        let inputs = std::iter::once(input).chain(self.outputs.iter().map(Vec::as_slice));
        for ((layer, input), slope) in layers.iter().zip(inputs).zip(&self.slopes) {
            layer.visit(input, slope, visit);
        }
    }
}
