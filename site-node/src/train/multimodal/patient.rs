//! One patient through the whole model, forward and backward.

use plan::model::{ModelSpec, ParamLayout, fusion};

use super::dense::{Chain, Dense, relu, through_relu};
use super::encoders::{self, Brought, Encoder, Stack, Where};
use super::gates::{self, Gate};
use super::part::{Part, Visit};
use crate::examples::Examples;

use std::ops::Range;

/// Where everything lies: computed once for a specification.
#[derive(Debug)]
pub(super) struct Model {
    tables: Vec<Dense>,
    encoders: Vec<Encoder>,
    /// The tables' first, where there are any.
    gates: Vec<Gate>,
    hidden: Vec<Dense>,
    head: Option<Dense>,
    /// `head.bias` of a proportional hazard: one entry for each interval, of each cause after the other.
    interval_bias: Option<Range<usize>>,
    pub(super) width: usize,
    pub(super) logits: usize,
    pub(super) parameters: usize,
    /// In parts per million.
    pub(super) dropout: u32,
}

/// The model with a flat vector's parameters, for one step.
pub(super) struct Network<'a> {
    pub(super) model: &'a Model,
    parameters: &'a [f32],
    /// The encoders' parameters as their loops read them.
    encoders: Vec<encoders::Loaded>,
}

/// Room for one patient: a thread takes it for one patient after the other. Nothing that a patient leaves in
/// it is read before the next one's pass has written it.
#[derive(Debug)]
pub(super) struct Space {
    tables: Chain,
    encoders: Vec<encoders::Space>,
    gates: Vec<gates::Space>,
    fused: Vec<f32>,
    fused_slope: Vec<f32>,
    hidden: Chain,
    /// ∂L/∂(the last layer's output); before the backward pass room for that output.
    output_slope: Vec<f32>,
    /// Logits after the forward pass; the caller puts ∂L/∂logits in their place for the backward one.
    pub(super) logits: Vec<f32>,
}

impl Space {
    /// What an encoder made of the patient; for who computes it elsewhere to write.
    pub(super) fn h(&mut self, encoder: usize) -> &mut [f32] {
        let first = self.gates.len() - self.encoders.len();
        &mut self.gates[first + encoder].h
    }

    /// ∂L/∂h of an encoder, after [`Network::backward`] of a patient who has the modality.
    pub(super) fn slope(&self, encoder: usize) -> &[f32] {
        let first = self.gates.len() - self.encoders.len();
        &self.gates[first + encoder].slope
    }

    /// Takes the gradient of an encoder that is computed elsewhere.
    pub(super) fn put_gradient(&mut self, encoder: usize, values: &[f32]) {
        self.encoders[encoder].put_gradient(values);
    }
}

impl Model {
    /// The model of a checked specification with a fusion.
    pub(super) fn of(spec: &ModelSpec) -> Self {
        let layout = ParamLayout::of(spec);
        let (encoders, dropout) = match &spec.fusion {
            Some(fusion) => (fusion.encoders.as_slice(), fusion.dropout_ppm),
            None => (&[][..], 0),
        };
        let tables = (spec.inputs > 0).then(|| fusion::TABLES.to_owned());
        let names = tables.into_iter().chain(encoders.iter().map(|encoder| encoder.view.clone()));
        let gates = names.filter_map(|name| Gate::find(&layout, &name)).collect();
        let encoders = encoders.iter().map(|encoder| Encoder::new(encoder, &layout));
        let mut hidden = Dense::all(&layout, "dense");
        let head = hidden.pop();
        let logits = spec.head.logits();
        Self {
            tables: Dense::all(&layout, fusion::TABLES),
            encoders: encoders.collect(),
            gates,
            hidden,
            head,
            interval_bias: layout.block("head.bias").map(|block| block.range.clone()),
            width: spec.fusion.as_ref().map_or(0, |fusion| fusion.width as usize),
            logits,
            parameters: layout.len(),
            dropout,
        }
    }

    /// Encoders of convolutions by their places; none in the place of another kind.
    pub(super) fn stacks(&self) -> impl Iterator<Item = Option<&Stack>> {
        self.encoders.iter().map(Encoder::stack)
    }

    /// The model with parameters, which are as many as it has.
    pub(super) fn load<'a>(&'a self, parameters: &'a [f32], convolutions: Where) -> Network<'a> {
        let load = |encoder: &Encoder| encoder.load(parameters, convolutions);
        Network { model: self, parameters, encoders: self.encoders.iter().map(load).collect() }
    }

    /// Room for one patient.
    pub(super) fn space(&self, convolutions: Where) -> Space {
        let encoders = self.encoders.iter().map(|encoder| encoder.space(convolutions));
        let output = self.head.as_ref().map_or(0, |head| head.outputs);
        Space {
            tables: Chain::new(&self.tables),
            encoders: encoders.collect(),
            gates: self.gates.iter().map(Gate::space).collect(),
            fused: vec![0.0; self.width],
            fused_slope: Vec::new(),
            hidden: Chain::new(&self.hidden),
            output_slope: vec![0.0; output],
            logits: vec![0.0; self.logits],
        }
    }

    /// 1 where the tables come first among the modalities, else 0.
    pub(super) fn first_encoder(&self) -> usize {
        self.gates.len() - self.encoders.len()
    }

    /// The modalities that a patient has, as bits: the tables' first, where there are any, which everybody has.
    pub(super) fn present(&self, examples: &Examples, patient: usize) -> u32 {
        let first = self.first_encoder();
        let tables = (1 << first) - 1;
        let brought = examples.modalities().iter().enumerate();
        let has = brought.filter(|(_, modality)| modality.has(patient));
        has.fold(tables, |bits, (index, _)| bits | 1 << (first + index))
    }
}

