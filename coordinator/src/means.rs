//! Means over sites of what each told, and how far noise moves them.

use std::collections::BTreeMap;

use base::ids::SiteName;
use plan::experiment::DEVIATION;
use plan::metric::Metric;

/// What is added up of one metric.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sums {
    /// Of the values.
    pub values: f64,
    /// Of their squares.
    pub squares: f64,
    /// How many.
    pub count: f64,
}

impl Sums {
    /// The mean; for a standard deviation that of the mean of what it belongs to, √Σd²/n, as sites draw their
    /// noise independently.
    #[must_use]
    pub fn mean(self, name: &str) -> f64 {
        let sum = if name.starts_with(DEVIATION) { self.squares.sqrt() } else { self.values };
        sum / self.count
    }
}

/// The mean over sites of each metric, by name. A deviation whose site has no value counts for nothing, unless no site
/// has one: then it stands alone in the mean, too.
#[must_use]
pub fn mean(told: &[(SiteName, Vec<Metric>)]) -> Vec<Metric> {
    let has = |metrics: &[Metric], name: &str| metrics.iter().any(|metric| metric.name == name);
    let mut sums: BTreeMap<&str, Sums> = BTreeMap::new();
    let all =
        told.iter().flat_map(|(_, metrics)| metrics.iter().map(move |metric| (metrics, metric)));
    for (own, Metric { name, value }) in all {
        if let Some(valued) = name.strip_prefix(DEVIATION)
            && !has(own, valued)
            && told.iter().any(|(_, other)| has(other, valued))
        {
            continue;
        }
        let sums = sums.entry(name).or_default();
        sums.values += value;
        sums.squares += value * value;
        sums.count += 1.0;
    }
    let mean =
        |(name, sums): (&str, Sums)| Metric { name: name.to_owned(), value: sums.mean(name) };
    sums.into_iter().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_of_several_sites_averages_out() {
        let told = |site: &str, value: f64, deviation: f64| {
            let metric = |name: &str, value| Metric { name: name.to_owned(), value };
            let metrics = vec![metric("a", value), metric("deviation/a", deviation)];
            (site.parse::<SiteName>().unwrap(), metrics)
        };
        let means = mean(&[told("s1", 0.5, 0.3), told("s2", 0.7, 0.4)]);
        let values: Vec<(&str, f64)> =
            means.iter().map(|metric| (metric.name.as_str(), metric.value)).collect();
        assert_eq!(values[0].0, "a");
        assert!((values[0].1 - 0.6).abs() < 1e-12);
        assert!((values[1].1 - 0.25).abs() < 1e-12, "{values:?}");
        assert_eq!(mean(&[]), []);
    }

    #[test]
    fn a_site_without_a_value_is_no_part_of_a_mean_and_shows_where_none_has_one() {
        let metric = |name: &str, value| Metric { name: name.to_owned(), value };
        let site = |name: &str, metrics| (name.parse::<SiteName>().unwrap(), metrics);
        let valued = site("s1", vec![metric("a", 0.5), metric("deviation/a", 0.3)]);
        let lost = |name| site(name, vec![metric("deviation/a", 1.0)]);
        assert_eq!(mean(&[valued.clone(), lost("s2")]), valued.1);
        let none = mean(&[lost("s2"), lost("s3")]);
        let names: Vec<&str> = none.iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(names, ["deviation/a"]);
    }
}
