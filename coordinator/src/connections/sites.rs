//! The sites that are connected: what each may still send, what it has seen of the coordinator's log, and the queue of
//! its session.

use std::sync::Arc;
use std::time::Duration;

use audit::note::VerifierKey;
use base::clock::Moment;
use base::ids::SiteName;
use node::allowance::Allowance;
use node::transport::Link;
use node::wire::Refusal;
use tokio::sync::{Semaphore, mpsc};

use super::{Connections, JobHandle, SessionCommand};

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
pub(super) const ANSWERS: u32 = 4;

/// What a refused message, or a session, counts beside the message itself.
pub const REFUSED: u32 = 3;

/// A site that was let in.
pub struct Entered {
    /// The number of its session.
    pub id: u64,
    /// What its session is told to do.
    pub commands: mpsc::Receiver<SessionCommand>,
    /// Its permit to send a contribution.
    pub permits: Arc<Semaphore>,
    /// The active jobs.
    pub jobs: Vec<JobHandle>,
    /// Whether the session replaced an older one of the site.
    pub replaced: bool,
}

/// Sizes of the states of the coordinator's log that a site may have seen last, in one session.
pub struct SeenStates {
    session: u64,
    /// The first is the latest state that the site is known to have seen. The others are on their way.
    pub sizes: Vec<u64>,
}

pub(super) struct Session {
    id: u64,
    /// Of the site's audit log.
    key: VerifierKey,
    commands: mpsc::Sender<SessionCommand>,
    link: Link,
    /// As in [`SeenStates`].
    seen: Vec<u64>,
}

impl Session {
    /// Passes a command on. A site that does not take its commands is cut off, and will connect again.
    fn command(&self, command: SessionCommand) {
        if self.commands.try_send(command).is_err() {
            self.link.close("the site does not take what it is sent");
        }
    }
}

impl Connections {
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
        let permits =
            inner.permits.entry(site.clone()).or_insert_with(|| Arc::new(Semaphore::new(1)));
        let permits = Arc::clone(permits);
        let jobs = inner.jobs.values().cloned().collect();
        Ok(Entered { id, commands: queue, permits, jobs, replaced })
    }

    /// Ends a site's session, and returns the jobs to notify.
    pub fn leave(&self, site: &SiteName, id: u64) -> Vec<JobHandle> {
        let mut inner = self.lock();
        if inner.sessions.get(site).is_none_or(|session| session.id != id) {
            return Vec::new();
        }
        if let Some(session) = inner.sessions.remove(site) {
            inner.past_bytes = inner.past_bytes.saturating_add(session.link.bytes());
        }
        inner.jobs.values().cloned().collect()
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

    /// Passes a command to a site's session. A site that does not take its commands is cut off.
    pub fn command(&self, site: &SiteName, command: SessionCommand) {
        if let Some(session) = self.lock().sessions.get(site) {
            session.command(command);
        }
    }

    /// The states of the coordinator's log that a site may have seen last; `None` if it is not connected.
    #[must_use]
    pub fn seen(&self, site: &SiteName) -> Option<SeenStates> {
        let inner = self.lock();
        let session = inner.sessions.get(site)?;
        Some(SeenStates { session: session.id, sizes: session.seen.clone() })
    }

    /// Passes on a command that shows the coordinator's log at this size, and remembers the size, in one step. A
    /// session that began after `seen` was asked for is skipped, because the proofs in the command do not start from
    /// what it has seen. The drivers learn that the site is connected again and make their offers anew. Called under
    /// [`Connections::offering`].
    pub fn show(&self, site: &SiteName, seen: &SeenStates, size: u64, command: SessionCommand) {
        let mut inner = self.lock();
        let Some(session) = inner.sessions.get_mut(site) else { return };
        if session.id != seen.session {
            return;
        }
        remember(&mut session.seen, size);
        session.command(command);
    }

    /// A site says that it has seen the coordinator's log at this size.
    pub fn confirmed(&self, site: &SiteName, size: u64) {
        if let Some(session) = self.lock().sessions.get_mut(site) {
            confirm(&mut session.seen, size);
        }
    }

    /// Bytes on the wire since the coordinator started, all sites and jobs, both ways, with the headers of QUIC and
    /// repetitions.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let inner = self.lock();
        let live = inner.sessions.values().map(|session| session.link.bytes());
        live.fold(inner.past_bytes, u64::saturating_add)
    }
}

/// Adds a state that a site is shown, unless the site is known to have seen a later one.
fn remember(seen: &mut Vec<u64>, size: u64) {
    if seen.first().is_some_and(|known| *known > size) || seen.contains(&size) {
        return;
    }
    if seen.len() == UNCONFIRMED {
        seen.remove(1);
    }
    seen.push(size);
}

/// Notes that a site has seen the log at this size, which rules out all earlier states as its last. With two jobs, the
/// later state may be confirmed first.
fn confirm(seen: &mut Vec<u64>, size: u64) {
    let known = seen.first().map_or(size, |known| size.max(*known));
    seen.retain(|seen| *seen > known);
    seen.insert(0, known);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirmed_state_ends_the_earlier_ones_whichever_comes_first() {
        let mut seen = vec![10];
        for size in [12, 14, 12, 16] {
            remember(&mut seen, size);
        }
        assert_eq!(seen, [10, 12, 14, 16]);
        confirm(&mut seen, 14);
        assert_eq!(seen, [14, 16]);
        // The signature for another job was made earlier and arrives later.
        confirm(&mut seen, 12);
        assert_eq!(seen, [14, 16]);
        // An open offer that is shown again changes nothing.
        remember(&mut seen, 12);
        assert_eq!(seen, [14, 16]);
        confirm(&mut seen, 16);
        assert_eq!(seen, [16]);
    }

    #[test]
    fn states_on_their_way_are_bounded_and_the_known_one_stays() {
        let mut seen = vec![1];
        (2..100).for_each(|size| remember(&mut seen, size));
        assert_eq!((seen.len(), seen[0], seen.last()), (UNCONFIRMED, 1, Some(&99)));
    }
}
