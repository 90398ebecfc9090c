//! A model card in words.

use std::collections::BTreeMap;

use plan::artifact::{Card, Start};
use plan::metric::{LOST_IN_NOISE, Measurement, Metric, Readings};
use privacy::shown_epsilon;

/// Prints a card, a line for each thing that it says.
pub(super) fn print(card: &Card) {
    for (name, value) in lines(card) {
        println!("{name:<12}{value}");
    }
}

fn lines(card: &Card) -> Vec<(&'static str, String)> {
    let Card { run, weights, hashes, metrics, privacy, lineage, plan, .. } = card;
    let outcome = &plan.outcome;
    let unit = outcome.unit.name();
    let until = outcome.edges.last().copied().unwrap_or_default();
    let mut lines = vec![
        ("run", run.to_string()),
        ("experiment", plan.name.to_string()),
        (
            "model is",
            format!(
                "{} with head {}, {} parameters",
                plan.model.made_of(),
                plan.model.head.name(),
                weights.parameters
            ),
        ),
        (
            "predicts",
            format!(
                "time {:?} to event {:?} in {unit}, {} intervals up to {until}",
                outcome.time,
                outcome.event,
                outcome.edges.len()
            ),
        ),
        ("reads", plan.reads().join(", ")),
    ];
    if let Some((first, others)) = outcome.causes.split_first() {
        let all = [&[format!("{first} (the one of interest)")], others].concat();
        lines.push(("causes", all.join(", ")));
    }
    if let Some(simulated) = metrics.simulated {
        let told = |name: &str, value: Option<f64>| value.map(|value| format!("{name} {value:.4}"));
        let both = [
            told("C-index", simulated.c_index),
            told("mean within sites", simulated.c_index_site_mean),
        ];
        lines.push(("simulated", both.into_iter().flatten().collect::<Vec<_>>().join(", ")));
    }
    let released = released(&metrics.released).join(", ");
    lines.push(("released", if released.is_empty() { "nothing".to_owned() } else { released }));
    lines.push(("privacy", promise(privacy)));
    lines.extend(plan.cautions().into_iter().map(|caution| ("caution", caution)));
    let start = match lineage.start {
        Start::Seed(seed) => format!("random, seed {seed}"),
        Start::Model(parent) => format!("model {parent}"),
    };
    let sites = lineage.sites.iter().map(|(site, rounds)| format!("{site} ({rounds})"));
    lines.extend([
        ("began with", start),
        ("rounds", lineage.rounds.to_string()),
        ("sites", sites.collect::<Vec<_>>().join(", ")),
        ("trained", format!("{} by {}", lineage.trained, lineage.program)),
    ]);
    if let Some(log) = &lineage.log {
        lines.push((
            "audit log",
            format!("{} records, root {}, key {}", log.size, log.root, log.key),
        ));
    }
    lines.extend([
        ("file sha256", weights.sha256.to_string()),
        ("model", weights.model.to_string()),
        ("plan", hashes.plan.to_string()),
        ("contract", hashes.contract.to_string()),
    ]);
    lines
}

/// Each metric with how far noise moves it, and each of which noise left nothing. Those of another release are shown as
/// they are.
fn released(metrics: &BTreeMap<String, f64>) -> Vec<String> {
    let metric = |(name, value): (&String, &f64)| Metric { name: name.clone(), value: *value };
    let metrics: Vec<Metric> = metrics.iter().map(metric).collect();
    let Readings { measurements, unknown } = Readings::from_metrics(&metrics);
    let one = |Measurement { id, measured }: Measurement| {
        let Some(value) = measured.value() else { return format!("{id} {LOST_IN_NOISE}") };
        let around = measured.deviation();
        let around = around.map_or(String::new(), |around| format!(" ± {around:.4}"));
        format!("{id} {value:.4}{around}")
    };
    let other = |Metric { name, value }: Metric| format!("{name} {value:.4}");
    measurements.into_iter().map(one).chain(unknown.into_iter().map(other)).collect()
}

fn promise(privacy: &plan::artifact::Promise) -> String {
    match (privacy.epsilon, privacy.delta, &privacy.unit) {
        (Some(epsilon), Some(delta), Some(unit)) => {
            let shown = shown_epsilon(epsilon);
            format!(
                "{}: ε = {shown} promised at δ = {delta:e} at each site for {unit}; noise {}, clip {}",
                privacy.mode.name(),
                privacy.noise_multiplier,
                privacy.patient_clip.unwrap_or(privacy.clip)
            )
        }
        _ => format!("{}: no noise, no promise", privacy.mode.name()),
    }
}
