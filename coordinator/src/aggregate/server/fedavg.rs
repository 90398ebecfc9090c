//! Federated averaging (McMahan et al., arXiv:1602.05629): the mean update is added.

use super::Rule;

/// The step is the mean update, Δ.
pub struct FedAvg;

impl Rule<0> for FedAvg {
    fn start(&self) -> [f32; 0] {
        []
    }

    fn step(&self, update: f64, _state: &mut [f32; 0]) -> f64 {
        update
    }
}
