//! One hospital, whose coordinator hears every byte that it sends: a run, and everything that can go
//! wrong with patients' tables.

use std::path::Path;

use base::ids::{Round, RunId};
use node::pki::Identity;
use node::wire::{Purpose, ToCoordinator};
use plan::experiment::{Plan, PrivacyMode};
use plan::model::initial_parameters;
use tests::{Answer, Federation, HOSPITALS, Observed, Observer, SetupError, edit};

use super::planted::{NAMES, Sheet, needles};
use super::search::{Needle, Places};
use crate::Outcome;
use crate::private::plan;

const SITE: &str = HOSPITALS[0];

fn open_plan() -> Result<Plan, SetupError> {
    let mut plan = plan()?;
    plan.privacy.mode = PrivacyMode::None;
    (plan.privacy.noise_multiplier, plan.privacy.delta) = (0.0, 0.0);
    (plan.privacy.dp_sgd, plan.privacy.evaluation) = (None, None);
    Ok(plan)
}

/// Names and measurements where they do not belong: row, column, cell.
const SPOILS: [(&str, usize, &str, &str); 12] = [
    ("a name for a number", 3, "x03", NAMES[0]),
    ("a name for a time", 4, "time", NAMES[1]),
    ("a name for a flag", 5, "event", NAMES[2]),
    ("a name for the split", 6, "split", NAMES[3]),
    ("a measurement for a flag", 7, "event", "17.406931"),
    ("a measurement before time", 8, "time", "-19.873207"),
    ("a measurement with a comma", 9, "x01", "\"23,618453\""),
    ("one patient twice", 1, "patient", NAMES[0]),
    ("no patient", 2, "patient", ""),
    ("a row too long", 10, "x02", "1,Thaddeus Mxyzptolm"),
    ("an open quotation mark", 11, "name", "\"Ambrose Zschokkelin"),
    ("a number beyond all", 12, "x02", "1e999"),
];

/// Cells that are numbers, and extreme ones: the site may train on them.
const EXTREMES: [(&str, &str); 4] =
    [("x01", "1e308"), ("x02", "-1e308"), ("x04", "5e-324"), ("time", "1e308")];

/// Writes one cell of the table; the table as it was.
fn spoil(table: &Path, row: usize, column: &str, cell: &str) -> Result<Vec<u8>, SetupError> {
    let sound = std::fs::read(table)?;
    let mut sheet = Sheet::read(table)?;
    cell.clone_into(sheet.cell(row, column)?);
    sheet.write(table)?;
    Ok(sound)
}

async fn refused(site: &mut Observed, run: &str, plan: &Plan) -> Result<String, SetupError> {
    match site.propose(&run.parse()?, plan).await? {
        ToCoordinator::Decline(decline) => Ok(decline.rule),
        other => Err(format!("{run}: {other:?}").into()),
    }
}

/// A round of a run; whatever comes back was heard.
async fn train(site: &mut Observed, run: &RunId, round: u32, model: &[f32]) -> Outcome {
    site.offer(run, Round(round), Purpose::Train, model).await?;
    match site.answer().await? {
        Answer::Update(_) => Ok(()),
        other => Err(format!("no update: {other:?}").into()),
    }
}

async fn consented(site: &mut Observed, run: &RunId, plan: &Plan) -> Outcome {
    let said = site.propose(run, plan).await?;
    assert!(matches!(said, ToCoordinator::Consent { .. }), "{said:?}");
    Ok(())
}

/// A whole run, and runs that are declined for what they ask.
async fn good_runs(site: &mut Observed, plan: &Plan, model: &[f32]) -> Outcome {
    let run: RunId = "run-good".parse()?;
    consented(site, &run, plan).await?;
    for round in 1..=plan.rounds {
        train(site, &run, round, model).await?;
    }
    site.offer(&run, Round(plan.rounds), Purpose::Evaluate, model).await?;
    let said = site.hear().await?;
    assert!(matches!(said, ToCoordinator::Evaluation(_)), "{said:?}");
    site.end(&run).await?;

    let mut names = plan.clone();
    "name".clone_into(&mut names.features[0].column);
    assert_eq!(refused(site, "run-names", &names).await?, "policy.columns");
    let mut outcome = plan.clone();
    "record".clone_into(&mut outcome.outcome.event);
    assert_eq!(refused(site, "run-records", &outcome).await?, "policy.outcomes");
    let mut quiet = plan.clone();
    quiet.privacy.noise_multiplier = 0.1;
    assert_eq!(refused(site, "run-quiet", &quiet).await?, "policy.min_noise");
    Ok(())
}

