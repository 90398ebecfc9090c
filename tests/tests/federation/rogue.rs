//! A site that does not keep to the protocol, over real QUIC: each misdeed is refused by its name,
//! and an honest update counts after all of them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use audit::record::Record;
use base::clock::{Clock, SystemClock};
use base::digest::Digest;
use base::ids::{Round, RunId};
use bytes::Bytes;
use coordinator::enrol::Authority;
use coordinator::launch::Launched;
use coordinator::server::{Server, entropy};
use node::audit_log::AuditWriter;
use node::pki::Role;
use node::transport::{Dialer, FrameReader, FrameWriter, Link, send_payload};
use node::wire::{
    Contribution, Hello, KeptLog, ModelHeader, Offer, PROTOCOL, Payload, Refusal, ToCoordinator,
    ToSite, UpdateHeader,
};
use plan::experiment::{Experiment, Plan};
use plan::metric::Metric;
use tempfile::TempDir;

use crate::Outcome;

pub(crate) struct Stage {
    authority: Authority,
    address: SocketAddr,
    pub(crate) launcher: coordinator::launch::Launcher,
    /// Each site's log: a known site shows the same one in every session.
    books: Mutex<BTreeMap<String, Arc<AuditWriter>>>,
    folder: TempDir,
}

impl Stage {
    pub(crate) fn new() -> Result<Self, tests::SetupError> {
        let folder = tempfile::tempdir()?;
        let clock = Arc::new(SystemClock::new());
        let authority = Authority::new(clock.wall())?;
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let identity = authority.issue(Role::Coordinator)?.identity()?;
        let server = Server::bind(any_port, identity, folder.path().to_owned(), clock)?;
        let address = server.address()?;
        let launcher = server.launcher();
        tokio::spawn(server.serve(std::future::pending()));
        Ok(Self { authority, address, launcher, books: Mutex::default(), folder })
    }

    pub(crate) async fn rogue(&self, name: &str) -> Result<Rogue, tests::SetupError> {
        let role = Role::Site(name.parse()?);
        let dialer = Dialer::new(self.authority.issue(role)?.identity()?)?;
        let link = dialer.dial(self.address).await?;
        let (writer, reader) = link.open_control().await?;
        let clock = Arc::new(SystemClock::new());
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let audit = if let Some(audit) = books.get(name) {
            Arc::clone(audit)
        } else {
            let state = self.folder.path().join(format!("site-{name}"));
            let role = audit::record::Role::Site;
            let audit = Arc::new(AuditWriter::open(&state, name, role, clock, &mut |_| ())?);
            books.insert(name.to_owned(), Arc::clone(&audit));
            audit
        };
        drop(books);
        Ok(Rogue { link, writer, reader, audit, _dialer: dialer })
    }

    /// The coordinator's state folder.
    pub(crate) fn state(&self) -> &Path {
        self.folder.path()
    }

    /// What the coordinator's audit log holds.
    pub(crate) fn records(&self) -> Result<Vec<Record>, tests::SetupError> {
        tests::records(self.folder.path())
    }

    pub(crate) fn launch(&self, plan: Plan) -> Result<Launched, tests::SetupError> {
        Ok(self.launcher.launch(plan, entropy(), "test")?)
    }
}

pub(crate) struct Rogue {
    pub(crate) link: Link,
    writer: FrameWriter,
    reader: FrameReader,
    pub(crate) audit: Arc<AuditWriter>,
    _dialer: Dialer,
}

impl Rogue {
    pub(crate) async fn say(&mut self, message: ToCoordinator) -> Outcome {
        Ok(self.writer.send(&message).await?)
    }

    pub(crate) async fn hear(&mut self) -> Result<ToSite, tests::SetupError> {
        Ok(self.reader.expect().await?)
    }

    fn hello(&self, protocol: u32) -> Hello {
        let log =
            Some(KeptLog { key: self.audit.verifier().to_string(), seen: None, data_set: None });
        Hello { protocol, software: "rogue".to_owned(), log }
    }

    /// Says who it is.
    pub(crate) async fn introduce(&mut self) -> Outcome {
        let hello = self.hello(PROTOCOL);
        self.say(ToCoordinator::Hello(hello)).await
    }

