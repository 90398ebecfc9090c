//! Hospitals that answer what nobody can have measured: the coordinator passes none of it on.

use std::time::Duration;

use base::digest::Digest;
use base::ids::{RunId, SiteName};
use bytes::Bytes;
use coordinator::launch::Asked;
use node::transport::send_payload;
use node::wire::{
    Contribution, Decline, Offer, Refusal, StatisticsLaunch, StatisticsOffer, StatisticsReply,
    ToCoordinator, Told,
};
use plan::experiment::StatisticsRequest;
use plan::metric::Metric;
use tests::SetupError;

use super::question;
use crate::Outcome;
use crate::rogue::{Rogue, Stage};

/// An answer that can be one.
pub(super) fn sound(question: &StatisticsRequest) -> Vec<Metric> {
    let names = question.questions().into_iter().flat_map(|(_, question)| question.names());
    names.map(|name| Metric { value: 1.0, name }).collect()
}

fn with(numbers: &[Metric], name: &str, value: f64) -> Vec<Metric> {
    let mut numbers = numbers.to_vec();
    numbers.iter_mut().find(|number| number.name == name).unwrap().value = value;
    numbers
}

impl Rogue {
    /// What it is asked.
    pub(super) async fn question(&self) -> Result<StatisticsRequest, SetupError> {
        let mut offer = self.link.accept_transfer().await?;
        match offer.expect().await? {
            Offer::Statistics(StatisticsOffer { question, .. }) => Ok(question),
            Offer::Model(_) => Err("a model in place of a statistics request".into()),
        }
    }

    async fn describes(&mut self, question: Digest, asked: &Asked, numbers: &[Metric]) -> Outcome {
        let (log, ..) = self.audit.signed_state(&[])?;
        let run = asked.run.clone();
        let numbers = numbers.to_vec();
        let reply = StatisticsReply { run, question, numbers, log };
        send_payload(&self.link, &Contribution::Statistics(reply), &Bytes::new()).await?;
        Ok(())
    }
}

/// The only word on a site, once all is over.
async fn told(asked: Asked) -> Result<Told, SetupError> {
    let mut of_site = all_told(asked).await?;
    assert_eq!(of_site.len(), 1, "{of_site:?}");
    Ok(of_site.remove(0))
}

/// What is said of sites, once all is over.
async fn all_told(mut asked: Asked) -> Result<Vec<Told>, SetupError> {
    let mut of_site = Vec::new();
    while let Some(told) = asked.told.recv().await {
        match told {
            Told::Asked { .. } => {}
            Told::Complete { .. } => break,
            other => of_site.push(other),
        }
    }
    Ok(of_site)
}

