//! Hostile peers at the coordinator's TCP port while a run goes on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tests::{Federation, HOSPITALS, demo, stop};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Forwarder, path, report};
use crate::Outcome;

/// Connections in all, and how many of them at once: a process may have few descriptors.
const MANY: usize = 3000;
const AT_ONCE: usize = 200;

/// How long one that is not shown out is held open: longer than the coordinator keeps it.
const HELD: Duration = Duration::from_secs(60);

/// Connects from another address of this machine, as a hostile machine would.
async fn from_elsewhere(to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 66], 0)))?;
    socket.connect(to).await
}

/// Says something, or nothing, and stays until it is shown out.
async fn intrude(to: SocketAddr, number: usize, turns: Arc<Semaphore>) -> std::io::Result<()> {
    let _turn = turns.acquire().await.map_err(std::io::Error::other)?;
    let mut stream = from_elsewhere(to).await?;
    let hello = [0x16, 0x03, 0x01, 0x40, 0x00, 0x01];
    match number % 4 {
        // Nothing at all.
        0 => {}
        // No TLS.
        1 => stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await?,
        // The beginning of TLS, and then nothing.
        2 => stream.write_all(&hello).await?,
        // A length and a stall, without TLS.
        _ => stream.write_all(&8000_u16.to_le_bytes()).await?,
    }
    let mut rest = Vec::new();
    // A coordinator that keeps it for ever is found by the count below.
    match tokio::time::timeout(HELD, stream.read_to_end(&mut rest)).await {
        Ok(_) => Ok(()),
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_at_the_tcp_port_leave_a_run_unharmed() -> Outcome {
    let mut federation = Federation::new()?;
    let coordinator = federation.serve()?;
    let port: SocketAddr = federation.address.parse()?;
    let mut sites = Vec::new();
    for site in &HOSPITALS[..3] {
        let forwarder = Forwarder::new(&federation.address)?;
        federation.reach(site, &format!("coordinator = \"{}\"", forwarder.address))?;
        sites.push(federation.site_node(site, "run")?);
    }
    for site in &mut sites {
        assert_eq!(path(site)?, "tcp");
    }
    let run = federation.run(&demo(), &["rounds=10"])?;
    let mut intruders = JoinSet::new();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    for number in 0..MANY {
        intruders.spawn(intrude(port, number, Arc::clone(&turns)));
    }
    let report = tokio::task::spawn_blocking(move || report(run).map_err(|why| why.to_string()));
    let report = report.await??;
    assert_eq!(report["sites"].as_array().map(Vec::len), Some(3), "{report}");
    assert!(report["file_sha256"].is_string(), "{report}");
    let mut kept = 0;
    while let Some(ended) = intruders.join_next().await {
        let ended = ended?;
        kept += usize::from(ended.is_err_and(|why| why.kind() == std::io::ErrorKind::TimedOut));
    }
    assert_eq!(kept, 0, "connections that the coordinator kept");
    stop(sites)?;
    stop([coordinator])
}
