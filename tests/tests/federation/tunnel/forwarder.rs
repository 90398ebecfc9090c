//! A way to the coordinator as a firewall leaves it: TCP is forwarded, and UDP only between being opened and closed.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use tests::SetupError;

/// How often another port is tried: one that is free for TCP and UDP.
const PORTS: usize = 32;

/// More than any datagram of QUIC here.
const DATAGRAM: usize = 1 << 13;

/// Where it listens. Its threads end with the process.
pub struct Forwarder {
    pub address: String,
    target: SocketAddr,
    silent: Arc<UdpSocket>,
    is_open: Arc<AtomicBool>,
}

impl Forwarder {
    /// Forwards TCP to the coordinator.
    pub fn new(target: &str) -> Result<Self, SetupError> {
        let target: SocketAddr = target.parse()?;
        let (listener, silent) = bind()?;
        let address = listener.local_addr()?.to_string();
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if let Ok(far) = TcpStream::connect(target) {
                    join(near, far);
                }
            }
        });
        Ok(Self { address, target, silent: Arc::new(silent), is_open: Arc::default() })
    }

    /// Forwards UDP as well from now on, for one site at a time.
    pub fn open_udp(&self) -> Result<(), SetupError> {
        self.is_open.store(true, Ordering::SeqCst);
        let near = Arc::clone(&self.silent);
        let is_open = Arc::clone(&self.is_open);
        let far = Arc::new(UdpSocket::bind("127.0.0.1:0")?);
        far.connect(self.target)?;
        let site = Arc::new(Mutex::new(None));
        let known = Arc::clone(&site);
        let answers = Arc::clone(&far);
        let back = Arc::clone(&near);
        thread::spawn(move || {
            let mut datagram = [0; DATAGRAM];
            while let Ok(length) = answers.recv(&mut datagram) {
                let site = known.lock().ok().and_then(|site| *site);
                if let Some(site) = site {
                    let _ = back.send_to(&datagram[..length], site);
                }
            }
        });
        thread::spawn(move || {
            let mut datagram = [0; DATAGRAM];
            while let Ok((length, from)) = near.recv_from(&mut datagram) {
                if !is_open.load(Ordering::SeqCst) {
                    continue;
                }
                if let Ok(mut site) = site.lock() {
                    *site = Some(from);
                }
                let _ = far.send(&datagram[..length]);
            }
        });
        Ok(())
    }

    /// Forwards no datagram of a site any more.
    pub fn close_udp(&self) {
        self.is_open.store(false, Ordering::SeqCst);
    }
}

/// A port for TCP, and the UDP port of the same number, so that nobody else answers there.
fn bind() -> io::Result<(TcpListener, UdpSocket)> {
    let mut last = None;
    for _ in 0..PORTS {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        match UdpSocket::bind(listener.local_addr()?) {
            Ok(silent) => return Ok((listener, silent)),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::other("no port")))
}

/// Copies both ways until both have ended.
pub fn join(near: TcpStream, far: TcpStream) {
    for (from, to) in [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))] {
        let (Ok(mut from), Ok(mut to)) = (from, to) else { return };
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}