fn decline(run: RunId) -> ToCoordinator {
    let rule = "\u{1b}[2Jrule".to_owned();
    let reason = "why\n".repeat(1000);
    ToCoordinator::Decline(Decline { run, round: None, rule, reason })
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_are_no_answer_are_not_passed_on() -> Outcome {
    let stage = Stage::new()?;
    let mut rogue = stage.rogue("hospital-a").await?;
    rogue.enter().await?;
    let mut next = question(0.1)?;
    let good = sound(&next);
    let more = [&good[..], &[Metric { name: "secret".to_owned(), value: 1.0 }]].concat();
    let poisons = [
        ("no number", with(&good, "patients", f64::NAN)),
        ("endless", with(&good, "events", f64::INFINITY)),
        ("more than there are people", with(&good, "survival.beyond", 1e300)),
        ("a part of a patient", with(&good, "input.x01.present", 17.5)),
        ("a mean beyond the bounds", with(&good, "input.x01.mean", 3.5)),
        ("a deviation below zero", with(&good, "input.x01.mean_deviation", -1.0)),
        ("a deviation that no noise has", with(&good, "input.x01.mean_deviation", 1e6)),
        ("a quartile beyond the bounds", with(&good, "input.x02.q75", -4.1)),
        ("a quartile that is none", with(&good, "input.x02.q25", f64::NAN)),
        ("a number more", more),
        ("a number less", good[1..].to_vec()),
        ("none at all", Vec::new()),
    ];
    let inquire = |question: &StatisticsRequest| {
        let question = question.clone();
        let window = Duration::from_secs(20);
        stage.launcher.describe(StatisticsLaunch { question, window }, "test")
    };
    for (what, numbers) in poisons {
        next.rho += 1e-3;
        let asked = inquire(&next)?;
        assert_eq!(rogue.question().await?, next);
        rogue.describes(next.digest(), &asked, &numbers).await?;
        assert!(matches!(rogue.refusal().await?, Refusal::Metrics(_)), "{what}");
        let told = told(asked).await?;
        let Told::Declined { rule, reason, .. } = &told else { panic!("{what}: {told:?}") };
        assert!(rule == "answer" && !reason.contains("secret"), "{what}: {rule}: {reason}");
    }

    // The answer to another question; then what is out of turn; then an honest one, and once more.
    let asked = inquire(&next)?;
    rogue.describes(Digest::of(b"another"), &asked, &good).await?;
    assert!(matches!(rogue.refusal().await?, Refusal::Metrics(_)));
    assert!(matches!(told(asked).await?, Told::Declined { .. }));
    let asked = inquire(&next)?;
    let run = asked.run.clone();
    let plan = next.digest();
    rogue.say(ToCoordinator::Consent { run: run.clone(), plan }).await?;
    assert_eq!(rogue.refusal().await?, Refusal::OutOfTurn);
    // The same request is under way.
    assert_eq!(inquire(&next).err(), Some(Refusal::Busy(run.clone())));
    // A signature that is none changes nothing.
    let round = None;
    let signature = "no signature".to_owned();
    rogue.say(ToCoordinator::Cosigned { run: run.clone(), round, signature }).await?;
    rogue.describes(next.digest(), &asked, &good).await?;
    let Told::Answered { numbers, .. } = told(asked).await? else { return Err("no answer".into()) };
    assert_eq!(numbers, good);
    // What was answered once is told again, whatever the hospital says now; another question is another.
    let again = inquire(&next)?;
    rogue.say(decline(run)).await?;
    let Told::Answered { numbers, .. } = told(again).await? else { return Err("forgotten".into()) };
    assert_eq!(numbers, good);
    let other = StatisticsRequest { rho: next.rho + 1e-3, ..next.clone() };
    let asked = inquire(&other)?;
    rogue.say(decline(asked.run.clone())).await?;
    let Told::Declined { rule, reason, .. } = told(asked).await? else { return Err("no".into()) };
    assert!(rule == "[2Jrule" && reason.len() <= 500 && !reason.contains('\n'), "{rule}: {reason}");

    // Also where that hospital is not here to be asked.
    drop(rogue);
    let mut second = stage.rogue("hospital-b").await?;
    second.enter().await?;
    let asked = inquire(&next)?;
    second.say(decline(asked.run.clone())).await?;
    let said = all_told(asked).await?;
    let of = |site: &SiteName| site.as_str().to_owned();
    let answered = said.iter().find_map(|told| match told {
        Told::Answered { site, numbers } => Some((of(site), numbers.clone())),
        _ => None,
    });
    assert_eq!(answered, Some(("hospital-a".to_owned(), good.clone())), "{said:?}");

    // And where nobody is; while a question that nobody answered is not asked.
    drop(second);
    let gone = async {
        while !stage.launcher.connections.sites().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await?;
    assert!(inquire(&other).is_err());
    let Told::Answered { numbers, .. } = told(inquire(&next)?).await? else {
        return Err("forgotten".into());
    };
    assert_eq!(numbers, good);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_hospitals_are_not_asked_and_a_silent_one_is_not_waited_for() -> Outcome {
    let stage = Stage::new()?;
    let mut rogue = stage.rogue("hospital-a").await?;
    rogue.enter().await?;
    let question = question(0.1)?;
    let inquire = |question: &StatisticsRequest, window: Duration| {
        stage.launcher.describe(StatisticsLaunch { question: question.clone(), window }, "test")
    };
    let two = StatisticsRequest { min_sites: 2, ..question.clone() };
    let refused = inquire(&two, Duration::from_secs(20)).err().unwrap().to_string();
    assert!(refused.contains("aggregation.min_sites") && refused.contains("1 are connected"));
    let asked = inquire(&question, Duration::from_secs(1))?;
    let Told::Declined { rule, .. } = told(asked).await? else { return Err("answered".into()) };
    // It has not even signed.
    assert_eq!(rule, "aggregation.min_sites");
    // One that is gone is not waited for.
    let asked = inquire(&question, Duration::from_secs(600))?;
    drop(rogue);
    let Told::Declined { rule, .. } = told(asked).await? else { return Err("answered".into()) };
    assert_eq!(rule, "connection");
    Ok(())
}
