//! Who is here, and which jobs they take part in: what sessions and drivers share.
//!
//! ```text
//! session ── SessionEvent ───► the inbox of the job that it names    (jobs)
//! driver  ── SessionCommand ─► the session of a site                 (sites)
//! ```

mod jobs;
mod sites;
mod traffic;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use audit::note::VerifierKey;
use base::digest::Digest;
use base::ids::{Round, RunId, SiteName};
use bytes::Bytes;
use node::allowance::Allowance;
use node::wire::{Decline, Evaluation, Offer, Refusal, StatisticsReply, ToSite, UpdateHeader};
use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::incoming::BoundedUpdate;

pub use jobs::{Begun, JobHandle, JobKind, ProgressSubscriber, RunTerms, SLOTS, SLOTS_ALLOWED};
pub use sites::{Entered, REFUSED, SeenStates};
pub use traffic::Traffic;

/// A site's permit to send what it releases; it has the next one when this is dropped.
pub type UploadPermit = OwnedSemaphorePermit;

/// What a session is told to do.
#[allow(clippy::large_enum_variant, reason = "a few in a run; a plan is sent as it is")]
#[derive(Debug)]
pub enum SessionCommand {
    /// Send a message.
    Send(ToSite),
    /// Begin a transfer with this offer and send its words, in place of a model of the same run that is still on its
    /// way.
    Offer(Offer, Bytes),
}

/// What a session tells the driver of a job.
#[derive(Debug)]
pub enum SessionEvent {
    /// A site connected while the job is going on.
    Joined(SiteName),
    /// A site's connection ended.
    Lost(SiteName),
    /// A site consents to the plan with this hash.
    Consented(SiteName, Digest),
    /// A site, whose log has this key, signed the state of the coordinator's that a round was offered
    /// in, or a statistics request, which has no round.
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
    next_id: u64,
    jobs: BTreeMap<RunId, JobHandle>,
    /// Jobs that may go on at once.
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
            next_id: 0,
            jobs: BTreeMap::new(),
            slots: SLOTS,
            closing: false,
            followers: 0,
            past_bytes: 0,
        }
    }
}

/// The sites that are connected, and the jobs that are going on.
#[derive(Default)]
pub struct Connections {
    inner: Mutex<Inner>,
    /// Held by whoever shows sites the coordinator's log.
    offering: Mutex<()>,
    changed: Notify,
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing is ever left half done under this lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets nobody else show the coordinator's log to a site, until what is returned is dropped.
    ///
    /// Whoever holds it records an offer and puts it into the queues of the sites, so that the queue of each site has
    /// the states of the log in the order in which it grew.
    pub fn offering(&self) -> MutexGuard<'_, ()> {
        self.offering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
