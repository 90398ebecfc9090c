//! The same patients with something of others', or without it, for asking what a model rests on; and some of
//! them.

use std::ops::Range;

use super::{Examples, ExamplesError};

impl Examples {
    /// Some of the patients, in the order given.
    ///
    /// # Errors
    /// One that does not exist.
    pub fn select(&self, patients: &[usize]) -> Result<Self, ExamplesError> {
        if let Some(&patient) = patients.iter().find(|&&patient| patient >= self.len()) {
            return Err(ExamplesError::Patient { patient, patients: self.len() });
        }
        let mut part = self.clone();
        part.features = self.gather(patients);
        part.time = patients.iter().map(|&patient| self.time[patient]).collect();
        part.event = patients.iter().map(|&patient| self.event[patient]).collect();
        part.cause = patients.iter().map(|&patient| self.cause[patient]).collect();
        part.on_grid = patients.iter().map(|&patient| self.on_grid[patient]).collect();
        for modality in &mut part.modalities {
            modality.rearrange(patients);
        }
        Ok(part)
    }

    /// Every patient with some inputs of the patient that `order` names in that place; without a change
    /// where the order names nobody.
    #[must_use]
    pub fn with_inputs_of(&self, inputs: Range<usize>, order: &[usize]) -> Self {
        let mut mixed = self.clone();
        for (patient, &other) in order.iter().enumerate() {
            let at = |patient: usize| {
                let start = patient * self.width;
                start + inputs.start..start + inputs.end.min(self.width)
            };
            let from = self.features.get(at(other));
            if let (Some(into), Some(from)) = (mixed.features.get_mut(at(patient)), from) {
                into.copy_from_slice(from);
            }
        }
        mixed
    }

    /// Every patient with 0 for some inputs: a column's public centre, and no category.
    #[must_use]
    pub fn without_inputs(&self, inputs: Range<usize>) -> Self {
        let mut without = self.clone();
        for row in without.features.chunks_exact_mut(self.width.max(1)) {
            if let Some(of) = row.get_mut(inputs.start..inputs.end.min(self.width)) {
                of.fill(0.0);
            }
        }
        without
    }

    /// Every patient as one who lacks a modality.
    #[must_use]
    pub fn without_modality(&self, place: usize) -> Self {
        // In an order that names nobody.
        self.with_modality_of(place, &vec![usize::MAX; self.len()])
    }

    /// Every patient with one modality, or its absence, of the patient that `order` names in that place.
    #[must_use]
    pub fn with_modality_of(&self, place: usize, order: &[usize]) -> Self {
        let mut mixed = self.clone();
        if let Some(modality) = mixed.modalities.get_mut(place) {
            modality.rearrange(order);
        }
        mixed
    }
}

#[cfg(test)]
mod tests {
    use super::super::modality::{Code, Modality};
    use super::*;

    fn examples() -> Examples {
        let features = vec![0.0, 1.0, 10.0, 11.0, 20.0, 21.0];
        let time = vec![1.0, 2.0, 3.0];
        let examples = Examples::new(features, 2, time, vec![true, false, true], &[4.0]).unwrap();
        let code = |word| Code { word, age: 0.0 };
        let codes = Modality::codes(vec![vec![code(0)], vec![], vec![code(1), code(2)]], 3);
        examples.with(vec![codes.unwrap()]).unwrap()
    }

    #[test]
    fn some_patients_bring_all_that_is_theirs() {
        let part = examples().select(&[2, 0]).unwrap();
        assert_eq!(part.features(), [20.0, 21.0, 0.0, 1.0]);
        assert_eq!((part.time(), part.event()), (&[3.0, 1.0][..], &[true, true][..]));
        assert_eq!(part.modalities()[0].codes_of(0).map(<[Code]>::len), Some(2));
        assert!(examples().select(&[3]).is_err());
    }

    #[test]
    fn what_is_ablated_is_nobodys_and_nothing_else_changes() {
        let all = examples();
        let without = all.without_inputs(1..9);
        assert_eq!(without.features(), [0.0, 0.0, 10.0, 0.0, 20.0, 0.0]);
        assert!(without.modalities()[0].has(0));
        let without = all.without_modality(0);
        assert_eq!(without.features(), all.features());
        assert!((0..3).all(|patient| !without.modalities()[0].has(patient)));
        assert_eq!(without.modalities()[0].len(), 3);
    }

    #[test]
    fn what_is_permuted_moves_and_nothing_else() {
        let all = examples();
        let order = [1, 2, 0];
        let mixed = all.with_inputs_of(1..2, &order);
        assert_eq!(mixed.features(), [0.0, 11.0, 10.0, 21.0, 20.0, 1.0]);
        assert_eq!((mixed.time(), mixed.event()), (all.time(), all.event()));
        assert!(mixed.modalities()[0].has(0));
        let mixed = all.with_modality_of(0, &order);
        assert_eq!(mixed.features(), all.features());
        let has: Vec<bool> = (0..3).map(|patient| mixed.modalities()[0].has(patient)).collect();
        assert_eq!(has, [false, true, true]);
    }
}
