//! Whether an identity would be let in: the dates of its certificate, its authority and its key.

use std::time::Duration;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::UnixTime;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, KeyUsage};

use super::identity::Identity;
use super::role::Role;
use super::validity::Validity;
use base::clock::Timestamp;
use base::fingerprint::Fingerprint;

/// Why an identity would be turned away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// Its dates cannot be read.
    #[error(
        "the certificate's dates cannot be read; ask the research centre for a new certificate"
    )]
    Undated,
    /// Its time is over.
    #[error(
        "the certificate expired on {on}; ask the research centre for a new one (coordinator sites renew)"
    )]
    Expired {
        /// When.
        on: Timestamp,
    },
    /// Its time has not come.
    #[error("the certificate is not valid before {from}; check this machine's clock, or wait")]
    NotYetValid {
        /// From when on it is.
        from: Timestamp,
    },
    /// `ca.pem` is another authority's.
    #[error(
        "the certificate was not issued by the authority in ca.pem ({authority}): {why}; both files \
         must come from the same federation"
    )]
    OtherAuthority {
        /// Whose certificate is in `ca.pem`.
        authority: Fingerprint,
        /// What the verifier says.
        why: String,
    },
    /// `key.pem` belongs to another certificate.
    #[error("key.pem is not the key of cert.pem ({why}); both files must be from the same folder")]
    OtherKey {
        /// What the TLS library says.
        why: String,
    },
}

impl Identity {
    /// Everything for which the other side would turn this identity away at `now`.
    #[must_use]
    pub fn faults(&self, now: Timestamp) -> Vec<CertificateFault> {
        let Some(Validity { not_before, not_after }) = self.validity() else {
            return vec![CertificateFault::Undated];
        };
        let mut faults = Vec::new();
        if now < not_before {
            faults.push(CertificateFault::NotYetValid { from: not_before });
        } else if now > not_after {
            faults.push(CertificateFault::Expired { on: not_after });
        }
        // At a moment at which the dates cannot be what is wrong.
        if let Err(error) = self.verify(Duration::from_millis(not_after.0)) {
            let authority = self.authority;
            let why = error.to_string();
            faults.push(CertificateFault::OtherAuthority { authority, why });
        }
        let key = self.key.clone_key();
        if let Err(error) = CertifiedKey::from_der(self.chain.clone(), key, &default_provider()) {
            faults.push(CertificateFault::OtherKey { why: error.to_string() });
        }
        faults
    }

    /// Verifies the chain as the other side does.
    fn verify(&self, since_1970: Duration) -> Result<(), Error> {
        let (first, others) = self.chain.split_first().ok_or(Error::BadDer)?;
        let usage = match self.role {
            Role::Coordinator => KeyUsage::server_auth(),
            Role::Site(_) | Role::Operator(_) => KeyUsage::client_auth(),
        };
        let time = UnixTime::since_unix_epoch(since_1970);
        let certificate = EndEntityCert::try_from(first)?;
        let roots = &self.roots.roots;
        certificate
            .verify_for_usage(ALL_VERIFICATION_ALGS, roots, others, time, usage, None, None)
            .map(drop)
    }
}
