//! A hospital is killed during two private runs and started again. Each round is charged once, and each update is
//! noised once.

use std::collections::{BTreeMap, BTreeSet};

use audit::Digest;
use audit::record::{Event, Record};
use tests::{Federation, SetupError, records, stop};

use super::{
    Followed, THREE, assert_complete, charges_of, endow, reconciled, start, wait_for_consents,
};
use crate::Outcome;

/// The hospital that is killed.
const KILLED: &str = THREE[0];

const ROUNDS: u64 = 30;

/// A run and a round of it.
type Place = (String, u32);

fn place(record: &Record) -> Option<Place> {
    Some((record.run.as_ref()?.to_string(), record.round?))
}

/// The hashes of a kind of record, by run and round.
fn hashes(
    log: &[Record],
    of: impl Fn(&Event) -> Option<Digest>,
) -> BTreeMap<Place, BTreeSet<Digest>> {
    let mut found: BTreeMap<Place, BTreeSet<Digest>> = BTreeMap::new();
    for record in log {
        if let (Some(hash), Some(place)) = (of(&record.event), place(record)) {
            found.entry(place).or_default().insert(hash);
        }
    }
    found
}

/// One hash for each round, and a charge for each that left.
fn noised_once(log: &[Record]) -> Outcome {
    let noised = hashes(log, |event| match event {
        Event::Noised { update, .. } => Some(*update),
        _ => None,
    });
    let sent = hashes(log, |event| match event {
        Event::Sent { update, .. } => Some(*update),
        _ => None,
    });
    let twice = sent.iter().chain(&noised).find(|(_, hashes)| hashes.len() > 1);
    if let Some((place, hashes)) = twice {
        return Err(format!("{place:?} was noised more than once: {hashes:?}").into());
    }
    let charged = |event: &Event| matches!(event, Event::Reserve(_));
    let charges = log.iter().filter(|record| charged(&record.event)).filter_map(place);
    let mut charged = BTreeSet::new();
    for place in charges {
        if !charged.insert(place.clone()) {
            return Err(format!("{place:?} was charged twice").into());
        }
    }
    assert_eq!(sent.keys().find(|place| !charged.contains(*place)), None, "left without a charge");
    Ok(())
}

/// The runs that sent something after the last start of a node.
fn after_the_last_start(log: &[Record]) -> Result<BTreeSet<String>, SetupError> {
    let starts = |record: &Record| matches!(record.event, Event::Start { .. });
    assert_eq!(log.iter().filter(|record| starts(record)).count(), 2);
    let last = log.iter().rposition(starts).ok_or("no start")?;
    let sent = log[last..].iter().filter(|record| matches!(record.event, Event::Sent { .. }));
    Ok(sent.filter_map(|record| Some(record.run.as_ref()?.to_string())).collect())
}

#[test]
fn a_hospital_killed_amid_two_private_runs_charges_and_noises_each_round_once() -> Outcome {
    let mut federation = Federation::new()?;
    endow(&federation, &THREE)?;
    let mut coordinator = federation.serve()?;
    let mut sites = start(&federation, &THREE[..1])?;
    let experiment = federation.private()?;
    let sets = ["rounds=30", "aggregation.min_sites=2", "aggregation.window=10m"];
    let launch = |seed: &str| {
        let sets = [&sets[..], &[seed]].concat();
        Followed::launch(&federation, &experiment, &sets)
    };
    let mut runs = [launch("seed=1")?, launch("seed=2")?];
    // In both before either begins, so that both are in their first rounds when it dies.
    wait_for_consents(&mut coordinator, runs.len())?;
    sites.extend(start(&federation, &THREE[1..])?);
    for run in &mut runs {
        run.wait_for_round(2)?;
    }
    sites[0].kill()?;
    sites[0] = federation.start_site(KILLED)?;
    let ids: Vec<String> = runs.iter().map(|run| run.run.clone()).collect();
    for run in runs {
        assert_complete(&run.report()?, ROUNDS, 2);
    }
    stop(sites)?;
    stop([coordinator])?;

    let log = records(&federation.site(KILLED).join("state"))?;
    noised_once(&log)?;
    // It takes part in both of them again.
    assert_eq!(after_the_last_start(&log)?, ids.iter().cloned().collect());
    for run in &ids {
        for site in &THREE[1..] {
            noised_once(&records(&federation.site(site).join("state"))?)?;
            assert_eq!(charges_of(&federation, site, run)?.len() as u64, ROUNDS, "{site}");
        }
        // It may have been away for some.
        let charged = charges_of(&federation, KILLED, run)?.len() as u64;
        assert!((2..=ROUNDS).contains(&charged), "{charged} charges");
    }
    // The one update of each run that was on its way when it died may be lost, and nothing else.
    let found = reconciled(&federation, &THREE)?;
    let differ = found["discrepancies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut lost = BTreeSet::new();
    for one in differ {
        assert_eq!(one["class"], "undelivered", "{found}");
        assert_eq!(one["site"], KILLED, "{found}");
        assert!(lost.insert(one["run"].as_str()), "{found}");
    }
    Ok(())
}
