//! The `[model]` table, and how it meets the views and the time grid.

use std::path::PathBuf;

use super::outcome::Outcome;
use super::view::{View, ViewSource, ecg_samples};
use crate::model::{
    Block, Encoder, EncoderKind, Fusion, Head, HeadKind, ModelKind, ModelSpec, Pool,
};
use base::config::{Section, Settings};
use base::quote::quoted;

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

/// A `[model.encoders.VIEW]` table: what its view makes of these keys.
struct EncoderTable {
    width: Option<u32>,
    channels: Option<Vec<u32>>,
    kernel: Option<u32>,
    strides: Option<Vec<u32>>,
    dilations: Option<Vec<u32>>,
    residual: Option<Vec<u32>>,
    frozen: bool,
    pool: Pool,
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

impl Settings for EncoderTable {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let width = section.maybe("width");
        let channels = section.maybe("channels");
        let kernel = section.maybe("kernel");
        let strides = section.maybe("strides");
        let dilations = section.maybe("dilations");
        let residual = section.maybe("residual");
        let frozen = section.or("frozen", false);
        let pool = section.one_of("pool", Some(Pool::Mean));
        Some(Self {
            width: width?,
            channels: channels?,
            kernel: kernel?,
            strides: strides?,
            dilations: dilations?,
            residual: residual?,
            frozen: frozen?,
            pool: pool?,
        })
    }
}

/// Which key of the file, what was found, and how to mend it.
type Problem = (String, String, &'static str);

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

impl EncoderTable {
    /// The encoder of the view of this name.
    fn resolve(self, name: String, views: &[View]) -> Result<Encoder, Problem> {
        let at = |key: &str| format!("model.encoders.{name}{key}");
        let Some(view) = views.iter().find(|view| view.name == name) else {
            let known = views.iter().map(|view| view.name.as_str());
            let what = match base::config::nearest(&name, known) {
                Some(near) => format!("no view has this name; do you mean {}?", quoted(near)),
                None => "no view has this name".to_owned(),
            };
            return Err((at(""), what, "name the view that the encoder reads"));
        };
        let frozen = self.frozen;
        let pool = self.pool;
        let kind = match &view.source {
            ViewSource::Codes { vocabulary, .. } => {
                let given = self.channels.is_some()
                    || self.kernel.is_some()
                    || self.strides.is_some()
                    || self.dilations.is_some()
                    || self.residual.is_some()
                    || self.pool == Pool::Max;
                if given {
                    let hint =
                        "codes have a width alone: leave out channels and what goes with them";
                    return Err((
                        at(""),
                        "channels, a kernel or a pool for codes".to_owned(),
                        hint,
                    ));
                }
                EncoderKind::Codes {
                    vocabulary: u32::try_from(vocabulary.len()).unwrap_or(u32::MAX),
                    width: self.width.unwrap_or(16),
                }
            }
            ViewSource::Ecg { rate_hz, seconds, beats } => EncoderKind::Ecg {
                samples: ecg_samples(*rate_hz, *seconds, *beats),
                blocks: self.blocks(at, &[32, 32, 64, 64, 64], 7)?,
            },
            ViewSource::Image { width, height } => EncoderKind::Image {
                width: *width,
                height: *height,
                blocks: self.blocks(at, &[16, 32, 64, 64], 3)?,
            },
            _ => {
                let what = "its view is of numbers or categories".to_owned();
                let hint = "leave the encoder out: such views are inputs of the tables' layers";
                return Err((at(""), what, hint));
            }
        };
        Ok(Encoder { view: name, kind, frozen, pool })
    }

    /// The convolutions: each halves the length, but where the file says otherwise.
    fn blocks(
        self,
        at: impl Fn(&str) -> String,
        channels: &[u32],
        kernel: u32,
    ) -> Result<Vec<Block>, Problem> {
        if self.width.is_some() {
            let hint = "give channels, one number for each convolution";
            return Err((at(".width"), "a width for convolutions".to_owned(), hint));
        }
        let channels = self.channels.unwrap_or_else(|| channels.to_vec());
        let count = channels.len();
        let dilations = self.dilations.unwrap_or_else(|| vec![1; count]);
        let residual = self.residual.unwrap_or_else(|| vec![0; count]);
        let strides = self.strides.unwrap_or_else(|| {
            // A residual or dilated convolution keeps the length.
            let keeps = dilations.iter().zip(&residual).map(|(d, r)| *d > 1 || *r > 0);
            keeps.map(|keeps| if keeps { 1 } else { 2 }).collect()
        });
        for (key, list) in
            [(".strides", &strides), (".dilations", &dilations), (".residual", &residual)]
        {
            if list.len() != count {
                let what = format!("{} numbers for {count} convolutions", list.len());
                return Err((at(key), what, "give one number for each of the channels"));
            }
        }
        if let Some(odd) = residual.iter().find(|flag| **flag > 1) {
            let hint = "write 1 where the input is added, 0 where it is not";
            return Err((at(".residual"), format!("{odd} is neither 0 nor 1"), hint));
        }
        let kernel = self.kernel.unwrap_or(kernel);
        let shapes = strides.iter().zip(&dilations).zip(&residual);
        let block = |(&channels, ((&stride, &dilation), &residual))| Block {
            channels,
            kernel,
            stride,
            dilation,
            residual: residual == 1,
        };
        Ok(channels.iter().zip(shapes).map(block).collect())
    }
}
