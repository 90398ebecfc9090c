//! A hospital whose table is as its system exports it trains the model that a clean table trains.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tests::{Federation, HOSPITALS, Process, SetupError, demo, edit, failure, success};

use crate::Outcome;

const SITE: &str = HOSPITALS[0];
/// Rows of patients who withdrew.
const GONE: [usize; 2] = [5, 7];

/// The demonstration, in which x12 may be missing.
fn experiment(federation: &Federation) -> Result<PathBuf, SetupError> {
    let path = federation.elsewhere("messy.toml");
    fs::copy(demo(), &path)?;
    edit(&path, ", \"x12\"]", "]")?;
    let view =
        "[features.views.x12]\nkind = \"number\"\ncolumn = \"x12\"\nmissing = \"indicator\"\n\n";
    edit(&path, "[model]", &format!("{view}[model]"))?;
    Ok(path)
}

/// The table of one hospital by rows of cells, the header first. Patients are numbered, and some lack x12.
fn table(federation: &Federation) -> Result<Vec<Vec<String>>, SetupError> {
    let text = fs::read_to_string(federation.site(SITE).join("cohort.csv"))?;
    let mut rows: Vec<Vec<String>> =
        text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
    let name = place(&rows, "patient")?;
    let x12 = place(&rows, "x12")?;
    for (number, row) in rows.iter_mut().enumerate().skip(1) {
        row[name] = number.to_string();
        if number % 9 == 0 {
            row[x12].clear();
        }
    }
    Ok(rows)
}

fn place(rows: &[Vec<String>], column: &str) -> Result<usize, SetupError> {
    let found = rows.first().and_then(|header| header.iter().position(|name| name == column));
    found.ok_or_else(|| format!("no column {column}").into())
}

fn clean(federation: &Federation) -> Outcome {
    let rows = table(federation)?.into_iter().enumerate();
    let stay = rows.filter(|(number, _)| !GONE.contains(number));
    let lines: Vec<String> = stay.map(|(_, row)| row.join(",")).collect();
    Ok(fs::write(federation.site(SITE).join("cohort.csv"), lines.join("\n"))?)
}

/// Decimal commas, words, identifiers as pandas writes them, an old encoding, a list of withdrawals.
fn messy(federation: &Federation) -> Outcome {
    let mut rows = table(federation)?;
    let name = place(&rows, "patient")?;
    let event = place(&rows, "event")?;
    let x12 = place(&rows, "x12")?;
    let mut bytes = b"\xef\xbb\xbfsep=;\r\n".to_vec();
    for (number, row) in rows.iter_mut().enumerate() {
        if number > 0 {
            for cell in row.iter_mut() {
                *cell = cell.replace('.', ",");
            }
            row[name] += ".0";
            let died = row[event].starts_with('1');
            let word = if died { "1:DECEASED" } else { "0:LIVING" };
            word.clone_into(&mut row[event]);
            if row[x12].is_empty() {
                "NA".clone_into(&mut row[x12]);
            }
        }
        bytes.extend(row.join(";").bytes());
        bytes.extend_from_slice(if number == 0 { b";ward;" } else { b";Z\xfcrich;" });
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n;;;\r\n");
    let folder = federation.site(SITE);
    fs::write(folder.join("cohort.csv"), bytes)?;
    let gone = GONE.map(|number| number.to_string()).join("\n");
    fs::write(folder.join("withdrawn.csv"), format!("patient\n{gone}\n"))?;
    let cohort = "tables = [\"cohort.csv\"]\npatient = \"patient\"\nsplit = \"split\"\n\
                  withdrawn = \"withdrawn.csv\"\ndecimal = \",\"\n[outcome]\ntime = \"time\"\n\
                  unit = \"years\"\nevent = \"event\"\nevent_is = [\"1:DECEASED\"]\n\
                  no_event_is = [\"0:LIVING\"]\n";
    Ok(fs::write(folder.join("cohort.toml"), cohort)?)
}

/// The trained model's file, by its hash, and the final metrics.
fn trained(federation: &mut Federation) -> Result<[Value; 2], SetupError> {
    let experiment = experiment(federation)?;
    let _coordinator = federation.serve()?;
    let _sites: Vec<Process> =
        HOSPITALS.iter().map(|name| federation.start_site(name)).collect::<Result<_, _>>()?;
    let output = success(federation.run(&experiment, &["rounds=3"])?)?;
    let report: Value = serde_json::from_str(output.lines().last().unwrap_or_default())?;
    assert_eq!(report["sites"].as_array().map(Vec::len), Some(6), "{report}");
    Ok([report["file_sha256"].clone(), report["final"].clone()])
}

#[test]
fn a_messy_table_trains_the_model_of_a_clean_one() -> Outcome {
    let mut tidy = Federation::new()?;
    clean(&tidy)?;
    let mut federation = Federation::new()?;
    messy(&federation)?;
    let told = success(federation.site_node(SITE, "check --offline")?)?;
    assert!(told.contains("good"), "{told}");
    let wanted = trained(&mut tidy)?;
    assert!(wanted[0].is_string(), "{wanted:?}");
    assert_eq!(trained(&mut federation)?, wanted);
    // Somebody on the list who is not found may be there by another name: nobody trains until it is stated.
    let list = federation.site(SITE).join("withdrawn.csv");
    edit(&list, "\n5\n", "\n99005\n")?;
    let refused = failure(federation.site_node(SITE, "check --offline")?)?;
    assert!(refused.contains("withdrawn_without_records"), "{refused}");
    let experiment = experiment(&federation)?;
    let _coordinator = federation.serve()?;
    let mut sites: Vec<Process> =
        HOSPITALS.iter().map(|name| federation.start_site(name)).collect::<Result<_, _>>()?;
    success(federation.run(&experiment, &["rounds=1"])?)?;
    sites[0].wait_for("withdrawn_without_records")?;
    Ok(())
}
