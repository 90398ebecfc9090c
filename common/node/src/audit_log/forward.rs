//! Each record to a syslog server as well (RFC 5424): for people who watch. The log on disk stays the
//! truth, so that a server that is slow or gone holds nothing up.
//!
//! ```text
//! record ─► durable ─► queue, bounded ─► thread ─► udp, tcp or unix socket
//!                        └ full: dropped, counted, and said once the server is back
//! ```

use std::io::{self, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use audit::record::{Outcome, Record};

use super::settings::Collector;

/// Records that wait for the server, at most.
const QUEUE: usize = 4096;

/// How long a connection or a write may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Facility 13, "log audit" (RFC 5424, table 1).
const FACILITY: u8 = 13;

/// Sends records on, until it is dropped; then it sends what waits.
pub(super) struct Forwarder {
    queue: Option<SyncSender<String>>,
    dropped: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Forwarder {
    pub(super) fn new(collector: Collector) -> io::Result<Self> {
        let (queue, waiting) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&dropped);
        let name = "syslog".to_owned();
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || send_all(&collector, &waiting, &count))?;
        Ok(Self { queue: Some(queue), dropped, thread: Some(thread) })
    }

    /// Queues a record that is durable; drops it where too many wait.
    pub(super) fn send(&self, record: &Record) {
        let Ok(line) = record.to_line() else { return };
        let message = message(record, &String::from_utf8_lossy(&line));
        if let Some(queue) = &self.queue
            && queue.try_send(message).is_err()
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.queue.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A record as a syslog message.
fn message(record: &Record, line: &str) -> String {
    // Notice, or warning where it was refused or failed.
    let severity = if record.outcome == Outcome::Ok { 5 } else { 4 };
    let priority = FACILITY * 8 + severity;
    let time = record.time;
    let node = &record.node.name;
    let event = record.event.name();
    let process = std::process::id();
    format!("<{priority}>1 {time} {node} consilium {process} {event} - {line}")
}

enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Unix(UnixDatagram),
}

impl Socket {
    fn open(collector: &Collector) -> io::Result<Self> {
        match collector {
            Collector::Udp(place) => {
                let address = resolve(place)?;
                let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(any)?;
                socket.connect(address)?;
                Ok(Self::Udp(socket))
            }
            Collector::Tcp(place) => {
                let stream = TcpStream::connect_timeout(&resolve(place)?, PATIENCE)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Self::Tcp(stream))
            }
            Collector::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.set_write_timeout(Some(PATIENCE))?;
                socket.connect(path)?;
                Ok(Self::Unix(socket))
            }
        }
    }

    fn send(&mut self, message: &str) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send(message.as_bytes()).map(drop),
            Self::Unix(socket) => socket.send(message.as_bytes()).map(drop),
            Self::Tcp(stream) => {
                // One write: a frame is never interleaved with another.
                stream.write_all(format!("{} {message}", message.len()).as_bytes())
            }
        }
    }
}

fn resolve(place: &str) -> io::Result<std::net::SocketAddr> {
    place.to_socket_addrs()?.next().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

fn send_all(collector: &Collector, waiting: &Receiver<String>, dropped: &AtomicU64) {
    let mut socket: Option<Socket> = None;
    let mut failing = false;
    for message in waiting {
        // A connection that was lost is made anew once for each message.
        let mut outcome = Err(io::ErrorKind::NotConnected.into());
        for _ in 0..2 {
            if socket.is_none() {
                match Socket::open(collector) {
                    Ok(opened) => socket = Some(opened),
                    Err(error) => {
                        outcome = Err(error);
                        break;
                    }
                }
            }
            outcome = socket.as_mut().map_or(outcome, |socket| socket.send(&message));
            if outcome.is_ok() {
                break;
            }
            socket = None;
        }
        match outcome {
            Ok(()) if failing => {
                failing = false;
                let lost = dropped.swap(0, Ordering::Relaxed);
                tracing::info!(%collector, lost, "the syslog server takes records again");
            }
            Ok(()) => {}
            Err(error) => {
                dropped.fetch_add(1, Ordering::Relaxed);
                if !failing {
                    tracing::warn!(%collector, %error, "records do not reach the syslog server");
                }
                failing = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;

    use audit::Digest;
    use audit::record::{Entry, Event, Node, Role, Stamp};

    use super::*;

    fn record(seq: u64) -> Record {
        let node = Node { name: "site-a".parse().unwrap(), role: Role::Site };
        let stamp = Stamp {
            time: audit::UtcTime::from_millis(1_772_354_400_000),
            monotonic_ms: seq,
            boot: "boot".parse().unwrap(),
        };
        let event = Event::KeyNew { fingerprint: Digest::sha256(b"key") };
        Record::new(seq, &stamp, &node, &Entry::new("daemon".parse().unwrap(), event))
    }

    #[test]
    fn each_record_arrives_over_udp_tcp_and_a_unix_socket() {
        let folder = tempfile::tempdir().unwrap();
        let expected = {
            let line = String::from_utf8(record(7).to_line().unwrap()).unwrap();
            let process = std::process::id();
            format!("<109>1 2026-03-01T08:40:00.000Z site-a consilium {process} KEY_NEW - {line}")
        };
        let mut buffer = vec![0; 65536];

        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let place = server.local_addr().unwrap().to_string();
        let forwarder = Forwarder::new(Collector::Udp(place)).unwrap();
        forwarder.send(&record(7));
        let read = server.recv(&mut buffer).unwrap();
        assert_eq!(String::from_utf8_lossy(&buffer[..read]), expected);

        let path = folder.path().join("log");
        let server = UnixDatagram::bind(&path).unwrap();
        Forwarder::new(Collector::Unix(path)).unwrap().send(&record(7));
        let read = server.recv(&mut buffer).unwrap();
        assert_eq!(String::from_utf8_lossy(&buffer[..read]), expected);

        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = server.local_addr().unwrap().to_string();
        let forwarder = Forwarder::new(Collector::Tcp(place)).unwrap();
        forwarder.send(&record(7));
        forwarder.send(&record(7));
        drop(forwarder);
        let mut all = String::new();
        server.accept().unwrap().0.read_to_string(&mut all).unwrap();
        assert_eq!(all, format!("{} {expected}", expected.len()).repeat(2));
    }

    #[test]
    fn a_server_that_is_gone_holds_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        let nobody = Collector::Unix(folder.path().join("nobody"));
        let forwarder = Forwarder::new(nobody).unwrap();
        for seq in 1..=10_000 {
            forwarder.send(&record(seq));
        }
        let dropped = Arc::clone(&forwarder.dropped);
        drop(forwarder);
        assert_eq!(dropped.load(Ordering::Relaxed), 10_000);
    }
}
