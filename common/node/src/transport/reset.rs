//! How peers notice that the process at the other end is another one.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::{hmac, rand};
use quinn::{ConnectionId, ConnectionIdGenerator, EndpointConfig};
use rustls_pki_types::PrivateKeyDer;

/// The settings of an end that peers know again after its process was killed. Its next process answers the first packet
/// of an earlier connection with a stateless reset (RFC 9000, section 10.3), and the peer connects anew at once. It
/// would else wait until the connection is idle for too long. The key of the resets follows from the private key, which
/// serves one end at a time.
pub(super) fn with_derived_reset_key(key: &PrivateKeyDer<'_>) -> EndpointConfig {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, key.secret_der());
    let key = hmac::sign(&secret, b"consilium: key of stateless resets");
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
    let mut config = EndpointConfig::new(Arc::new(key));
    config.cid_generator(|| Box::new(RandomIds));
    config
}

/// The length of a connection's id. It is known before the id is, also by the next process.
const ID: usize = 8;

/// Ids of connections that hold nothing but randomness. A process does not take those of an earlier one for invalid.
struct RandomIds;

impl ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut id = [0; ID];
        // Without randomness no handshake comes this far.
        let _ = rand::fill(&mut id);
        ConnectionId::new(&id)
    }

    fn cid_len(&self) -> usize {
        ID
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}
