//! Models of several modalities: one encoder each, fused by gates, whatever is missing.
//!
//! ```text
//! tables ─ dense layers ────────────┐
//! codes  ─ embeddings, fading ──────┤ h_m ─► (A_m h_m + a_m) ⊙ σ(G_m h_m + c_m) ─┐
//! ECG    ─ temporal convolutions ───┤                                            Σ ─ ReLU ─► dense ─► head
//! image  ─ residual convolutions ───┘     absent: a vector of its own ───────────┘
//! ```
//!
//! A patient who lacks a modality brings a learned vector in its place: nothing is imputed, and whether
//! something is missing may itself be informative.

use serde::{Deserialize, Serialize};

use super::spec::{InvalidModel, limits};

/// Bounds on what an encoder may ask a site to compute.
pub mod bounds {
    /// Encoders beside the tables'.
    pub const ENCODERS: usize = 16;
    /// Convolutions of one encoder.
    pub const BLOCKS: usize = 32;
    /// Channels of a convolution.
    pub const CHANNELS: u32 = 1_024;
    /// Taps of a convolution along one axis.
    pub const KERNEL: u32 = 63;
    /// Steps from one output to the next.
    pub const STRIDE: u32 = 16;
    /// Steps from one tap to the next.
    pub const DILATION: u32 = 1_024;
    /// Samples of a lead.
    pub const SAMPLES: u32 = 600_000;
    /// Pixels on a side.
    pub const SIDE: u32 = 4_096;
    /// Numbers that one patient's activations take in all layers of all encoders, zeros around them
    /// included: 64 MiB, of which a thread keeps some five copies.
    pub const ACTIVATIONS: u64 = 16 << 20;
    /// Multiplications of one patient's forward pass: a second or so.
    pub const MULTIPLICATIONS: u64 = 1 << 34;
    /// Codes of one patient that an encoder reads, the most recent.
    pub const CODES: usize = 512;
}

/// Groups of channels that are normalised together, where there are channels enough.
pub const GROUPS: u32 = 8;

/// Channels from which on there are groups. In a group of one or two the mean over positions says next to
/// nothing: normalisation has taken it away.
pub const GROUPED: u32 = 32;

/// The name of the tables' modality, which no view may have beside it.
pub const TABLES: &str = "tables";

/// Leads of an ECG, in the order I, II, III, aVR, aVL, aVF, V1 to V6.
pub const LEADS: u32 = 12;

/// What is fused, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fusion {
    /// Encoders beside the tables', each of one view.
    pub encoders: Vec<Encoder>,
    /// Length of the vector that every modality is mapped to.
    pub width: u32,
    /// Units of each dense layer between fusion and head.
    pub hidden: Vec<u32>,
    /// Chance in parts per million that a modality is left out of a patient's training step, so that
    /// the model learns to do without it. At least one modality always stays.
    pub dropout_ppm: u32,
}

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
    /// Each code an embedding; a patient's are summed, each entry fading with the code's age at a
    /// rate that is learned for it, and divided by √(1 + codes).
    Codes {
        /// Words of the view's vocabulary.
        vocabulary: u32,
        /// Length of an embedding.
        width: u32,
    },
    /// Convolutions over time of 12 leads, then [`Encoder::pool`] over time.
    Ecg {
        /// Samples of each lead.
        samples: u32,
        /// From the input on.
        blocks: Vec<Block>,
    },
    /// Convolutions over a grey image, then [`Encoder::pool`] over its pixels.
    Image {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// From the input on.
        blocks: Vec<Block>,
    },
}

/// A convolution without bias, group normalisation and `ReLU`.
///
/// Padded with ⌊dilation·(kernel − 1)/2⌋ zeros on both sides of each axis, so that a stride of 1 and an
/// odd kernel keep the length. There are [`GROUPS`] groups from [`GROUPED`]
/// channels on, where they divide, else one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Channels of the output.
    pub channels: u32,
    /// Taps along each axis, an odd number.
    pub kernel: u32,
    /// Steps from one output to the next along each axis.
    pub stride: u32,
    /// Steps from one tap to the next; above 1 for ECGs alone, and there without a stride.
    pub dilation: u32,
    /// Whether the input is added before `ReLU`, which needs a stride of 1 and as many channels as came.
    pub residual: bool,
}

