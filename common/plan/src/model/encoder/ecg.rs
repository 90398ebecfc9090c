//! Convolutions over time of an ECG.

use serde::{Deserialize, Serialize};

use super::convolution::{self, Block};
use super::{Blocks, Cost, Input, InvalidModel, Shape, limits, within};

/// Leads of an ECG, in the order I, II, III, aVR, aVL, aVF, V1 to V6.
pub const LEADS: u32 = 12;

/// Convolutions over time of [`LEADS`] leads, then [`Encoder::pool`](super::Encoder::pool) over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ecg {
    /// Samples of each lead.
    pub samples: u32,
    /// From the input on.
    pub blocks: Vec<Block>,
}

impl Shape for Ecg {
    fn name(&self) -> &'static str {
        "ecg"
    }

    fn input(&self) -> Input {
        Input::Ecg { samples: self.samples }
    }

    fn width(&self) -> u32 {
        self.blocks.last().map_or(0, |block| block.channels)
    }

    fn sizes(&self) -> String {
        self.samples.to_string()
    }

    fn convolutions(&self) -> (u32, u32, &[Block]) {
        (LEADS, 1, &self.blocks)
    }

    fn check(&self) -> Result<Cost, InvalidModel> {
        within("samples of an ECG", self.samples, limits::SAMPLES)?;
        convolution::check(self.name(), LEADS, vec![self.samples], &self.blocks)
    }

    fn parameters(&self, each: Blocks<'_>) {
        convolution::parameters(LEADS, 1, &self.blocks, each);
    }
}
