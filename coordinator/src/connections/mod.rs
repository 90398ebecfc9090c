//! Connected sites and active jobs: the state that sessions and drivers share.
//!
//! ```text
//! session ── SessionEvent ───► the inbox of the job that it names    (jobs)
//! driver  ── SessionCommand ─► the session of a site                 (sites)
//! ```

mod jobs;
mod sites;
mod traffic;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use audit::note::VerifierKey;
use base::digest::Digest;
use base::ids::{Round, RunId, SiteName};
use bytes::Bytes;
use node::allowance::Allowance;
use node::wire::{Decline, Evaluation, Offer, Refusal, StatisticsReply, ToSite, UpdateHeader};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::incoming::BoundedUpdate;

pub use jobs::{
    Begun, JobHandle, JobId, JobKind, ProgressSubscriber, RunTerms, SLOTS, SLOTS_ALLOWED,
};
pub use sites::{Entered, REFUSED, SeenStates};
pub use traffic::Traffic;

/// A site's permit to send a contribution. The site gets the next one, in whichever session, when this is dropped.
pub type UploadPermit = OwnedSemaphorePermit;

/// What a session is told to do.
#[allow(clippy::large_enum_variant, reason = "a few in a run; a plan is sent as it is")]
#[derive(Debug)]
pub enum SessionCommand {
    /// Send a message.
    Send(ToSite),
    /// Begin a transfer with this offer and send its elements. It replaces a model of the same run that is still on
    /// its way.
    Offer(Offer, Bytes),
}

/// What a session tells the driver of a job.
#[derive(Debug)]
pub enum SessionEvent {
    /// A site connected while the job is active.
    Joined(SiteName),
    /// A site's connection ended.
    Lost(SiteName),
    /// A site consents to the plan with this hash.
    Consented(SiteName, Digest),
    /// A site, whose log has this key, signed the state of the coordinator's log that ends with the offer of a round,
    /// or of a statistics request, which has no round.
    Cosigned(SiteName, Option<Round>, VerifierKey, String),
    /// A site sends no update.
    Declined(SiteName, Decline),
    /// An update is complete, and its words have the hash that its header names and keep the plan's
    /// bound.
    Updated(SiteName, VerifierKey, UpdateHeader, BoundedUpdate, UploadPermit),
    /// A site's words are beyond the plan's bound: it is left out of this round.
    Overstepped(SiteName, Round, Refusal),
    /// A site evaluated the final model.
    Evaluated(SiteName, Evaluation),
    /// A site, whose log has this key, answers a statistics request.
    StatisticsReply(SiteName, VerifierKey, StatisticsReply, UploadPermit),
    /// The coordinator is asked to stop: the round that is open may close, and no other one begins.
    Ending,
    /// The coordinator stops now.
    Stopped,
    /// This operator ends the job.
    StoppedBy(SiteName),
}

struct Inner {
    sessions: BTreeMap<SiteName, sites::Session>,
    /// What each site that was ever here may still send; it outlives a session.
    allowances: BTreeMap<SiteName, Allowance>,
    /// The permit of each site that was ever here to send a contribution; it outlives a session.
    permits: BTreeMap<SiteName, Arc<Semaphore>>,
    next_id: u64,
    next_job: u64,
    jobs: BTreeMap<RunId, JobHandle>,
    /// The number of jobs that may be active at once.
    slots: u32,
    /// Nothing new begins any more.
    closing: bool,
    /// Operators who follow a run and have not heard its end.
    followers: usize,
    /// Bytes of the connections that ended.
    past_bytes: u64,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            sessions: BTreeMap::new(),
            allowances: BTreeMap::new(),
            permits: BTreeMap::new(),
            next_id: 0,
            next_job: 0,
            jobs: BTreeMap::new(),
            slots: SLOTS,
            closing: false,
            followers: 0,
            past_bytes: 0,
        }
    }
}

/// The sites that are connected, and the active jobs.
#[derive(Default)]
pub struct Connections {
    inner: Mutex<Inner>,
    /// Held while an offer is recorded and shown to sites.
    offering: Mutex<()>,
    changed: Notify,
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing is ever left half done under this lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the showing of the coordinator's log until the returned guard is dropped.
    ///
    /// The holder records an offer and puts it into the queues of the sites. So each queue has the states of the log in
    /// the order in which the log grew.
    pub fn offering(&self) -> MutexGuard<'_, ()> {
        self.offering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