impl Block {
    /// How long an axis is after the convolution.
    #[must_use]
    pub fn length(&self, input: u32) -> u32 {
        // Padding on both sides is dilation·(kernel − 1) for an odd kernel, which the taps take up.
        input.saturating_sub(1) / self.stride.max(1) + 1
    }

    /// Groups of channels that are normalised together.
    #[must_use]
    pub fn groups(&self) -> u32 {
        let grouped = self.channels >= GROUPED && self.channels.is_multiple_of(GROUPS);
        if grouped { GROUPS } else { 1 }
    }

    /// Zeros on each side of an axis.
    #[must_use]
    pub fn padding(&self) -> u32 {
        self.dilation.saturating_mul(self.kernel.saturating_sub(1)) / 2
    }

    /// The activations' numbers and the multiplications of one pass, for the axes before the convolution and
    /// after it. The input lies in a frame of this convolution's zeros, the output without any: the next one
    /// counts its own.
    fn cost(&self, channels: u32, before: &[u32], axes: &[u32]) -> (u64, u64) {
        let around = u64::from(self.padding()).saturating_mul(2);
        let framed = before.iter().map(|axis| u64::from(*axis).saturating_add(around));
        let frame = framed.fold(1, u64::saturating_mul);
        let positions = axes.iter().map(|axis| u64::from(*axis)).fold(1, u64::saturating_mul);
        let axes = u32::try_from(axes.len()).unwrap_or(u32::MAX);
        let taps = u64::from(self.kernel).saturating_pow(axes);
        let columns = positions.saturating_mul(taps).saturating_mul(channels.into());
        // Channels are kept in multiples of the vectors' length, and windows of a single one written out.
        let kept = |numbers: u64| numbers.checked_next_multiple_of(16).unwrap_or(u64::MAX);
        let windows = if channels < 8 { kept(taps.saturating_mul(channels.into())) } else { 0 };
        let input = frame.saturating_mul(kept(channels.into()));
        let output = positions.saturating_mul(kept(self.channels.into()).saturating_add(windows));
        let numbers = input.saturating_add(output);
        (numbers, columns.saturating_mul(self.channels.into()))
    }

    fn check(&self, channels: u32, part: &'static str) -> Result<(), InvalidModel> {
        let invalid = |what, found: u32| Err(InvalidModel::Block { part, what, found });
        if !(1..=bounds::CHANNELS).contains(&self.channels) {
            return invalid("channels; use 1 to 1024", self.channels);
        }
        if !(1..=bounds::KERNEL).contains(&self.kernel) || self.kernel.is_multiple_of(2) {
            return invalid("taps in a kernel; use an odd number up to 63", self.kernel);
        }
        if !(1..=bounds::STRIDE).contains(&self.stride) {
            return invalid("as stride; use 1 to 16", self.stride);
        }
        if !(1..=bounds::DILATION).contains(&self.dilation) {
            return invalid("as dilation; use 1 to 1024", self.dilation);
        }
        if self.dilation > 1 && (self.stride > 1 || part == "image") {
            return invalid("as dilation; use 1 with a stride, and in images", self.dilation);
        }
        if self.residual && (self.stride > 1 || self.channels != channels) {
            return invalid(
                "channels in a residual block; keep the channels and use stride 1",
                self.channels,
            );
        }
        Ok(())
    }
}

impl Encoder {
    /// Length of what the encoder makes of a patient.
    #[must_use]
    pub fn width(&self) -> u32 {
        match &self.kind {
            EncoderKind::Codes { width, .. } => *width,
            EncoderKind::Ecg { blocks, .. } | EncoderKind::Image { blocks, .. } => {
                blocks.last().map_or(0, |block| block.channels)
            }
        }
    }

    /// Channels of the input, axes, and the convolutions; none for codes.
    #[must_use]
    pub fn convolutions(&self) -> (u32, u32, &[Block]) {
        match &self.kind {
            EncoderKind::Codes { .. } => (0, 0, &[]),
            EncoderKind::Ecg { blocks, .. } => (LEADS, 1, blocks),
            EncoderKind::Image { blocks, .. } => (1, 2, blocks),
        }
    }

