//! Active jobs (runs and statistics requests), each with its own inbox.

use std::ops::RangeInclusive;
use std::sync::Arc;

use base::ids::{RunId, SiteName};
use node::wire::Refusal;
use plan::experiment::{Plan, PrivateEvaluation};
use plan::metric::MetricId;
use privacy::UpdateBound;
use tokio::sync::mpsc;

use super::sites::ANSWERS;
use super::{Connections, SessionEvent, Traffic};
use crate::progress::ProgressFeed;

/// The number of jobs that may be active at once, unless the settings say otherwise.
pub const SLOTS: u32 = 4;

/// The values that the settings may give. A site accepts 8 streams at once, and each job may have one transfer open.
pub const SLOTS_ALLOWED: RangeInclusive<u32> = 1..=8;

/// Events that may wait for a driver.
const INBOX: usize = 1024;

/// What sites may send for a run.
#[derive(Clone)]
pub struct RunTerms {
    /// Words in its model.
    pub words: u64,
    /// What the words of an update may be.
    pub bound: UpdateBound,
    /// Whether sites may tell exact metrics.
    pub metrics: bool,
    /// The metrics with noise that they may tell of the final model.
    pub noised: Arc<[MetricId]>,
    /// The run's steps, for those who follow it.
    pub feed: Arc<ProgressFeed>,
}

impl RunTerms {
    fn new(feed: &Arc<ProgressFeed>) -> Self {
        let plan = &feed.plan;
        Self {
            words: plan.model.parameters(),
            bound: plan.update_bound(),
            metrics: plan.privacy.mode.tells_exact_metrics(),
            noised: noised_metrics(plan),
            feed: Arc::clone(feed),
        }
    }
}

/// The kind of a job.
#[derive(Clone)]
pub enum JobKind {
    /// Sites train a model, round by round.
    Run(RunTerms),
    /// Sites answer a statistics request once. Only the operator who made it follows its steps.
    Statistics,
}

/// The number of a job. A name may stand for a later job, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobId(u64);

/// An active job, as sessions see it.
#[derive(Clone)]
pub struct JobHandle {
    /// Its number.
    pub id: JobId,
    /// The name of the run or of the statistics request.
    pub run: RunId,
    /// The kind of job.
    pub kind: JobKind,
    /// The count of its bytes.
    pub traffic: Traffic,
    inbox: mpsc::Sender<SessionEvent>,
}

impl JobHandle {
    /// Passes an event to the driver. An event after the end of the job is dropped.
    pub async fn tell(&self, event: SessionEvent) {
        let _ = self.inbox.send(event).await;
    }
}

/// A job that has just begun, as its driver sees it.
#[derive(Debug)]
pub struct Begun {
    /// The connected sites.
    pub sites: Vec<SiteName>,
    /// The events of the job.
    pub events: mpsc::Receiver<SessionEvent>,
    /// The count of the job's bytes.
    pub traffic: Traffic,
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

impl Connections {
    /// Sets how many jobs may be active at once. It ends no active job.
    pub fn set_slots(&self, slots: u32) {
        self.lock().slots = slots;
    }

    /// Begins a run.
    ///
    /// # Errors
    /// A run of this name is active, all slots are taken, or the coordinator is stopping.
    pub fn begin(&self, run: &RunId, feed: &Arc<ProgressFeed>) -> Result<Begun, Refusal> {
        self.start(run, JobKind::Run(RunTerms::new(feed)), true)
    }

    /// Begins a run that an earlier process of the coordinator had begun, also beyond the slots: it had one.
    ///
    /// # Errors
    /// A run of this name is active, or the coordinator is stopping.
    pub fn begin_again(&self, run: &RunId, feed: &Arc<ProgressFeed>) -> Result<Begun, Refusal> {
        self.start(run, JobKind::Run(RunTerms::new(feed)), false)
    }

    /// Begins a statistics request.
    ///
    /// # Errors
    /// The same request is active, all slots are taken, or the coordinator is stopping.
    pub fn begin_statistics(&self, run: &RunId) -> Result<Begun, Refusal> {
        self.start(run, JobKind::Statistics, true)
    }

