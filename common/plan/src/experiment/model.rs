//! The `[model]` table, and how it meets the views and the time grid.

use std::path::PathBuf;

use super::encoders::{EncoderTable, Problem};
use super::outcome::Outcome;
use super::view::View;
use crate::model::{Fusion, Head, HeadKind, ModelKind, ModelSpec};
use base::config::{Section, Settings};

/// The `[model]` table before it meets the features and the time grid.
pub(super) struct ModelTable {
    pub(super) start: Option<PathBuf>,
    hidden: Vec<u32>,
    head: HeadKind,
    proportional: bool,
    initial_hazard: f64,
    fusion: Option<(FusionTable, Vec<(String, EncoderTable)>)>,
}

/// The `[model.fusion]` table.
struct FusionTable {
    width: u32,
    hidden: Vec<u32>,
    modality_dropout: f64,
}

impl Settings for ModelTable {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let kind = section.one_of::<ModelKind>("kind", None);
        let hidden = section.maybe::<Vec<u32>>("hidden");
        let head = section.one_of("head", Some(HeadKind::LogisticHazard));
        let linear = kind == Some(ModelKind::Linear) && head == Some(HeadKind::LogisticHazard);
        let proportional = section.or("proportional", linear);
        let ignored = matches!(head, Some(HeadKind::PiecewiseHazard | HeadKind::DeepHit));
        if ignored && proportional == Some(true) {
            section.problem(
                "proportional",
                "for this head each interval has an output",
                "leave the key out, or use head = \"logistic-hazard\"",
            );
        }
        let hazard = section.or("initial_hazard", 0.02);
        let hazard = section.within(
            "initial_hazard",
            hazard,
            1e-6..=0.999,
            "use the hazard of an interval before training, 0.000001 to 0.999",
        );
        let start = section.maybe("start");
        let fusion = if kind == Some(ModelKind::Multimodal) {
            let fusion = section.section("fusion");
            let encoders = section.named("encoders");
            Some(fusion.zip(encoders))
        } else {
            None
        };
        // From here on reading may end early: every key has been asked for.
        let hidden = layers(section, kind?, hidden?);
        let fusion = match fusion {
            Some(tables) => Some(tables?),
            None => None,
        };
        if ignored && proportional? {
            return None;
        }
        Some(Self {
            start: start?,
            hidden: hidden?,
            head: head?,
            proportional: proportional?,
            initial_hazard: hazard?,
            fusion,
        })
    }
}

/// The hidden layers that a kind has; none after a problem.
fn layers(
    section: &mut Section<'_>,
    kind: ModelKind,
    hidden: Option<Vec<u32>>,
) -> Option<Vec<u32>> {
    match (kind, hidden) {
        (ModelKind::Linear, None) => Some(Vec::new()),
        (ModelKind::Linear, Some(_)) => {
            section.problem(
                "hidden",
                "a linear model has no hidden layers",
                "remove the key, or use kind = \"mlp\"",
            );
            None
        }
        (ModelKind::Multimodal, hidden) => Some(hidden.unwrap_or_default()),
        (ModelKind::Mlp, Some(hidden)) if !hidden.is_empty() => Some(hidden),
        (ModelKind::Mlp, _) => {
            section.problem("hidden", "missing", "give the units of each hidden layer: [16]");
            None
        }
    }
}

impl Settings for FusionTable {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let width = section.or("width", 32);
        let hidden = section.or("hidden", vec![32]);
        let dropout = section.or("modality_dropout", 0.1);
        let dropout = section.within(
            "modality_dropout",
            dropout,
            0.0..=0.9,
            "use the chance that a modality is left out of a training step, 0 to 0.9",
        );
        Some(Self { width: width?, hidden: hidden?, modality_dropout: dropout? })
    }
}

impl ModelTable {
    /// The specification for these views and this time grid, without the number of inputs, which the plan
    /// counts.
    pub(super) fn resolve(
        self,
        views: &[View],
        outcome: &Outcome,
    ) -> Result<ModelSpec, Vec<Problem>> {
        let mut problems = Vec::new();
        let fusion = self.fusion.map(|(table, encoders)| {
            let encoders = encoders.into_iter().filter_map(|(name, table)| {
                table.resolve(name, views).map_err(|problem| problems.push(problem)).ok()
            });
            Fusion {
                encoders: encoders.collect(),
                width: table.width,
                hidden: table.hidden,
                dropout_ppm: millionths(table.modality_dropout),
            }
        });
        if !problems.is_empty() {
            return Err(problems);
        }
        let intervals = u32::try_from(outcome.edges.len()).unwrap_or(u32::MAX);
        let head = match self.head {
            HeadKind::LogisticHazard if outcome.causes.len() > 1 => Head::CauseHazards {
                intervals,
                causes: u32::try_from(outcome.causes.len()).unwrap_or(u32::MAX),
                proportional: self.proportional,
            },
            HeadKind::LogisticHazard => {
                Head::LogisticHazard { intervals, proportional: self.proportional }
            }
            HeadKind::PiecewiseHazard => Head::PiecewiseHazard { intervals },
            HeadKind::DeepHit => Head::DeepHit { intervals },
            HeadKind::Cox => Head::Cox,
        };
        let initial_hazard_ppm = millionths(self.initial_hazard);
        Ok(ModelSpec { inputs: 0, hidden: self.hidden, fusion, head, initial_hazard_ppm })
    }
}

/// A number that was read within [0, 1), in parts per million.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "read within [0, 1)")]
fn millionths(share: f64) -> u32 {
    (share * 1e6).round() as u32
}
