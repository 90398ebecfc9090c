//! A whole federation of processes that log all they can: a good run, a declined one, one that loses a
//! site, and the page that people are shown.

use audit::report::{Request, gather, render};
use serde_json::Value;
use tests::{Federation, HOSPITALS, Process, SetupError, edit, success};

use super::planted::{Sheet, needles};
use super::search::{Needle, Places};
use crate::Outcome;

const SITES: [&str; 3] = [HOSPITALS[0], HOSPITALS[1], HOSPITALS[2]];

/// The page of a run, as made from all logs.
fn page(federation: &Federation, run: &str) -> Result<String, SetupError> {
    let folders: Vec<_> = SITES.iter().map(|site| federation.log_of(site)).collect();
    let coordinator = federation.log();
    let key = audit::folder::key;
    let folders = folders.iter().chain([&coordinator]);
    let logs = folders.map(|folder| Ok((folder.as_path(), key(folder)?)));
    let request = Request {
        run: run.parse()?,
        logs: logs.collect::<Result<_, SetupError>>()?,
        trusted: true,
        cost: None,
        epsilon: None,
    };
    let data = gather(&request)?;
    Ok(format!("{}\n{}", render(&data), data.to_json()))
}

#[test]
fn no_identifier_reaches_the_coordinator_or_any_log() -> Outcome {
    let mut federation = Federation::new()?;
    federation.level = "trace";
    for site in SITES {
        let table = federation.site(site).join("cohort.csv");
        let mut sheet = Sheet::read(&table)?;
        sheet.plant()?;
        sheet.write(&table)?;
        let settings = federation.site(site).join("site-node.toml");
        edit(&settings, "tag = \"synthetic\"", "tag = \"private\"")?;
    }
    let coordinator = federation.serve()?;
    let start = |site: &&str| federation.start_site(site);
    let mut sites: Vec<Process> = SITES.iter().map(start).collect::<Result<_, _>>()?;
    let experiment = federation.private()?;
    let mut places = Places::default();

    let good = success(federation.run(&experiment, &[])?)?;
    let report: Value = serde_json::from_str(good.lines().last().unwrap_or_default())?;
    let run = report["run"].as_str().ok_or("no run")?;
    places.add("operator/good", good.clone());
    // Everybody declines; then one hospital cannot read its patients; then it is gone.
    let declined = federation.run(&tests::demo(), &["aggregation.window=1s"])?.finish()?;
    places.add("operator/declined", declined.1);
    let table = federation.site(SITES[0]).join("cohort.csv");
    let mut sheet = Sheet::read(&table)?;
    super::planted::NAMES[0].clone_into(sheet.cell(20, "x05")?);
    sheet.write(&table)?;
    let fewer = ["aggregation.min_sites=2", "aggregation.window=5s"];
    places.add("operator/spoiled", success(federation.run(&experiment, &fewer)?)?);
    let mut killed = sites.remove(0);
    killed.kill()?;
    places.add("operator/killed", success(federation.run(&experiment, &fewer)?)?);
    let mut show = federation.coordinator(&["runs", "show", run])?;
    places.add("operator/shown", success(Process::start(&mut show)?)?);

    places.add(&format!("printed/{}", SITES[0]), killed.finish()?.1);
    for (site, process) in SITES[1..].iter().zip(sites) {
        process.terminate()?;
        places.add(&format!("printed/{site}"), success(process)?);
    }
    coordinator.terminate()?;
    places.add("printed/coordinator", success(coordinator)?);
    places.add("page", page(&federation, run)?);
    // Everything that any of them keeps, but for the hospitals' own tables.
    places.add_files("kept", &federation.place(""), "cohort.csv")?;

    let public = Needle::text(SITES[0]);
    for place in [
        "operator/",
        "printed/coordinator",
        &format!("printed/{}", SITES[0]),
        "page",
        "kept/state/",
        &format!("kept/sites/{}/state/", SITES[0]),
    ] {
        assert!(places.holds(place, &public), "{place}");
    }
    assert!(places.holds("printed/coordinator", &Needle::text("TRACE")), "nothing is traced");
    println!("{} bytes searched", places.bytes());
    assert_eq!(places.find(&needles()), Vec::<String>::new());
    Ok(())
}