    pub(crate) async fn enter(&mut self) -> Outcome {
        self.introduce().await?;
        assert!(matches!(self.hear().await?, ToSite::Welcome(_)));
        Ok(())
    }

    /// The next refusal; whatever else is said is passed over.
    pub(crate) async fn refusal(&mut self) -> Result<Refusal, tests::SetupError> {
        loop {
            if let ToSite::Refused { refusal, .. } = self.hear().await? {
                return Ok(refusal);
            }
        }
    }

    /// Sends an update whose stream the coordinator may stop at any time.
    pub(crate) async fn update(&self, header: &UpdateHeader, words: Vec<u8>) {
        let update = Contribution::Update(header.clone());
        drop(send_payload(&self.link, &update, &Bytes::from(words)).await);
    }

    /// The next model that it is offered.
    pub(crate) async fn offered(&self) -> Result<ModelHeader, tests::SetupError> {
        match self.link.accept_transfer().await?.expect().await? {
            Offer::Model(header) => Ok(header),
            Offer::Statistics(_) => Err("a statistics request in place of a model".into()),
        }
    }
}

pub(crate) fn plan() -> Result<Plan, tests::SetupError> {
    let text = std::fs::read_to_string(tests::demo())?;
    let mut plan = base::config::read::<Experiment>("demo", &text)?.plan;
    (plan.rounds, plan.aggregation.min_sites, plan.aggregation.max_sites) = (1, 1, 1);
    Ok(plan)
}

