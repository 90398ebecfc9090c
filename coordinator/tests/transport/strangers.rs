//! Peers that are not ours at all: without a certificate, or of another protocol version.

use node::pki::Role;
use node::transport::{Dialer, Listener, TransportError};
use node::wire::ALPN;
use quinn::ConnectionError;

use crate::raw;
use crate::support::{authority, identity, listen, site, within};

const VERSION: &str = "speaks another protocol version; install the same release on both";

async fn refusal(listener: &Listener) -> String {
    match listener.accept().await.unwrap().accept().await {
        Err(TransportError::Lost(why)) => why,
        Err(other) => panic!("{other:?}"),
        Ok(link) => panic!("{} was let in", link.peer()),
    }
}

/// The TLS alert that a client was sent, before or after its handshake was done.
async fn alert(reached: Result<(quinn::Endpoint, quinn::Connection), ConnectionError>) -> u64 {
    let error = match reached {
        Ok((_endpoint, connection)) => connection.closed().await,
        Err(error) => error,
    };
    match error {
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code) - 0x100,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_client_without_a_certificate_is_told_to_bring_one() {
    let authority = authority();
    let (listener, address) = listen(identity(&authority, Role::Coordinator));
    let client = async {
        alert(raw::dial(address, identity(&authority, site()), false, &[ALPN]).await).await
    };
    let (why, alert) = within(async { tokio::join!(refusal(&listener), client) }).await;
    assert!(why.contains("asks for a certificate and got none"), "{why}");
    // certificate_required (RFC 8446, section 6.2).
    assert_eq!(alert, 116);
}

#[tokio::test]
async fn a_client_of_another_version_is_refused_in_the_handshake() {
    let authority = authority();
    let (listener, address) = listen(identity(&authority, Role::Coordinator));
    for protocols in
        [&[&b"consilium/3"[..]][..], &[b"h3"], &[b"consilium"], &[b"consilium/11"], &[]]
    {
        let client = async {
            alert(raw::dial(address, identity(&authority, site()), true, protocols).await).await
        };
        let (why, alert) = within(async { tokio::join!(refusal(&listener), client) }).await;
        assert!(why.contains(VERSION), "{protocols:?}: {why}");
        // no_application_protocol (RFC 7301, section 3.2).
        assert_eq!(alert, 120, "{protocols:?}");
    }
    // One of several is enough.
    let accept = async { listener.accept().await.unwrap().accept().await };
    let both = [&b"consilium/3"[..], ALPN];
    let dial = raw::dial(address, identity(&authority, site()), true, &both);
    let (accepted, reached) = within(async { tokio::join!(accept, dial) }).await;
    assert_eq!(accepted.unwrap().peer(), &site());
    reached.unwrap();
}

#[tokio::test]
async fn a_coordinator_of_another_version_is_recognised_by_the_site() {
    let authority = authority();
    for protocols in [&[&b"consilium/3"[..]][..], &[b"h3"]] {
        let (endpoint, address) = raw::server(identity(&authority, Role::Coordinator), protocols);
        let serve = async { endpoint.accept().await.unwrap().await.map(drop) };
        let dialer = Dialer::new(identity(&authority, site())).unwrap();
        let (served, reached) = within(async { tokio::join!(serve, dialer.dial(address)) }).await;
        assert!(served.is_err());
        match reached {
            Err(TransportError::Unreachable { address: at, why }) => {
                assert_eq!(at, address.into());
                assert!(why.contains(VERSION), "{why}");
            }
            other => panic!("{:?}", other.map(drop)),
        }
    }
}

/// A server without application protocols at all negotiates none; the site must not speak to it.
#[tokio::test]
async fn a_server_that_names_no_protocol_is_not_spoken_to() {
    let authority = authority();
    let (endpoint, address) = raw::server(identity(&authority, Role::Coordinator), &[]);
    let serve = async { endpoint.accept().await.unwrap().await.map(drop) };
    let dialer = Dialer::new(identity(&authority, site())).unwrap();
    let (_, reached) = within(async { tokio::join!(serve, dialer.dial(address)) }).await;
    match reached {
        Err(TransportError::Unreachable { why, .. }) => assert!(why.contains(VERSION), "{why}"),
        other => panic!("{:?}", other.map(drop)),
    }
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let authority = authority();
    let (_listener, address) = listen(identity(&authority, Role::Coordinator));
    let again = Listener::bind([address], identity(&authority, Role::Coordinator)).map(drop);
    match again {
        Err(TransportError::Socket { address: at, source, .. }) => {
            assert_eq!((at, source.kind()), (address, std::io::ErrorKind::AddrInUse));
        }
        other => panic!("{other:?}"),
    }
}
