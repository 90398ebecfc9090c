//! The identity in a certificate, and the files that hold one.

use std::fs;

use node::pki::{Identity, Role, Validity};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::{Outcome, fuzz, refused};

const WORDS: [&str; 5] = [
    ".site.consilium.internal",
    "coordinator.consilium.internal",
    ".operator.consilium.internal",
    "-----BEGIN CERTIFICATE-----\n",
    "-----END CERTIFICATE-----\n",
];

#[test]
fn the_role_of_a_certificate() -> Outcome {
    let federation = tests::Federation::new()?;
    let pem = |file: &str| fs::read(federation.place(file));
    let mut seeds = Vec::new();
    for file in ["identity/cert.pem", "sites/hospital-a/identity/cert.pem"] {
        seeds.push(CertificateDer::from_pem_slice(&pem(file)?)?.to_vec());
    }
    fuzz("certificates", &seeds, &WORDS, |bytes| {
        let _ = Validity::of(bytes);
        if let Err(error) = Role::of(&CertificateDer::from(bytes)) {
            refused(&error);
        }
    })
}

#[test]
fn an_identity_folder() -> Outcome {
    let federation = tests::Federation::new()?;
    let folder = federation.site("hospital-a").join("identity");
    let files = tests::files(&folder)?;
    let good = files.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;
    fuzz("identities", &good, &WORDS, |bytes| {
        for (file, good) in files.iter().zip(&good) {
            fs::write(file, bytes).unwrap();
            if let Err(error) = Identity::load(&folder) {
                refused(&error);
            }
            fs::write(file, good).unwrap();
        }
    })
}
