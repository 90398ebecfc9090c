//! Encoders: what makes one vector of what a patient brings to a view.
//!
//! A kind of encoder is a file here, which says its sizes, its parameters and what it costs, and a variant of
//! [`EncoderKind`]. The formulas are in the sites' `train/multimodal/encoders/`.

mod codes;
pub mod convolution;
mod ecg;
mod gru;
mod image;

use serde::{Deserialize, Serialize};

use super::error::InvalidModel;
use super::limits;
use super::start::Start;

pub use codes::CodeBag;
pub use convolution::Block;
pub use ecg::{Ecg, LEADS};
pub use gru::Gru;
pub use image::Image;

/// One view's encoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoder {
    /// The view that it reads, by its name in the contract.
    pub view: String,
    /// What it is.
    pub kind: EncoderKind,
    /// Whether its parameters stay as they were at the start of the run.
    pub frozen: bool,
    /// What is kept of all positions in the end; [`Pool::Mean`] for codes.
    pub pool: Pool,
}

/// What becomes of the positions of the last convolution, channel by channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pool {
    /// Their mean: how much there is everywhere.
    Mean,
    /// The largest: whether it is anywhere, such as a lesion in an image.
    Max,
}

base::choice!(Pool { Mean => "mean", Max => "max" });

/// What an encoder is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EncoderKind {
    /// A sum of embeddings of codes.
    Codes(CodeBag),
    /// Convolutions over time of 12 leads.
    Ecg(Ecg),
    /// Convolutions over a grey image.
    Image(Image),
    /// A recurrent network over codes in the order of their dates.
    Gru(Gru),
}

impl EncoderKind {
    /// The one table of kinds.
    fn shape(&self) -> &dyn Shape {
        match self {
            Self::Codes(codes) => codes,
            Self::Ecg(ecg) => ecg,
            Self::Image(image) => image,
            Self::Gru(gru) => gru,
        }
    }

    /// What a patient has to bring.
    #[must_use]
    pub fn input(&self) -> Input {
        self.shape().input()
    }
}

/// What a view brings to an encoder. The two fit where these are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Dated codes.
    Codes {
        /// Words of the view's vocabulary.
        vocabulary: u32,
    },
    /// An ECG of [`LEADS`] leads.
    Ecg {
        /// Samples of each lead.
        samples: u32,
    },
    /// A grey image.
    Image {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
}

/// What one patient's forward pass costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Numbers that activations take.
    pub(super) numbers: u64,
    /// Multiplications.
    pub(super) multiplications: u64,
}

impl Cost {
    /// Of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            numbers: self.numbers.saturating_add(other.numbers),
            multiplications: self.multiplications.saturating_add(other.multiplications),
        }
    }
}

/// Takes the blocks of parameters in order: the name within the encoder, the shape, and the start.
type Blocks<'a> = &'a mut dyn FnMut(String, Vec<usize>, Start);

/// The properties of a kind of encoder.
trait Shape {
    /// The name used in reports and in the specification's canonical text.
    fn name(&self) -> &'static str;

    /// What a patient has to bring.
    fn input(&self) -> Input;

    /// Length of what the encoder makes of a patient.
    fn width(&self) -> u32;

    /// Its sizes in the specification's canonical text, but for convolutions.
    fn sizes(&self) -> String;

    /// Channels of the input, axes, and the convolutions; none for codes.
    fn convolutions(&self) -> (u32, u32, &[Block]) {
        (0, 0, &[])
    }

    /// Checks every bound.
    fn check(&self) -> Result<Cost, InvalidModel>;

    /// Names every block of parameters in order; the shape need not be checked.
    fn parameters(&self, each: Blocks<'_>);
}

impl Encoder {
    /// Length of what the encoder makes of a patient.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.kind.shape().width()
    }

    /// Channels of the input, axes, and the convolutions; none for codes.
    #[must_use]
    pub fn convolutions(&self) -> (u32, u32, &[Block]) {
        self.kind.shape().convolutions()
    }

    /// The name used in reports: `codes`, `gru`, `ecg` or `image`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.kind.shape().name()
    }

    pub(super) fn canonical(&self) -> String {
        let Self { view, frozen, pool, .. } = self;
        let pool = if *pool == Pool::Max { " pool max" } else { "" };
        let sizes = self.kind.shape().sizes();
        let own = format!("encoder {view:?} {} {sizes} frozen {frozen}{pool}\n", self.name());
        let blocks = self.convolutions().2.iter().map(|block| {
            let Block { channels, kernel, stride, dilation, residual } = block;
            format!("block {channels}/{kernel}/{stride}/{dilation}/{residual}\n")
        });
        [own].into_iter().chain(blocks).collect()
    }

    /// Checks the encoder by itself, before the model that it is a part of.
    ///
    /// # Errors
    /// The first bound that is broken.
    pub(crate) fn check_alone(&self) -> Result<(), InvalidModel> {
        self.check().map(|_| ())
    }

    /// Checks the encoder; what a pass of it costs.
    pub(super) fn check(&self) -> Result<Cost, InvalidModel> {
        if self.pool != Pool::Mean && self.convolutions().1 == 0 {
            return Err(InvalidModel::Pool { view: self.view.clone() });
        }
        self.kind.shape().check()
    }

    /// Names every block of parameters in order, with its shape and start.
    pub(super) fn parameters(&self, mut each: impl FnMut(String, Vec<usize>, Start)) {
        let view = &self.view;
        self.kind.shape().parameters(&mut |name, shape, start| {
            each(format!("encoder.{view}.{name}"), shape, start);
        });
    }
}

/// That a size is within its bound.
fn within(part: &'static str, found: u32, most: u32) -> Result<(), InvalidModel> {
    if (1..=most).contains(&found) {
        Ok(())
    } else {
        Err(InvalidModel::Bound { part, found, most })
    }
}
