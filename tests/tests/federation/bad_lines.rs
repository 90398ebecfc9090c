//! Runs over bad lines, through separate processes: datagrams that are lost, duplicated and out of order, and a line that
//! is cut for a while.

use std::time::Duration;

use tests::{Faults, Federation, HOSPITALS, Line, Process, SetupError, demo, stop, success};

use crate::Outcome;

const SITES: [&str; 3] = [HOSPITALS[0], HOSPITALS[1], HOSPITALS[2]];

/// A tenth of the datagrams gone in each direction, some twice, and nearly all able to overtake another.
const BAD: Faults = Faults {
    loss: 0.1,
    duplicated: 0.05,
    delay: Duration::from_millis(10),
    spread: Duration::from_millis(10),
    rate: 0,
    seed: 5,
};

/// Gives each hospital a line of its own, over UDP alone.
fn lines(federation: &Federation, faults: Faults) -> Result<Vec<Line>, SetupError> {
    let coordinator = federation.address.parse()?;
    let line = |(site, seed): (&&str, u64)| {
        let line = Line::open(coordinator, Faults { seed, ..faults })?;
        // The hospital's own limit of the line is far above what so small a model needs.
        let lines = format!("coordinator = \"{}\"\ntcp = false\nmax_mbit = 100", line.address);
        federation.reach(site, &lines)?;
        Ok(line)
    };
    SITES.iter().zip(faults.seed..).map(line).collect()
}

fn start(federation: &Federation, coordinator: &mut Process) -> Result<Vec<Process>, SetupError> {
    let sites = SITES.map(|site| federation.site_node(site, "run"));
    let sites = sites.into_iter().collect::<Result<Vec<_>, _>>()?;
    for _ in &sites {
        coordinator.wait_for("connected")?;
    }
    Ok(sites)
}

#[test]
fn lines_that_lose_duplicate_and_reorder_change_nothing_in_the_model() -> Outcome {
    let mut federation = Federation::new()?;
    let mut coordinator = federation.serve()?;
    let mut models = Vec::new();
    for faults in [Faults::default(), BAD] {
        let _lines = lines(&federation, faults)?;
        let sites = start(&federation, &mut coordinator)?;
        let output = success(federation.run(&demo(), &["rounds=5"])?)?;
        let report = output.lines().last().unwrap_or_default();
        let report: serde_json::Value = serde_json::from_str(report)?;
        assert_eq!(report["sites"].as_array().map(Vec::len), Some(3), "{report}");
        models.push((report["file_sha256"].clone(), report["final"].clone()));
        stop(sites)?;
    }
    assert!(models[0].0.is_string(), "{models:?}");
    assert_eq!(models[0], models[1]);
    stop([coordinator])
}

/// The others go on without it. It needs nobody's help to come back, and takes part again.
#[test]
fn a_hospital_whose_line_was_cut_is_back_by_itself() -> Outcome {
    let mut federation = Federation::new()?;
    let mut coordinator = federation.serve()?;
    let lines = lines(&federation, Faults::default())?;
    let mut sites = start(&federation, &mut coordinator)?;
    let sets = ["rounds=1000", "aggregation.min_sites=2", "aggregation.window=2s"];
    let launched = federation.run(&demo(), &sets)?;
    let line = coordinator.wait_for("sites=3")?;
    lines[0].cut();
    coordinator.wait_for("sites=2")?;
    sites[0].wait_for("no connection")?;
    lines[0].mend();
    sites[0].wait_for("connected")?;
    coordinator.wait_for("sites=3")?;
    let name = line
        .split("run{run=")
        .nth(1)
        .and_then(|rest| rest.split('}').next())
        .ok_or(line.as_str())?;
    let mut command = federation.coordinator(&["runs", "stop", name])?;
    success(Process::start(command.args(["--coordinator", &federation.address]))?)?;
    tests::failure(launched)?;
    stop(sites)?;
    stop([coordinator])
}
