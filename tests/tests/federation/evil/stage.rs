//! Hospitals whose coordinator is the test, and what their logs tell of it.

#![allow(clippy::panic, reason = "a test may stop")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use audit::note::SignedNote;
use audit::record::{Event, Outcome as Ended, Record};
use base::clock::{Clock, SystemClock};
use base::digest::Digest;
use base::ids::{Round, RunId};
use coordinator::enrol::Authority;
use coordinator::simulate::write_synthetic;
use node::audit_log::AuditSettings;
use node::pki::Role;
use node::transport::Dialer;
use node::wire::{Decline, Purpose, ToCoordinator};
use plan::experiment::{DataTag, Plan};
use plan::model::initial_parameters;
use privacy::Entry;
use site_node::daemon::DaemonError;
use site_node::data::{Source, Table, load};
use site_node::participant::{Participant, Records, Site, SiteParticipant};
use site_node::privatize::LedgerLog;
use site_node::rules::Rules;
use site_node::train::Device;
use tempfile::TempDir;
use tests::{Answer, Observed, Observer, SetupError, records};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::Outcome;
use crate::private::{plan, policy};

/// A safety net: what does not come within it never will.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two hospitals that a plan may ask for.
pub(super) const A: &str = "hospital-a";
pub(super) const B: &str = "hospital-b";

/// A coordinator that the test plays, and the certificates of its sites.
pub(super) struct Stage {
    pub observer: Observer,
    pub plan: Plan,
    pub run: RunId,
    pub model: Vec<f32>,
    /// How long the hospitals train for a run.
    pub max_time: Duration,
    /// How many runs may train at a hospital at once.
    pub slots: u32,
    authority: Authority,
    table: Table,
    folder: TempDir,
}

/// A hospital's daemon that runs.
pub(super) struct Node {
    pub state: PathBuf,
    /// Asks it to stop once its work in hand is delivered.
    stop: Option<oneshot::Sender<()>>,
    /// Ends it at once after that.
    hurry: oneshot::Sender<()>,
    daemon: JoinHandle<Result<(), DaemonError>>,
}

impl Stage {
    /// For a plan that so many sites must have seen.
    pub fn new(min_sites: u32) -> Result<Self, SetupError> {
        let folder = tempfile::tempdir()?;
        write_synthetic(folder.path(), 7)?;
        let table = load(&Source::tables(folder.path(), &["cohort.csv"], "patient"))?.table;
        let authority = Authority::new(SystemClock::new().wall())?;
        let observer = Observer::new(authority.issue(Role::Coordinator)?.identity()?)?;
        let mut plan = plan()?;
        (plan.aggregation.min_sites, plan.privacy.evaluation) = (min_sites, None);
        let model = initial_parameters(&plan.model, plan.seed);
        let run = "run-a".parse()?;
        let max_time = Duration::from_secs(3600);
        let slots = 4;
        Ok(Self { observer, plan, run, model, max_time, slots, authority, table, folder })
    }

    /// An empty place.
    pub fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a hospital's daemon, for the first time or again.
    pub fn start(&self, name: &str) -> Result<Node, SetupError> {
        self.start_with(name, AuditSettings::untracked())
    }

    /// The same, with a log that is kept so.
    pub fn start_with(&self, name: &str, audit: AuditSettings) -> Result<Node, SetupError> {
        self.start_as(name, audit, |hospital| hospital)
    }

