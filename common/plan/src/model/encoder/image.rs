//! Convolutions over a grey image.

use serde::{Deserialize, Serialize};

use super::convolution::{self, Block};
use super::{Blocks, Cost, Input, InvalidModel, Shape, limits, within};

/// Channels of a grey image.
const GREY: u32 = 1;

/// Convolutions over a grey image, then [`Encoder::pool`](super::Encoder::pool) over its pixels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// From the input on.
    pub blocks: Vec<Block>,
}

impl Shape for Image {
    fn name(&self) -> &'static str {
        "image"
    }

    fn input(&self) -> Input {
        Input::Image { width: self.width, height: self.height }
    }

    fn width(&self) -> u32 {
        self.blocks.last().map_or(0, |block| block.channels)
    }

    fn sizes(&self) -> String {
        format!("{}x{}", self.width, self.height)
    }

    fn convolutions(&self) -> (u32, u32, &[Block]) {
        (GREY, 2, &self.blocks)
    }

    fn check(&self) -> Result<Cost, InvalidModel> {
        within("pixels in a row", self.width, limits::SIDE)?;
        within("rows of an image", self.height, limits::SIDE)?;
        convolution::check(self.name(), GREY, vec![self.width, self.height], &self.blocks)
    }

    fn parameters(&self, each: Blocks<'_>) {
        convolution::parameters(GREY, 2, &self.blocks, each);
    }
}