    /// The name used in reports: `codes`, `ecg` or `image`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.kind {
            EncoderKind::Codes { .. } => "codes",
            EncoderKind::Ecg { .. } => "ecg",
            EncoderKind::Image { .. } => "image",
        }
    }

    fn canonical(&self) -> String {
        let shape = match &self.kind {
            EncoderKind::Codes { vocabulary, width } => format!("{vocabulary}x{width}"),
            EncoderKind::Ecg { samples, .. } => samples.to_string(),
            EncoderKind::Image { width, height, .. } => format!("{width}x{height}"),
        };
        let Self { view, frozen, pool, .. } = self;
        let pool = if *pool == Pool::Max { " pool max" } else { "" };
        let own = format!("encoder {view:?} {} {shape} frozen {frozen}{pool}\n", self.name());
        let blocks = self.convolutions().2.iter().map(|block| {
            let Block { channels, kernel, stride, dilation, residual } = block;
            format!("block {channels}/{kernel}/{stride}/{dilation}/{residual}\n")
        });
        [own].into_iter().chain(blocks).collect()
    }

    /// Checks the encoder; the numbers that its activations take, and its multiplications.
    fn check(&self) -> Result<(u64, u64), InvalidModel> {
        let within = |part, found, most| match found {
            found if (1..=most).contains(&found) => Ok(()),
            found => Err(InvalidModel::Bound { part, found, most }),
        };
        let mut axes = match &self.kind {
            EncoderKind::Codes { vocabulary, width } => {
                within("codes in a vocabulary", *vocabulary, limits::WIDTH)?;
                within("numbers in an embedding", *width, bounds::CHANNELS)?;
                if self.pool != Pool::Mean {
                    return Err(InvalidModel::Pool { view: self.view.clone() });
                }
                return Ok((0, 0));
            }
            EncoderKind::Ecg { samples, .. } => {
                within("samples of an ECG", *samples, bounds::SAMPLES)?;
                vec![*samples]
            }
            EncoderKind::Image { width, height, .. } => {
                within("pixels in a row", *width, bounds::SIDE)?;
                within("rows of an image", *height, bounds::SIDE)?;
                vec![*width, *height]
            }
        };
        let (mut channels, _, blocks) = self.convolutions();
        if blocks.is_empty() || blocks.len() > bounds::BLOCKS {
            let found = u32::try_from(blocks.len()).unwrap_or(u32::MAX);
            return Err(InvalidModel::Bound {
                part: "convolutions of an encoder",
                found,
                most: u32::try_from(bounds::BLOCKS).unwrap_or(u32::MAX),
            });
        }
        let mut numbers = 0_u64;
        let mut work = 0_u64;
        for block in blocks {
            block.check(channels, self.name())?;
            let before = axes.clone();
            for axis in &mut axes {
                *axis = block.length(*axis);
            }
            let (more, multiplications) = block.cost(channels, &before, &axes);
            numbers = numbers.saturating_add(more);
            work = work.saturating_add(multiplications);
            channels = block.channels;
        }
        Ok((numbers, work))
    }
}

impl Fusion {
    pub(super) fn check(&self) -> Result<(), InvalidModel> {
        if self.encoders.is_empty() || self.encoders.len() > bounds::ENCODERS {
            return Err(InvalidModel::Encoders { found: self.encoders.len() });
        }
        let mut numbers = 0_u64;
        let mut work = 0_u64;
        for (index, encoder) in self.encoders.iter().enumerate() {
            let taken = self.encoders[..index].iter().any(|other| other.view == encoder.view);
            if taken || encoder.view == TABLES {
                return Err(InvalidModel::TwoEncoders { view: encoder.view.clone() });
            }
            let (more, multiplications) = encoder.check()?;
            numbers = numbers.saturating_add(more);
            work = work.saturating_add(multiplications);
            if numbers > bounds::ACTIVATIONS || work > bounds::MULTIPLICATIONS {
                return Err(InvalidModel::Work { part: encoder.name() });
            }
        }
        if !(1..=bounds::CHANNELS).contains(&self.width) {
            let found = self.width;
            let most = bounds::CHANNELS;
            return Err(InvalidModel::Bound { part: "numbers in the fused vector", found, most });
        }
        if self.dropout_ppm >= 1_000_000 {
            return Err(InvalidModel::Dropout { found: self.dropout_ppm });
        }
        Ok(())
    }

    /// What stands in the specification's canonical text: every field, in a fixed order.
    pub(super) fn canonical(&self) -> String {
        let hidden = numbers(&self.hidden);
        let own = format!("fusion {} hidden {hidden} dropout {}\n", self.width, self.dropout_ppm);
        [own].into_iter().chain(self.encoders.iter().map(Encoder::canonical)).collect()
    }
}

fn numbers(values: &[u32]) -> String {
    values.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}
