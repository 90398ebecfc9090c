//! What a table says, held against what a description tells of it.

use std::collections::BTreeMap;

use plan::experiment::StatisticsRequest;
use plan::metric::Metric;
use privacy::Mechanism;

/// How many standard deviations of its noise a number may lie from the truth: beyond 8 with a chance
/// below 10⁻¹⁴.
pub(super) const FAR: f64 = 8.0;

/// What a table says, and what a description is held against.
pub(super) struct Truth {
    pub(super) times: Vec<f64>,
    events: Vec<bool>,
    columns: BTreeMap<String, Vec<Option<f64>>>,
}

impl Truth {
    /// The training patients of a table.
    pub(super) fn of(table: &str) -> Self {
        let mut lines = table.lines();
        let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        let mut truth = Self { times: Vec::new(), events: Vec::new(), columns: BTreeMap::new() };
        for line in lines {
            let cells: BTreeMap<&str, Option<f64>> =
                header.iter().copied().zip(line.split(',').map(|cell| cell.parse().ok())).collect();
            if cells["split"] != Some(1.0) {
                continue;
            }
            truth.times.push(cells["time"].unwrap());
            truth.events.push(cells["event"] == Some(1.0));
            for (name, value) in cells {
                truth.columns.entry(name.to_owned()).or_default().push(value);
            }
        }
        truth
    }

    fn values(&self, column: &str) -> Vec<f64> {
        self.columns[column].iter().copied().flatten().collect()
    }

    /// Patients with an event in the interval that ends with edge `place`, or censored nearest to that edge;
    /// those beyond the last one.
    fn cell(&self, edges: &[f64], place: usize, event: Option<bool>) -> usize {
        let before = |place: usize| place.checked_sub(1).map_or(0.0, |before| edges[before]);
        let within = |time: f64, ended: bool| match event {
            None => time > before(place),
            Some(true) => ended && before(place) < time && time <= edges[place],
            Some(false) => {
                let next = edges
                    .get(place + 1)
                    .map_or(edges[place], |next| f64::midpoint(edges[place], *next));
                let from = f64::midpoint(before(place), edges[place]);
                // One that ends with the last edge is nearest to no later one.
                let until = if place + 1 == edges.len() { time <= next } else { time < next };
                !ended && from <= time && until
            }
        };
        self.times.iter().zip(&self.events).filter(|(time, ended)| within(**time, **ended)).count()
    }

    /// What a count should be.
    fn count(&self, name: &str, question: &StatisticsRequest) -> Option<usize> {
        let edges = &question.outcome.edges;
        let parts: Vec<&str> = name.split('.').collect();
        Some(match parts[..] {
            ["patients"] => self.times.len(),
            ["events"] => self.events.iter().filter(|event| **event).count(),
            ["survival", "beyond"] => self.cell(edges, edges.len(), None),
            ["survival", what, edge] => {
                let place = edge.parse::<usize>().unwrap() - 1;
                self.cell(edges, place, Some(what == "events"))
            }
            ["input", column, "present"] => self.values(column).len(),
            ["input", column, "missing"] => self.times.len() - self.values(column).len(),
            _ => return None,
        })
    }

    /// Holds every number against the table.
    pub(super) fn hold(&self, question: &StatisticsRequest, numbers: &[Metric]) {
        let told: BTreeMap<&str, f64> =
            numbers.iter().map(|number| (number.name.as_str(), number.value)).collect();
        let Mechanism::Zcdp { rho } = question.mechanism() else { panic!("no noise") };
        let sigma = 1.0 / (2.0 * rho).sqrt();
        let mut squares = 0.0;
        let mut counts = 0.0;
        let mut offs = Vec::new();
        for (name, value) in &told {
            if let Some(truth) = self.count(name, question) {
                let off = (value - truth as f64) / sigma;
                assert!(off.abs() < FAR, "{name}: {value} for {truth} ± {sigma}");
                offs.push(format!("{name} {value} for {truth}"));
                (squares, counts) = (squares + off * off, counts + 1.0);
            }
        }
        // Chi-square of 27 counts: outside with a chance below 10⁻⁸. Numbers without noise are outside.
        assert!(
            counts >= 23.0 && (0.1..4.0).contains(&(squares / counts)),
            "{squares} of {counts}, ± {sigma}: {offs:?}"
        );
        for input in &question.inputs {
            let name = &input.view.name;
            let find = |what: &str| told[format!("input.{name}.{what}").as_str()];
            let values = self.values(name);
            let n = values.len() as f64;
            let clipped = values.iter().map(|value| value.clamp(input.lower, input.upper));
            let mean = clipped.sum::<f64>() / n;
            let off = FAR * find("mean_deviation");
            assert!(off < 1.0 && (find("mean") - mean).abs() < off, "{name}: {off}");
            // The exponential mechanism is off by s·(ln 501 + 25) in rank with a chance of e⁻²⁵, and a
            // candidate is at most a few patients wide.
            let far = 0.76 * sigma * (501.0_f64.ln() + 25.0) / 0.75 + 10.0;
            for (q, what) in [(0.25, "q25"), (0.5, "q50"), (0.75, "q75")] {
                let below = values.iter().filter(|value| **value < find(what)).count();
                assert!(
                    (below as f64 - q * n).abs() < far,
                    "{name} {what}: {below} of {n} ± {far}"
                );
            }
        }
    }
}
