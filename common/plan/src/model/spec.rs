//! The declarative model: a stack of dense layers under a survival head.

use serde::{Deserialize, Serialize};

use super::encoder::Encoder;
use super::error::InvalidModel;
use super::fusion::Fusion;
use super::head::Head;
use super::kind::ModelKind;
use super::limits;
use base::digest::Digest;
use base::quote::shortened;

/// A multi-layer perceptron with ReLU between its layers, without hidden layers a linear model; or, with
/// a fusion, the encoders of several modalities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// Features of a patient that come from tables; 0 in a fusion without any.
    pub inputs: u32,
    /// Units of each hidden layer, from the input on. In a fusion they are the tables' encoder, whose
    /// last layer ends in `ReLU` too.
    pub hidden: Vec<u32>,
    /// Further modalities.
    pub fusion: Option<Fusion>,
    /// What the outputs mean.
    pub head: Head,
    /// Hazard of an interval before training, in parts per million: a public constant.
    pub initial_hazard_ppm: u32,
}

impl ModelSpec {
    /// The kind that experiment files and policies name.
    #[must_use]
    pub fn kind(&self) -> ModelKind {
        match (&self.fusion, self.hidden.is_empty()) {
            (Some(_), _) => ModelKind::Multimodal,
            (None, true) => ModelKind::Linear,
            (None, false) => ModelKind::Mlp,
        }
    }

    /// What it is made of, for people: the kind, and of a fusion what reads each view.
    #[must_use]
    pub fn made_of(&self) -> String {
        let kind = self.kind().name();
        let Some(fusion) = &self.fusion else { return kind.to_owned() };
        let one = |encoder: &Encoder| format!("{}: {}", shortened(&encoder.view), encoder.name());
        let encoders: Vec<_> = fusion.encoders.iter().map(one).collect();
        format!("{kind} ({})", encoders.join(", "))
    }

    /// Checks every bound. A specification from a peer is not used before this.
    ///
    /// # Errors
    /// The first bound that is broken.
    pub fn check(&self) -> Result<(), InvalidModel> {
        let width = |part, found| match found {
            1..=limits::WIDTH => Ok(()),
            _ => Err(InvalidModel::Width { part, found }),
        };
        let fused = self.fusion.as_ref();
        match fused {
            Some(fusion) => {
                fusion.check()?;
                let inputs = self.inputs;
                let layers = self.hidden.len();
                if (inputs == 0) != (layers == 0) {
                    return Err(InvalidModel::Tables { inputs, layers });
                }
                if inputs > 0 {
                    width("inputs", inputs)?;
                }
            }
            None => width("inputs", self.inputs)?,
        }
        let after = fused.map_or(&[][..], |fusion| &fusion.hidden);
        for layers in [&self.hidden, after] {
            if layers.len() > limits::DEPTH {
                return Err(InvalidModel::Depth { found: layers.len() });
            }
            for &units in layers {
                width("a hidden layer", units)?;
            }
        }
        if let Some(intervals) = self.head.intervals() {
            width("intervals", intervals)?;
        }
        if let Head::CauseHazards { causes, .. } = self.head
            && !(2..=crate::experiment::CAUSES).contains(&(causes as usize))
        {
            return Err(InvalidModel::Causes { found: causes });
        }
        width("logits", u32::try_from(self.head.logits()).unwrap_or(u32::MAX))?;
        if !(1..1_000_000).contains(&self.initial_hazard_ppm) {
            return Err(InvalidModel::InitialHazard(self.initial_hazard_ppm));
        }
        match self.parameters() {
            0..=limits::PARAMETERS => self.names(),
            found => Err(InvalidModel::Size { found }),
        }
    }

    /// That every block of parameters has a name of its own: a gradient's parts then lie apart, which the
    /// bound on a patient's rests on.
    fn names(&self) -> Result<(), InvalidModel> {
        let layout = super::layout::ParamLayout::of(self);
        let mut seen = std::collections::HashSet::new();
        match layout.blocks().iter().find(|block| !seen.insert(block.name.as_str())) {
            None => Ok(()),
            Some(twice) => Err(InvalidModel::TwoBlocks { name: twice.name.clone() }),
        }
    }

