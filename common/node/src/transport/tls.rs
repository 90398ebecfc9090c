//! TLS 1.3 with certificates on both sides, for QUIC and for the stream of a tunnel.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};

use super::error::TransportError;
use crate::pki::{Identity, PkiError};
use crate::wire::{ALPN, TUNNEL_ALPN};

/// One configuration for each path.
pub(super) struct Both<C> {
    /// For QUIC, over UDP and in a tunnel.
    pub quic: C,
    /// For the stream of a tunnel.
    pub tunnel: C,
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

pub(super) fn error(error: rustls::Error) -> TransportError {
    PkiError::Tls(error).into()
}

/// The coordinator's side.
pub(super) fn server(identity: Identity) -> Result<Both<ServerConfig>, TransportError> {
    let roots = Arc::new(identity.roots);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
        .build()
        .map_err(|failed| error(rustls::Error::General(failed.to_string())))?;
    let mut quic = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(error)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain, identity.key)
        .map_err(error)?;
    quic.alpn_protocols = vec![ALPN.to_vec()];
    quic.max_early_data_size = 0;
    let mut tunnel = quic.clone();
    tunnel.alpn_protocols = vec![TUNNEL_ALPN.to_vec()];
    // Each tunnel shows its certificate anew, also to a peer that was given a ticket over QUIC.
    tunnel.send_tls13_tickets = 0;
    tunnel.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Both { quic, tunnel })
}

/// A site's or an operator's side.
pub(super) fn client(identity: Identity) -> Result<Both<ClientConfig>, TransportError> {
    let mut quic = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(error)?
        .with_root_certificates(identity.roots)
        .with_client_auth_cert(identity.chain, identity.key)
        .map_err(error)?;
    quic.alpn_protocols = vec![ALPN.to_vec()];
    quic.enable_early_data = false;
    let mut tunnel = quic.clone();
    tunnel.alpn_protocols = vec![TUNNEL_ALPN.to_vec()];
    tunnel.resumption = Resumption::disabled();
    Ok(Both { quic, tunnel })
}
