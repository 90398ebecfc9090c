//! The experiment's words for training, as this stage's.

use plan::experiment::{Optimizer, Training};

use super::local::LocalTraining;
use super::optimizer::Rule;

impl From<&Training> for LocalTraining {
    fn from(training: &Training) -> Self {
        Self {
            optimizer: match training.optimizer {
                Optimizer::Sgd => Rule::Sgd,
                Optimizer::Adam => Rule::Adam,
            },
            learning_rate: training.learning_rate,
            epochs: training.epochs,
            batch: training.batch,
            weight_decay: training.weight_decay,
            proximal: training.proximal,
            rates: training.rates.clone(),
            decays: training.decays.clone(),
        }
    }
}
