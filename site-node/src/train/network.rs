//! The stack of layers that a specification stands for, forward and backward.

use std::ops::Range;

use plan::model::{Head, ModelSpec, ParamLayout};

use super::dense::{Dense, DenseBlock};
use super::device::Device;
use super::error::TrainError;
use super::layer::{Layer, Matrix, to_device, to_host};
use crate::examples::same;

/// Where everything lies: computed once for a specification.
#[derive(Debug, Clone)]
pub(super) struct Architecture {
    dense: Vec<DenseBlock>,
    /// `head.bias` of a proportional hazard: one entry for each interval, of each cause after the other.
    interval_bias: Option<Range<usize>>,
    parameters: usize,
    head: Head,
    logits: usize,
}

impl Architecture {
    pub(super) fn of(spec: &ModelSpec) -> Self {
        let layout = ParamLayout::of(spec);
        let mut dense: Vec<DenseBlock> = Vec::new();
        let mut interval_bias = None;
        for block in layout.blocks() {
            let range = block.range.clone();
            match block.shape.as_slice() {
                &[inputs, outputs] => {
                    let relu = dense.len() < spec.hidden.len();
                    dense.push(DenseBlock { inputs, outputs, weight: range, bias: None, relu });
                }
                _ if block.name == "head.bias" => interval_bias = Some(range),
                _ => {
                    if let Some(layer) = dense.last_mut() {
                        layer.bias = Some(range);
                    }
                }
            }
        }
        let logits = spec.head.logits();
        Self { dense, interval_bias, parameters: layout.len(), head: spec.head, logits }
    }

    /// Length of the flat vector.
    pub(super) fn parameters(&self) -> usize {
        self.parameters
    }

    /// Features a patient.
    pub(super) fn inputs(&self) -> usize {
        self.dense.first().map_or(0, |layer| layer.inputs)
    }

    /// Logits a patient: one for each cause and interval, or Cox's single log hazard ratio.
    pub(super) fn logits(&self) -> usize {
        self.logits
    }

    /// What the logits mean.
    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// The parts of a patient's gradient, in the order of [`Network::rows`].
    pub(super) fn outer_products(&self) -> impl Iterator<Item = OuterProduct> {
        let head = self.interval_bias.clone().map(|range| OuterProduct {
            inputs: 0,
            outputs: range.len(),
            bias: true,
            range,
        });
        head.into_iter().chain(self.dense.iter().rev().map(|layer| OuterProduct {
            inputs: layer.inputs,
            outputs: layer.outputs,
            bias: layer.bias.is_some(),
            range: layer.range(),
        }))
    }

    /// The network with a flat vector's parameters.
    ///
    /// # Errors
    /// The vector is not as long as the model.
    pub(super) fn load(&self, parameters: &[f32], device: &Device) -> Result<Network, TrainError> {
        same("parameters", self.parameters, parameters.len())?;
        let layers =
            self.dense.iter().map(|block| block.load(parameters, device.inner())).collect();
        let interval_bias =
            self.interval_bias.clone().map(|range| (range.clone(), parameters[range].to_vec()));
        Ok(Network { layers, interval_bias, parameters: self.parameters, device: device.clone() })
    }
}

/// A network with its parameters on the device, for one step.
pub(super) struct Network {
    layers: Vec<Dense>,
    interval_bias: Option<(Range<usize>, Vec<f32>)>,
    parameters: usize,
    device: Device,
}

/// A part of a patient's gradient that is an outer product of an input and an output gradient.
#[derive(Debug, Clone)]
pub(super) struct OuterProduct {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Whether one more input follows, which is 1.
    pub(super) bias: bool,
    /// Where it lies in the flat vector, `[width, outputs]`, row by row.
    pub(super) range: Range<usize>,
}

impl OuterProduct {
    /// The inputs, and one more for a bias.
    pub(super) fn width(&self) -> usize {
        self.inputs + usize::from(self.bias)
    }
}

/// The factors of an [`OuterProduct`], one row a patient.
pub(super) struct Rows {
    /// `[n, inputs]`.
    pub(super) input: Vec<f32>,
    /// ∂loss/∂z, `[n, outputs]`.
    pub(super) gradient: Vec<f32>,
}

/// What one forward pass leaves for the backward one.
pub(super) struct Pass {
    /// The input, then the output of each layer.
    pub(super) activations: Vec<Matrix>,
    /// `[n, logits]`, row by row.
    pub(super) logits: Vec<f32>,
}