    fn start(&self, run: &RunId, kind: JobKind, needs_slot: bool) -> Result<Begun, Refusal> {
        let mut inner = self.lock();
        if inner.closing {
            return Err(Refusal::Stopping);
        }
        if inner.jobs.contains_key(run) {
            return Err(Refusal::Busy(run.clone()));
        }
        if needs_slot && inner.jobs.len() >= inner.slots as usize {
            return Err(Refusal::Slots { active: inner.jobs.keys().cloned().collect() });
        }
        if matches!(kind, JobKind::Run(_)) {
            // Every site receives the plan and answers it. A statistics request grants its answers when it is shown.
            inner.allowances.values_mut().for_each(|allowance| allowance.grant(ANSWERS));
        }
        let (inbox, events) = mpsc::channel(INBOX);
        let traffic = Traffic::default();
        let id = JobId(inner.next_job);
        inner.next_job += 1;
        let job = JobHandle { id, run: run.clone(), kind, traffic: traffic.clone(), inbox };
        inner.jobs.insert(run.clone(), job);
        Ok(Begun { sites: inner.sessions.keys().cloned().collect(), events, traffic })
    }

    /// Lets no job begin from now on, and returns the active ones.
    pub fn close(&self) -> Vec<JobHandle> {
        let mut inner = self.lock();
        inner.closing = true;
        inner.jobs.values().cloned().collect()
    }

    /// Ends a job.
    pub fn end(&self, run: &RunId) {
        if self.lock().jobs.remove(run).is_some() {
            self.changed.notify_waiters();
        }
    }

    /// The job of this name, if it is active.
    #[must_use]
    pub fn job(&self, run: &RunId) -> Option<JobHandle> {
        self.lock().jobs.get(run).cloned()
    }

    /// The names of the active jobs.
    #[must_use]
    pub fn active(&self) -> Vec<RunId> {
        self.lock().jobs.keys().cloned().collect()
    }

    /// Counts bytes for a job, if it is active.
    pub fn count(&self, run: &RunId, bytes: u64) {
        if let Some(job) = self.lock().jobs.get(run) {
            job.traffic.add(bytes);
        }
    }

    /// Counts an operator who follows a run, until what is returned is dropped.
    #[must_use]
    pub fn follow(self: &Arc<Self>) -> ProgressSubscriber {
        self.lock().followers += 1;
        ProgressSubscriber(Arc::clone(self))
    }

    /// Waits until this job is over. Another one may have its name by then.
    pub async fn await_end(&self, job: JobId) {
        loop {
            // Listening begins before looking, so that no end is missed between the two.
            let changed = self.changed.notified();
            if !self.lock().jobs.values().any(|active| active.id == job) {
                return;
            }
            changed.await;
        }
    }

