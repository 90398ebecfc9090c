//! A hospital whose patients are described by `cohort.toml`: dated measurements, many a patient.

use std::fmt::Write;
use std::fs;

use plan::experiment::{
    Aggregate, DescribedInput, Missing, StatisticsRequest, Values, View, ViewSource,
};
use site_node::data::Source;
use site_node::participant::Records;
use tempfile::TempDir;
use tests::{Answer, SetupError};

use super::{allowed, question};
use crate::Outcome;
use crate::private::{Stage, refusal};

/// Patients, of whom each second has the event, and those of them without any measurement.
const PATIENTS: u32 = 400;
const LACKING: u32 = 100;

/// One patient has five thousand measurements; the others have one each, two of a unit that nobody
/// knows and one that overflows when it is converted.
fn hospital() -> Result<(TempDir, Records), SetupError> {
    let folder = tempfile::tempdir()?;
    let mut table = "patient,time,event,index_date\n".to_owned();
    let mut labs = "patient,date,analyte,value,unit\n".to_owned();
    for patient in 0..PATIENTS {
        let time = 1 + patient % 9;
        let event = patient % 2;
        writeln!(table, "p{patient},{time},{event},2020-06-01")?;
        match patient {
            0 => (0..5000).for_each(|_| labs += "p0,2020-05-01,crp,900,mg/L\n"),
            1 => labs += "p1,2020-05-01,crp,1e308,g/L\n",
            2 | 3 => writeln!(labs, "p{patient},2020-05-01,crp,5,spoonfuls")?,
            _ if patient < LACKING + 4 => {}
            // After the index date: not read.
            _ if patient % 2 == 0 => {
                writeln!(labs, "p{patient},2020-05-01,crp,40,mg/L")?;
                writeln!(labs, "p{patient},2020-07-01,crp,900,mg/L")?;
            }
            _ => writeln!(labs, "p{patient},2020-05-01,crp,0.02,g/L")?,
        }
    }
    fs::write(folder.path().join("cohort.csv"), table)?;
    fs::write(folder.path().join("labs.csv"), labs)?;
    let cohort = r#"
tables = ["cohort.csv"]
patient = "patient"
index_date = "index_date"
[outcome]
time = "time"
unit = "months"
event = "event"
[measurements.labs]
table = "labs.csv"
date = "date"
item = "analyte"
value = "value"
unit = "unit"
"#;
    let file = folder.path().join("cohort.toml");
    fs::write(&file, cohort)?;
    let source = Source::load(&file)?;
    Ok((folder, Records::fixed(source)))
}

fn input(item: &str, table: &str) -> DescribedInput {
    let values = Values {
        unit: Some("mg/L".to_owned()),
        analyte: None,
        range: None,
        missing: Missing::Zero,
        center: 0.0,
        scale: 1.0,
        transform: None,
    };
    let source = ViewSource::Measurement {
        table: table.to_owned(),
        item: item.to_owned(),
        window: 365,
        aggregate: Aggregate::Mean,
        values,
    };
    DescribedInput { view: View { name: item.to_owned(), source }, lower: 0.0, upper: 100.0 }
}

fn asked(inputs: Vec<DescribedInput>) -> Result<StatisticsRequest, SetupError> {
    Ok(StatisticsRequest { inputs, ..question(0.25)? })
}

fn stage() -> Result<Stage, SetupError> {
    let (folder, records) = hospital()?;
    Stage::with(folder, records, |policy| {
        allowed(policy);
        let reads = ["measurement:crp", "measurement:none", "x01"].map(str::to_owned);
        policy.columns = Some(reads.to_vec());
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_counts_once_however_many_records_there_are() -> Outcome {
    let stage = stage()?;
    let mut site = stage.observer.site().await?;
    let question = asked(vec![input("crp", "labs"), input("none", "labs")])?;
    let said = site.inquire(&question).await?;
    let Answer::Statistics(said) = said else { return Err(format!("{said:?}").into()) };
    let numbers = said.numbers;
    assert_eq!(question.accepts(&numbers), Ok(()));
    let find = |name: &str| numbers.iter().find(|number| number.name == name).unwrap().value;
    let far = super::truth::FAR * question.count_deviation();
    let near = |name: &str, truth: u32| {
        let told = find(name);
        assert!((told - f64::from(truth)).abs() < far, "{name}: {told} for {truth} ± {far}");
    };
    near("patients", PATIENTS);
    near("events", PATIENTS / 2);
    // Units that nobody knows and values beyond all count as missing: a refusal would tell of them.
    near("input.crp.missing", LACKING + 3);
    near("input.crp.present", PATIENTS - LACKING - 3);
    // 40 and 20 mg/L in equal parts: 4999 more records of one patient move it no further than one.
    let mean = find("input.crp.mean");
    let off = find("input.crp.mean_deviation");
    assert!((mean - 30.0).abs() < super::truth::FAR * off + 1.0, "{mean} ± {off}");
    assert!((15.0..=45.0).contains(&find("input.crp.q50")), "{}", find("input.crp.q50"));
    // Nobody has been measured: a hospital like any other.
    near("input.none.missing", PATIENTS);
    near("input.none.present", 0);
    // The consent says which data it was given for.
    let records = tests::records(&stage.folder.path().join("state"))?;
    let events: Vec<&str> = records
        .iter()
        .filter(|record| {
            record.run.as_ref().is_some_and(|run| run.as_str().starts_with("describe"))
        })
        .map(|record| record.event.name())
        .collect();
    let (head, tail) = events.split_at(3);
    assert_eq!(head, ["STATISTICS_OFFER", "DATA_READ", "CONSENT"]);
    let paid = question.questions().len();
    assert_eq!(tail, [vec!["RESERVE"; paid], vec!["METRIC"; paid]].concat());
    super::verified(&stage.folder.path().join("state"))
}

/// A table or a column that a hospital has not: one answer for all, and nothing is charged.
#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_that_lacks_a_view_says_no_more_than_that_it_does_not_answer() -> Outcome {
    let stage = stage()?;
    let mut site = stage.observer.site().await?;
    let column = DescribedInput {
        view: View {
            name: "x01".to_owned(),
            source: match &super::question(0.1)?.inputs[0].view.source {
                source @ ViewSource::Number { .. } => source.clone(),
                _ => return Err("no column".into()),
            },
        },
        lower: -3.0,
        upper: 3.0,
    };
    let mut reasons = Vec::new();
    for lacking in [input("crp", "vitals"), column] {
        let question = asked(vec![input("none", "labs"), lacking])?;
        let (rule, reason) = refusal(site.inquire(&question).await?.into_said()?);
        assert_eq!(rule, "cohort", "{reason}");
        reasons.push(reason);
    }
    assert_eq!(reasons[0], reasons[1]);
    assert_eq!(stage.charged()?, 0);
    Ok(())
}
