//! Whose certificate is still good: asked when a peer comes, and for as long as it stays.

use std::sync::Arc;
use std::time::Duration;

use base::clock::Clock;
use node::transport::{Link, PeerCertificate};
use tokio::task::JoinHandle;

use crate::revoked::{Change, Revoked};

/// How often a live session's certificate is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// What certificates are held against.
#[derive(Clone)]
pub(super) struct Admission {
    revoked: Option<Arc<Revoked>>,
    clock: Arc<dyn Clock>,
}

/// Watches a session until this is dropped.
pub(super) struct Watched(JoinHandle<()>);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Admission {
    pub(super) fn new(revoked: Option<Arc<Revoked>>, clock: Arc<dyn Clock>) -> Self {
        Self { revoked, clock }
    }

    /// Whether a peer may come in; one that may not is told why.
    pub(super) fn admits(&self, link: &Link) -> bool {
        let Some(why) =
            link.certificate().and_then(|certificate| self.reason_to_refuse(certificate))
        else {
            return true;
        };
        tracing::warn!(peer = %link.peer(), address = %link.address(), error = why, "a peer was not let in");
        link.close(why);
        false
    }

    /// Ends the session when its certificate ends or is revoked, and warns some weeks before its end.
    pub(super) fn watch(&self, link: &Link) -> Watched {
        let admission = self.clone();
        let link = link.clone();
        Watched(tokio::spawn(async move {
            let Some(certificate) = link.certificate() else { return };
            let mut warned = None;
            loop {
                if let Some(why) = admission.reason_to_refuse(certificate) {
                    tracing::warn!(peer = %link.peer(), why, "session ended");
                    link.close(why);
                    return;
                }
                let now = admission.clock.wall();
                let days = certificate.validity.and_then(|validity| validity.ends_soon(now));
                if let Some(days) = days
                    && warned != Some(days)
                {
                    tracing::warn!(
                        peer = %link.peer(),
                        days,
                        "a certificate ends soon; coordinator sites renew makes a new one"
                    );
                }
                warned = days;
                tokio::time::sleep(LOOK).await;
            }
        }))
    }

    fn reason_to_refuse(&self, certificate: PeerCertificate) -> Option<&'static str> {
        if let Some(revoked) = &self.revoked {
            match revoked.refresh() {
                Ok(Change::Nothing) => {}
                Ok(Change::Read { readmitted: 0 }) => {
                    tracing::info!("the list of revoked certificates was read anew");
                }
                Ok(Change::Read { readmitted }) => tracing::warn!(
                    readmitted,
                    "the list of revoked certificates was read anew, and some that it held are let in again"
                ),
                Err(error) => tracing::error!(
                    %error,
                    "the list of revoked certificates cannot be read; what was revoked stays so"
                ),
            }
            if revoked.holds(&certificate.fingerprint) {
                return Some("this certificate was revoked; ask the research centre for a new one");
            }
        }
        let now = self.clock.wall();
        let over = certificate.validity.is_some_and(|validity| validity.not_after < now);
        over.then_some("this certificate has expired; renew it")
    }
}
