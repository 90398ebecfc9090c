//! Descriptions: every number that leaves for one, and six processes that are asked for one.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may stop, and knows its tables")]

use std::collections::BTreeMap;
use std::path::Path;

use audit::verify::{Options, Verdict, verify};
use common::experiment::{Description, Experiment, Question, ViewSource};
use common::ids::Round;
use common::policy::Policy;
use common::privacy::{Entry, Mechanism, Released};
use common::wire::{Described, Metric, Sighting, ToCoordinator, ToSite};
use serde_json::Value;
use site_node::privatize::LedgerLog;
use tests::{Federation, HOSPITALS, Process, SetupError, demo, edit, failure, success};

use crate::Outcome;
use crate::private::{Stage, refusal};

/// How many standard deviations of its noise a number may lie from the truth: beyond 8 with a chance
/// below 10⁻¹⁴.
const FAR: f64 = 8.0;

/// What a table says, and what a description is held against.
struct Truth {
    times: Vec<f64>,
    events: Vec<bool>,
    columns: BTreeMap<String, Vec<Option<f64>>>,
}

impl Truth {
    /// The training patients of a table.
    fn of(table: &str) -> Self {
        let mut lines = table.lines();
        let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        let mut truth = Self { times: Vec::new(), events: Vec::new(), columns: BTreeMap::new() };
        for line in lines {
            let cells: BTreeMap<&str, Option<f64>> =
                header.iter().copied().zip(line.split(',').map(|cell| cell.parse().ok())).collect();
            if cells["split"] != Some(1.0) {
                continue;
            }
            truth.times.push(cells["time"].unwrap());
            truth.events.push(cells["event"] == Some(1.0));
            for (name, value) in cells {
                truth.columns.entry(name.to_owned()).or_default().push(value);
            }
        }
        truth
    }

    fn values(&self, column: &str) -> Vec<f64> {
        self.columns[column].iter().copied().flatten().collect()
    }

    /// Patients with this outcome in the interval that ends with edge `place`; beyond the last one.
    fn cell(&self, edges: &[f64], place: usize, event: Option<bool>) -> usize {
        let at = |time: f64| edges.partition_point(|edge| *edge < time);
        let all = self.times.iter().zip(&self.events);
        all.filter(|(time, ended)| at(**time) == place && event.is_none_or(|e| e == **ended))
            .count()
    }

    /// What a count should be.
    fn count(&self, name: &str, question: &Description) -> Option<usize> {
        let edges = &question.outcome.edges;
        let parts: Vec<&str> = name.split('.').collect();
        Some(match parts[..] {
            ["patients"] => self.times.len(),
            ["events"] => self.events.iter().filter(|event| **event).count(),
            ["survival", "beyond"] => self.cell(edges, edges.len(), None),
            ["survival", what, edge] => {
                let place = edge.parse::<usize>().unwrap() - 1;
                self.cell(edges, place, Some(what == "events"))
            }
            ["input", column, "present"] => self.values(column).len(),
            ["input", column, "missing"] => self.times.len() - self.values(column).len(),
            _ => return None,
        })
    }

    /// Holds every number against the table.
    fn hold(&self, question: &Description, numbers: &[Metric]) {
        let told: BTreeMap<&str, f64> =
            numbers.iter().map(|number| (number.name.as_str(), number.value)).collect();
        let Mechanism::Concentrated { rho } = question.mechanism() else { panic!("no noise") };
        let sigma = 1.0 / (2.0 * rho).sqrt();
        let (mut squares, mut counts) = (0.0, 0.0);
        for (name, value) in &told {
            if let Some(truth) = self.count(name, question) {
                let off = (value - truth as f64) / sigma;
                assert!(off.abs() < FAR, "{name}: {value} for {truth} ± {sigma}");
                (squares, counts) = (squares + off * off, counts + 1.0);
            }
        }
        // Chi-square of 27 counts: outside with a chance below 10⁻⁸. Numbers without noise are outside.
        assert!(
            counts >= 23.0 && (0.1..4.0).contains(&(squares / counts)),
            "{squares} of {counts}"
        );
        for input in &question.inputs {
            let name = &input.view.name;
            let find = |what: &str| told[format!("input.{name}.{what}").as_str()];
            let values = self.values(name);
            let n = values.len() as f64;
            let clipped = values.iter().map(|value| value.clamp(input.lower, input.upper));
            let (mean, off) = (clipped.sum::<f64>() / n, FAR * find("mean_deviation"));
            assert!(off < 1.0 && (find("mean") - mean).abs() < off, "{name}: {off}");
            // The exponential mechanism is off by s·(ln 501 + 25) in rank with a chance of e⁻²⁵, and a
            // candidate is at most a few patients wide.
            let far = 0.76 * sigma * (501.0_f64.ln() + 25.0) / 0.75 + 10.0;
            for (q, what) in [(0.25, "q25"), (0.5, "q50"), (0.75, "q75")] {
                let below = values.iter().filter(|value| **value < find(what)).count();
                assert!(
                    (below as f64 - q * n).abs() < far,
                    "{name} {what}: {below} of {n} ± {far}"
                );
            }
        }
    }
}

