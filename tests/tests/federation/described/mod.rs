//! Descriptions: every number that leaves for one, who is refused one, what hostile sites tell, and six
//! processes that are asked for one.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may stop, and knows its tables")]

mod acknowledged;
mod poisoned;
mod processes;
mod truth;
mod views;

use std::path::Path;

use audit::verify::{Options, Verdict, verify};
use base::ids::Round;
use node::wire::{SignedState, StatisticsReply};
use plan::experiment::{Experiment, Statistic, StatisticsRequest, ViewSource};
use plan::policy::Policy;
use privacy::{Entry, Mechanism, Released};
use site_node::privatize::LedgerLog;
use tests::{Answer, SetupError, demo};

use crate::Outcome;
use crate::private::{Stage, refusal};
use truth::Truth;

/// The demonstration's experiment with something to ask.
pub(crate) fn experiment(rho: f64) -> Result<String, SetupError> {
    let table = "columns = [\"x01\", \"x02\"]\n\n[describe.bounds]\nx01 = [-3, 3]\nx02 = [-4, 4]";
    Ok(format!("{}\n[describe]\nrho = {rho}\n{table}\n", std::fs::read_to_string(demo())?))
}

/// What it asks of a federation that may be one site.
fn question(rho: f64) -> Result<StatisticsRequest, SetupError> {
    let experiment: Experiment = base::config::read("demo", &experiment(rho)?)?;
    let (question, _) = experiment.describe.question(&experiment.plan)?;
    Ok(StatisticsRequest { min_sites: 1, ..question })
}

fn ledger(state: &Path) -> Result<Vec<Entry>, SetupError> {
    Ok(LedgerLog::look(state, &"cohort".parse()?)?.entries)
}

/// That a log keeps every rule, its charges by the privacy core's own accountant.
fn verified(state: &Path) -> Outcome {
    let folder = state.join("audit");
    let options = Options { cost: Some(&privacy::cost), ..Options::default() };
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
    let Answer::Statistics(said) = said else { return Err(format!("{said:?}").into()) };
    let StatisticsReply { run, question: digest, numbers, log } = *said;
    // Echoes of what was sent, and hashes of the site's audit log.
    assert_eq!((&run, digest), (&question.run(), question.digest()));
    let SignedState { checkpoint, proofs } = log;
    assert!(checkpoint.starts_with("hospital-a.1\n") && proofs.len() == 1, "{checkpoint}");
    // Each of the others answers a question.
    assert_eq!(question.accepts(&numbers), Ok(()));
    // Each question was charged once, for its own kind, and together they cost what was stated.
    let charged = ledger(&stage.folder.path().join("state"))?;
    let paid: Vec<(Round, Released, Mechanism)> =
        charged.iter().map(|entry| (entry.round, entry.released, entry.mechanism)).collect();
    let asked =
        |(round, one): (Round, Statistic<'_>)| (round, one.released(), question.mechanism());
    assert_eq!(paid, question.questions().into_iter().map(asked).collect::<Vec<_>>());
    assert!(charged.iter().all(|entry| entry.run == run && entry.plan == question.digest()));
    let table = std::fs::read_to_string(stage.folder.path().join("cohort.csv"))?;
    Truth::of(&table).hold(&question, &numbers);

    // Asked again, it says the same and spends nothing; without what it kept, nothing at all.
    let again = site.inquire(&question).await?;
    let Answer::Statistics(again) = again else { return Err(format!("{again:?}").into()) };
    assert_eq!((again.question, again.numbers), (digest, numbers));
    assert_eq!(stage.charged()?, charged.len());
    std::fs::remove_dir_all(stage.folder.path().join("state/descriptions"))?;
    let (rule, reason) = refusal(site.inquire(&question).await?.into_said()?);
    assert!(rule == "ledger" && reason.contains("charged before"), "{rule}: {reason}");
    assert_eq!(stage.charged()?, charged.len());
    // A question that differs is another one, as long as the budget lasts.
    let mut spent = charged.len();
    for rho in 1..20 {
        let mut more = question.clone();
        more.rho += f64::from(rho) * 1e-3;
        match site.inquire(&more).await? {
            Answer::Statistics(_) => spent += 13,
            said => {
                let (rule, reason) = refusal(said.into_said()?);
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
type Ask = (&'static str, fn(&mut Policy), fn(&mut StatisticsRequest));

/// A column of words.
fn reads_hospital(asked: &mut StatisticsRequest) {
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
        let (rule, reason) = refusal(site.inquire(&asked).await?.into_said()?);
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