    /// Waits until no job is active and everybody who followed one has received its end.
    pub async fn await_idle(&self) {
        loop {
            let changed = self.changed.notified();
            let idle = {
                let inner = self.lock();
                inner.jobs.is_empty() && inner.followers == 0
            };
            if idle {
                return;
            }
            changed.await;
        }
    }
}

/// The metrics with noise that a plan asks for.
fn noised_metrics(plan: &Plan) -> Arc<[MetricId]> {
    plan.privacy.evaluation.iter().flat_map(PrivateEvaluation::metrics).collect()
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::error::TryRecvError;

    use super::*;
    use crate::testing::feed;

    fn name(text: &str) -> RunId {
        text.parse().unwrap()
    }

    /// The operator whose stop is the next event.
    fn stopped_by(begun: &mut Begun) -> String {
        match begun.events.try_recv() {
            Ok(SessionEvent::StoppedBy(operator)) => operator.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn jobs_have_inboxes_and_counts_of_their_own_and_end_separately() {
        let connections = Arc::new(Connections::default());
        let mut begun = [
            connections.begin(&name("run-a"), &feed()).unwrap(),
            connections.begin(&name("run-b"), &feed()).unwrap(),
            connections.begin_statistics(&name("describe-a")).unwrap(),
        ];
        let names = ["run-a", "run-b", "describe-a"];
        assert_eq!(connections.active(), ["describe-a", "run-a", "run-b"].map(name));
        for (bytes, run) in (1..).zip(names) {
            let job = connections.job(&name(run)).unwrap();
            assert_eq!(matches!(job.kind, JobKind::Statistics), run == "describe-a");
            job.tell(SessionEvent::StoppedBy(run.parse().unwrap())).await;
            connections.count(&name(run), bytes);
        }
        for ((bytes, run), begun) in (1..).zip(names).zip(&mut begun) {
            assert_eq!(stopped_by(begun), run);
            assert!(matches!(begun.events.try_recv(), Err(TryRecvError::Empty)));
            assert_eq!(begun.traffic.bytes(), bytes);
        }
        // The end of one job ends no other.
        let first = connections.job(&name("run-a")).unwrap().id;
        connections.end(&name("run-a"));
        connections.await_end(first).await;
        assert!(connections.job(&name("run-a")).is_none());
        assert!(matches!(begun[0].events.try_recv(), Err(TryRecvError::Disconnected)));
        connections.count(&name("run-a"), 7);
        assert_eq!(begun[0].traffic.bytes(), 1);
        assert_eq!(connections.active(), ["describe-a", "run-b"].map(name));
        assert!(matches!(begun[1].events.try_recv(), Err(TryRecvError::Empty)));
        // `await_idle` waits for all of them.
        let waiting = tokio::spawn({
            let connections = Arc::clone(&connections);
            async move { connections.await_idle().await }
        });
        connections.end(&name("describe-a"));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        connections.end(&name("run-b"));
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn whoever_awaits_the_end_of_a_job_does_not_wait_for_the_next_one_of_its_name() {
        let connections = Connections::default();
        let run = name("describe-a");
        connections.begin_statistics(&run).unwrap();
        let first = connections.job(&run).unwrap().id;
        let mut ended = std::pin::pin!(connections.await_end(first));
        tokio::select! {
            biased;
            () = &mut ended => panic!("it is active"),
            () = std::future::ready(()) => {}
        }
        // The same request is made again before the waiting task wakes.
        connections.end(&run);
        connections.begin_statistics(&run).unwrap();
        let patience = std::time::Duration::from_secs(30);
        tokio::time::timeout(patience, ended).await.expect("the first one has ended");
    }

    #[test]
    fn a_job_beyond_the_slots_is_refused_with_the_names_of_the_active_ones() {
        let connections = Connections::default();
        let runs = ["run-a", "run-b", "run-c"].map(name);
        for run in &runs {
            connections.begin(run, &feed()).unwrap();
        }
        connections.begin_statistics(&name("describe-a")).unwrap();
        let active = ["describe-a", "run-a", "run-b", "run-c"].map(name).to_vec();
        let full = Refusal::Slots { active };
        assert_eq!(connections.begin(&name("run-d"), &feed()).unwrap_err(), full);
        assert_eq!(connections.begin_statistics(&name("describe-b")).unwrap_err(), full);
        let text = full.to_string();
        assert!(text.contains("describe-a, run-a, run-b, run-c"), "{text}");
        assert!(text.contains("coordinator runs stop RUN"), "{text}");
        // The name of an active job is refused as busy, although all slots are taken.
        let same = name("describe-a");
        assert_eq!(connections.begin_statistics(&same).unwrap_err(), Refusal::Busy(same.clone()));
        connections.end(&same);
        connections.begin(&name("run-d"), &feed()).unwrap();
        connections.set_slots(5);
        connections.begin_statistics(&same).unwrap();
    }

    #[test]
    fn closing_names_every_job_and_lets_none_begin() {
        let connections = Connections::default();
        connections.begin(&name("run-a"), &feed()).unwrap();
        connections.begin_statistics(&name("describe-a")).unwrap();
        let told: Vec<RunId> = connections.close().into_iter().map(|job| job.run).collect();
        assert_eq!(told, ["describe-a", "run-a"].map(name));
        assert_eq!(connections.begin(&name("run-b"), &feed()).unwrap_err(), Refusal::Stopping);
        connections.end(&name("run-a"));
        let refused = connections.begin_statistics(&name("describe-b")).unwrap_err();
        assert_eq!(refused, Refusal::Stopping);
    }
}