/// What an honest site would send for the model it was offered.
pub(crate) fn honest(
    rogue: &Rogue,
    run: &RunId,
    model: &ModelHeader,
    words: &[u8],
) -> Result<UpdateHeader, tests::SetupError> {
    let payload = Payload { words: words.len() as u64 / 4, digest: Digest::of(words) };
    let run = run.clone();
    let round = model.round;
    let (log, ..) = rogue.audit.signed_state(&[])?;
    let model = model.payload.digest;
    let weight = 1;
    let metrics = vec![];
    Ok(UpdateHeader { run, round, model, payload, weight, metrics, log })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_misdeed_is_refused_by_name_and_the_round_still_counts() -> Outcome {
    let stage = Stage::new()?;
    let mut rogue = stage.rogue("hospital-a").await?;
    rogue.enter().await?;
    let plan = plan()?;
    let launched = stage.launch(plan.clone())?;
    let ToSite::Plan { run, .. } = rogue.hear().await? else { return Err("no plan".into()) };
    rogue.say(ToCoordinator::Consent { run: run.clone(), plan: plan.digest() }).await?;
    let model = rogue.offered().await?;

    let words = vec![0; usize::try_from(model.payload.words)? * 4];
    let good = honest(&rogue, &run, &model, &words)?;
    let other: RunId = "another-run".parse()?;
    let metric = |name: &str, value| vec![Metric { name: name.to_owned(), value }];
    let spoiled: Vec<(UpdateHeader, Refusal)> = vec![
        (UpdateHeader { run: other.clone(), ..good.clone() }, Refusal::UnknownRun(other)),
        (
            UpdateHeader { round: Round(2), ..good.clone() },
            Refusal::WrongRound { open: Round(1), found: Round(2) },
        ),
        (
            UpdateHeader { model: Digest::of(b"another"), ..good.clone() },
            Refusal::WrongModel(Round(1)),
        ),
        (UpdateHeader { weight: 0, ..good.clone() }, Refusal::Weight { found: 0, most: 500 }),
        (UpdateHeader { weight: 501, ..good.clone() }, Refusal::Weight { found: 501, most: 500 }),
        (
            UpdateHeader { payload: Payload { words: u64::MAX, ..good.payload }, ..good.clone() },
            Refusal::Length { expected: model.payload.words, found: u64::MAX },
        ),
        (
            UpdateHeader {
                payload: Payload { digest: Digest::of(b"another"), ..good.payload },
                ..good.clone()
            },
            Refusal::Digest,
        ),
        (
            UpdateHeader { metrics: metric("train.loss", f64::NAN), ..good.clone() },
            Refusal::Metrics("a name or a value that is not one".to_owned()),
        ),
        (
            UpdateHeader { metrics: metric("patient 17\n", 1.0), ..good.clone() },
            Refusal::Metrics("a name or a value that is not one".to_owned()),
        ),
    ];
    for (header, expected) in spoiled {
        rogue.update(&header, words.clone()).await;
        assert_eq!(rogue.refusal().await?, expected);
    }
    let expected = model.payload.words * 4;
    rogue.update(&good, words[4..].to_vec()).await;
    assert_eq!(rogue.refusal().await?, Refusal::Truncated { expected, found: expected - 4 });
    rogue.update(&good, [&words[..], &[0; 4]].concat()).await;
    assert_eq!(rogue.refusal().await?, Refusal::Truncated { expected, found: expected + 4 });

    // An update that is as it should be, after all that.
    rogue.update(&good, words.clone()).await;
    let received = loop {
        if let ToSite::Received { digest, .. } = rogue.hear().await? {
            break digest;
        }
    };
    assert_eq!(received, good.payload.digest);
    rogue.update(&good, words).await;
    assert_eq!(rogue.refusal().await?, Refusal::Late(Round(1)));
    rogue.link.close("done");
    let outcome = launched.outcome.await??;
    assert_eq!(outcome.rounds().count(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_is_told_both_versions() -> Outcome {
    let stage = Stage::new()?;
    let mut rogue = stage.rogue("hospital-a").await?;
    let hello = rogue.hello(PROTOCOL + 1);
    rogue.say(ToCoordinator::Hello(hello)).await?;
    let refusal = rogue.refusal().await?;
    assert_eq!(refusal, Refusal::Protocol { ours: PROTOCOL, theirs: PROTOCOL + 1 });
    assert!(refusal.to_string().contains("install the same release"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_certificate_has_one_session() -> Outcome {
    let stage = Stage::new()?;
    let mut first = stage.rogue("hospital-a").await?;
    first.enter().await?;
    let mut second = stage.rogue("hospital-a").await?;
    second.enter().await?;
    // The newer one takes the place of the older, which is told.
    let ended = loop {
        if let Err(error) = first.hear().await {
            break error.to_string();
        }
    };
    assert!(ended.contains("a newer session of this site took the place"), "{ended}");
    let mut third = stage.rogue("hospital-a").await?;
    // Another log under the same certificate waits for the operator.
    let mut hello = third.hello(PROTOCOL);
    let other = audit::note::SigningKey::generate(&"hospital-a.2".parse()?)?;
    hello.log = Some(KeptLog { key: other.verifier().to_string(), seen: None, data_set: None });
    third.say(ToCoordinator::Hello(hello)).await?;
    let refusal = third.refusal().await?;
    let waits = |why: &String| why.contains("coordinator sites accept hospital-a");
    assert!(matches!(&refusal, Refusal::Log(why) if waits(why)), "{refusal}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_may_not_launch_runs_or_tell_metrics_of_private_ones() -> Outcome {
    let stage = Stage::new()?;
    let mut rogue = stage.rogue("hospital-a").await?;
    rogue.enter().await?;
    let mut plan = plan()?;
    let launch = node::wire::Launch { plan: plan.clone() };
    rogue.say(ToCoordinator::Launch(launch)).await?;
    assert_eq!(rogue.refusal().await?, Refusal::OutOfTurn);
    // Nor does it hear what is kept.
    let query = node::wire::Query::Runs { most: 1 };
    rogue.say(ToCoordinator::Query(query)).await?;
    assert_eq!(rogue.refusal().await?, Refusal::OutOfTurn);

    plan.privacy.mode = plan::experiment::PrivacyMode::Site;
    (plan.privacy.noise_multiplier, plan.privacy.delta) = (1.0, 1e-5);
    plan.aggregation.weights = plan::experiment::Weights::Equal;
    let _launched = stage.launch(plan.clone())?;
    let ToSite::Plan { run, .. } = rogue.hear().await? else { return Err("no plan".into()) };
    rogue.say(ToCoordinator::Consent { run: run.clone(), plan: plan.digest() }).await?;
    let model = rogue.offered().await?;
    let words = vec![0; usize::try_from(model.payload.words)? * 4];
    let metrics = vec![Metric { name: "train.loss".to_owned(), value: 0.5 }];
    let telling = UpdateHeader { metrics, ..honest(&rogue, &run, &model, &words)? };
    rogue.update(&telling, words).await;
    assert!(matches!(rogue.refusal().await?, Refusal::Metrics(why) if why.contains("private")));
    Ok(())
}
