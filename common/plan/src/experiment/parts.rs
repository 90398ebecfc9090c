//! What a model can be asked to do without.

use std::ops::Range;

use super::Plan;
use crate::model::fusion;

/// Some of what a model reads of a patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// These inputs of the tables.
    Inputs(Range<usize>),
    /// The modality in this place among the model's encoders.
    Modality(usize),
}

impl Plan {
    /// By name, each column and view of the tables; where the model has encoders too, all of the tables
    /// together as `tables`; and the view of each encoder.
    #[must_use]
    pub fn parts(&self) -> Vec<(String, Part)> {
        let encoders = self.model.fusion.as_ref().map_or(&[][..], |fusion| &fusion.encoders);
        let groups = self.input_groups();
        let several = groups.len() > 1 && !encoders.is_empty();
        let whole = several.then(|| (fusion::TABLES.to_owned(), Part::Inputs(0..self.inputs())));
        let views = encoders.iter().enumerate();
        groups
            .into_iter()
            .map(|(name, inputs)| (name, Part::Inputs(inputs)))
            .chain(whole)
            .chain(views.map(|(place, encoder)| (encoder.view.clone(), Part::Modality(place))))
            .collect()
    }
}
