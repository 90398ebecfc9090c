//! The coordinator is killed before each durable step of a run.

use std::path::PathBuf;

use tests::{Federation, Process, SetupError, demo, edit, success};

use super::{
    THREE, all_logs_hold, federation, latest, nothing_is_left, released_once, runs_over, start,
    undisturbed,
};
use crate::Outcome;
use crate::killing::{MAX_STEPS, shim};

const ROUNDS: usize = 2;

/// Federations whose coordinators are killed side by side, each at other steps: most of the time is spent waiting.
const WORKERS: u32 = 4;

/// What the kills of a run are held against.
struct Killed {
    federation: Federation,
    experiment: PathBuf,
    sets: &'static [&'static str],
    /// The hash of the model's file without a kill, if it is always the same.
    model: Option<String>,
}

impl Killed {
    /// Kills the coordinator before each step of a worker, and returns how often it was killed.
    fn at_steps_from(&mut self, worker: u32) -> Result<u32, SetupError> {
        let shim = shim(&self.federation)?;
        let mut kills = 0;
        for at in (1 + worker..MAX_STEPS).step_by(WORKERS as usize) {
            let mut serve = self.federation.coordinator(&["serve"])?;
            serve.env("LD_PRELOAD", &shim).env("CONSILIUM_KILL_AT", at.to_string());
            let mut first = Process::start(serve.env("NO_COLOR", "1").env("RUST_LOG", "info"))?;
            // Kills before that are another test's.
            if first.wait_for("listening address=").is_err() {
                continue;
            }
            let before = latest(&self.federation)?.map(|run| run.id);
            let sites = THREE.iter().map(|site| self.federation.site_node(site, "run"));
            let sites = sites.collect::<Result<Vec<_>, _>>()?;
            // Each of these ends with what is waited for, or with the coordinator's output.
            if sites.iter().all(|_| first.wait_for("connected").is_ok()) {
                let client = self.federation.run(&self.experiment, self.sets)?;
                if first.wait_for("audit_s=").is_ok() && success(client).is_ok() {
                    tests::stop(sites)?;
                    // In order it would be killed while it stops.
                    first.kill()?;
                    return Ok(kills);
                }
            }
            drop(first);
            kills += 1;
            let mut next = self.federation.serve()?;
            let runs = runs_over(&self.federation, &mut next)?;
            if let Some(run) = runs.first().filter(|run| Some(&run.id) != before.as_ref()) {
                assert_eq!((run.status.as_str(), &run.reason), ("finished", &None), "step {at}");
                assert_eq!(run.rounds as usize, ROUNDS, "step {at}");
                if self.model.is_some() {
                    assert_eq!(run.file_sha256, self.model, "step {at}");
                }
            }
            tests::stop([next])?;
            tests::stop(sites)?;
            nothing_is_left(&self.federation);
        }
        Err("the run has more steps than were tried".into())
    }

    /// Each hospital paid for each round of each run once, and all logs hold.
    fn settle(&self) -> Outcome {
        for site in THREE {
            for (run, charges) in released_once(&self.federation, site)? {
                assert_eq!(charges, ROUNDS, "{site}, {run}");
            }
        }
        all_logs_hold(&self.federation)
    }
}

/// Kills the coordinators of several federations, and returns how often.
fn kill_all(prepare: impl Fn() -> Result<Killed, SetupError> + Sync) -> Result<u32, SetupError> {
    let kill = |worker: u32| -> Result<u32, SetupError> {
        let mut killed = prepare()?;
        let kills = killed.at_steps_from(worker)?;
        killed.settle()?;
        Ok(kills)
    };
    let kill = |worker: u32| kill(worker).map_err(|error| error.to_string());
    let kill = &kill;
    let kills = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|at| scope.spawn(move || kill(at))).collect();
        let ended = workers.into_iter().map(|worker| {
            worker.join().unwrap_or_else(|_| Err("an assertion failed; it is above".to_owned()))
        });
        ended.collect::<Result<Vec<u32>, String>>()
    });
    Ok(kills?.into_iter().sum())
}

#[test]
fn a_coordinator_killed_at_any_step_of_a_run_finishes_it_with_the_same_model() -> Outcome {
    let kills = kill_all(|| {
        let mut federation = federation()?;
        let experiment = demo();
        let sets = &["rounds=2", "aggregation.rule=fedadam", "aggregation.average_last=2"];
        let coordinator = federation.serve()?;
        let sites = start(&federation)?;
        let model = Some(undisturbed(&federation, &experiment, sets)?);
        tests::stop(sites)?;
        tests::stop([coordinator])?;
        Ok(Killed { federation, experiment, sets, model })
    })?;
    println!("{kills} kills of a coordinator in a run that was finished");
    assert!(kills > 20, "{kills} kills");
    Ok(())
}

/// In mode `patient` a model differs each time. What was paid for does not.
#[test]
fn a_coordinator_killed_at_any_step_of_a_private_run_has_each_round_paid_for_once() -> Outcome {
    let kills = kill_all(|| {
        let federation = federation()?;
        let experiment = federation.private()?;
        let noised = "mode = \"patient\"\nevaluation = { rho = 0.5, max_patients = 60 }\n";
        edit(&experiment, "mode = \"patient\"\n", noised)?;
        let sets = &["rounds=2", "aggregation.window=60s"];
        Ok(Killed { federation, experiment, sets, model: None })
    })?;
    println!("{kills} kills of a coordinator in a private run that was finished");
    assert!(kills > 20, "{kills} kills");
    Ok(())
}
