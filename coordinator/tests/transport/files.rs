//! Certificates and keys in files, as hospitals keep them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use coordinator::enrol::{EnrolError, init};
use node::pki::{Identity, PkiError, Role};
use node::transport::{Dialer, Listener, TransportError};
use tempfile::TempDir;

use crate::support::{authority, now, site};

/// A folder with a site's `ca.pem`, `cert.pem` and `key.pem`.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let authority = authority();
    let issued = authority.issue(site()).unwrap();
    fs::write(folder.path().join("ca.pem"), authority.certificate_pem()).unwrap();
    fs::write(folder.path().join("cert.pem"), issued.certificate_pem()).unwrap();
    fs::write(folder.path().join("key.pem"), issued.key_pem()).unwrap();
    mode(folder.path(), 0o600);
    folder
}

fn mode(folder: &Path, mode: u32) {
    fs::set_permissions(folder.join("key.pem"), fs::Permissions::from_mode(mode)).unwrap();
}

/// The file that cannot be used is named, with what it should hold.
fn names_the_file(folder: &Path, name: &str, holds: &str) {
    match Identity::load(folder) {
        Err(PkiError::File { what, path, why, .. }) => {
            assert_eq!((what, path), (holds, folder.join(name)));
            assert!(!why.is_empty());
        }
        other => panic!("{name}: {other:?}"),
    }
}

const FILES: [(&str, &str); 3] = [
    ("ca.pem", "authority's certificate"),
    ("cert.pem", "certificate"),
    ("key.pem", "private key"),
];

#[test]
fn a_folder_with_all_three_files_is_an_identity() {
    let folder = folder();
    let identity = Identity::load(folder.path()).unwrap();
    assert_eq!((identity.role, identity.chain.len(), identity.roots.len()), (site(), 1, 1));
}

#[test]
fn a_missing_file_is_named() {
    for (name, holds) in FILES {
        let folder = folder();
        fs::remove_file(folder.path().join(name)).unwrap();
        names_the_file(folder.path(), name, holds);
    }
    names_the_file(Path::new("no/such/folder"), "ca.pem", "authority's certificate");
}

#[test]
fn a_file_with_something_else_in_it_is_named() {
    let broken = "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n";
    let unended = "-----BEGIN CERTIFICATE-----\nTUlJ\n";
    let broken_key = broken.replace("CERTIFICATE", "PRIVATE KEY");
    let unended_key = unended.replace("CERTIFICATE", "PRIVATE KEY");
    for (name, holds) in FILES {
        let folder = folder();
        let path = folder.path().join(name);
        let key = name == "key.pem";
        let other = if key { "cert.pem" } else { "key.pem" };
        let other = fs::read_to_string(folder.path().join(other)).unwrap();
        let broken = if key { &broken_key } else { broken };
        let unended = if key { &unended_key } else { unended };
        for text in ["", "not PEM at all", &other, broken, unended, "\0\u{ff}"] {
            fs::write(&path, text).unwrap();
            names_the_file(folder.path(), name, holds);
        }
        fs::write(&path, [0xff; 64]).unwrap();
        names_the_file(folder.path(), name, holds);
    }
}

#[test]
fn a_certificate_file_may_hold_a_chain_but_every_block_must_be_whole() {
    let folder = folder();
    let path = folder.path().join("cert.pem");
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{whole}{whole}")).unwrap();
    assert_eq!(Identity::load(folder.path()).unwrap().chain.len(), 2);
    fs::write(&path, format!("{whole}-----BEGIN CERTIFICATE-----\nTUlJ\n")).unwrap();
    names_the_file(folder.path(), "cert.pem", "certificate");
}

#[test]
fn a_key_that_others_may_read_is_refused_before_it_is_read() {
    let folder = folder();
    for open in [0o604, 0o640, 0o644, 0o660, 0o601, 0o610, 0o602, 0o620, 0o777, 0o404] {
        mode(folder.path(), open);
        let error = Identity::load(folder.path()).unwrap_err();
        assert!(matches!(&error, PkiError::Exposed { mode, .. } if *mode == open), "{error}");
        let said = error.to_string();
        assert!(said.contains(&format!("mode {open:o}")) && said.contains("chmod 600"), "{said}");
    }
    for closed in [0o600, 0o400, 0o700] {
        mode(folder.path(), closed);
        assert!(Identity::load(folder.path()).is_ok(), "{closed:o}");
    }
    // Before its content matters.
    mode(folder.path(), 0o644);
    fs::write(folder.path().join("key.pem"), "not PEM").unwrap();
    assert!(matches!(Identity::load(folder.path()), Err(PkiError::Exposed { .. })));
}

#[tokio::test]
async fn a_key_of_another_certificate_is_refused_by_either_end() {
    let mixed = || {
        let ours = folder();
        let theirs = folder();
        fs::copy(theirs.path().join("key.pem"), ours.path().join("key.pem")).unwrap();
        Identity::load(ours.path()).unwrap()
    };
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    for error in [
        Listener::bind([any], mixed()).map(drop).unwrap_err(),
        Dialer::new(mixed()).map(drop).unwrap_err(),
    ] {
        assert!(matches!(error, TransportError::Pki(PkiError::Tls(_))), "{error}");
        assert!(error.to_string().contains("KeyMismatch"), "{error}");
    }
}

#[test]
fn a_new_federation_holds_identities_that_load_and_keys_that_only_their_owner_reads() {
    let folder = TempDir::new().unwrap();
    let sites = ["hospital-a", "hospital-b"].map(|name| name.parse().unwrap());
    let made = init(folder.path(), &sites, now()).unwrap();
    let role = |place: &Path| Identity::load(place).unwrap().role;
    assert_eq!(role(&folder.path().join("identity")), Role::Coordinator);
    let operator = Role::Operator("operator".parse().unwrap());
    assert_eq!(role(&folder.path().join("operator")), operator);
    for (place, name) in made.sites.iter().zip(sites) {
        assert_eq!(role(&place.join("identity")), Role::Site(name));
    }
    let key = fs::metadata(folder.path().join("authority/ca-key.pem")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    // An authority is made once.
    let again = init(folder.path(), &[], now());
    assert!(matches!(again, Err(EnrolError::NotEmpty { .. })));
}
