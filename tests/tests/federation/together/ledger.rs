//! Two private runs at once spend what each spends alone, to the last unit of the ledger.

use audit::record::Event;
use privacy::Cost;
use serde_json::Value;
use tests::{Federation, HOSPITALS, Process, SetupError, records, stop, success};

use super::{Followed, assert_agreed, charges, charges_of, object, start, wait_for_consents};
use crate::Outcome;

/// The hospital whose ledger is read, and one that both runs wait for.
const SITES: [&str; 2] = [HOSPITALS[0], HOSPITALS[1]];

/// Rounds of the two runs.
const ROUNDS: [u64; 2] = [3, 2];

const SETS: [&[&str]; 2] = [
    &["aggregation.min_sites=2", "rounds=3"],
    &["aggregation.min_sites=2", "rounds=2", "seed=2", "privacy.noise_multiplier=8.0"],
];

/// What a hospital spent.
#[derive(Debug, PartialEq)]
struct Spent {
    /// By the two runs.
    runs: Vec<Cost>,
    /// In all.
    total: Cost,
    /// What `site-node budget` says of all runs, and of each.
    budget: Vec<Value>,
}

fn spent(federation: &Federation, runs: &[String]) -> Result<Spent, SetupError> {
    let site = SITES[0];
    let mut costs = Vec::new();
    for (run, rounds) in runs.iter().zip(ROUNDS) {
        let own = charges_of(federation, site, run)?;
        assert_eq!(own.len() as u64, rounds, "{run}");
        costs.push(own.iter().fold(Cost::zero(), |sum, entry| sum.add(&entry.cost)));
    }
    let total = charges(federation, site)?.last().ok_or("no charge")?.total.clone();
    let mut budget = federation.site_command(site, &["budget", "--format", "json"])?;
    let said = object(&success(Process::start(&mut budget)?)?)?;
    let row = |run: &String| {
        let mut rows = said["runs"].as_array().into_iter().flatten();
        let own = rows.find(|row| row["run"] == run.as_str());
        own.map(|row| [&row["releases"], &row["epsilon_charged"], &row["used"]].map(Value::clone))
    };
    let rows = runs.iter().map(|run| row(run).ok_or_else(|| format!("{run} is not in {said}")));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let all = [&said["releases"], &said["spent"], &said["used"]].map(Value::clone);
    let budget = all.into_iter().chain(rows.into_iter().flatten()).collect();
    Ok(Spent { runs: costs, total, budget })
}

/// The same two runs, one after the other, by hospitals that know of no other.
fn alone() -> Result<Spent, SetupError> {
    let mut federation = Federation::new()?;
    let coordinator = federation.serve()?;
    let sites = start(&federation, &SITES)?;
    let experiment = federation.private()?;
    let mut runs = Vec::new();
    for sets in SETS {
        let run = Followed::launch(&federation, &experiment, sets)?;
        runs.push(run.run.clone());
        run.report()?;
    }
    stop(sites)?;
    stop([coordinator])?;
    spent(&federation, &runs)
}

#[test]
fn two_private_runs_at_once_spend_the_sum_of_what_each_spends_alone() -> Outcome {
    let mut federation = Federation::new()?;
    let mut coordinator = federation.serve()?;
    let mut sites = start(&federation, &SITES[..1])?;
    let experiment = federation.private()?;
    let launch = |sets: &&[&str]| Followed::launch(&federation, &experiment, sets);
    let runs = SETS.iter().map(launch).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<String> = runs.iter().map(|run| run.run.clone()).collect();
    // The hospital is in both runs before either of them begins.
    wait_for_consents(&mut coordinator, SETS.len())?;
    sites.push(federation.start_site(SITES[1])?);
    for run in runs {
        run.report()?;
    }
    stop(sites)?;
    stop([coordinator])?;

    let log = records(&federation.site(SITES[0]).join("state"))?;
    let before_charges = log.iter().take_while(|record| !matches!(record.event, Event::Reserve(_)));
    let consents = before_charges.filter(|record| matches!(record.event, Event::Consent { .. }));
    assert_eq!(consents.count(), SETS.len());
    assert_agreed(&federation, &SITES, ROUNDS.iter().sum::<u64>() * SITES.len() as u64)?;

    let together = spent(&federation, &ids)?;
    assert!(together.runs.iter().all(|cost| !cost.is_zero()), "{together:?}");
    assert_eq!(together.total, together.runs[0].add(&together.runs[1]));
    assert_eq!(together, alone()?);
    Ok(())
}