    /// The same, which acts as `disguise` makes it act.
    pub fn start_as<P: Participant>(
        &self,
        name: &str,
        audit: AuditSettings,
        disguise: impl FnOnce(SiteParticipant) -> P,
    ) -> Result<Node, SetupError> {
        let identity = self.authority.issue(Role::Site(name.parse()?))?.identity()?;
        let state = self.place(name);
        let mut policy = policy(identity.authority);
        policy.describe = true;
        policy.max_time = self.max_time;
        let site = Site {
            cache_bytes: 1 << 30,
            slots: self.slots,
            name: name.parse()?,
            coordinator: identity.authority,
            rules: Rules::fixed(policy, Digest::of(b"the test's")),
            data_set: "cohort".parse()?,
            clock: Arc::new(SystemClock::new()),
            records: Records::Table { table: self.table.clone(), split: Some("split".to_owned()) },
            tag: DataTag::Private,
            device: Device::cpu(),
            state: state.clone(),
            audit,
        };
        let dialer = Dialer::new(identity)?;
        let hospital = Arc::new(disguise(SiteParticipant::open(site)?));
        let address = self.observer.address()?;
        let (stop, asked) = oneshot::channel();
        let (hurry, due) = oneshot::channel();
        let daemon = tokio::spawn(async move {
            let asked = async { drop(asked.await) };
            let due = async { drop(due.await) };
            let held = Arc::downgrade(&hospital);
            let ended = site_node::daemon::drain(dialer, address, hospital, asked, due).await;
            // In a process of its own this is its end: a step that still goes on holds the state folder.
            while held.strong_count() > 0 {
                tokio::task::yield_now().await;
            }
            ended
        });
        Ok(Node { state, stop: Some(stop), hurry, daemon })
    }

    /// Starts a hospital that consents to the plan.
    pub async fn consenting(&self, name: &str) -> Result<(Node, Observed), SetupError> {
        self.consenting_with(name, AuditSettings::untracked()).await
    }

    /// The same, with a log that is kept so.
    pub async fn consenting_with(
        &self,
        name: &str,
        audit: AuditSettings,
    ) -> Result<(Node, Observed), SetupError> {
        let node = self.start_with(name, audit)?;
        let mut site = self.observer.site().await?;
        self.consent(&mut site, &self.run).await?;
        Ok((node, site))
    }

    pub async fn consent(&self, site: &mut Observed, run: &RunId) -> Outcome {
        let said = soon(site.propose(run, &self.plan)).await??;
        assert!(matches!(said, ToCoordinator::Consent { .. }), "{said:?}");
        Ok(())
    }

    /// Another model of the same size.
    pub fn other_model(&self) -> Vec<f32> {
        self.model.iter().map(|word| word + 1.0).collect()
    }

    /// An honest round with one site: the very next transfer that the site begins, so that none was
    /// begun before.
    pub async fn honest(&self, site: &mut Observed, round: u32) -> Outcome {
        site.offer(&self.run, Round(round), Purpose::Train, &self.model).await?;
        let Answer::Update(update) = soon(site.answer()).await?? else {
            return Err("no update for an honest offer".into());
        };
        assert_eq!((update.0.run, update.0.round), (self.run.clone(), Round(round)));
        Ok(())
    }

    /// The hospital stopped for good, and its log says why: the coordinator's state that it had seen,
    /// and the evidence for `reason`. After a restart it listens no more, whatever it is shown.
    pub async fn has_stopped(&self, name: &str, node: Node, reason: &str, words: &str) -> Outcome {
        let state = node.state.clone();
        let why = node.gave_up().await?;
        assert!(why.contains(words), "{why}");
        let told = witnessed(&state)?;
        let ok = |told: &&Witnessed| told.outcome == Ended::Ok;
        let evidence = |told: &&Witnessed| {
            told.outcome == Ended::Refused && told.reason.as_deref() == Some(reason)
        };
        assert!(told.iter().any(|told| ok(&told)), "{told:?}");
        assert_eq!(told.iter().filter(evidence).count(), 1, "{told:?}");
        let later = audit::note::SigningKey::generate(&"coordinator.2".parse()?)?;
        let later =
            node::wire::KeptLog { key: later.verifier().to_string(), seen: None, data_set: None };
        let same = node::wire::KeptLog {
            key: self.observer.audit.verifier().to_string(),
            seen: None,
            data_set: None,
        };
        for shown in [same, later] {
            let node = self.start(name)?;
            let site = soon(self.observer.site_told(Some(shown))).await??;
            let why = node.gave_up().await?;
            assert!(why.contains("not trusted any more") && why.contains(reason), "{why}");
            assert_eq!(soon(site.transfers()).await?, 0);
        }
        Ok(())
    }
}

