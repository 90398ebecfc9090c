//! The declarative model: a stack of dense layers under a survival head.

use serde::{Deserialize, Serialize};

use super::fusion::Fusion;
use super::kind::{HeadKind, ModelKind};
use base::digest::Digest;
use base::quote::quoted;

/// Bounds on what a specification may ask a site to build.
pub mod limits {
    /// Features, hidden units of one layer, or intervals.
    pub const WIDTH: u32 = 65_536;
    /// Hidden layers.
    pub const DEPTH: usize = 16;
    /// Parameters in all: 512 Mi words are 2 GiB on the wire.
    pub const PARAMETERS: u64 = 512 << 20;
}

/// What the last layer's outputs mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// Discrete-time logistic hazard: logit h(j | x) for each interval j (Gensheimer and
    /// Narasimhan, PeerJ 2019, eq. 3). A sum over patients, hence fit for privacy by patient.
    ///
    /// With `proportional`, logit h(j | x) = b_j + f(x) with one f(x) for all intervals, the
    /// discrete-time Cox model of Andreux et al. (arXiv:2006.08997, eq. 5).
    LogisticHazard {
        /// Intervals of the time grid.
        intervals: u32,
        /// One log-odds ratio for all intervals instead of one output for each.
        proportional: bool,
    },
    /// Log hazard ratio under Cox's partial likelihood, ties by Breslow. Couples the patients of a
    /// risk set: a baseline, never in a private mode.
    Cox,
    /// A hazard that is constant in each interval, softplus of the output (Kvamme and Borgan,
    /// arXiv:1910.06724, eq. 17): it uses how far into an interval a patient was followed.
    PiecewiseHazard {
        /// Intervals of the time grid.
        intervals: u32,
    },
    /// Probability masses of the intervals and of the time beyond them: the likelihood part of `DeepHit`
    /// (Lee et al., AAAI 2018, eq. 3) for one cause.
    DeepHit {
        /// Intervals of the time grid.
        intervals: u32,
    },
    /// Discrete-time logistic hazards of competing causes, a multinomial logit in each interval:
    /// h_k(j | x) = exp(z_kj) / (1 + Σ_l exp(z_lj)) (Tutz and Schmid, *Modeling Discrete Time-to-Event
    /// Data*, Springer 2016, section 8.1). For one cause it would be the logistic hazard, which stands for
    /// that. Logits are in the order of causes, each with all intervals.
    ///
    /// With `proportional`, z_kj = b_kj + f_k(x): one log-odds ratio for each cause.
    CauseHazards {
        /// Intervals of the time grid.
        intervals: u32,
        /// Causes, two or more.
        causes: u32,
        /// One log-odds ratio of a cause for all intervals instead of one output for each.
        proportional: bool,
    },
}

impl Head {
    /// Outputs of the last dense layer.
    #[must_use]
    pub fn outputs(self) -> u32 {
        match self {
            Self::LogisticHazard { proportional: true, .. } | Self::Cox => 1,
            Self::CauseHazards { causes, proportional: true, .. } => causes,
            Self::CauseHazards { causes, intervals, proportional: false } => {
                causes.saturating_mul(intervals)
            }
            Self::LogisticHazard { intervals, proportional: false }
            | Self::PiecewiseHazard { intervals }
            | Self::DeepHit { intervals } => intervals,
        }
    }

    /// Intervals of the time grid, which every head but Cox's has.
    #[must_use]
    pub fn intervals(self) -> Option<u32> {
        match self {
            Self::LogisticHazard { intervals, .. }
            | Self::CauseHazards { intervals, .. }
            | Self::PiecewiseHazard { intervals }
            | Self::DeepHit { intervals } => Some(intervals),
            Self::Cox => None,
        }
    }

    /// Causes that the head tells apart: 1 for all but hazards of several.
    #[must_use]
    pub fn causes(self) -> u32 {
        match self {
            Self::CauseHazards { causes, .. } => causes,
            Self::LogisticHazard { .. }
            | Self::PiecewiseHazard { .. }
            | Self::DeepHit { .. }
            | Self::Cox => 1,
        }
    }

