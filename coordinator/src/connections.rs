//! Who is here, and which run they are in: what sessions and the driver share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use audit::note::VerifierKey;
use base::clock::Moment;
use base::digest::Digest;
use base::ids::{Round, RunId, SiteName};
use bytes::Bytes;
use node::allowance::Allowance;
use node::transport::Link;
use node::wire::{
    Decline, Evaluation, ModelHeader, Refusal, StatisticsReply, ToSite, UpdateHeader,
};
use plan::experiment::{Plan, PrivacyMode, PrivateEvaluation};
use privacy::{Mechanism, UpdateBound};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};

use crate::incoming::BoundedUpdate;
use crate::progress::ProgressFeed;

/// Commands that wait for a session; a site that lets more pile up is cut off.
const COMMANDS: usize = 64;

/// States of the log that a site was shown and has not confirmed, at most.
const UNCONFIRMED: usize = 32;

/// What a site may send at once: a message counts one, a session and a refused message
/// [`REFUSED`] more. Everything that it sends may become a record or a row, and all of these are kept.
const AT_ONCE: u32 = 128;

/// A site may send one message more after such a time, and so many more for each model, question or
/// plan that it is sent: about twice what it answers.
const EVERY: Duration = Duration::from_secs(5);
const ANSWERS: u32 = 4;

/// What a refused message, or a session, counts beside the message itself.
pub const REFUSED: u32 = 3;

/// A site's permit to send an update; it has the next one when this is dropped.
pub type UploadPermit = OwnedSemaphorePermit;

/// What a session is told to do.
#[allow(clippy::large_enum_variant, reason = "a few in a run; a plan is sent as it is")]
#[derive(Debug)]
pub enum SessionCommand {
    /// Send a message.
    Send(ToSite),
    /// Send a model, in place of one that is still on its way.
    Model(ModelHeader, Bytes),
}

/// What a session tells the driver of the run.
#[derive(Debug)]
pub enum SessionEvent {
    /// A site connected while the run is going on.
    Joined(SiteName),
    /// A site's connection ended.
    Lost(SiteName),
    /// A site consents to the plan with this hash.
    Consented(SiteName, Digest),
    /// A site, whose log has this key, signed the state of the coordinator's that a round was offered
    /// in.
    Cosigned(SiteName, Round, VerifierKey, String),
    /// A site sends no update.
    Declined(SiteName, Decline),
    /// An update is complete, and its words have the hash that its header names and keep the plan's
    /// bound.
    Updated(SiteName, VerifierKey, UpdateHeader, BoundedUpdate, UploadPermit),
    /// A site's words are beyond the plan's bound: it is left out of this round.
    Overstepped(SiteName, Round, Refusal),
    /// A site evaluated the final model.
    Evaluated(SiteName, Evaluation),
    /// A site, whose log has this key, describes its patients.
    StatisticsReply(SiteName, VerifierKey, StatisticsReply),
    /// The coordinator is asked to stop: the round that is open may close, and no other one begins.
    Ending,
    /// The coordinator stops now.
    Stopped,
    /// This operator ends the run.
    StoppedBy(SiteName),
}

/// The run that is going on, as sessions see it.
#[derive(Clone)]
pub struct JobHandle {
    /// Its name.
    pub run: RunId,
    /// Words in its model.
    pub words: u64,
    /// What the words of an update may be.
    pub bound: UpdateBound,
    /// Whether sites may tell exact metrics.
    pub metrics: bool,
    /// The metrics with noise that they may tell of the final model.
    pub noised: Arc<[String]>,
    /// Whether it is no run but a description, for which sites describe their patients.
    pub description: bool,
    /// The run's steps, for those who follow it; a description has none.
    pub feed: Option<Arc<ProgressFeed>>,
    inbox: mpsc::Sender<SessionEvent>,
}

impl JobHandle {
    /// Tells the driver; what comes after the run's end is of no interest to anybody.
    pub async fn tell(&self, input: SessionEvent) {
        let _ = self.inbox.send(input).await;
    }
}

/// A site that was let in.
pub struct Entered {
    /// The number of its session.
    pub id: u64,
    /// What its session is told to do.
    pub commands: mpsc::Receiver<SessionCommand>,
    /// The run that is going on.
    pub run: Option<JobHandle>,
    /// Whether an older session of the site gave way.
    pub replaced: bool,
}

struct Session {
    id: u64,
    /// Of the site's audit log.
    key: VerifierKey,
    commands: mpsc::Sender<SessionCommand>,
    link: Link,
    /// States of the coordinator's log, by size, that the site may have seen last.
    seen: Vec<u64>,
}

#[derive(Default)]
struct Inner {
    sessions: BTreeMap<SiteName, Session>,
    /// What each site that was ever here may still send; it outlives a session.
    allowances: BTreeMap<SiteName, Allowance>,
    next_id: u64,
    run: Option<JobHandle>,
    /// Nothing new begins any more.
    closing: bool,
    /// Operators who follow a run and have not heard its end.
    followers: usize,
    /// Bytes of the connections that ended.
    past_bytes: u64,
}

