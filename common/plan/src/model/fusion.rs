//! Models of several modalities: one encoder each, fused by gates, whatever is missing.
//!
//! ```text
//! tables ─ dense layers ────────────┐
//! codes  ─ embeddings, or a GRU ────┤ h_m ─► (A_m h_m + a_m) ⊙ σ(G_m h_m + c_m) ─┐
//! ECG    ─ temporal convolutions ───┤                                            Σ ─ ReLU ─► dense ─► head
//! image  ─ residual convolutions ───┘     absent: a vector of its own ───────────┘
//! ```
//!
//! A patient who lacks a modality brings a learned vector in its place: nothing is imputed, and whether
//! something is missing may itself be informative.

use serde::{Deserialize, Serialize};

use super::encoder::{Cost, Encoder};
use super::error::InvalidModel;
use super::limits;

/// The name of the tables' modality, which no view may have beside it.
pub const TABLES: &str = "tables";

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

impl Fusion {
    pub(super) fn check(&self) -> Result<(), InvalidModel> {
        if self.encoders.is_empty() || self.encoders.len() > limits::ENCODERS {
            return Err(InvalidModel::Encoders { found: self.encoders.len() });
        }
        let mut cost = Cost::default();
        for (index, encoder) in self.encoders.iter().enumerate() {
            let taken = self.encoders[..index].iter().any(|other| other.view == encoder.view);
            if taken || encoder.view == TABLES {
                return Err(InvalidModel::TwoEncoders { view: encoder.view.clone() });
            }
            cost = cost.and(encoder.check()?);
            if cost.numbers > limits::ACTIVATIONS || cost.multiplications > limits::MULTIPLICATIONS
            {
                return Err(InvalidModel::Work { part: encoder.name() });
            }
        }
        if !(1..=limits::CHANNELS).contains(&self.width) {
            return Err(InvalidModel::FusedWidth(self.width));
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
