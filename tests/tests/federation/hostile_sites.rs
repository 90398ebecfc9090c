//! One hostile hospital of five, on a live federation: what its updates do to the others' model under each rule.
//!
//! `cargo test --release --workspace --test federation -- hostile_sites --nocapture` prints the C-indices.

use std::thread;

use node::transport::{Route, TcpSetting};
use serde_json::Value;
use tests::{Federation, HOSPITALS, Process, Puppet, SetupError, demo, replace, stop, success};
use tokio::sync::oneshot;

use crate::Outcome;

const HONEST: [&str; 4] = [HOSPITALS[0], HOSPITALS[1], HOSPITALS[2], HOSPITALS[3]];
const HOSTILE: &str = HOSPITALS[4];

/// What the hostile hospital does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attack {
    /// Nothing: it trains as the others do.
    None,
    /// It sends the opposite of the shared model's first step in every round, as long as the plan's bound lets through.
    SignFlip,
    /// It trains on patients whose times are mirrored: who lived longest dies first.
    LabelFlip,
}

/// The mean, which one update moves as far as its bound, and the rules that read updates side by side.
const MEAN: &str = "combine = \"mean\"";
const ROBUST: [&str; 3] = [
    "combine = \"trimmed-mean\", trim = 0.2",
    "combine = \"median\"",
    "combine = \"multi-krum\", hostile = 1",
];

/// The fifth hospital.
enum Fifth {
    Node(Process),
    Puppet(oneshot::Sender<()>, thread::JoinHandle<Result<(), String>>),
}

impl Fifth {
    fn start(federation: &Federation, attack: Attack) -> Result<Self, SetupError> {
        match attack {
            Attack::None => federation.start_site(HOSTILE).map(Self::Node),
            Attack::LabelFlip => {
                let table = federation.site(HOSTILE).join("cohort.csv");
                replace(&table, &mirrored(&std::fs::read_to_string(&table)?)?)?;
                federation.start_site(HOSTILE).map(Self::Node)
            }
            Attack::SignFlip => flip_signs(federation),
        }
    }

    fn stop(self) -> Outcome {
        match self {
            Self::Node(node) => stop([node]),
            Self::Puppet(ends, thread) => {
                drop(ends);
                Ok(thread.join().map_err(|_| "the puppet panicked")??)
            }
        }
    }
}

fn flip_signs(federation: &Federation) -> Result<Fifth, SetupError> {
    let folder = federation.site(HOSTILE);
    let coordinator = federation.address.parse::<std::net::SocketAddr>()?;
    let route = Route::new(coordinator.into(), TcpSetting::Off, None);
    let (mut first, mut step) = (None::<Vec<f32>>, None::<Vec<f32>>);
    let answer = move |model: &[f32]| {
        let start: &Vec<f32> = first.get_or_insert_with(|| model.to_vec());
        // None in the first round of a run.
        if model == start.as_slice() {
            step = None;
            return model.to_vec();
        }
        let taught = |(now, start): (&f32, &f32)| now - start;
        let step = step.get_or_insert_with(|| model.iter().zip(start).map(taught).collect());
        // Far beyond the bound, to which its own gate shortens it.
        model.iter().zip(step).map(|(now, step)| now - 1e6 * *step).collect()
    };
    let puppet = Puppet { weight: 1, answer: Box::new(answer), cap: None };
    let runtime = tokio::runtime::Runtime::new()?;
    let (ends, ended) = oneshot::channel::<()>();
    let thread = thread::spawn(move || {
        let stop = async { drop(ended.await) };
        runtime.block_on(puppet.run(&folder, route, stop)).map_err(|error| error.to_string())
    });
    Ok(Fifth::Puppet(ends, thread))
}

/// The same table with each time mirrored at half of the longest.
fn mirrored(table: &str) -> Result<String, SetupError> {
    let mut lines = table.lines();
    let header = lines.next().unwrap_or_default();
    let column = header.split(',').position(|name| name == "time").ok_or("no time")?;
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let time = |row: &Vec<&str>| row[column].parse::<f64>();
    let times = rows.iter().map(time).collect::<Result<Vec<_>, _>>()?;
    let longest = times.iter().copied().fold(0.0, f64::max);
    let mut text = header.to_owned() + "\n";
    for (row, time) in rows.iter().zip(times) {
        let time = (longest - time + 0.01).to_string();
        let mut row = row.clone();
        row[column] = &time;
        text += &(row.join(",") + "\n");
    }
    Ok(text)
}

/// The mean C-index of the final model on the test patients of the honest hospitals, as each computes it for itself.
fn c_index(federation: &Federation, report: &Value) -> Result<f64, SetupError> {
    let run = report["run"].as_str().unwrap_or_default();
    let model = federation.place("state/models").join(format!("{run}.safetensors"));
    let mut sum = 0.0;
    for site in HONEST {
        let verb = format!("evaluate {} --format json", model.display());
        let seen = success(federation.site_node(site, &verb)?)?;
        let line = seen.lines().find(|line| line.starts_with('{')).unwrap_or_default();
        let seen: Value = serde_json::from_str(line)?;
        sum += seen["test.c_index"].as_f64().ok_or_else(|| format!("{site}: {seen}"))?;
    }
    Ok(sum / HONEST.len() as f64)
}

/// What each rule comes to under an attack.
fn trained(attack: Attack) -> Result<Vec<f64>, SetupError> {
    let mut federation = Federation::new()?;
    let coordinator = federation.serve()?;
    let honest = HONEST.map(|site| federation.start_site(site));
    let sites = honest.into_iter().collect::<Result<Vec<_>, _>>()?;
    let fifth = Fifth::start(&federation, attack)?;
    let mut found = Vec::new();
    for combine in [MEAN].iter().chain(&ROBUST) {
        let set = format!("aggregation={{ min_sites = 5, window = \"60s\", {combine} }}");
        let output = success(federation.run(&demo(), &[&set])?)?;
        let report: Value = serde_json::from_str(output.lines().last().unwrap_or_default())?;
        let c_index = c_index(&federation, &report)?;
        println!("{attack:?}, {combine}: {c_index:.4}");
        found.push(c_index);
    }
    fifth.stop()?;
    stop(sites)?;
    stop([coordinator])?;
    Ok(found)
}

#[test]
fn one_hostile_hospital_of_five_costs_a_robust_rule_little() -> Outcome {
    let undisturbed = trained(Attack::None)?;
    for attack in [Attack::SignFlip, Attack::LabelFlip] {
        let attacked = trained(attack)?;
        let lost: Vec<f64> =
            undisturbed.iter().zip(&attacked).map(|(before, after)| before - after).collect();
        // An attack that harms nobody would prove nothing. Mirrored times are outweighed by the others in a mean as well.
        if attack == Attack::SignFlip {
            assert!(lost[0] > 0.05, "{attack:?}, mean: {lost:?}");
        }
        for (combine, lost) in ROBUST.iter().zip(&lost[1..]) {
            assert!(*lost <= 0.02, "{attack:?}, {combine}: lost {lost:.4}");
        }
    }
    Ok(())
}