/// An operator who follows a run.
pub struct ProgressSubscriber(Arc<Connections>);

impl Drop for ProgressSubscriber {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.followers = inner.followers.saturating_sub(1);
        drop(inner);
        self.0.changed.notify_waiters();
    }
}

/// The sites that are connected, and the run that is going on.
#[derive(Default)]
pub struct Connections {
    inner: Mutex<Inner>,
    changed: Notify,
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing is ever left half done under this lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a site in, whose log has this key, and that has seen so many records of the coordinator's log. A
    /// newer session of the same log takes the place of the older: its node was restarted, or lost its network.
    ///
    /// # Errors
    /// It is connected already, with another log.
    pub fn enter(
        &self,
        site: &SiteName,
        key: &VerifierKey,
        link: &Link,
        seen: u64,
    ) -> Result<Entered, Refusal> {
        let mut inner = self.lock();
        if inner.sessions.get(site).is_some_and(|session| session.key != *key) {
            return Err(Refusal::AlreadyConnected);
        }
        let older = inner.sessions.remove(site);
        let replaced = older.is_some();
        if let Some(older) = older {
            inner.past_bytes = inner.past_bytes.saturating_add(older.link.bytes());
            older.link.close("a newer session of this site took the place of this one");
        }
        let id = inner.next_id;
        inner.next_id += 1;
        let (commands, queue) = mpsc::channel(COMMANDS);
        inner.sessions.insert(
            site.clone(),
            Session { id, key: key.clone(), commands, link: link.clone(), seen: vec![seen] },
        );
        self.changed.notify_waiters();
        Ok(Entered { id, commands: queue, run: inner.run.clone(), replaced })
    }

    /// Lets a site go; says which run has to know.
    pub fn leave(&self, site: &SiteName, id: u64) -> Option<JobHandle> {
        let mut inner = self.lock();
        if inner.sessions.get(site).is_none_or(|session| session.id != id) {
            return None;
        }
        if let Some(session) = inner.sessions.remove(site) {
            inner.past_bytes = inner.past_bytes.saturating_add(session.link.bytes());
        }
        inner.run.clone()
    }

    /// The sites that are connected.
    #[must_use]
    pub fn sites(&self) -> Vec<SiteName> {
        self.lock().sessions.keys().cloned().collect()
    }

    /// Waits until this many sites are connected.
    pub async fn await_sites(&self, count: usize) {
        loop {
            // Listening begins before looking, so that nobody enters unseen between the two.
            let changed = self.changed.notified();
            if self.lock().sessions.len() >= count {
                return;
            }
            changed.await;
        }
    }

    /// Begins a run; returns the sites that are here to be asked, and where they will answer.
    ///
    /// # Errors
    /// Another run is going on.
    pub fn begin(
        &self,
        run: &RunId,
        feed: &Arc<ProgressFeed>,
    ) -> Result<(Vec<SiteName>, mpsc::Receiver<SessionEvent>), Refusal> {
        let plan = &feed.plan;
        self.start(|inbox| JobHandle {
            run: run.clone(),
            words: plan.model.parameters(),
            bound: plan.update_bound(),
            metrics: plan.privacy.mode == PrivacyMode::None,
            noised: noised_metrics(plan),
            description: false,
            feed: Some(Arc::clone(feed)),
            inbox,
        })
    }

    /// Begins a description, in the place of a run.
    ///
    /// # Errors
    /// A run, or another description, is going on.
    pub fn begin_statistics(
        &self,
        run: &RunId,
    ) -> Result<(Vec<SiteName>, mpsc::Receiver<SessionEvent>), Refusal> {
        let metrics = false;
        let noised = Arc::default();
        let description = true;
        let run = run.clone();
        let bound = UpdateBound::new(Mechanism::ClipOnly, 0);
        let words = 0;
        let feed = None;
        self.start(|inbox| JobHandle {
            run,
            words,
            bound,
            metrics,
            noised,
            description,
            feed,
            inbox,
        })
    }

    fn start(
        &self,
        run: impl FnOnce(mpsc::Sender<SessionEvent>) -> JobHandle,
    ) -> Result<(Vec<SiteName>, mpsc::Receiver<SessionEvent>), Refusal> {
        let mut inner = self.lock();
        if inner.closing {
            return Err(Refusal::Stopping);
        }
        if let Some(active) = &inner.run {
            return Err(Refusal::Busy(active.run.clone()));
        }
        let (inbox, inputs) = mpsc::channel(1024);
        inner.run = Some(run(inbox));
        inner.allowances.values_mut().for_each(|allowance| allowance.grant(ANSWERS));
        Ok((inner.sessions.keys().cloned().collect(), inputs))
    }