/// The demonstration's experiment with something to ask.
fn experiment(rho: f64) -> Result<String, SetupError> {
    let table = "columns = [\"x01\", \"x02\"]\n\n[describe.bounds]\nx01 = [-3, 3]\nx02 = [-4, 4]";
    Ok(format!("{}\n[describe]\nrho = {rho}\n{table}\n", std::fs::read_to_string(demo())?))
}

fn question(rho: f64) -> Result<Description, SetupError> {
    let experiment: Experiment = common::config::read("demo", &experiment(rho)?)?;
    Ok(experiment.describe.question(&experiment.plan)?.0)
}

fn ledger(state: &Path) -> Result<Vec<Entry>, SetupError> {
    Ok(LedgerLog::look(state, &"cohort".parse()?)?.entries)
}

/// That a log keeps every rule, its charges by the privacy core's own accountant.
fn verified(state: &Path) -> Outcome {
    let folder = state.join("audit");
    let options = Options { cost: Some(&common::logbook::cost), ..Options::default() };
    let report = verify(&folder, &audit::folder::key(&folder)?, &options);
    assert_eq!(report.verdict, Verdict::Sound, "{}: {report}", state.display());
    Ok(())
}

fn allowed(policy: &mut Policy) {
    policy.describe = true;
    policy.limits.epsilon_per_run = None;
}

