//! Convolutions, which the encoders of ECGs and images are made of.

use serde::{Deserialize, Serialize};

use super::{Blocks, Cost, InvalidModel, Start, limits};

/// Groups of channels that are normalised together, where there are channels enough.
pub const GROUPS: u32 = 8;

/// Channels from which on there are groups. In a group of one or two the mean over positions says next to
/// nothing: normalisation has taken it away.
pub const GROUPED: u32 = 32;

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
    fn cost(&self, channels: u32, before: &[u32], axes: &[u32]) -> Cost {
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
        Cost {
            numbers: input.saturating_add(output),
            multiplications: columns.saturating_mul(self.channels.into()),
        }
    }

    fn check(&self, channels: u32, part: &'static str) -> Result<(), InvalidModel> {
        let invalid = |what, found: u32| Err(InvalidModel::Block { part, what, found });
        if !(1..=limits::CHANNELS).contains(&self.channels) {
            return invalid("channels; use 1 to 1024", self.channels);
        }
        if !(1..=limits::KERNEL).contains(&self.kernel) || self.kernel.is_multiple_of(2) {
            return invalid("taps in a kernel; use an odd number up to 63", self.kernel);
        }
        if !(1..=limits::STRIDE).contains(&self.stride) {
            return invalid("as stride; use 1 to 16", self.stride);
        }
        if !(1..=limits::DILATION).contains(&self.dilation) {
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

/// Checks the convolutions of an encoder over these axes; what a pass of them costs.
pub(super) fn check(
    part: &'static str,
    mut channels: u32,
    mut axes: Vec<u32>,
    blocks: &[Block],
) -> Result<Cost, InvalidModel> {
    if blocks.is_empty() || blocks.len() > limits::BLOCKS {
        let found = u32::try_from(blocks.len()).unwrap_or(u32::MAX);
        let most = u32::try_from(limits::BLOCKS).unwrap_or(u32::MAX);
        return Err(InvalidModel::Bound { part: "convolutions of an encoder", found, most });
    }
    let mut cost = Cost::default();
    for block in blocks {
        block.check(channels, part)?;
        let before = axes.clone();
        for axis in &mut axes {
            *axis = block.length(*axis);
        }
        cost = cost.and(block.cost(channels, &before, &axes));
        channels = block.channels;
    }
    Ok(cost)
}

/// Names the blocks of parameters of convolutions over so many axes.
pub(super) fn parameters(channels: u32, axes: u32, blocks: &[Block], each: Blocks<'_>) {
    let mut channels = channels as usize;
    for (index, block) in blocks.iter().enumerate() {
        let columns = (block.kernel as usize).saturating_pow(axes).saturating_mul(channels);
        let outputs = block.channels as usize;
        let name = format!("conv.{index}");
        each(format!("{name}.weight"), vec![columns, outputs], Start::he(columns));
        each(format!("{name}.gain"), vec![outputs], Start::Constant(1.0));
        each(format!("{name}.shift"), vec![outputs], Start::ZERO);
        channels = outputs;
    }
}
