//! The gates through which modalities are fused.
//!
//! With h_m what the encoder of modality m makes of the patient,
//!
//! ```text
//! u_m = A_m·h_m + a_m        g_m = σ(G_m·h_m + c_m)
//! v = Σ_{m present} u_m ⊙ g_m + Σ_{m absent} absent_m
//!
//! ∂L/∂u_m = g_m ⊙ ∂L/∂v        ∂L/∂(G_m·h_m + c_m) = u_m ⊙ g_m ⊙ (1 − g_m) ⊙ ∂L/∂v
//! ```
//!
//! The sum is not scaled by the number of modalities: at the start gates are about ½ and a modality's part
//! of v has a variance of some 0.1 to 0.3, so that several of them together come to about 1.

use std::ops::Range;

use plan::model::ParamLayout;

use super::dense::Dense;
use super::part::{Part, Visit};
use crate::train::hazard::sigmoid;

/// Where one modality's parameters lie.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    value: Dense,
    opening: Dense,
    absent: Range<usize>,
}

/// One patient's numbers on the way.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// Whether the modality is there.
    pub(super) present: bool,
    /// What the encoder made of it, and ∂L/∂h.
    pub(super) h: Vec<f32>,
    pub(super) slope: Vec<f32>,
    value: Vec<f32>,
    gate: Vec<f32>,
    value_slope: Vec<f32>,
    gate_slope: Vec<f32>,
}

impl Gate {
    /// The gate of a modality.
    pub(super) fn find(layout: &ParamLayout, modality: &str) -> Option<Self> {
        let part = |name: &str| Dense::find(layout, &format!("fusion.{modality}.{name}"));
        let absent = layout.block(&format!("fusion.{modality}.absent"))?.range.clone();
        Some(Self { value: part("value")?, opening: part("gate")?, absent })
    }

    pub(super) fn space(&self) -> Space {
        let [input, width] = [self.value.inputs, self.value.outputs].map(|size| vec![0.0; size]);
        Space {
            present: false,
            h: input.clone(),
            slope: input,
            value: width.clone(),
            gate: width.clone(),
            value_slope: width.clone(),
            gate_slope: width,
        }
    }

    /// Adds the modality's part to v, from h in the space.
    pub(super) fn add(&self, parameters: &[f32], space: &mut Space, fused: &mut [f32]) {
        if !space.present {
            let absent = &parameters[self.absent.clone()];
            fused.iter_mut().zip(absent).for_each(|(v, absent)| *v += absent);
            return;
        }
        self.value.forward(parameters, &space.h, &mut space.value);
        self.opening.forward(parameters, &space.h, &mut space.gate);
        for ((v, u), g) in fused.iter_mut().zip(&space.value).zip(&mut space.gate) {
            *g = sigmoid(*g);
            *v = u.mul_add(*g, *v);
        }
    }

    /// From ∂L/∂v; ∂L/∂h where it is asked for.
    pub(super) fn backward(&self, parameters: &[f32], slope: &[f32], space: &mut Space, on: bool) {
        let Space { value, gate, value_slope, gate_slope, .. } = space;
        if !space.present {
            return;
        }
        let slopes = value_slope.iter_mut().zip(gate_slope.iter_mut());
        for (((by_value, by_gate), d), (u, g)) in slopes.zip(slope).zip(value.iter().zip(gate)) {
            *by_value = *g * d;
            *by_gate = u * *g * (1.0 - *g) * d;
        }
        if on {
            space.slope.fill(0.0);
            self.value.add_input_gradient(parameters, value_slope, &mut space.slope);
            self.opening.add_input_gradient(parameters, gate_slope, &mut space.slope);
        }
    }

    /// The parameters' gradient, from ∂L/∂v.
    pub(super) fn visit(&self, space: &Space, slope: &[f32], visit: &mut impl Visit) {
        if space.present {
            self.value.visit(&space.h, &space.value_slope, visit);
            self.opening.visit(&space.h, &space.gate_slope, visit);
        } else {
            visit.part(Part::plain(self.absent.start, slope));
        }
    }
}
