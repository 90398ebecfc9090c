//! Whether numbers reach a model on a scale that it can learn from.
//!
//! A gradient step moves a weight in proportion to its input: with one input in thousands and another below
//! one, the large one decides every step, and under a bound on each patient's gradient it is all that is left.

use plan::experiment::{Plan, ViewSource};

use crate::examples::Examples;

/// Above this a scaled input is large: one that is centred and divided by its deviation is about 1.
const LARGE: f64 = 10.0;
/// Below this an input is small throughout.
const SMALL: f64 = 0.01;
/// The most inputs that are named.
const NAMED: usize = 5;

/// The size of one input over some patients.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spread {
    squares: f64,
    largest: f64,
    patients: usize,
}

impl Spread {
    /// Takes a patient's scaled value in.
    pub fn add(&mut self, value: f64) {
        self.squares += value * value;
        self.largest = self.largest.max(value.abs());
        self.patients += 1;
    }

    /// The root of the mean square, where it is far from 1.
    fn far_from_one(self) -> Option<f64> {
        let size = (self.squares / self.patients.max(1) as f64).sqrt();
        let small = self.largest > 0.0 && self.largest < SMALL;
        (size > LARGE || small).then_some(size)
    }
}

/// What to say of inputs by their names, where some are far larger or smaller than 1. It tells a power of ten
/// and no value.
#[must_use]
pub fn caution(inputs: &[(String, Spread)]) -> Option<String> {
    let far: Vec<String> = inputs
        .iter()
        .filter_map(|(name, spread)| Some((name, spread.far_from_one()?)))
        .map(|(name, size)| format!("{name:?} (about 1e{:.0})", size.log10().floor()))
        .collect();
    if far.is_empty() {
        return None;
    }
    let more = far.len().saturating_sub(NAMED);
    let named = far.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let and_more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!(
        "inputs on very different scales: {named}{and_more}, where about 1 is expected; give a column its center \
         and scale under [features.scale] and a view its own, and a skewed number a view with \
         transform = \"log\""
    ))
}

/// The same for examples of some sites.
#[must_use]
pub fn caution_of<'e>(
    plan: &Plan,
    sites: impl IntoIterator<Item = &'e Examples>,
) -> Option<String> {
    let numeric = |name: &str| {
        let view = plan.views.iter().find(|view| view.name == name);
        view.is_none_or(|view| {
            matches!(view.source, ViewSource::Number { .. } | ViewSource::Measurement { .. })
        })
    };
    // The first input of a group; the second of a number is whether it is missing.
    let groups = plan.input_groups().into_iter().filter(|(name, _)| numeric(name));
    let mut inputs: Vec<(usize, (String, Spread))> =
        groups.map(|(name, places)| (places.start, (name, Spread::default()))).collect();
    for site in sites {
        for row in site.features().chunks_exact(site.width().max(1)) {
            for (place, (_, spread)) in &mut inputs {
                spread.add(row.get(*place).copied().map_or(0.0, f64::from));
            }
        }
    }
    let inputs: Vec<_> = inputs.into_iter().map(|(_, input)| input).collect();
    caution(&inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(values: &[f64]) -> Spread {
        let mut spread = Spread::default();
        for value in values {
            spread.add(*value);
        }
        spread
    }

    #[test]
    fn what_is_about_one_or_a_rare_category_is_said_nothing_of() {
        let mut rare = vec![0.0; 1000];
        rare[0] = 1.0;
        for values in [&[-1.2, 0.3, 2.0][..], &rare, &[0.0, 0.0], &[]] {
            assert_eq!(caution(&[("x".to_owned(), spread(values))]), None);
        }
    }

    #[test]
    fn large_and_small_inputs_are_named_with_the_remedy_and_no_value() {
        let inputs = [
            ("bili".to_owned(), spread(&[123.456, 400.0])),
            ("age".to_owned(), spread(&[0.5, -0.7])),
            ("ratio".to_owned(), spread(&[0.0012, 0.0034])),
        ];
        let told = caution(&inputs).unwrap();
        assert!(told.contains("\"bili\" (about 1e2), \"ratio\" (about 1e-3)"), "{told}");
        assert!(told.contains("transform") && !told.contains("age\" (") && !told.contains("123"));
    }
}
