//! What a site does with the model in one round.

use serde::{Deserialize, Serialize};

use base::config::{Section, Settings};

/// How a gradient becomes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimizer {
    /// Plain gradient descent.
    Sgd,
    /// Adam (Kingma and Ba, arXiv:1412.6980), its state new in every round.
    Adam,
}

base::choice!(Optimizer { Sgd => "sgd", Adam => "adam" });

/// What a site does with the model in one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// The optimiser.
    pub optimizer: Optimizer,
    /// Its step size.
    pub learning_rate: f64,
    /// Passes over the site's patients a round.
    pub epochs: u32,
    /// Patients a step; all of them where none is given.
    pub batch: Option<u32>,
    /// Added to the gradient of weights (not of biases), times the weight.
    pub weight_decay: f64,
    /// FedProx's μ (Li et al., arXiv:1812.06127, eq. 2): pulls to the round's start; 0 is FedAvg.
    pub proximal: f64,
    /// Factors on the step size of the parameters whose names start so, such as 0.1 for `encoder.ecg`.
    pub rates: Vec<(String, f64)>,
    /// Decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101) of the weights whose names start so:
    /// each step takes this share of its size off them.
    pub decays: Vec<(String, f64)>,
}

impl Settings for Training {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let optimizer = section.one_of("optimizer", Some(Optimizer::Adam));
        let learning_rate = section.required("learning_rate", "the step size, such as 0.05");
        let epochs = section.or("epochs", 1);
        let batch = section.maybe("batch");
        let weight_decay = section.or("weight_decay", 0.0);
        let proximal = section.or("proximal", 0.0);
        let rates = section.values::<f64>("rates");
        let decays = section.values::<f64>("decays");
        Some(Self {
            optimizer: optimizer?,
            learning_rate: learning_rate?,
            epochs: epochs?,
            batch: batch?,
            weight_decay: weight_decay?,
            proximal: proximal?,
            rates: rates?,
            decays: decays?,
        })
    }
}
