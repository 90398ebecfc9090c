//! Which paths lead to the coordinator: what `site-node check` finds out over the network.

use std::error::Error;
use std::time::Duration;

use command::{Exit, Failure};
use node::pki::Identity;
use node::transport::{Dialer, Path, Route};

/// How long the goodbyes may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Tries both paths with a handshake alone, and prints which of them work and which one is used.
///
/// # Errors
/// None of them leads to the coordinator.
pub(super) fn check(identity: Identity, route: &Route) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (udp, tcp) = runtime.block_on(async {
        let dialer = Dialer::new(identity)?;
        let found = tokio::join!(dialer.probe(Path::Udp, route), dialer.probe(Path::Tcp, route));
        // A coordinator that does not answer is not waited for.
        let _ = tokio::time::timeout(GOODBYE, dialer.finish()).await;
        Ok::<_, Box<dyn Error>>(found)
    })?;
    runtime.shutdown_background();
    let says = |found: &Result<(), String>| match found {
        Ok(()) => "works".to_owned(),
        Err(why) => why.clone(),
    };
    println!("UDP to {}: {}", route.udp, says(&udp));
    println!("TCP{}: {}", place(route), says(&tcp));
    match (udp, tcp) {
        (Ok(()), _) => println!("connection: site-node run uses UDP"),
        (Err(_), Ok(())) => println!(
            "connection: site-node run uses TCP, and tries UDP again from time to time; UDP is faster where it is let \
             through"
        ),
        (Err(_), Err(_)) => {
            return Err(Box::new(Failure {
                exit: Exit::Unavailable,
                message: format!(
                    "no path leads to the coordinator at {route}: fix one of the two above; --offline checks the rest \
                     alone"
                ),
            }));
        }
    }
    Ok(())
}

/// Where TCP leads, if it may be tried.
fn place(route: &Route) -> String {
    let Some(tcp) = &route.tcp else { return String::new() };
    match &tcp.proxy {
        Some(proxy) => format!(" to {} through the proxy {}", tcp.address, proxy.address),
        None => format!(" to {}", tcp.address),
    }
}