impl Network {
    /// Features `[n, inputs]` to logits.
    ///
    /// # Errors
    /// The device did not return them.
    pub(super) fn forward(&self, input: Matrix) -> Result<Pass, TrainError> {
        let mut activations = vec![input];
        for layer in &self.layers {
            if let Some(last) = activations.last() {
                let output = layer.forward(last.clone());
                activations.push(output);
            }
        }
        // The last output is read by no one else: taken out of the list, it is not copied.
        let outputs = match activations.pop() {
            Some(outputs) => to_host(outputs)?,
            None => Vec::new(),
        };
        let logits = match &self.interval_bias {
            Some((_, bias)) => {
                // One output for each cause, which the intervals of that cause share.
                let causes = self.outputs();
                let intervals = (bias.len() / causes).max(1);
                let each = outputs
                    .chunks_exact(causes)
                    .flat_map(|ratios| ratios.iter().zip(bias.chunks_exact(intervals)));
                each.flat_map(|(f, bias)| bias.iter().map(move |b| f + b)).collect()
            }
            None => outputs,
        };
        Ok(Pass { activations, logits })
    }

    /// The flat gradient of a loss, from its gradient with respect to the logits `[n, logits]`.
    ///
    /// # Errors
    /// The device did not return it.
    pub(super) fn backward(
        &self,
        activations: Vec<Matrix>,
        logits: Vec<f32>,
    ) -> Result<Vec<f32>, TrainError> {
        let mut flat = vec![0.0; self.parameters];
        let outputs = match &self.interval_bias {
            Some((range, _)) => {
                let (outputs, bias) = through_intervals(&logits, range.len(), self.outputs());
                flat[range.clone()].copy_from_slice(&bias);
                outputs
            }
            None => logits,
        };
        self.each_layer(activations, outputs, |layer, input, gradient| {
            layer.parameter_gradient(input, gradient, &mut flat)
        })?;
        Ok(flat)
    }

    /// The factors of each patient's gradient, from each patient's own loss' gradient with respect
    /// to the logits `[n, logits]`.
    ///
    /// # Errors
    /// The device did not return them.
    pub(super) fn rows(
        &self,
        activations: Vec<Matrix>,
        logits: Vec<f32>,
    ) -> Result<Vec<Rows>, TrainError> {
        let mut rows = Vec::with_capacity(self.layers.len() + 1);
        let outputs = match &self.interval_bias {
            Some((range, _)) => {
                let (outputs, _) = through_intervals(&logits, range.len(), self.outputs());
                rows.push(Rows { input: Vec::new(), gradient: logits });
                outputs
            }
            None => logits,
        };
        self.each_layer(activations, outputs, |_, input, gradient| {
            rows.push(Rows { input: to_host(input)?, gradient: to_host(gradient)? });
            Ok(())
        })?;
        Ok(rows)
    }

    /// The flat vector that the network was loaded from.
    #[cfg(test)]
    pub(super) fn flatten(&self) -> Result<Vec<f32>, TrainError> {
        let mut flat = vec![f32::NAN; self.parameters];
        for layer in &self.layers {
            layer.unload(&mut flat)?;
        }
        if let Some((range, bias)) = &self.interval_bias {
            flat[range.clone()].copy_from_slice(bias);
        }
        Ok(flat)
    }

    /// Outputs of the last layer, at least 1.
    fn outputs(&self) -> usize {
        self.layers.last().map_or(1, |layer| layer.outputs().max(1))
    }

    /// Runs the layers backward, and hands out each one's input and ∂loss/∂z.
    fn each_layer(
        &self,
        mut activations: Vec<Matrix>,
        outputs: Vec<f32>,
        mut visit: impl FnMut(&Dense, Matrix, Matrix) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        let width = self.outputs();
        let patients = outputs.len() / width.max(1);
        // The last layer has no activation, so that its own output is not needed.
        let mut gradient = to_device(outputs, patients, width, self.device.inner());
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let Some(input) = activations.pop() else { break };
            if index > 0 {
                let below = &self.layers[index - 1];
                let arriving = layer.input_gradient(gradient.clone());
                let next = below.through_activation(&input, arriving);
                visit(layer, input, gradient)?;
                gradient = next;
            } else {
                visit(layer, input, gradient)?;
                break;
            }
        }
        Ok(())
    }
}

/// ∂loss/∂logits `[n, C·K]` to ∂loss/∂f `[n, C]` and the sum over patients `[C·K]` for the biases, where
/// logit(i, c, j) = f(i, c) + b(c, j).
fn through_intervals(logits: &[f32], biases: usize, causes: usize) -> (Vec<f32>, Vec<f32>) {
    let mut bias = vec![0.0_f32; biases];
    let intervals = (biases / causes.max(1)).max(1);
    let mut outputs = Vec::with_capacity(logits.len() / intervals);
    for row in logits.chunks_exact(biases.max(1)) {
        for (sum, value) in bias.iter_mut().zip(row) {
            *sum += value;
        }
        outputs.extend(row.chunks_exact(intervals).map(|of_cause| of_cause.iter().sum::<f32>()));
    }
    (outputs, bias)
}
