//! A bad line for UDP between one site and the coordinator: it delays datagrams, and loses, duplicates and reorders some.
//!
//! ```text
//! site ─► near socket ─► lane: lose? queue full? duplicate? ─► due at … ─► far socket ─► coordinator
//!      ◄──────────────── lane ◄───────────────────────────────────────
//! ```
//!
//! Which datagrams are hit follows from the seed and their order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};

use crate::SetupError;

/// More than any datagram of QUIC here.
const DATAGRAM: usize = 1 << 13;

/// How long a datagram may wait for those before it on a line of limited rate. What would wait longer is lost, as a
/// router loses it.
const QUEUE: Duration = Duration::from_millis(200);

/// What a line does to datagrams, in each direction.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// The probability that a datagram is lost.
    pub loss: f64,
    /// The probability that a datagram arrives twice.
    pub duplicated: f64,
    /// How long a datagram travels, at least.
    pub delay: Duration,
    /// How much longer it may travel. Datagrams sent within this time may overtake each other.
    pub spread: Duration,
    /// Bits a second; 0 for as many as come.
    pub rate: u64,
    /// Decides which datagrams are hit.
    pub seed: u64,
}

/// A line that works until it is dropped.
pub struct Line {
    /// What the site is told to connect to.
    pub address: SocketAddr,
    cut: Arc<AtomicBool>,
    // Its sender ends the lanes.
    _open: tokio::sync::oneshot::Sender<()>,
}

impl Line {
    /// Opens a line to the coordinator.
    ///
    /// # Errors
    /// A socket or a thread cannot be made.
    pub fn open(coordinator: SocketAddr, faults: Faults) -> Result<Self, SetupError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let sockets = async {
            let near = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            far.connect(coordinator).await?;
            Ok::<_, std::io::Error>((near, far))
        };
        let (near, far) = runtime.block_on(sockets)?;
        let address = near.local_addr()?;
        let cut = Arc::new(AtomicBool::new(false));
        let (open, closed) = tokio::sync::oneshot::channel();
        let ends = Ends { near, far, site: Mutex::new(None), cut: Arc::clone(&cut) };
        thread::Builder::new().name("line".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = ends.lane(Direction::Up, faults) => {}
                    () = ends.lane(Direction::Down, faults) => {}
                    _ = closed => {}
                }
            });
        })?;
        Ok(Self { address, cut, _open: open })
    }

    /// Lets nothing through any more, in either direction.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    /// Carries datagrams again.
    pub fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    /// From the site to the coordinator.
    Up,
    Down,
}

/// When a datagram is due, its number, and its bytes.
type Travelling = (Instant, u64, Vec<u8>);

struct Ends {
    near: UdpSocket,
    far: UdpSocket,
    /// Where the site's last datagram came from.
    site: Mutex<Option<SocketAddr>>,
    cut: Arc<AtomicBool>,
}

impl Ends {
    /// Carries the datagrams of one direction, without end.
    async fn lane(&self, direction: Direction, faults: Faults) {
        let mut chance = Chance::new(faults.seed, direction);
        let mut buffer = [0; DATAGRAM];
        let mut travelling: BinaryHeap<Reverse<Travelling>> = BinaryHeap::new();
        let mut number = 0_u64;
        // When the line has sent all that was put on it.
        let mut free = Instant::now();
        loop {
            let due = travelling.peek().map(|Reverse((due, ..))| *due);
            let next = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                length = self.receive(direction, &mut buffer) => {
                    let now = Instant::now();
                    let Some(sent) = sent(now, &mut free, length, faults.rate) else { continue };
                    if self.cut.load(Ordering::SeqCst) || chance.hits(faults.loss) {
                        continue;
                    }
                    for _ in 0..=u8::from(chance.hits(faults.duplicated)) {
                        number += 1;
                        let due = sent + faults.delay + faults.spread.mul_f64(chance.draw());
                        travelling.push(Reverse((due, number, buffer[..length].to_vec())));
                    }
                }
                () = next => {
                    if let Some(Reverse((_, _, datagram))) = travelling.pop() {
                        self.send(direction, &datagram).await;
                    }
                }
            }
        }
    }

    async fn receive(&self, direction: Direction, buffer: &mut [u8]) -> usize {
        loop {
            let received = match direction {
                Direction::Up => self.near.recv_from(buffer).await.map(|(length, from)| {
                    if let Ok(mut site) = self.site.lock() {
                        *site = Some(from);
                    }
                    length
                }),
                Direction::Down => self.far.recv(buffer).await,
            };
            // A refusal by the system answers an earlier datagram: it is lost.
            if let Ok(length) = received {
                return length;
            }
        }
    }

    /// What cannot be sent is lost.
    async fn send(&self, direction: Direction, datagram: &[u8]) {
        let _ = match direction {
            Direction::Up => self.far.send(datagram).await,
            Direction::Down => {
                let site = self.site.lock().ok().and_then(|site| *site);
                let Some(site) = site else { return };
                self.near.send_to(datagram, site).await
            }
        };
    }
}

/// When the last bit of a datagram is on the line, after all that are before it; none if its queue is full.
fn sent(now: Instant, free: &mut Instant, length: usize, rate: u64) -> Option<Instant> {
    if rate == 0 {
        return Some(now);
    }
    let begins = now.max(*free);
    if begins.duration_since(now) > QUEUE {
        return None;
    }
    *free = begins + Duration::from_secs_f64(8.0 * length as f64 / rate as f64);
    Some(*free)
}

/// Draws that follow from a seed.
struct Chance(ChaCha8Rng);

impl Chance {
    fn new(seed: u64, direction: Direction) -> Self {
        let mut draws = ChaCha8Rng::seed_from_u64(seed);
        draws.set_stream(direction as u64);
        Self(draws)
    }

    /// A number from 0 to 1.
    fn draw(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / f64::from(u32::MAX)
    }

    fn hits(&mut self, probability: f64) -> bool {
        self.draw() < probability
    }
}
