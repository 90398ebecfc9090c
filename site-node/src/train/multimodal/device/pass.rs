//! One pass of some patients: their way to the device and back.

use super::OnDevice;
use crate::examples::Examples;
use crate::train::device::Device;
use crate::train::error::TrainError;
use crate::train::multimodal::patient::{Model, Space};
use crate::train::multimodal::tensors::{Passed, StackOnDevice, Whose};

/// The patients of a pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk<'a> {
    pub(super) examples: &'a Examples,
    pub(super) patients: &'a [usize],
    /// The modalities of each that stay in this step.
    pub(super) present: &'a [u32],
}

/// Which rows an encoder's tensors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// For who has the modality, and a few of zeros: an eighth of so many slots is what numbers of rows differ by.
    Few(usize),
    /// So many, a row for each patient's place and zeros in the others: private passes, whose shapes are the same
    /// whoever is there.
    Fixed(usize),
}

/// The encoders of one step.
pub(super) struct Encoders<'a> {
    model: &'a Model,
    stacks: Vec<Option<StackOnDevice<'a>>>,
}

/// What one encoder left, and whose its rows are.
pub(super) struct Encoded {
    rows: Vec<Option<usize>>,
    passed: Option<Passed>,
}

impl<'a> Encoders<'a> {
    pub(super) fn load(model: &'a Model, parameters: &[f32], device: &'a Device) -> Self {
        let load = |stack| StackOnDevice::load(stack, parameters, device);
        Self { model, stacks: model.stacks().map(|stack| stack.map(load)).collect() }
    }

    /// The place of each row's patient; none for a row of zeros.
    fn seats(&self, chunk: Chunk<'_>, encoder: usize, rows: Rows) -> Vec<Option<usize>> {
        let bit = self.model.first_encoder() + encoder;
        let has = |place: &usize| chunk.present[*place] >> bit & 1 == 1;
        let places = 0..chunk.patients.len();
        match rows {
            Rows::Few(slots) => {
                let mut seats: Vec<_> = places.filter(has).map(Some).collect();
                seats.resize(seats.len().next_multiple_of(slots.div_ceil(8)), None);
                seats
            }
            Rows::Fixed(slots) => {
                let mut seats: Vec<_> = places.map(|place| Some(place).filter(has)).collect();
                seats.resize(slots, None);
                seats
            }
        }
    }

    /// Writes what each encoder makes of each patient to the patient's space, and keeps what the way back needs.
    ///
    /// # Errors
    /// The device returned no result.
    pub(super) fn forward(
        &self,
        chunk: Chunk<'_>,
        rows: Rows,
        spaces: &mut [Space],
        keep: bool,
    ) -> Result<Vec<Encoded>, TrainError> {
        let mut left = Vec::with_capacity(self.stacks.len());
        for (encoder, (stack, plan)) in self.stacks.iter().zip(self.model.stacks()).enumerate() {
            let (Some(stack), Some(plan)) = (stack, plan) else {
                left.push(Encoded { rows: Vec::new(), passed: None });
                continue;
            };
            let rows = self.seats(chunk, encoder, rows);
            if rows.is_empty() {
                left.push(Encoded { rows, passed: None });
                continue;
            }
            let each: usize = plan.reads().iter().product();
            let mut numbers = vec![0.0; rows.len() * each];
            for (row, place) in numbers.chunks_exact_mut(each).zip(&rows) {
                let own = place.and_then(|place| {
                    chunk.examples.modalities()[encoder].numbers_of(chunk.patients[place])
                });
                if let Some(own) = own {
                    row.copy_from_slice(own);
                }
            }
            let (h, passed) = stack.forward(numbers, keep && !plan.frozen)?;
            for (h, place) in h.chunks_exact(plan.width()).zip(&rows) {
                if let Some(place) = place {
                    spaces[*place].h(encoder).copy_from_slice(h);
                }
            }
            left.push(Encoded { rows, passed });
        }
        Ok(left)
    }

    /// Runs the encoders backward from the slopes in the spaces of those whose pass worked, and hands out the gradient
    /// of each encoder that has one: its place, and a row for each row of the pass, or one for all.
    ///
    /// # Errors
    /// The device returned no result.
    pub(super) fn backward(
        &self,
        encoded: Vec<Encoded>,
        spaces: &[Space],
        worked: impl Fn(usize) -> bool,
        whose: Whose,
    ) -> Result<Vec<Gradient>, TrainError> {
        let mut gradients = Vec::new();
        let all = self.stacks.iter().zip(self.model.stacks()).zip(encoded).enumerate();
        for (encoder, ((stack, plan), Encoded { rows, passed })) in all {
            let (Some(stack), Some(plan), Some(passed)) = (stack, plan, passed) else { continue };
            let width = plan.width();
            let mut slopes = vec![0.0; rows.len() * width];
            for (row, place) in slopes.chunks_exact_mut(width).zip(&rows) {
                if let Some(place) = place.filter(|place| worked(*place)) {
                    row.copy_from_slice(spaces[place].slope(encoder));
                }
            }
            let values = stack.backward(passed, slopes, whose)?;
            gradients.push(Gradient { encoder, at: plan.range.start, rows, values });
        }
        Ok(gradients)
    }
}

/// The gradient of one encoder's parameters.
pub(super) struct Gradient {
    encoder: usize,
    /// Where it starts in the flat vector.
    pub(super) at: usize,
    rows: Vec<Option<usize>>,
    /// Row by row, or one row for all.
    pub(super) values: Vec<f32>,
}

impl Gradient {
    /// Writes each patient's row to the patient's space.
    pub(super) fn hand_out(&self, spaces: &mut [Space]) {
        let each = self.values.len() / self.rows.len().max(1);
        for (values, place) in self.values.chunks_exact(each.max(1)).zip(&self.rows) {
            if let Some(place) = place {
                spaces[*place].put_gradient(self.encoder, values);
            }
        }
    }
}

impl OnDevice {
    /// The encoders with the parameters of a step.
    pub(super) fn encoders<'a>(&'a self, model: &'a Model, parameters: &[f32]) -> Encoders<'a> {
        Encoders::load(model, parameters, &self.device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::multimodal::tests::{examples, parameters, specs};

    #[test]
    fn a_private_pass_has_one_shape_whoever_is_there() {
        let spec = specs().remove(0);
        let examples = examples(9);
        let device = Device::cpu();
        let model = Model::of(&spec);
        let parameters = parameters(&spec);
        let encoders = Encoders::load(&model, &parameters, &device);
        // Tables, codes, ECG, image: the bits of who has which.
        let seats = |rows, present: &[u32]| {
            let patients: Vec<usize> = (0..present.len()).collect();
            encoders.seats(Chunk { examples: &examples, patients: &patients, present }, 1, rows)
        };
        let fixed = Rows::Fixed(8);
        assert_eq!(seats(fixed, &[]), [None; 8]);
        assert_eq!(seats(fixed, &[0b0001, 0b1001]), [None; 8]);
        let mut expected = [None; 8];
        (expected[1], expected[3]) = (Some(1), Some(3));
        assert_eq!(seats(fixed, &[0b0001, 0b0101, 0b1011, 0b1111]), expected);
        // A plain pass has those who are there, and a few rows of zeros.
        assert_eq!(seats(Rows::Few(8), &[0b0001, 0b0101, 0b1011, 0b1111]), [Some(1), Some(3)]);
        assert_eq!(seats(Rows::Few(32), &[0b0101]), [Some(0), None, None, None]);
        assert!(seats(Rows::Few(32), &[0b0001]).is_empty());
    }
}