/// Whatever a site answers is taken apart here without `..`: a new field does not compile until this
/// test says what it is.
#[tokio::test(flavor = "multi_thread")]
async fn every_number_of_a_description_is_noised_and_paid_for() -> Outcome {
    let stage = Stage::new(allowed)?;
    let question = question(0.25)?;
    let mut site = stage.observer.site().await?;
    let said = site.inquire(&question).await?;
    let ToCoordinator::Described(Described { run, question: digest, numbers, log }) = said else {
        return Err(format!("{said:?}").into());
    };
    // Echoes of what was sent, and hashes of the site's audit log.
    assert_eq!((&run, digest), (&question.run(), question.digest()));
    let Sighting { checkpoint, proofs } = log;
    assert!(checkpoint.starts_with("hospital-a.1\n") && proofs.len() == 1, "{checkpoint}");
    // Each of the others answers a question.
    assert_eq!(question.accepts(&numbers), Ok(()));
    // Each question was charged once, for its own kind, and together they cost what was stated.
    let charged = ledger(&stage.folder.path().join("state"))?;
    let paid: Vec<(Round, Released, Mechanism)> =
        charged.iter().map(|entry| (entry.round, entry.released, entry.mechanism)).collect();
    let asked = |(round, one): (Round, Question<'_>)| (round, one.released(), question.mechanism());
    assert_eq!(paid, question.questions().into_iter().map(asked).collect::<Vec<_>>());
    assert!(charged.iter().all(|entry| entry.run == run && entry.plan == question.digest()));
    let table = std::fs::read_to_string(stage.folder.path().join("cohort.csv"))?;
    Truth::of(&table).hold(&question, &numbers);

    // Asked again, it says nothing and spends nothing; nor under another name.
    let (rule, reason) = refusal(site.inquire(&question).await?);
    assert!(rule == "ledger" && reason.contains("charged before"), "{rule}: {reason}");
    let other = ToSite::Describe { run: "run-a".parse()?, question: question.clone() };
    site.say(&other).await?;
    let (rule, reason) = refusal(site.hear().await?);
    assert!(rule == "consent" && reason.contains("not its own"), "{rule}: {reason}");
    assert_eq!(stage.charged()?, charged.len());
    // A question that differs is another one, as long as the budget lasts.
    let mut spent = charged.len();
    for rho in 1..20 {
        let mut more = question.clone();
        more.rho += f64::from(rho) * 1e-3;
        match site.inquire(&more).await? {
            ToCoordinator::Described(_) => spent += 13,
            said => {
                let (rule, reason) = refusal(said);
                assert!(rule == "policy.budget.epsilon", "{rule}: {reason}");
                assert!(reason.contains("13 releases"), "{reason}");
                break;
            }
        }
    }
    assert_eq!(stage.charged()?, spent);
    assert!(spent < 13 * 19, "the budget never stopped a question");
    verified(&stage.folder.path().join("state"))
}

/// The rule that refuses, what the hospital's policy is, and what is asked.
type Ask = (&'static str, fn(&mut Policy), fn(&mut Description));

/// A column of words.
fn reads_hospital(asked: &mut Description) {
    if let ViewSource::Number { column, .. } = &mut asked.inputs[0].view.source {
        "hospital".clone_into(column);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_ask_is_told_the_rule_and_nothing_is_spent() -> Outcome {
    let asks: [Ask; 9] = [
        ("policy.describe", |policy| policy.describe = false, |_| ()),
        ("policy.coordinators", |policy| policy.coordinators.clear(), |_| ()),
        ("policy.columns", |_| (), reads_hospital),
        ("policy.outcomes", |_| (), |asked| asked.outcome.event = "x05".to_owned()),
        ("describe.rho", |_| (), |asked| asked.rho = f64::NAN),
        ("policy.budget.epsilon", |_| (), |asked| asked.rho = 50.0),
        ("cohort", |policy| policy.min_patients = 1_000_000, |_| ()),
        ("cohort", |policy| policy.min_events = 1_000_000, |_| ()),
        // A column of words.
        (
            "cohort",
            |policy| policy.columns.as_mut().unwrap().push("hospital".to_owned()),
            reads_hospital,
        ),
    ];
    let mut reasons = Vec::new();
    for (expected, change, ask) in asks {
        let stage = Stage::new(|policy| {
            allowed(policy);
            change(policy);
        })?;
        let mut asked = question(0.1)?;
        ask(&mut asked);
        let mut site = stage.observer.site().await?;
        let (rule, reason) = refusal(site.inquire(&asked).await?);
        assert_eq!(rule, expected, "{reason}");
        assert_eq!(stage.charged()?, 0);
        if rule == "cohort" {
            reasons.push(reason);
        }
    }
    // Which of a cohort's rules it was is not told.
    assert!(reasons.iter().all(|reason| *reason == reasons[0]), "{reasons:?}");
    Ok(())
}

fn last_line(output: &str) -> Result<Value, SetupError> {
    Ok(serde_json::from_str(output.lines().last().unwrap_or_default())?)
}

/// The numbers of a site as it sent them, out of the report.
fn numbers(group: &Value) -> Vec<Metric> {
    let mut numbers = Vec::new();
    let mut put = |name: String, value: &Value| {
        let value = value.as_f64().unwrap_or(f64::NAN);
        numbers.push(Metric { name, value });
    };
    put("patients".to_owned(), &group["patients"]);
    put("events".to_owned(), &group["events"]);
    for what in ["events", "censored"] {
        for (place, value) in group["survival"][what].as_array().unwrap().iter().enumerate() {
            put(format!("survival.{what}.{}", place + 1), value);
        }
    }
    put("survival.beyond".to_owned(), &group["survival"]["beyond"]);
    for input in group["inputs"].as_array().unwrap() {
        let name = input["name"].as_str().unwrap();
        for what in ["missing", "present", "mean", "mean_deviation", "q25", "q50", "q75"] {
            put(format!("input.{name}.{what}"), &input[what]);
        }
    }
    numbers
}

fn ask(federation: &Federation, experiment: &Path, format: &[&str]) -> Result<Process, SetupError> {
    let mut command = federation.coordinator(&["describe"])?;
    command.arg(experiment).args(["--coordinator", &federation.address]).args(format);
    Ok(Process::start(&mut command)?)
}

#[test]
fn six_processes_describe_their_patients_once() -> Outcome {
    let mut federation = Federation::new()?;
    for name in HOSPITALS {
        let policy = federation.site(name).join("policy.toml");
        edit(&policy, "describe = false", "describe = true")?;
        edit(&policy, "epsilon = 8.0", "epsilon = 60.0")?;
        edit(&policy, "epsilon_per_run = 4.0", "epsilon_per_run = 50.0")?;
        edit(&federation.site(name).join("site-node.toml"), "\"synthetic\"", "\"private\"")?;
    }
    let [first, .., small, closed] = HOSPITALS;
    edit(&federation.site(small).join("policy.toml"), "min_patients = 20", "min_patients = 999")?;
    edit(&federation.site(closed).join("policy.toml"), "describe = true", "describe = false")?;
    // Every fourth patient of the first hospital lacks a value.
    let table = federation.site(first).join("cohort.csv");
    let text = std::fs::read_to_string(&table)?;
    let place = text.lines().next().unwrap_or_default().split(',').position(|name| name == "x01");
    let lacking = text.lines().enumerate().map(|(number, line)| {
        let cells = line.split(',').enumerate();
        let keep = |at| number == 0 || number % 4 != 0 || Some(at) != place;
        cells.map(|(at, cell)| if keep(at) { cell } else { "" }).collect::<Vec<_>>().join(",")
    });
    std::fs::write(&table, lacking.collect::<Vec<_>>().join("\n") + "\n")?;

    let coordinator = federation.serve()?;
    let sites: Vec<Process> =
        HOSPITALS.iter().map(|name| federation.start_site(name)).collect::<Result<_, _>>()?;
    let file = federation.elsewhere("described.toml");
    std::fs::write(&file, experiment(2.0)?)?;
    let question = question(2.0)?;
    let report = last_line(&success(ask(&federation, &file, &["--format", "json", "--quiet"])?)?)?;

    assert_eq!(report["description"], question.run().as_str());
    assert_eq!(report["cost"]["releases"], 13);
    assert!(
        report["cost"]["epsilon"].as_f64().is_some_and(|e| (9.0..12.0).contains(&e)),
        "{report}"
    );
    let answered = report["sites"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<_> = answered.iter().filter_map(|group| group["site"].as_str()).collect();
    assert_eq!(names, HOSPITALS[..4]);
    let mut patients = 0;
    for group in answered {
        let site = federation.site(group["site"].as_str().unwrap_or_default());
        let truth = Truth::of(&std::fs::read_to_string(site.join("cohort.csv"))?);
        patients += truth.times.len();
        let numbers = numbers(group);
        assert_eq!(question.accepts(&numbers), Ok(()));
        truth.hold(&question, &numbers);
    }
    let rate = answered[0]["inputs"][0]["missing_rate"].as_f64().unwrap_or_default();
    assert!((rate - 0.25).abs() < 0.1, "{rate}");
    let off = report["pooled"]["patients"].as_f64().unwrap_or_default() - patients as f64;
    let deviation = report["pooled"]["count_deviation"].as_f64().unwrap_or_default();
    assert!(off.abs() < FAR * deviation && deviation < 5.0, "{off} ± {deviation}");
    // Those who do not answer are named, and spend nothing.
    let declined = |at: usize| (&report["declined"][at]["site"], &report["declined"][at]["rule"]);
    assert_eq!(declined(0), (&small.into(), &"cohort".into()));
    assert_eq!(declined(1), (&closed.into(), &"policy.describe".into()));
    let spent = || -> Result<Vec<usize>, SetupError> {
        HOSPITALS
            .iter()
            .map(|name| Ok(ledger(&federation.site(name).join("state"))?.len()))
            .collect()
    };
    assert_eq!(spent()?, [13, 13, 13, 13, 0, 0]);

    // The same question: nobody answers, and nothing is spent. What it would cost was said before.
    let again = success(ask(&federation, &file, &[])?)?;
    assert!(again.contains("each hospital that answers is charged ε = "), "{again}");
    assert_eq!(again.matches(": ledger: ").count(), 2 * 4, "{again}");
    assert_eq!(spent()?, [13, 13, 13, 13, 0, 0]);
    // A question that breaks a rule is not asked.
    let refused = failure(ask(&federation, &file, &["--set", "describe.rho=1e9"])?)?;
    assert!(refused.contains("describe.rho"), "{refused}");

    coordinator.terminate()?;
    success(coordinator)?;
    for site in &sites {
        site.terminate()?;
    }
    for site in sites {
        success(site)?;
    }
    verified(&federation.place("state"))?;
    for name in HOSPITALS {
        verified(&federation.site(name).join("state"))?;
    }
    let folders: Vec<_> =
        HOSPITALS.iter().map(|name| federation.site(name).join("state/audit")).collect();
    let source = |folder| Ok::<_, SetupError>((folder, audit::folder::key(folder)?));
    let logs = folders.iter().map(|folder| source(folder)).collect::<Result<Vec<_>, _>>()?;
    let own = federation.place("state/audit");
    let found = audit::reconcile::reconcile(&source(&own)?, &logs, 300_000);
    assert_eq!((found.exit_code(), &found.discrepancies[..]), (0, &[][..]));
    Ok(())
}