    /// Logits of a patient: one for each cause and interval, or Cox's single log hazard ratio.
    #[must_use]
    pub fn logits(self) -> usize {
        let intervals = self.intervals().unwrap_or(1) as usize;
        intervals.saturating_mul(self.causes() as usize)
    }

    /// Whether the loss is a sum over patients, which every private mode needs.
    #[must_use]
    pub fn separable_by_patient(self) -> bool {
        !matches!(self, Self::Cox)
    }

    /// The kind that experiment files and policies name.
    #[must_use]
    pub fn kind(self) -> HeadKind {
        match self {
            // A file asks for several causes under [outcome].
            Self::LogisticHazard { .. } | Self::CauseHazards { .. } => HeadKind::LogisticHazard,
            Self::Cox => HeadKind::Cox,
            Self::PiecewiseHazard { .. } => HeadKind::PiecewiseHazard,
            Self::DeepHit { .. } => HeadKind::DeepHit,
        }
    }

    /// The name used in experiment files and policies.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.kind().name()
    }
}

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

/// A specification that no site builds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidModel {
    /// A width of zero, or one over the limit.
    #[error("model: {part} is {found}; use 1 to {}", limits::WIDTH)]
    Width {
        /// Which width.
        part: &'static str,
        /// What the specification says.
        found: u32,
    },
    /// Too many hidden layers.
    #[error("model: {found} hidden layers; use at most {}", limits::DEPTH)]
    Depth {
        /// What the specification says.
        found: usize,
    },
    /// Too many parameters.
    #[error("model: {found} parameters; use at most {}", limits::PARAMETERS)]
    Size {
        /// What the specification adds up to.
        found: u64,
    },
    /// A number of an encoder or of the fusion that is out of bounds.
    #[error("model: {found} {part}; use 1 to {most}")]
    Bound {
        /// Which.
        part: &'static str,
        /// What the specification says.
        found: u32,
        /// The most.
        most: u32,
    },
    /// A convolution that no site computes.
    #[error("model: encoder of kind {part}: {found} {what}")]
    Block {
        /// The kind of encoder.
        part: &'static str,
        /// Which of its numbers, and what to use.
        what: &'static str,
        /// What the specification says.
        found: u32,
    },
    /// Codes have no positions.
    #[error("model: encoder {} adds codes up and has no pool; leave the key out", quoted(view))]
    Pool {
        /// The view.
        view: String,
    },
    /// One patient would take too much memory or time.
    #[error(
        "model: encoder of kind {part}: too much work a patient; use fewer channels or a stride"
    )]
    Work {
        /// The kind of encoder.
        part: &'static str,
    },
    /// A fusion of nothing, or of too much.
    #[error(
        "model: {found} encoders beside the tables'; use 1 to {}",
        super::fusion::bounds::ENCODERS
    )]
    Encoders {
        /// What the specification says.
        found: usize,
    },
    /// Two encoders of one view.
    #[error(
        "model: view {} has the name of another encoder or of the tables; rename it",
        quoted(view)
    )]
    TwoEncoders {
        /// The view.
        view: String,
    },
    /// Two blocks of parameters of one name, which names of views make.
    #[error("model: two blocks of parameters are called {}; rename the view", quoted(name))]
    TwoBlocks {
        /// The name.
        name: String,
    },
    /// Hidden layers without inputs, or the other way round.
    #[error(
        "model: {inputs} inputs from tables and {layers} layers for them; a fusion needs both or neither"
    )]
    Tables {
        /// Inputs from tables.
        inputs: u32,
        /// Layers for them.
        layers: usize,
    },
    /// A chance outside [0, 1).
    #[error("model: modality dropout of {found} parts per million; use 0 to 999999")]
    Dropout {
        /// What the specification says.
        found: u32,
    },
    /// One cause, or too many, in a head of several.
    #[error("model: {found} causes in a head of several; use 2 to {}", crate::experiment::CAUSES)]
    Causes {
        /// What the specification says.
        found: u32,
    },
    /// An initial hazard outside (0, 1).
    #[error("model: initial hazard of {0} parts per million; use 1 to 999999")]
    InitialHazard(u32),
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
