//! Hospitals that keep OMOP tables train one model over the live path, whatever the case of the tables' names, the
//! form of their dates, and the rows that are left out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use site_node::data::Day;
use tests::{Federation, HOSPITALS, Process, SetupError, binary, edit, failure, success};

use crate::Outcome;

/// Persons of each hospital.
const PERSONS: u32 = 240;
const CARDIOMYOPATHY: u32 = 4_329_847;
const DIABETES: u32 = 201_826;
const POTASSIUM: u32 = 3_023_103;

const EXPERIMENT: &str = r#"
name = "omop"
seed = 3
rounds = 4

[data]
cohorts = true
tag = "synthetic"

[outcome]
time = "time"
unit = "years"
event = "event"
horizon = 6.0
intervals = 6

[features.views.age]
kind = "number"
column = "age"
missing = "zero"
center = 65.0
scale = 12.0

[features.views.potassium]
kind = "measurement"
table = "measurement"
item = "3023103"
unit = "mmol/L"
window = 365
aggregate = "last"
missing = "indicator"
center = 4.5
scale = 0.5

[features.views.diabetes]
kind = "codes"
table = "condition"
system = "omop"
vocabulary = ["201826"]
window = 3650

[model]
kind = "linear"
head = "logistic-hazard"
proportional = true
initial_hazard = 0.1

[training]
optimizer = "adam"
learning_rate = 0.05
epochs = 1
batch = 48

[aggregation]
rule = "fedavg"
min_sites = 3
window = "60s"

[privacy]
mode = "none"
clip = 10.0
"#;

/// How a hospital's database exports its tables.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Export {
    Plain,
    /// Names in capitals, German dates, and rows that cannot be used.
    Capitals,
}

impl Export {
    fn name(self, name: &str) -> String {
        if self == Self::Plain { name.to_owned() } else { name.to_uppercase() }
    }

    fn day(self, day: Day) -> String {
        let (year, month, date) = day.parts();
        match self {
            Self::Plain => day.to_string(),
            Self::Capitals => format!("{date:02}.{month:02}.{year}"),
        }
    }
}

/// A table while it is made: its header, then its rows.
struct Table {
    name: &'static str,
    rows: Vec<String>,
}

/// A number from 0 to 1 by a hospital, a person and what it is for.
fn chance(hospital: usize, person: u32, what: u32) -> f64 {
    let mut state = (hospital as u64 + 1) << 40 | u64::from(person) << 8 | u64::from(what);
    // SplitMix64.
    state = state.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (state >> 11) as f64 / (1_u64 << 53) as f64
}

/// Writes one hospital's tables: older persons with diabetes die earlier.
fn write(folder: &Path, hospital: usize, export: Export) -> Outcome {
    let table = |name, header: &str| Table { name, rows: vec![export.name(header)] };
    let mut persons = table(
        "person",
        "person_id,gender_concept_id,year_of_birth,race_concept_id,ethnicity_concept_id",
    );
    let mut conditions = table(
        "condition_occurrence",
        "person_id,condition_concept_id,condition_start_date,condition_end_date",
    );
    let mut measured = table(
        "measurement",
        "person_id,measurement_concept_id,measurement_date,value_as_number,unit_concept_id",
    );
    let mut periods = table(
        "observation_period",
        "person_id,observation_period_start_date,observation_period_end_date",
    );
    let mut deaths = table("death", "person_id,death_date");
    let start = Day::of(2012, 1, 1).ok_or("no such day")?.0;
    for person in 1..=PERSONS {
        let of = |what| chance(hospital, person, what);
        #[allow(clippy::cast_possible_truncation, reason = "days of some years")]
        let day = |days: f64| export.day(Day(start + days.round() as i32));
        let age = 45.0 + 40.0 * of(0);
        let diabetic = of(1) < 0.4;
        let index = 365.0 * of(2);
        let rate = 0.05 * (0.06 * (age - 65.0)).exp() * if diabetic { 3.0 } else { 1.0 };
        let death = -of(3).max(1e-9).ln() / rate * 365.25;
        let end = 365.25 * (2.0 + 4.0 * of(4));
        persons.rows.push(format!("{person},8507,{:.0},0,0", 2012.0 - age));
        conditions.rows.push(format!("{person},{CARDIOMYOPATHY},{},", day(index)));
        if diabetic {
            conditions.rows.push(format!("{person},{DIABETES},{},", day(index - 30.0)));
        }
        if of(5) < 0.9 {
            let when = day(index - 3.0);
            let value = 3.5 + 2.0 * of(6);
            measured.rows.push(format!("{person},{POTASSIUM},{when},{value:.1},8753"));
        }
        periods.rows.push(format!("{person},{},{}", day(-900.0), day(index + end.min(death))));
        if death <= end {
            deaths.rows.push(format!("{person},{}", day(index + death)));
        } else if export == Export::Capitals && person % 3 == 0 {
            deaths.rows.push(format!("{person},{}", day(index + end + 30.0)));
        }
    }
    let mut cohort = format!("[omop]\nfolder = \"omop\"\nindex_conditions = [{CARDIOMYOPATHY}]\n");
    if export == Export::Capitals {
        // A stranger, a result in words of an item that nobody asks for, and somebody without an index date.
        measured.rows.push("9999,3023103,01.01.2012,4.0,8753".to_owned());
        measured.rows.push("1,3000000,01.01.2012,negative,".to_owned());
        persons.rows.push("5000,8507,1950,0,0".to_owned());
        cohort = format!("date_format = \"%d.%m.%Y\"\n{cohort}");
    }
    fs::create_dir_all(folder.join("omop"))?;
    for Table { name, rows } in [persons, conditions, measured, periods, deaths] {
        fs::write(folder.join("omop").join(export.name(name) + ".csv"), rows.join("\n") + "\n")?;
    }
    Ok(fs::write(folder.join("cohort.toml"), cohort)?)
}

