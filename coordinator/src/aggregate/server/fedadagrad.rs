//! Adagrad on the mean update (Reddi et al., arXiv:2003.00295, algorithm 2).

use super::adaptive::SecondMoment;

/// v ← v + Δ².
pub struct Adagrad;

impl SecondMoment for Adagrad {
    fn next(&self, v: f64, square: f64) -> f64 {
        v + square
    }
}
