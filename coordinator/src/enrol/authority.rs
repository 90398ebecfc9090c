//! The authority: one key that says who belongs to a federation.

use std::path::Path;
use std::time::Duration;

use base::clock::Timestamp;
use base::fingerprint::Fingerprint;
use node::pki::{Identity, PkiError, Role, Validity};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

/// A certificate that could not be made or kept.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// rcgen refuses.
    #[error("certificate for {whom}: {source}")]
    Certificate {
        /// For whom.
        whom: String,
        /// Why.
        source: rcgen::Error,
    },
    /// The certificate made cannot be used.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// A file or folder cannot be made.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which one.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// One site twice.
    #[error("site {site}: named twice; name each site once")]
    Twice {
        /// Which one.
        site: base::ids::SiteName,
    },
    /// The coordinator's own name for a site.
    #[error(
        "site {site}: is the coordinator's own name in audit logs; give the hospital another one"
    )]
    Reserved {
        /// The name.
        site: base::ids::SiteName,
    },
    /// The site belongs already.
    #[error(
        "site {site}: belongs to the federation already; coordinator sites renew {site} makes a new certificate"
    )]
    Known {
        /// Which one.
        site: base::ids::SiteName,
    },
    /// The site does not belong.
    #[error(
        "site {site}: no certificate of that name was issued here; coordinator sites list shows all that were"
    )]
    Unknown {
        /// Which one.
        site: base::ids::SiteName,
    },
    /// Nothing is left to revoke.
    #[error("{whose}: revoked already")]
    Revoked {
        /// Whose certificates.
        whose: String,
    },
    /// The list of revoked certificates.
    #[error(transparent)]
    List(#[from] crate::revoked::RevokedError),
    /// A register that was damaged.
    #[error("{}: line {line}: not a fingerprint, a role, a name, and two times; restore the file, or remove the line", path.display())]
    Register {
        /// Which file.
        path: std::path::PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The authority's files are of another kind, or of two authorities.
    #[error("{}: ca.pem and ca-key.pem are not those of one authority that coordinator init made", path.display())]
    Authority {
        /// Their folder.
        path: std::path::PathBuf,
    },
    /// The folder holds a federation already.
    #[error("{}: not empty; name a new folder, an authority is made once", path.display())]
    NotEmpty {
        /// Which folder.
        path: std::path::PathBuf,
    },
}

/// How long certificates are valid.
const AUTHORITY_LIFE: Duration = Duration::from_secs(10 * 365 * 86_400);
const MEMBER_LIFE: Duration = Duration::from_secs(365 * 86_400);
/// Hospital clocks differ: a certificate is valid from a little before it was made.
const SKEW: Duration = Duration::from_secs(3600);

/// The authority's own name.
const NAME: &str = "Consilium federation authority";

/// A federation's certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    now: Timestamp,
}

/// What an authority's certificate says.
fn own_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// A certificate and its key.
pub struct Issued {
    role: Role,
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    key: KeyPair,
    authority: CertificateDer<'static>,
}

fn validity(params: &mut CertificateParams, now: Timestamp, life: Duration) {
    let start = Duration::from_millis(now.0).saturating_sub(SKEW);
    let at = |since: Duration| OffsetDateTime::UNIX_EPOCH + since;
    params.not_before = at(start);
    params.not_after = at(start.saturating_add(life));
}

impl Authority {
    /// A new authority, as of `now`.
    ///
    /// # Errors
    /// No key can be made.
    pub fn new(now: Timestamp) -> Result<Self, EnrolError> {
        let failed = |source| EnrolError::Certificate { whom: "the authority".to_owned(), source };
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = own_params();
        validity(&mut params, now, AUTHORITY_LIFE);
        let certificate = params.self_signed(&key).map_err(failed)?;
        let certificate_pem = certificate.pem();
        let issuer = Issuer::new(params, key);
        Ok(Self { issuer, certificate: certificate.into(), certificate_pem, now })
    }

    /// The authority whose `ca.pem` and `ca-key.pem` lie in a folder, as of `now`.
    ///
    /// # Errors
    /// A file cannot be read, or they are not those of one authority that [`Authority::new`] made.
    pub fn load(folder: &Path, now: Timestamp) -> Result<Self, EnrolError> {
        let text = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(|source| EnrolError::Io { path, source })
        };
        let certificate_pem = text("ca.pem")?;
        let other = || EnrolError::Authority { path: folder.to_owned() };
        let key = KeyPair::from_pem(&text("ca-key.pem")?).map_err(|_| other())?;
        let certificate =
            CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(|_| other())?;
        // Its name and its key stand in the certificate as they are.
        let holds = |part: &[u8]| certificate.windows(part.len()).any(|window| window == part);
        if !holds(key.public_key_raw()) || !holds(NAME.as_bytes()) {
            return Err(other());
        }
        let issuer = Issuer::new(own_params(), key);
        Ok(Self { issuer, certificate, certificate_pem, now })
    }

    /// The authority's certificate in PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        self.certificate_pem.clone()
    }

    /// The authority's fingerprint, which hospitals compare and list in their policies.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    /// The authority's key in PEM: whoever has it decides who belongs to the federation.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A certificate for a role.
    ///
    /// # Errors
    /// rcgen refuses.
    pub fn issue(&self, role: Role) -> Result<Issued, EnrolError> {
        self.issue_for(role, MEMBER_LIFE)
    }

    /// A certificate for a role that is valid for `life` from an hour before now on.
    ///
    /// # Errors
    /// rcgen refuses.
    pub fn issue_for(&self, role: Role, life: Duration) -> Result<Issued, EnrolError> {
        let failed = |source| EnrolError::Certificate { whom: role.to_string(), source };
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new(vec![role.dns_name()]).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, role.to_string());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match role {
            Role::Coordinator => ExtendedKeyUsagePurpose::ServerAuth,
            Role::Site(_) | Role::Operator(_) => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        params.use_authority_key_identifier_extension = true;
        // From the key, so that two certificates of one name differ.
        let digest = base::digest::Digest::of(&key.serialize_der());
        let serial = digest.as_bytes().first_chunk::<16>().map_or(&[0_u8; 16][..], |s| s);
        params.serial_number = Some(SerialNumber::from_slice(serial));
        validity(&mut params, self.now, life);
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok(Issued {
            role,
            certificate_pem: certificate.pem(),
            certificate: certificate.into(),
            key,
            authority: self.certificate.clone(),
        })
    }
}

impl Issued {
    /// Whose it is.
    #[must_use]
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// SHA-256 of the certificate.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    /// When it ends.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        // One that was just made parses.
        Validity::of(&self.certificate).map_or(Timestamp(0), |validity| validity.not_after)
    }

    /// The certificate in PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The key in PEM.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// What the holder needs to speak.
    ///
    /// # Errors
    /// Never for a certificate that was just made.
    pub fn identity(&self) -> Result<Identity, EnrolError> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let identity = Identity::new(vec![self.certificate.clone()], key, self.authority.clone())?;
        debug_assert_eq!(identity.role, self.role);
        Ok(identity)
    }
}
