//! A sum of embeddings of codes, each of which fades with the code's age.

use serde::{Deserialize, Serialize};

use super::{Blocks, Cost, Input, InvalidModel, Shape, Start, limits, within};

/// Each code an embedding; a patient's are summed, each entry fading with the code's age at a rate that is
/// learned for it, and divided by √(1 + codes).
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
        // Next to nothing beside convolutions.
        Ok(Cost::default())
    }

    fn parameters(&self, each: Blocks<'_>) {
        let [vocabulary, width] = [self.vocabulary, self.width].map(|size| size as usize);
        each("embedding".to_owned(), vec![vocabulary, width], Start::Uniform { bound: 0.5 });
        // ln 2 a year, since the rate is softplus of this.
        each("fading".to_owned(), vec![width], Start::ZERO);
    }
}
