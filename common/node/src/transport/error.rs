//! What goes wrong between two peers, in words that say what to do.

use std::net::SocketAddr;

use quinn::ConnectionError;
use rustls::CertificateError;

use super::address::Address;
use crate::pki::PkiError;
use base::codec::CodecError;
use base::text::{MAX_REASON, plain};

/// A failure of the connection, or of what came over it.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The address cannot be used.
    #[error("{doing} {address}: {source}")]
    Socket {
        /// What was tried.
        doing: &'static str,
        /// On which address.
        address: SocketAddr,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The TCP port cannot be used.
    #[error(
        "listening for TCP at {address}: {source}; free the port, or let `tcp` in coordinator.toml name another \
         address, or turn it off with `tcp = false`"
    )]
    TcpPort {
        /// On which address.
        address: SocketAddr,
        /// Why it failed.
        source: std::io::Error,
    },
    /// No connection to the peer came about.
    #[error("connecting to {address}: {why}")]
    Unreachable {
        /// The peer.
        address: Address,
        /// In words.
        why: String,
    },
    /// The connection ended.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The stream ended early or was reset.
    #[error("stream: {0}")]
    Stream(String),
    /// The peer's certificate or ours.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// What came is not a message.
    #[error(transparent)]
    Wire(#[from] CodecError),
    /// The words are not what their header says.
    #[error("transfer: {found} bytes arrived where the header says {expected}")]
    Length {
        /// What the header says.
        expected: u64,
        /// What arrived, as far as it was read.
        found: u64,
    },
    /// The words do not hash to what their header says.
    #[error("transfer: the words do not have the hash that their header names")]
    Digest,
    /// The words could not be kept.
    #[error("transfer: {0}")]
    Sink(#[from] std::io::Error),
}

impl From<ConnectionError> for TransportError {
    fn from(error: ConnectionError) -> Self {
        Self::Lost(explain(&error))
    }
}

/// TLS alerts reach QUIC as transport error 0x100 + alert (RFC 9001, section 4.8).
pub(super) fn explain(error: &ConnectionError) -> String {
    let (code, who) = match error {
        ConnectionError::TransportError(error) => (u64::from(error.code), ""),
        // The peer's words, of what it trusts and what its clock says.
        ConnectionError::ConnectionClosed(close) => {
            (u64::from(close.error_code), "the other side says: ")
        }
        ConnectionError::TimedOut => {
            return "the peer does not answer; check the address, that UDP is let through, and \
                    that the other side runs"
                .to_owned();
        }
        ConnectionError::LocallyClosed => return "closed on this side".to_owned(),
        ConnectionError::ApplicationClosed(close) => {
            let reason = String::from_utf8_lossy(&close.reason);
            return format!("closed by the peer: {}", plain(&reason, MAX_REASON));
        }
        _ => return error.to_string(),
    };
    match code.checked_sub(0x100).and_then(words_of_alert) {
        Some(words) => format!("{who}{words} ({error})"),
        None => error.to_string(),
    }
}

/// What a TLS alert means (RFC 8446, section 6.2).
fn words_of_alert(alert: u64) -> Option<&'static str> {
    match alert {
        120 => {
            Some("the other side speaks another protocol version; install the same release on both")
        }
        116 => Some("the other side asks for a certificate and got none"),
        // An authority of the same name is told apart by its signature alone: decrypt_error.
        48 | 51 => Some("a certificate was issued by another authority than the one trusted here"),
        45 => Some("a certificate has expired or is not valid yet; renew it and check the clock"),
        42..=44 | 46 => Some("a certificate was refused"),
        _ => None,
    }
}

/// A failure of a tunnel's stream, in the same words as one of QUIC.
pub(super) fn explain_io(error: &std::io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let (who, words) = match tls {
        Some(rustls::Error::AlertReceived(alert)) => {
            ("the other side says: ", words_of_alert(u64::from(u8::from(*alert))))
        }
        Some(rustls::Error::NoCertificatesPresented) => ("", words_of_alert(116)),
        Some(rustls::Error::NoApplicationProtocol) => ("", words_of_alert(120)),
        Some(rustls::Error::InvalidCertificate(why)) => ("", words_of_certificate(why)),
        Some(rustls::Error::InvalidMessage(_) | rustls::Error::PeerIncompatible(_)) => {
            ("", Some("what the other side says is not TLS 1.3; check the address and the port"))
        }
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return "the TCP connection ended before it was closed; the other side has stopped, or a firewall on the \
                    way does not let it through"
                .to_owned();
        }
        _ => ("", None),
    };
    match words {
        Some(words) => format!("{who}{words} ({error})"),
        None => error.to_string(),
    }
}

fn words_of_certificate(error: &CertificateError) -> Option<&'static str> {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Some(
            "a certificate was issued by another authority than the one trusted here; where a firewall inspects TLS, \
             ask its people for an exception",
        ),
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => words_of_alert(45),
        _ => words_of_alert(42),
    }
}
