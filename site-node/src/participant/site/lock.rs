//! The lock of one run, for which nobody waits longer than the session in which it was asked for.
//!
//! A round may train for hours, and a coordinator may connect anew at any time. If whoever acts for an earlier session
//! went on waiting, each session would leave a thread behind, until none was left for anything else.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::super::{DeclineReason, SiteRule};
use super::{RunState, SiteParticipant};

/// The state of one run under the run's own lock; `None` unless a consent to it is on record.
#[derive(Default)]
pub(super) struct RunLock(Mutex<Option<RunState>>);

/// A run's state, while its lock is held.
pub(super) struct HeldRun<'r> {
    state: MutexGuard<'r, Option<RunState>>,
    /// Dropped after the guard.
    _release: Release<'r>,
}

impl Deref for HeldRun<'_> {
    type Target = Option<RunState>;

    fn deref(&self) -> &Self::Target {
        &self.state
    }
}

impl DerefMut for HeldRun<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.state
    }
}

/// Wakes whoever waits for a run.
struct Release<'r>(&'r SiteParticipant);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        // Whoever found the run's lock taken waits by now, or finds it free.
        drop(self.0.runs());
        self.0.released.notify_all();
    }
}

impl SiteParticipant {
    /// Waits for the lock of a run on behalf of a session. The caller holds no lock of `runs`.
    ///
    /// # Errors
    /// Another session began while this waited. Nobody is left to hear an answer.
    pub(super) fn lock_run<'r>(
        &'r self,
        lock: &'r RunLock,
        session: u64,
    ) -> Result<HeldRun<'r>, DeclineReason> {
        let mut runs = self.runs();
        loop {
            // A panic of an earlier holder leaves a state that is complete or absent.
            let state = match lock.0.try_lock() {
                Ok(state) => Some(state),
                Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            };
            if let Some(state) = state {
                return Ok(HeldRun { state, _release: Release(self) });
            }
            if runs.session() != session {
                let reason = "the session ended in which this was asked";
                return Err(DeclineReason::new(SiteRule::Session, reason));
            }
            runs = self.released.wait(runs).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