    /// Takes so many messages off what a site may send; false where it has sent too many.
    pub fn spend(&self, site: &SiteName, count: u32, now: Moment) -> bool {
        let mut inner = self.lock();
        let new = || Allowance::new(AT_ONCE, EVERY, now);
        inner.allowances.entry(site.clone()).or_insert_with(new).take(count, now)
    }

    /// Something was asked of every site: each may send more.
    pub fn grant(&self) {
        self.lock().allowances.values_mut().for_each(|allowance| allowance.grant(ANSWERS));
    }

    /// Lets no run and no description begin from now on; returns the one that is going on.
    pub fn close(&self) -> Option<JobHandle> {
        let mut inner = self.lock();
        inner.closing = true;
        inner.run.clone()
    }

    /// Ends a run.
    pub fn end(&self, run: &RunId) {
        let mut inner = self.lock();
        if inner.run.as_ref().is_some_and(|active| active.run == *run) {
            inner.run = None;
            self.changed.notify_waiters();
        }
    }

    /// Counts an operator who follows a run, until what is returned is dropped.
    #[must_use]
    pub fn follow(self: &Arc<Self>) -> ProgressSubscriber {
        self.lock().followers += 1;
        ProgressSubscriber(Arc::clone(self))
    }

    /// Waits until this run is no longer going on.
    pub async fn await_end(&self, run: &RunId) {
        loop {
            let changed = self.changed.notified();
            if self.lock().run.as_ref().is_none_or(|active| active.run != *run) {
                return;
            }
            changed.await;
        }
    }

    /// Waits until no run is going on and everybody who followed one has heard its end.
    pub async fn await_idle(&self) {
        loop {
            let changed = self.changed.notified();
            let idle = {
                let inner = self.lock();
                inner.run.is_none() && inner.followers == 0
            };
            if idle {
                return;
            }
            changed.await;
        }
    }

    /// The run that is going on.
    #[must_use]
    pub fn active(&self) -> Option<JobHandle> {
        self.lock().run.clone()
    }

    /// Passes a command to a site's session. One that no longer listens is cut off: it will be back.
    pub fn command(&self, site: &SiteName, command: SessionCommand) {
        let inner = self.lock();
        if let Some(session) = inner.sessions.get(site)
            && session.commands.try_send(command).is_err()
        {
            session.link.close("the site does not take what it is sent");
        }
    }

    /// States of the coordinator's log, by size, that a site may have seen last.
    #[must_use]
    pub fn seen(&self, site: &SiteName) -> Vec<u64> {
        self.lock().sessions.get(site).map(|session| session.seen.clone()).unwrap_or_default()
    }

    /// Remembers that a site is shown the coordinator's log at this size.
    pub fn shown(&self, site: &SiteName, size: u64) {
        if let Some(session) = self.lock().sessions.get_mut(site)
            && !session.seen.contains(&size)
        {
            if session.seen.len() == UNCONFIRMED {
                session.seen.remove(1);
            }
            session.seen.push(size);
        }
    }

    /// A site says that it has seen the coordinator's log at this size.
    pub fn confirmed(&self, site: &SiteName, size: u64) {
        if let Some(session) = self.lock().sessions.get_mut(site) {
            session.seen.retain(|seen| *seen > size);
            session.seen.insert(0, size);
        }
    }

    /// Bytes on the wire since the coordinator started, all sites, both ways.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let inner = self.lock();
        let live = inner.sessions.values().map(|session| session.link.bytes());
        live.fold(inner.past_bytes, u64::saturating_add)
    }
}

/// The metrics with noise that a plan asks for.
fn noised_metrics(plan: &Plan) -> Arc<[String]> {
    plan.privacy.evaluation.iter().flat_map(PrivateEvaluation::metrics).collect()
}

#[cfg(test)]
mod tests {
    use plan::experiment::Experiment;

    use super::*;

    #[test]
    fn a_run_and_a_description_wait_for_each_other() {
        let demo = include_str!("../../configs/experiments/demo.toml");
        let plan = base::config::read::<Experiment>("demo", demo).unwrap().plan;
        let feed = Arc::new(ProgressFeed::new(plan));
        let name = |text: &str| text.parse::<RunId>().unwrap();
        let connections = Connections::default();
        let run = name("run-a");
        let description = name("describe-a");
        let busy =
            |refused: Refusal, with: &RunId| assert_eq!(refused, Refusal::Busy(with.clone()));
        connections.begin_statistics(&description).unwrap();
        busy(connections.begin(&run, &feed).unwrap_err(), &description);
        busy(connections.begin_statistics(&name("describe-b")).unwrap_err(), &description);
        connections.end(&description);
        connections.begin(&run, &feed).unwrap();
        busy(connections.begin_statistics(&description).unwrap_err(), &run);
        assert_eq!(connections.close().map(|active| active.run), Some(run.clone()));
        connections.end(&run);
        assert_eq!(connections.begin(&run, &feed).unwrap_err(), Refusal::Stopping);
        assert_eq!(connections.begin_statistics(&description).unwrap_err(), Refusal::Stopping);
    }
}
