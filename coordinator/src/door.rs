//! Who may be in the middle of a handshake: a few at once, and fewer from one address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::clock::{Clock, Moment};
use node::allowance::Allowance;
use node::transport::Origin;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Handshakes that may be under way at once.
const HANDSHAKES: usize = 64;

/// Handshakes that one address may have under way at once.
const OF_ONE_ADDRESS: usize = 4;

/// Peers of one address that are let in before further ones have to prove that address.
const UNPROVEN_OF_ONE_ADDRESS: usize = 2;

/// Peers of one address that may be in a handshake or wait for one. A peer beyond these is not
/// answered; it tries again by itself, as QUIC does with a lost datagram.
const WAITING_OF_ONE_ADDRESS: usize = 24;

/// Peers of all addresses likewise.
const WAITING: usize = 1024;

/// Lines on peers that were not let in: so many at once, and one more after such a time.
const LINES: u32 = 10;
const LINE_EVERY: Duration = Duration::from_secs(10);

struct Visitors {
    count: usize,
    turns: Arc<Semaphore>,
}

struct Lines {
    allowance: Allowance,
    left_out: u64,
}

/// The door.
pub(crate) struct Door {
    visitors: Mutex<BTreeMap<Origin, Visitors>>,
    turns: Arc<Semaphore>,
    lines: Mutex<Lines>,
    clock: Arc<dyn Clock>,
}

/// A peer at the door, until this is dropped.
pub(crate) struct Visit {
    door: Arc<Door>,
    origin: Origin,
    turns: Arc<Semaphore>,
}

/// A handshake that may go on, until this is dropped.
pub(crate) struct Turn {
    _of_address: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Door {
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let allowance = Allowance::new(LINES, LINE_EVERY, clock.now());
        Arc::new(Self {
            visitors: Mutex::default(),
            turns: Arc::new(Semaphore::new(HANDSHAKES)),
            lines: Mutex::new(Lines { allowance, left_out: 0 }),
            clock,
        })
    }

    fn visitors(&self) -> MutexGuard<'_, BTreeMap<Origin, Visitors>> {
        self.visitors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a peer should prove its address before it costs a handshake: where many are here, or others of the same
    /// address, which anybody may claim.
    pub fn must_prove(&self, address: IpAddr) -> bool {
        let is_shared = |visitors: &Visitors| visitors.count >= UNPROVEN_OF_ONE_ADDRESS;
        self.turns.available_permits() < HANDSHAKES / 2
            || self.visitors().get(&Origin::from(address)).is_some_and(is_shared)
    }

    /// Lets a peer wait for its turn; none where too many of its address, or of all, do.
    pub fn visit(self: &Arc<Self>, address: IpAddr) -> Option<Visit> {
        let origin = Origin::from(address);
        let mut visitors = self.visitors();
        let all: usize = visitors.values().map(|visitors| visitors.count).sum();
        let new = || Visitors { count: 0, turns: Arc::new(Semaphore::new(OF_ONE_ADDRESS)) };
        if all >= WAITING {
            return None;
        }
        let here = visitors.entry(origin).or_insert_with(new);
        if here.count >= WAITING_OF_ONE_ADDRESS {
            return None;
        }
        here.count += 1;
        Some(Visit { door: Arc::clone(self), origin, turns: Arc::clone(&here.turns) })
    }

    /// Whether a line on a peer that was not let in may be written, and how many were left out since
    /// the last one.
    pub fn line(&self) -> Option<u64> {
        self.line_at(self.clock.now())
    }

    fn line_at(&self, now: Moment) -> Option<u64> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.allowance.take(1, now) {
            return Some(std::mem::take(&mut lines.left_out));
        }
        lines.left_out = lines.left_out.saturating_add(1);
        None
    }
}

impl Visit {
    /// Waits for a handshake's turn: of this address, then of all.
    pub async fn turn(&self) -> Option<Turn> {
        let of_address = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        let of_all = Arc::clone(&self.door.turns).acquire_owned().await.ok()?;
        Some(Turn { _of_address: of_address, _of_all: of_all })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut visitors = self.door.visitors();
        if let Some(here) = visitors.get_mut(&self.origin) {
            here.count = here.count.saturating_sub(1);
            if here.count == 0 {
                visitors.remove(&self.origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use base::clock::SystemClock;

    use super::*;

    fn door() -> Arc<Door> {
        Door::new(Arc::new(SystemClock::new()))
    }

    #[tokio::test]
    async fn one_address_has_four_handshakes_and_the_rest_is_for_others() {
        let door = door();
        let mallory = IpAddr::from(Ipv4Addr::new(192, 0, 2, 1));
        let visits: Vec<Visit> = (0..100).filter_map(|_| door.visit(mallory)).collect();
        assert_eq!(visits.len(), WAITING_OF_ONE_ADDRESS);
        let mut turns = Vec::new();
        for visit in &visits[..OF_ONE_ADDRESS] {
            turns.push(visit.turn().await.unwrap());
        }
        assert_eq!(visits[0].turns.available_permits(), 0);
        // Whoever claims the address as well has to prove it; others have not.
        assert!(door.must_prove(mallory) && !door.must_prove(Ipv4Addr::new(192, 0, 2, 2).into()));
        // Another one does not wait for any of these.
        let other = door.visit(Ipv4Addr::new(192, 0, 2, 2).into()).unwrap();
        assert!(other.turn().await.is_some());
        turns.pop();
        assert!(visits[OF_ONE_ADDRESS].turn().await.is_some());
        drop((turns, visits, other));
        assert!(door.visitors().is_empty() && door.visit(mallory).is_some());
    }

    #[test]
    fn lines_are_few_and_say_how_many_were_left_out() {
        let door = door();
        let start = Moment(Duration::from_secs(1_000_000));
        let lines = (0..1000).filter_map(|_| door.line_at(start)).count();
        assert_eq!(lines, LINES as usize);
        assert_eq!(door.line_at(start.plus(LINE_EVERY * 2)), Some(1000 - u64::from(LINES)));
        assert_eq!(door.line_at(start.plus(LINE_EVERY * 2)), Some(0));
    }
}
