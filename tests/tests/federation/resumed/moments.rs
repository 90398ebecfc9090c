//! The coordinator is killed again and again at any moment of one run, while the hospitals stay up.

use coordinator::registry::RUNNING;
use tests::{SetupError, demo, records};

use super::{
    THREE, all_logs_hold, federation, latest, nothing_is_left, released_once, runs_over, start,
    undisturbed,
};
use crate::Outcome;

/// How often the coordinator is killed if `CONSILIUM_COORDINATOR_KILLS` says nothing. Hospitals wait longer before each
/// further attempt to connect.
const KILLS: usize = 5;

/// Rounds for each kill: a life has some of them.
const ROUNDS: usize = 40;

/// How often the coordinator is killed.
///
/// # Errors
/// `CONSILIUM_COORDINATOR_KILLS` is not a number of kills.
fn kills() -> Result<usize, SetupError> {
    let Ok(text) = std::env::var("CONSILIUM_COORDINATOR_KILLS") else { return Ok(KILLS) };
    match text.parse() {
        Ok(kills) if kills > 0 => Ok(kills),
        _ => {
            Err(format!("CONSILIUM_COORDINATOR_KILLS is {text:?}; use a number such as 500").into())
        }
    }
}

/// Lines that a coordinator writes before it is killed, of a fixed sequence (Knuth's 64-bit generator).
fn next_below(state: &mut u64, bound: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % bound
}

#[test]
fn a_coordinator_killed_at_any_moment_continues_where_it_was() -> Outcome {
    let mut federation = federation()?;
    federation.level = "info,coordinator=debug";
    let experiment = demo();
    let kills = kills()?;
    let rounds = ROUNDS * kills;
    let set = format!("rounds={rounds}");
    let sets = [set.as_str(), "aggregation.rule=fedyogi"];
    let mut coordinator = federation.serve()?;
    let sites = start(&federation)?;
    let model = undisturbed(&federation, &experiment, &sets)?;
    coordinator.wait_for("audit_s=")?;
    let _client = federation.run(&experiment, &sets)?;
    coordinator.wait_for("consented site=")?;
    let mut random = 11;
    let mut killed = 0;
    while killed < kills {
        // Each line tells of an offer, an update or a close.
        for _ in 0..=next_below(&mut random, 24) {
            coordinator.wait_for("round=")?;
        }
        coordinator.kill()?;
        killed += 1;
        let run = latest(&federation)?.ok_or("no run")?;
        coordinator = federation.serve()?;
        // A busy machine reads the lines late.
        if run.status != RUNNING {
            break;
        }
    }
    assert!(2 * killed >= kills, "{killed} of {kills} kills");
    let runs = runs_over(&federation, &mut coordinator)?;
    assert_eq!(runs[0].file_sha256, Some(model));
    tests::stop([coordinator])?;
    tests::stop(sites)?;
    for site in THREE {
        assert_eq!(released_once(&federation, site)?.get(&runs[0].id), Some(&rounds));
    }
    all_logs_hold(&federation)?;
    // Each life began once.
    let starts = records(&federation.place("state"))?.into_iter();
    let starts = starts.filter(|record| matches!(record.event, audit::record::Event::Start { .. }));
    assert_eq!(starts.count(), killed + 2);
    println!("{killed} kills of a coordinator in a run that was finished");
    nothing_is_left(&federation);
    Ok(())
}
