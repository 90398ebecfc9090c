//! A peer's own certificate and key, and the authority it trusts, read from PEM files.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::role::Role;
use super::validity::Validity;
use base::fingerprint::Fingerprint;

/// A certificate, a key or an authority that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file could not be read or holds no such PEM block.
    #[error("{what} {}: {why}; {hint}", path.display())]
    File {
        /// What the file should hold.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
        /// What to do.
        hint: &'static str,
    },
    /// The private key is open to others.
    #[error("private key {}: others may read it (mode {mode:o}); run chmod 600 on it", path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a certificate.
    #[error("certificate: cannot be parsed: {0}")]
    Unparsable(String),
    /// A certificate without a role in this federation.
    #[error("certificate: {0:?} is not the one name of a site, an operator or a coordinator")]
    NoRole(String),
    /// Key and certificate do not belong together, or rustls refuses them.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// A peer's certificate chain, its key, and the authority that it trusts.
#[derive(Debug)]
pub struct Identity {
    /// The peer's certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
    /// The federation's authority.
    pub roots: RootCertStore,
    /// The authority's fingerprint.
    pub authority: Fingerprint,
    /// The role in the certificate.
    pub role: Role,
}

impl Identity {
    /// An identity from DER parts.
    ///
    /// # Errors
    /// The chain is empty, or its first certificate gives no role.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        authority: CertificateDer<'static>,
    ) -> Result<Self, PkiError> {
        let first = chain.first().ok_or_else(|| PkiError::NoRole("no certificate".to_owned()))?;
        let role = Role::of(first)?;
        let fingerprint = Fingerprint::of(&authority);
        let mut roots = RootCertStore::empty();
        roots.add(authority)?;
        Ok(Self { chain, key, roots, authority: fingerprint, role })
    }

    /// When the peer's own certificate is valid; none where that cannot be read.
    #[must_use]
    pub fn validity(&self) -> Option<Validity> {
        self.chain.first().and_then(|certificate| Validity::of(certificate))
    }

    /// Reads `ca.pem`, `cert.pem` and `key.pem` from a folder.
    ///
    /// # Errors
    /// A file is missing or holds something else, or the key is readable by others.
    pub fn load(folder: &Path) -> Result<Self, PkiError> {
        let ca = folder.join("ca.pem");
        let cert = folder.join("cert.pem");
        let key = folder.join("key.pem");
        let bad = |what, path: &Path, error: rustls_pki_types::pem::Error| match error {
            rustls_pki_types::pem::Error::Io(error) => unread(what, path, &error),
            other => PkiError::File {
                what,
                path: path.to_owned(),
                why: other.to_string(),
                hint: "copy the file again from the folder that coordinator init or sites add made",
            },
        };
        let authority = CertificateDer::from_pem_file(&ca)
            .map_err(|error| bad("authority's certificate", &ca, error))?;
        let chain: Vec<_> = CertificateDer::pem_file_iter(&cert)
            .and_then(Iterator::collect)
            .map_err(|error| bad("certificate", &cert, error))?;
        if chain.is_empty() {
            let none = rustls_pki_types::pem::Error::NoItemsFound;
            return Err(bad("certificate", &cert, none));
        }
        refuse_exposed(&key)?;
        let private =
            PrivateKeyDer::from_pem_file(&key).map_err(|error| bad("private key", &key, error))?;
        Self::new(chain, private, authority)
    }
}

/// A file that the system does not let this program read.
fn unread(what: &'static str, path: &Path, error: &std::io::Error) -> PkiError {
    let hint = match error.kind() {
        std::io::ErrorKind::NotFound => {
            "coordinator init and coordinator sites add make such files"
        }
        std::io::ErrorKind::PermissionDenied => {
            "run the program as the account that owns the file, or give the file to this account with chown; \
             its folder must be open to it too"
        }
        _ => "mend the file or the disk that it lies on",
    };
    PkiError::File { what, path: path.to_owned(), why: error.to_string(), hint }
}

#[cfg(unix)]
fn refuse_exposed(path: &Path) -> Result<(), PkiError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = std::fs::metadata(path).map_err(|error| unread("private key", path, &error))?;
    match metadata.permissions().mode() & 0o777 {
        mode if mode & 0o077 != 0 => Err(PkiError::Exposed { path: path.to_owned(), mode }),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn refuse_exposed(_: &Path) -> Result<(), PkiError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_may_not_be_read_is_told_apart_from_one_that_is_missing_or_no_key() {
        let told = |kind| unread("private key", Path::new("key.pem"), &std::io::Error::from(kind));
        let denied = told(std::io::ErrorKind::PermissionDenied).to_string();
        assert!(denied.contains("chown") && !denied.contains("coordinator init"), "{denied}");
        let missing = told(std::io::ErrorKind::NotFound).to_string();
        assert!(missing.contains("coordinator init"), "{missing}");
        let folder = tempfile::tempdir().unwrap();
        for name in ["ca.pem", "cert.pem", "key.pem"] {
            std::fs::write(folder.path().join(name), "nothing").unwrap();
        }
        let other = Identity::load(folder.path()).unwrap_err().to_string();
        assert!(other.contains("copy the file again"), "{other}");
    }
}
