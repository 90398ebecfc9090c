//! A sum of embeddings of codes, each of which fades with the code's age.

use serde::{Deserialize, Serialize};

use super::{Blocks, Cost, Input, InvalidModel, Shape, Start, limits, within};

/// Each code has an embedding. A patient's embeddings are summed and divided by √(1 + codes). Each entry fades with the
/// code's age at a learned rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeBag {
    /// Words of the view's vocabulary.
    pub vocabulary: u32,
    /// Length of an embedding.
    pub width: u32,
}

impl Shape for CodeBag {
    fn name(&self) -> &'static str {
        "codes"
    }

    fn input(&self) -> Input {
        Input::Codes { vocabulary: self.vocabulary }
    }

    fn width(&self) -> u32 {
        self.width
    }

    fn sizes(&self) -> String {
        format!("{}x{}", self.vocabulary, self.width)
    }

    fn check(&self) -> Result<Cost, InvalidModel> {
        within("codes in a vocabulary", self.vocabulary, limits::WIDTH)?;
        within("numbers in an embedding", self.width, limits::CHANNELS)?;
        let numbers = limits::CODES as u64 * u64::from(self.width);
        // A code keeps what it faded by, and its embedding's gradient.
        Ok(Cost { numbers: 2 * numbers, multiplications: numbers })
    }

    fn parameters(&self, each: Blocks<'_>) {
        let [vocabulary, width] = [self.vocabulary, self.width].map(|size| size as usize);
        each("embedding".to_owned(), vec![vocabulary, width], Start::Uniform { bound: 0.5 });
        // ln 2 a year, since the rate is softplus of this.
        each("fading".to_owned(), vec![width], Start::ZERO);
    }
}
