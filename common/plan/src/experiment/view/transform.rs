//! What is done with a number before it is centred and scaled: skewed ones, such as concentrations, are read by
//! their logarithm or root.

use serde::{Deserialize, Serialize};

use super::Values;

/// A rising function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transform {
    /// ln x, of numbers above 0.
    Log,
    /// ln(1 + x), of numbers above −1; a count of 0 stays 0.
    Log1p,
    /// √x, of numbers of 0 or more.
    Sqrt,
}

base::choice!(Transform { Log => "log", Log1p => "log1p", Sqrt => "sqrt" });

impl Transform {
    /// Whether it has a finite value at `x`.
    #[must_use]
    pub fn admits(self, x: f64) -> bool {
        self.of(x).is_finite()
    }

    /// Its value at `x`; not finite outside its domain.
    #[must_use]
    pub fn of(self, x: f64) -> f64 {
        match self {
            Self::Log => x.ln(),
            Self::Log1p => x.ln_1p(),
            Self::Sqrt => x.sqrt(),
        }
    }
}

impl Values {
    /// Whether a value, in the view's unit, is a plausible one that the transform has a value for.
    #[must_use]
    pub fn admits(&self, value: f64) -> bool {
        self.range.is_none_or(|(low, high)| (low..=high).contains(&value))
            && self.transform.is_none_or(|transform| transform.admits(value))
    }

    /// What the model reads of a value in the view's unit, (t(x) − center) / scale; none where the transform t
    /// has no value.
    #[must_use]
    pub fn scaled(&self, value: f64) -> Option<f64> {
        let read = self.transform.map_or(value, |transform| transform.of(value));
        (read.is_finite() || self.transform.is_none()).then(|| (read - self.center) / self.scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Missing;

    fn values(transform: Option<Transform>) -> Values {
        Values {
            unit: None,
            analyte: None,
            range: Some((-5.0, 100.0)),
            missing: Missing::Zero,
            center: 1.0,
            scale: 2.0,
            transform,
        }
    }

    #[test]
    fn the_model_reads_the_transformed_value_centred_and_scaled() {
        for (transform, value, read) in [
            (None, 7.0, 3.0),
            (Some(Transform::Log), 20.0, (20.0_f64.ln() - 1.0) / 2.0),
            (Some(Transform::Log1p), 0.0, -0.5),
            (Some(Transform::Sqrt), 9.0, 1.0),
        ] {
            let found = values(transform).scaled(value).unwrap();
            assert!((found - read).abs() < 1e-12, "{transform:?}: {found}");
        }
    }

    #[test]
    fn outside_its_domain_a_transform_reads_nothing() {
        for (transform, outside, inside) in [
            (Transform::Log, 0.0, 1e-300),
            (Transform::Log1p, -1.0, -0.5),
            (Transform::Sqrt, -1e-300, 0.0),
        ] {
            let values = values(Some(transform));
            assert!(!values.admits(outside) && values.scaled(outside).is_none(), "{transform:?}");
            assert!(values.admits(inside) && values.scaled(inside).is_some(), "{transform:?}");
            assert!(!values.admits(100.5), "{transform:?}: beyond the range");
        }
    }
}