/// Every spoiled table, in a private mode and without noise.
async fn spoiled(site: &mut Observed, table: &Path, plan: &Plan) -> Outcome {
    for (number, (what, row, column, cell)) in SPOILS.into_iter().enumerate() {
        let sound = spoil(table, row, column, cell)?;
        let rule = refused(site, &format!("private-{number}"), plan).await?;
        assert_eq!(rule, "cohort", "{what}");
        let rule = refused(site, &format!("open-{number}"), &open_plan()?).await?;
        assert!(["data", "cohort", "features"].contains(&&*rule), "{what}: {rule}");
        std::fs::write(table, &sound)?;
    }
    Ok(())
}

/// What `check` prints of every spoiled table.
fn checked(federation: &Federation, table: &Path, places: &mut Places) -> Outcome {
    for (what, row, column, cell) in SPOILS {
        let sound = spoil(table, row, column, cell)?;
        let (_, output) = federation.site_node(SITE, "check --offline")?.finish()?;
        assert!(output.contains("cohort.csv"), "{what}: {output}");
        places.add(&format!("check/{what}"), output);
        std::fs::write(table, &sound)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_identifier_is_heard_logged_or_kept_whatever_goes_wrong() -> Outcome {
    let mut federation = Federation::new()?;
    federation.level = "trace";
    let home = federation.site(SITE);
    let table = home.join("cohort.csv");
    let mut sheet = Sheet::read(&table)?;
    sheet.plant()?;
    sheet.write(&table)?;
    let policy = home.join("policy.toml");
    edit(&policy, "epsilon = 8.0", "epsilon = 1e6")?;
    edit(&policy, "epsilon_per_run = 4.0", "epsilon_per_run = 1e6")?;
    let observer = Observer::new(Identity::load(&federation.place("identity"))?)?;
    let address = format!("coordinator = \"{}\"", observer.address()?);
    edit(&home.join("site-node.toml"), "coordinator = \"127.0.0.1:7443\"", &address)?;

    let mut places = Places::default();
    let plan = plan()?;
    let model = initial_parameters(&plan.model, plan.seed);
    let node = federation.site_node(SITE, "run")?;
    let mut site = observer.site().await?;
    good_runs(&mut site, &plan, &model).await?;
    spoiled(&mut site, &table, &plan).await?;

    // Extreme numbers: the site may train on them, and noise alone leaves.
    for (number, (column, value)) in EXTREMES.into_iter().enumerate() {
        let sound = spoil(&table, 13, column, value)?;
        let run = format!("extreme-{number}").parse()?;
        consented(&mut site, &run, &plan).await?;
        train(&mut site, &run, 1, &model).await?;
        site.end(&run).await?;
        std::fs::write(&table, &sound)?;
    }

    // Killed while it trains, and started again.
    let mut long = plan.clone();
    long.privacy.dp_sgd.as_mut().ok_or("no steps")?.steps = 1000;
    let run = "run-long".parse()?;
    consented(&mut site, &run, &long).await?;
    site.offer(&run, Round(1), Purpose::Train, &model).await?;
    let ToCoordinator::Cosigned { signature, .. } = site.hear_all().await? else {
        return Err("no signature".into());
    };
    let cosignatures = vec![site.own(signature)];
    let told = node::wire::ToSite::Witnessed {
        run: run.clone(),
        offered: u64::MAX,
        round: Some(Round(1)),
        cosignatures,
    };
    site.say(&told).await?;
    let mut node = node;
    node.kill()?;
    places.add("heard/first", std::mem::take(&mut site.captured));
    places.add("printed/first", node.finish()?.1);
    let mut node = federation.site_node(SITE, "run")?;
    let mut site = observer.site().await?;
    consented(&mut site, &"run-after".parse()?, &plan).await?;
    train(&mut site, &"run-after".parse()?, 1, &model).await?;
    places.add("heard/second", std::mem::take(&mut site.captured));
    node.kill()?;
    places.add("printed/second", node.finish()?.1);
    checked(&federation, &table, &mut places)?;
    places.add_files("kept", &home, "cohort.csv")?;

    // What is public is found wherever it should be, and what was planted where it was.
    let public = Needle::text(SITE);
    for place in ["heard/first", "heard/second", "printed/first", "kept/state/audit", "check/"] {
        assert!(places.holds(place, &public), "{place}");
    }
    assert!(places.holds("printed/first", &Needle::text("TRACE")), "nothing is traced");
    let needles = needles();
    assert_eq!(needles.len(), 50);
    let mut data = Places::default();
    data.add("data", std::fs::read(&table)?);
    assert_eq!(data.find(&needles).len(), needles.len());

    println!("{} bytes searched", places.bytes());
    assert_eq!(places.find(&needles), Vec::<String>::new());
    Ok(())
}