    /// How many parameters the model has.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        super::layout::parameters(self)
    }

    /// The specification's identity: the hash of its canonical text.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let hidden: Vec<String> = self.hidden.iter().map(u32::to_string).collect();
        let head = match self.head {
            Head::LogisticHazard { intervals, proportional } => {
                format!("logistic-hazard/{intervals}/{proportional}")
            }
            Head::Cox => "cox".to_owned(),
            Head::PiecewiseHazard { intervals } => format!("piecewise-hazard/{intervals}"),
            Head::DeepHit { intervals } => format!("deephit/{intervals}"),
            Head::CauseHazards { intervals, causes, proportional } => {
                format!("cause-hazards/{intervals}/{causes}/{proportional}")
            }
        };
        let fusion = self.fusion.as_ref().map(Fusion::canonical).unwrap_or_default();
        let canonical = format!(
            "consilium model 1\ninputs {}\nhidden {}\n{fusion}head {head}\ninitial hazard {}\n",
            self.inputs,
            hidden.join(","),
            self.initial_hazard_ppm
        );
        Digest::of(canonical.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> ModelSpec {
        ModelSpec {
            inputs: 39,
            hidden: vec![16],
            fusion: None,
            head: Head::LogisticHazard { intervals: 20, proportional: false },
            initial_hazard_ppm: 20_000,
        }
    }

    fn causes(causes: u32, proportional: bool) -> ModelSpec {
        let head = Head::CauseHazards { intervals: 20, causes, proportional };
        ModelSpec { head, ..spec() }
    }

    #[test]
    fn every_cause_has_its_outputs_and_biases() {
        assert_eq!(causes(3, false).parameters(), 40 * 16 + 17 * 60);
        assert_eq!(causes(3, true).parameters(), 40 * 16 + 16 * 3 + 60);
        for wrong in [0, 1, 9, u32::MAX] {
            assert_eq!(causes(wrong, false).check(), Err(InvalidModel::Causes { found: wrong }));
        }
    }

    #[test]
    fn every_field_is_part_of_the_identity() {
        let base = spec();
        let others = [
            ModelSpec { inputs: 40, ..spec() },
            ModelSpec { hidden: vec![], ..spec() },
            ModelSpec { hidden: vec![1, 6], ..spec() },
            ModelSpec { head: Head::Cox, ..spec() },
            ModelSpec {
                head: Head::LogisticHazard { intervals: 20, proportional: true },
                ..spec()
            },
            ModelSpec { initial_hazard_ppm: 20_001, ..spec() },
            causes(2, false),
            causes(3, false),
            causes(2, true),
        ];
        let mut seen = vec![base.digest()];
        for other in others {
            assert!(!seen.contains(&other.digest()), "{other:?}");
            seen.push(other.digest());
        }
    }

    #[test]
    fn bounds_are_named() {
        assert_eq!(spec().check(), Ok(()));
        let wide = ModelSpec { hidden: vec![limits::WIDTH; 2], ..spec() };
        assert!(matches!(wide.check(), Err(InvalidModel::Size { .. })));
        let empty = ModelSpec { inputs: 0, ..spec() };
        assert!(matches!(empty.check(), Err(InvalidModel::Width { part: "inputs", found: 0 })));
        let deep = ModelSpec { hidden: vec![1; limits::DEPTH + 1], ..spec() };
        assert!(matches!(deep.check(), Err(InvalidModel::Depth { .. })));
        let hostile = ModelSpec { inputs: u32::MAX, hidden: vec![u32::MAX], ..spec() };
        assert!(hostile.check().is_err());
    }

    #[test]
    fn proportional_hazard_has_one_slope_and_a_bias_for_each_interval() {
        let linear = ModelSpec {
            hidden: vec![],
            head: Head::LogisticHazard { intervals: 20, proportional: true },
            ..spec()
        };
        assert_eq!(linear.parameters(), 39 + 20);
        assert_eq!(ModelSpec { head: Head::Cox, hidden: vec![], ..spec() }.parameters(), 39);
        assert_eq!(spec().parameters(), 40 * 16 + 17 * 20);
    }
}