/// Six hospitals with OMOP tables; the first exports them in its own way.
fn federation() -> Result<Federation, SetupError> {
    let federation = Federation::new()?;
    for (number, name) in HOSPITALS.iter().enumerate() {
        let export = if number == 0 { Export::Capitals } else { Export::Plain };
        let site = federation.site(name);
        fs::remove_file(site.join("cohort.csv"))?;
        write(&site, number, export)?;
        let policy = fs::read_to_string(site.join("policy.toml"))?;
        let line = policy.lines().find(|line| line.starts_with("columns = ")).unwrap_or_default();
        let columns = "columns = [\"age\", \"measurement:3023103\", \"codes:condition\"]";
        fs::write(site.join("policy.toml"), policy.replace(line, columns))?;
        // The same persons, as `simulate` reads them.
        write(&federation.elsewhere("cohorts").join(name), number, Export::Plain)?;
    }
    Ok(federation)
}

fn experiment(federation: &Federation) -> Result<PathBuf, SetupError> {
    let path = federation.elsewhere("omop.toml");
    fs::write(&path, EXPERIMENT)?;
    Ok(path)
}

fn last_line(output: &str) -> Result<Value, SetupError> {
    Ok(serde_json::from_str(output.lines().last().unwrap_or_default())?)
}

#[test]
fn hospitals_with_omop_tables_train_the_model_that_a_simulation_trains() -> Outcome {
    let mut federation = federation()?;
    let path = experiment(&federation)?;
    let mut check = federation.site_command(HOSPITALS[0], &["data", "check"])?;
    let told = success(Process::start(check.arg("--experiment").arg(&path))?)?;
    for part in [
        "1 of 241 patients of PERSON.csv have no sound row in OBSERVATION_PERIOD.csv",
        "lie after the end of observation and are not counted",
        "rows of MEASUREMENT.csv are of patients who stand in no table of patients",
        "rows of MEASUREMENT.csv hold a result in words",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let _coordinator = federation.serve()?;
    let mut sites: Vec<Process> =
        HOSPITALS.iter().map(|name| federation.start_site(name)).collect::<Result<_, _>>()?;
    let report = last_line(&success(federation.run(&path, &[])?)?)?;
    assert_eq!(report["sites"].as_array().map(Vec::len), Some(6), "{report}");
    assert_eq!(report["rounds"].as_array().map(Vec::len), Some(4), "{report}");
    // The hospital's own log counts them, and tells no count below its minimum of patients.
    let line = sites[0].wait_for("patients of PERSON.csv")?;
    assert!(line.contains("fewer than 20 patients of PERSON.csv"), "{line}");
    let line = sites[0].wait_for("deaths of DEATH.csv lie after the end of observation")?;
    assert!(line.contains(" of "), "{line}");

    let mut simulate = Command::new(binary("coordinator")?);
    simulate.arg("simulate").arg(&path).args(["--format", "json", "--quiet", "--no-baselines"]);
    simulate.arg("--data").arg(federation.elsewhere("cohorts"));
    simulate.arg("--out").arg(federation.elsewhere("runs"));
    let simulated = last_line(&success(Process::start(&mut simulate)?)?)?;
    assert!(report["file_sha256"].is_string(), "{report}");
    assert_eq!(report["file_sha256"], simulated["file_sha256"], "{simulated}");

    let run = report["run"].as_str().unwrap_or_default();
    let mut show = federation.coordinator(&["runs", "show", run])?;
    let shown = last_line(&success(Process::start(show.args(["--format", "json"]))?)?)?;
    let loss = |round: usize| shown["rounds"][round]["metrics"]["train.loss"].as_f64();
    assert!(loss(3).zip(loss(0)).is_some_and(|(last, first)| last < first), "{shown}");
    Ok(())
}

#[test]
fn a_hospital_whose_persons_are_observed_for_ever_takes_no_part() -> Outcome {
    let mut federation = federation()?;
    let name = HOSPITALS[1];
    let periods = federation.site(name).join("omop/observation_period.csv");
    let text = fs::read_to_string(&periods)?;
    let row = text.lines().nth(1).unwrap_or_default();
    let (start, _) = row.rsplit_once(',').unwrap_or_default();
    edit(&periods, row, &format!("{start},9999-12-31"))?;
    let told = failure(Process::start(&mut federation.site_command(name, &["data", "check"])?)?)?;
    assert!(told.contains("observation_period.csv: row 2") && told.contains("open end"), "{told}");
    let path = experiment(&federation)?;
    let _coordinator = federation.serve()?;
    let mut sites: Vec<Process> =
        HOSPITALS.iter().map(|name| federation.start_site(name)).collect::<Result<_, _>>()?;
    let report = last_line(&success(federation.run(&path, &["rounds=1"])?)?)?;
    assert_eq!(report["sites"].as_array().map(Vec::len), Some(5), "{report}");
    sites[1].wait_for("a date before 1850 or after 2150")?;
    Ok(())
}