impl Network<'_> {
    /// Writes a patient's logits to the space, from the modalities in `present`, all of which the patient has. Of
    /// encoders that are computed elsewhere, h is in the space already.
    pub(super) fn forward(
        &self,
        examples: &Examples,
        patient: usize,
        present: u32,
        space: &mut Space,
    ) {
        let model = self.model;
        let parameters = self.parameters;
        for (index, gate) in space.gates.iter_mut().enumerate() {
            gate.present = present >> index & 1 == 1;
        }
        let (own, brought) = space.gates.split_at_mut(model.first_encoder());
        if let Some(gate) = own.first_mut().filter(|gate| gate.present) {
            let features = features(examples, patient);
            space.tables.forward(&model.tables, parameters, features);
            gate.h.copy_from_slice(space.tables.output(features));
        }
        let encoders = model.encoders.iter().zip(&mut space.encoders).zip(&self.encoders);
        let all = encoders.zip(brought).zip(examples.modalities());
        for ((((encoder, space), loaded), gate), modality) in all.filter(|all| all.0.1.present) {
            let brought = Brought { modality, patient };
            encoder.forward(parameters, loaded, space, brought, &mut gate.h);
        }
        space.fused.fill(0.0);
        for (gate, at) in model.gates.iter().zip(&mut space.gates) {
            gate.add(parameters, at, &mut space.fused);
        }
        relu(&mut space.fused);
        space.hidden.forward(&model.hidden, parameters, &space.fused);
        let last = space.hidden.output(&space.fused);
        let Some(head) = &model.head else { return };
        match &model.interval_bias {
            None => head.forward(parameters, last, &mut space.logits),
            Some(range) => {
                // One log-odds ratio for each cause, which the intervals of that cause share.
                head.forward(parameters, last, &mut space.output_slope);
                let intervals = (range.len() / head.outputs.max(1)).max(1);
                let biases = parameters[range.clone()].chunks_exact(intervals);
                let rows = space.logits.chunks_exact_mut(intervals).zip(biases);
                for ((row, biases), ratio) in rows.zip(&space.output_slope) {
                    row.iter_mut().zip(biases).for_each(|(z, bias)| *z = ratio + bias);
                }
            }
        }
    }

    /// From ∂L/∂logits in the space, after [`Network::forward`] of the same patient.
    pub(super) fn backward(&self, space: &mut Space) {
        let model = self.model;
        let parameters = self.parameters;
        let Some(head) = &model.head else { return };
        if let Some(range) = &model.interval_bias {
            let intervals = (range.len() / head.outputs.max(1)).max(1);
            let rows = space.logits.chunks_exact(intervals);
            for (slope, row) in space.output_slope.iter_mut().zip(rows) {
                *slope = row.iter().sum();
            }
        } else {
            space.output_slope.copy_from_slice(&space.logits);
        }
        let mut slope = vec![0.0; head.inputs];
        head.add_input_gradient(parameters, &space.output_slope, &mut slope);
        space.fused_slope.clear();
        space.fused_slope.resize(model.width, 0.0);
        let into = Some(space.fused_slope.as_mut_slice());
        space.hidden.backward(&model.hidden, parameters, &slope, into);
        through_relu(&space.fused, &mut space.fused_slope);

        let frozen = model.encoders.iter().map(|encoder| encoder.frozen);
        let on =
            std::iter::repeat_n(true, model.first_encoder()).chain(frozen.map(|frozen| !frozen));
        for ((gate, at), on) in model.gates.iter().zip(&mut space.gates).zip(on) {
            gate.backward(parameters, &space.fused_slope, at, on);
        }
        let (own, brought) = space.gates.split_at(model.first_encoder());
        if let Some(gate) = own.first().filter(|gate| gate.present) {
            space.tables.backward(&model.tables, parameters, &gate.slope, None);
        }
        let encoders = model.encoders.iter().zip(&mut space.encoders).zip(&self.encoders);
        for (((encoder, space), loaded), gate) in encoders.zip(brought) {
            if !encoder.frozen && gate.present {
                encoder.backward(parameters, loaded, space, &gate.slope);
            }
        }
    }

    /// The patient's gradient that [`Network::backward`] left in the space. Entries of the flat vector occur at
    /// most once; those that do not occur are zero.
    pub(super) fn visit(
        &self,
        examples: &Examples,
        patient: usize,
        space: &Space,
        visit: &mut impl Visit,
    ) {
        let model = self.model;
        let Some(head) = &model.head else { return };
        if let Some(range) = &model.interval_bias {
            visit.part(Part::plain(range.start, &space.logits));
        }
        head.visit(space.hidden.output(&space.fused), &space.output_slope, visit);
        space.hidden.visit(&model.hidden, &space.fused, visit);
        for (gate, at) in model.gates.iter().zip(&space.gates) {
            gate.visit(at, &space.fused_slope, visit);
        }
        let (own, brought) = space.gates.split_at(model.first_encoder());
        if own.first().is_some_and(|gate| gate.present) {
            space.tables.visit(&model.tables, features(examples, patient), visit);
        }
        for ((encoder, space), gate) in model.encoders.iter().zip(&space.encoders).zip(brought) {
            if !encoder.frozen && gate.present {
                encoder.visit(space, visit);
            }
        }
    }
}

/// A patient's inputs from tables.
fn features(examples: &Examples, patient: usize) -> &[f32] {
    let width = examples.width();
    &examples.features()[patient * width..][..width]
}
