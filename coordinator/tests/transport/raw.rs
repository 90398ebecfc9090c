//! A peer that speaks QUIC and TLS but none of our manners.

use std::net::SocketAddr;
use std::sync::Arc;

use node::pki::{COORDINATOR_NAME, Identity, Role};
use node::transport::{Link, Listener};
use node::wire::ALPN;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, ServerConfig};
use rustls::crypto::aws_lc_rs;
use rustls::version::TLS13;

use crate::support::{authority, identity, listen, site, within};

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Dials with the identity's certificate, or with none, and with these protocols.
pub async fn dial(
    address: SocketAddr,
    identity: Identity,
    certificate: bool,
    protocols: &[&[u8]],
) -> Result<(Endpoint, Connection), ConnectionError> {
    let builder = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(identity.roots);
    let mut config = if certificate {
        builder.with_client_auth_cert(identity.chain, identity.key).unwrap()
    } else {
        builder.with_no_client_auth()
    };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()));
    let endpoint = Endpoint::client(loopback()).unwrap();
    let connecting = endpoint.connect_with(config, address, COORDINATOR_NAME).unwrap();
    let connection = connecting.await?;
    Ok((endpoint, connection))
}

/// Listens with the identity's certificate and with these protocols, and asks clients for nothing.
pub fn server(identity: Identity, protocols: &[&[u8]]) -> (Endpoint, SocketAddr) {
    let mut config = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let crypto = QuicServerConfig::try_from(config).unwrap();
    let endpoint =
        Endpoint::server(ServerConfig::with_crypto(Arc::new(crypto)), loopback()).unwrap();
    let address = endpoint.local_addr().unwrap();
    (endpoint, address)
}

/// Our coordinator's end of a connection to such a peer, which has a site's certificate.
pub struct Raw {
    pub link: Link,
    pub peer: Connection,
    _ends: (Listener, Endpoint),
}

pub async fn connected() -> Raw {
    let authority = authority();
    let (listener, address) = listen(identity(&authority, Role::Coordinator));
    let accept = async { listener.accept().await.unwrap().accept().await.unwrap() };
    let dial = dial(address, identity(&authority, site()), true, &[ALPN]);
    let (link, reached) = within(async { tokio::join!(accept, dial) }).await;
    let (endpoint, peer) = reached.unwrap();
    Raw { link, peer, _ends: (listener, endpoint) }
}