impl Node {
    /// Asks it to stop, and lets it deliver its work in hand.
    pub fn ask_to_stop(&mut self) {
        // Whoever waits for this hears that the sender is gone.
        self.stop = None;
    }

    /// Waits until it has delivered its work in hand and stopped.
    pub async fn has_left(self) -> Outcome {
        let Self { daemon, hurry, .. } = self;
        let ended = soon(daemon).await?;
        drop(hurry);
        Ok(ended??)
    }

    /// Stops it in order, whatever is in hand.
    pub async fn stop(mut self) -> Outcome {
        self.ask_to_stop();
        drop(self.hurry);
        Ok(soon(self.daemon).await???)
    }

    /// Why it gave up by itself.
    pub async fn gave_up(self) -> Result<String, SetupError> {
        match soon(self.daemon).await?? {
            Ok(()) => Err("the daemon stopped in order".into()),
            Err(error) => Ok(error.to_string()),
        }
    }
}

/// What is awaited, or an error instead of a test that never ends.
pub(super) async fn soon<T>(what: impl Future<Output = T>) -> Result<T, SetupError> {
    Ok(tokio::time::timeout(PATIENCE, what).await?)
}

/// The rule by which the site refuses what it was just shown.
pub(super) async fn refusal(site: &mut Observed) -> Result<String, SetupError> {
    match soon(site.hear_all()).await?? {
        ToCoordinator::Decline(Decline { rule, round: Some(_), .. }) => Ok(rule),
        other => Err(format!("not a refusal: {other:?}").into()),
    }
}

/// The site's signature on what it was just shown.
pub(super) async fn cosigned(site: &mut Observed) -> Result<String, SetupError> {
    match soon(site.hear_all()).await?? {
        ToCoordinator::Cosigned { signature, .. } => Ok(signature),
        other => Err(format!("not a signature: {other:?}").into()),
    }
}

/// A state of the coordinator's log that a hospital recorded.
#[derive(Debug)]
pub(super) struct Witnessed {
    pub outcome: Ended,
    pub reason: Option<String>,
    pub note: SignedNote,
}

pub(super) fn witnessed(state: &Path) -> Result<Vec<Witnessed>, SetupError> {
    let of_coordinator = |record: Record| match record.event {
        Event::Witness { peer, checkpoint, .. } if peer.as_str() == "coordinator" => {
            let reason = record.reason.map(|reason| reason.to_string());
            Some(Witnessed { outcome: record.outcome, reason, note: checkpoint.note().clone() })
        }
        _ => None,
    };
    Ok(records(state)?.into_iter().filter_map(of_coordinator).collect())
}

/// The rules of all refusals in a hospital's log.
pub(super) fn refusals(state: &Path) -> Result<Vec<String>, SetupError> {
    let rule = |record: Record| match record.event {
        Event::Refused { rule } => Some(rule.to_string()),
        _ => None,
    };
    Ok(records(state)?.into_iter().filter_map(rule).collect())
}

/// What the ledger was charged.
pub(super) fn charged(state: &Path) -> Result<Vec<Entry>, SetupError> {
    Ok(LedgerLog::look(state, &"cohort".parse()?)?.entries)
}

/// Nothing was charged, noised or sent.
pub(super) fn nothing_left(state: &Path) -> Outcome {
    assert_eq!(charged(state)?, []);
    let leaving = |record: &Record| {
        matches!(record.event, Event::Reserve(_) | Event::Noised { .. } | Event::Sent { .. })
    };
    let found: Vec<Record> = records(state)?.into_iter().filter(leaving).collect();
    assert_eq!(found, []);
    Ok(())
}
