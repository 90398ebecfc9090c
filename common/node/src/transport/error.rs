//! What goes wrong between two peers, in words that say what to do.

use std::net::SocketAddr;

use quinn::ConnectionError;

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
        ConnectionError::ApplicationClosed(close) => {
            let reason = String::from_utf8_lossy(&close.reason);
            return format!("closed by the peer: {}", plain(&reason, MAX_REASON));
        }
        _ => return error.to_string(),
    };
    let words = match code.checked_sub(0x100) {
        Some(120) => {
            "the other side speaks another protocol version; install the same release on both"
        }
        Some(116) => "the other side asks for a certificate and got none",
        // An authority of the same name is told apart by its signature alone: decrypt_error.
        Some(48 | 51) => "a certificate was issued by another authority than the one trusted here",
        Some(45) => "a certificate has expired or is not valid yet; renew it and check the clock",
        Some(42..=44 | 46) => "a certificate was refused",
        _ => return error.to_string(),
    };
    format!("{who}{words} ({error})")
}
