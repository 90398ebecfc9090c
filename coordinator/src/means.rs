//! Means over sites of what each measured, and how far noise moves them.

use std::collections::BTreeMap;

use base::ids::SiteName;
use plan::metric::{Measured, Measurement, Metric, MetricId, Readings};
use privacy::release::Estimate;

/// What is added up of one metric.
#[derive(Default)]
struct Sums {
    /// The values of sites that have one.
    values: Sum,
    /// The squared deviations that belong to these values.
    noise: Sum,
    /// The squared deviations of sites whose value is lost in noise.
    lost: Sum,
}

/// A compensated sum (Neumaier, 1974): the order of the sites hardly moves it.
#[derive(Default)]
struct Sum {
    rounded: f64,
    /// What rounding took from the sum.
    error: f64,
    count: f64,
}

impl Sum {
    fn add(&mut self, value: f64) {
        let sum = self.rounded + value;
        self.error += if self.rounded.abs() > value.abs() {
            (self.rounded - sum) + value
        } else {
            (value - sum) + self.rounded
        };
        self.rounded = sum;
        self.count += 1.0;
    }

    fn total(&self) -> f64 {
        // The error of a sum that overflows is no number.
        if self.error.is_finite() { self.rounded + self.error } else { self.rounded }
    }

    fn mean(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.total() / self.count)
    }

    /// Of squared deviations: the deviation of a mean, √Σd²/n, as sites draw their noise independently.
    fn deviation_of_mean(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.total().sqrt() / self.count)
    }
}

impl Sums {
    fn add(&mut self, measured: Measured) {
        match measured {
            Measured::Exact(value) => self.values.add(value),
            Measured::Noised(Estimate { value, deviation }) => {
                self.values.add(value);
                self.noise.add(deviation * deviation);
            }
            Measured::LostInNoise { deviation } => self.lost.add(deviation * deviation),
        }
    }

    fn mean(&self) -> Option<Measured> {
        let deviation = self.noise.deviation_of_mean();
        match (self.values.mean(), deviation) {
            (Some(value), Some(deviation)) => Some(Measured::Noised(Estimate { value, deviation })),
            (Some(value), None) => Some(Measured::Exact(value)),
            (None, _) => {
                let lost = self.lost.deviation_of_mean();
                lost.map(|deviation| Measured::LostInNoise { deviation })
            }
        }
    }
}

/// The mean over sites of each metric, in the order of their names. A site whose value is lost in noise has no part in
/// a mean. Where that is so at every site, it is so of the mean.
#[must_use]
pub fn mean(told: &[(SiteName, Vec<Measurement>)]) -> Vec<Measurement> {
    let mut sums: BTreeMap<&MetricId, Sums> = BTreeMap::new();
    for Measurement { id, measured } in told.iter().flat_map(|(_, measured)| measured) {
        sums.entry(id).or_default().add(*measured);
    }
    let mean = |(id, sums): (&MetricId, Sums)| {
        let measured = sums.mean()?;
        Some(Measurement { id: id.clone(), measured })
    };
    sums.into_iter().filter_map(mean).collect()
}

/// The numbers of measurements in the order of their names.
#[must_use]
pub fn by_name(measurements: &[Measurement]) -> Vec<Metric> {
    let mut metrics = Metric::list(measurements);
    metrics.sort_by(|a, b| a.name.cmp(&b.name));
    metrics
}

/// The means of stored numbers in the order of their names: those of [`mean`], and plain means of numbers that another
/// release stored under names that this one does not know.
#[must_use]
pub fn mean_of_stored(told: &[(SiteName, Vec<Metric>)]) -> Vec<Metric> {
    let mut known = Vec::new();
    let mut unknown: BTreeMap<String, Sum> = BTreeMap::new();
    for (site, metrics) in told {
        let readings = Readings::from_metrics(metrics);
        known.push((site.clone(), readings.measurements));
        for Metric { name, value } in readings.unknown {
            unknown.entry(name).or_default().add(value);
        }
    }
    let mut means = Metric::list(&mean(&known));
    let plain = |(name, sum): (String, Sum)| Some(Metric { name, value: sum.mean()? });
    means.extend(unknown.into_iter().filter_map(plain));
    means.sort_by(|a, b| a.name.cmp(&b.name));
    means
}

#[cfg(test)]
mod tests {
    use plan::metric::{C_INDEX, TRAINING_LOSS};

    use super::*;

    fn site(name: &str, measured: Measured) -> (SiteName, Vec<Measurement>) {
        (name.parse().unwrap(), vec![Measurement { id: C_INDEX, measured }])
    }

    fn noised(value: f64, deviation: f64) -> Measured {
        Measured::Noised(Estimate { value, deviation })
    }

    #[test]
    fn noise_of_several_sites_averages_out() {
        let means = mean(&[site("s1", noised(0.5, 0.3)), site("s2", noised(0.7, 0.4))]);
        let [Measurement { id, measured }] = &means[..] else { panic!("{means:?}") };
        assert_eq!(*id, C_INDEX);
        assert!((measured.value().unwrap() - 0.6).abs() < 1e-12);
        assert!((measured.deviation().unwrap() - 0.25).abs() < 1e-12, "{means:?}");
        assert_eq!(mean(&[]), []);
    }

    #[test]
    fn a_site_without_a_value_is_no_part_of_a_mean_and_shows_where_none_has_one() {
        let valued = site("s1", noised(0.5, 0.3));
        let lost = |name| site(name, Measured::from(None));
        assert_eq!(mean(&[valued.clone(), lost("s2")]), valued.1);
        let none = mean(&[lost("s2"), lost("s3")]);
        assert_eq!(none.len(), 1);
        assert_eq!(none[0].measured.value(), None);
    }

    #[test]
    fn a_mean_keeps_what_a_plain_sum_would_lose() {
        let values = [1e16, 1.0, -1e16, 1.0].map(Measured::Exact);
        let told = ["s1", "s2", "s3", "s4"].into_iter().zip(values);
        let told: Vec<_> = told.map(|(name, measured)| site(name, measured)).collect();
        assert_eq!(mean(&told)[0].measured, Measured::Exact(0.5));
        let huge = ["s1", "s2"].map(|name| site(name, Measured::Exact(f64::MAX)));
        assert_eq!(mean(&huge)[0].measured, Measured::Exact(f64::INFINITY));
    }

    #[test]
    fn stored_numbers_have_the_same_means_to_the_last_digit_and_unknown_ones_stay() {
        let values = [0.1, 0.2, 0.3, 1e16, -1e16];
        let told: Vec<(SiteName, Vec<Measurement>)> = (1..)
            .zip(values)
            .map(|(number, value)| {
                let name = format!("s{number}").parse().unwrap();
                let loss = Measurement { id: TRAINING_LOSS, measured: Measured::Exact(value) };
                (name, vec![loss, Measurement { id: C_INDEX, measured: noised(value, 0.1) }])
            })
            .collect();
        let list = |(site, told): &(SiteName, Vec<Measurement>)| (site.clone(), by_name(told));
        let mut stored: Vec<(SiteName, Vec<Metric>)> = told.iter().map(list).collect();
        let known = by_name(&mean(&told));
        assert_eq!(mean_of_stored(&stored), known);
        stored[0].1.push(Metric { name: "test.older/5".to_owned(), value: 2.0 });
        stored[1].1.push(Metric { name: "test.older/5".to_owned(), value: 4.0 });
        let means = mean_of_stored(&stored);
        let unknown = means.iter().find(|metric| metric.name == "test.older/5").unwrap();
        assert!((unknown.value - 3.0).abs() < 1e-12 && means.len() == known.len() + 1);
    }
}
