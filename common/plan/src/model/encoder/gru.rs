//! A gated recurrent unit over codes in the order of their dates, whose state fades between them.

use serde::{Deserialize, Serialize};

use super::{Blocks, Cost, Input, InvalidModel, Shape, Start, limits, within};

/// Each code has an embedding. A gated recurrent unit reads them from the oldest to the most recent (Cho et al.,
/// arXiv:1406.1078). The reset gate is behind the product, as in cuDNN and `PyTorch`. Between codes, and up to the index
/// date, each entry of the state fades at a learned rate. This is GRU-D without an offset (Che et al., *Scientific
/// Reports* 8:6085, 2018, eq. 3 and 5).
///
/// A bag sees which codes there are and how old they are. A GRU also sees their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gru {
    /// Words of the view's vocabulary.
    pub vocabulary: u32,
    /// Length of an embedding.
    pub embedding: u32,
    /// Length of the state.
    pub width: u32,
}

impl Shape for Gru {
    fn name(&self) -> &'static str {
        "gru"
    }

    fn input(&self) -> Input {
        Input::Codes { vocabulary: self.vocabulary }
    }

    fn width(&self) -> u32 {
        self.width
    }

    fn sizes(&self) -> String {
        format!("{}x{}x{}", self.vocabulary, self.embedding, self.width)
    }

    fn check(&self) -> Result<Cost, InvalidModel> {
        within("codes in a vocabulary", self.vocabulary, limits::WIDTH)?;
        within("numbers in a recurrent state", self.width, limits::CHANNELS)?;
        within("numbers in an embedding", self.embedding, limits::CHANNELS)?;
        let codes = limits::CODES as u64;
        let [embedding, width] = [self.embedding, self.width].map(u64::from);
        // A code keeps its embedding's gradient and the seven vectors of its step.
        let kept = codes * (embedding + 7 * width);
        // The gradient of both products is written down.
        let products = 3 * width * (embedding + width);
        Ok(Cost { numbers: kept + products, multiplications: codes * products })
    }

    fn parameters(&self, each: Blocks<'_>) {
        let Self { vocabulary, embedding, width } = *self;
        let [vocabulary, embedding, width] = [vocabulary, embedding, width].map(|n| n as usize);
        let gates = width.saturating_mul(3);
        let uniform = |bound| Start::Uniform { bound };
        each("embedding".to_owned(), vec![vocabulary, embedding], uniform(0.5));
        // As PyTorch starts a recurrent layer; inputs and states are of a size of about 0.3.
        let bound = 1.0 / (width.max(1) as f64).sqrt();
        each("input.weight".to_owned(), vec![embedding, gates], uniform(bound));
        each("input.bias".to_owned(), vec![gates], Start::ZERO);
        each("state.weight".to_owned(), vec![width, gates], uniform(bound));
        each("state.bias".to_owned(), vec![width], Start::ZERO);
        // ln 2 a year, since the rate is softplus of this.
        each("fading".to_owned(), vec![width], Start::ZERO);
    }
}
