//! The role that a certificate gives: by its one DNS name, and by nothing else in it.

use std::net::{IpAddr, Ipv4Addr};

use node::pki::{COORDINATOR_NAME, Identity, PkiError, Role};
use rcgen::{ExtendedKeyUsagePurpose, SanType};
use rustls_pki_types::CertificateDer;

use crate::support::{Forge, authority, dns, identity, site};

fn role(names: &[SanType]) -> Result<Role, PkiError> {
    let identity = Forge::new("ours").identity(names, &[ExtendedKeyUsagePurpose::ClientAuth]);
    Role::of(&identity.chain[0])
}

#[test]
fn what_the_authority_issues_gives_the_role_that_was_asked_for() {
    let authority = authority();
    let longest = Role::Site("x".repeat(63).parse().unwrap());
    let operator = Role::Operator("alice".parse().unwrap());
    for wanted in [Role::Coordinator, site(), operator, longest] {
        let issued = authority.issue(wanted.clone()).unwrap();
        assert_eq!(issued.identity().unwrap().role, wanted);
    }
}

#[test]
fn a_certificate_gives_a_role_only_by_one_name_of_ours() {
    let ours = "hospital-a.site.consilium.internal";
    assert_eq!(role(&[dns(ours)]).unwrap(), site());
    let address = SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let mail = SanType::Rfc822Name("hospital-a@example.org".try_into().unwrap());
    for names in [
        // The common name of these certificates is a site's: it does not count.
        vec![],
        vec![address],
        vec![mail],
        vec![SanType::URI(format!("https://{ours}").try_into().unwrap())],
        vec![dns(ours), dns("hospital-b.site.consilium.internal")],
        vec![dns(ours), dns(ours)],
        vec![dns("example.org"), dns(ours)],
        vec![dns("example.org")],
        vec![dns("*.site.consilium.internal")],
        vec![dns("Hospital-A.site.consilium.internal")],
        vec![dns("hospital_a.site.consilium.internal")],
        vec![dns("site.consilium.internal")],
        vec![dns("COORDINATOR.consilium.internal")],
        vec![dns(&format!("{ours}.example.org"))],
        vec![dns(&format!("{ours}."))],
        vec![dns(&format!("x.{COORDINATOR_NAME}"))],
    ] {
        assert!(matches!(role(&names), Err(PkiError::NoRole(_))), "{names:?}");
    }
}

#[test]
fn an_identity_needs_a_certificate_that_can_be_read() {
    let whole = || identity(&authority(), site());
    let authority = identity(&authority(), Role::Coordinator).chain.remove(0);
    let empty = Identity::new(vec![], whole().key, authority.clone());
    assert!(matches!(empty, Err(PkiError::NoRole(_))));
    for junk in [vec![], vec![0; 64], whole().chain[0][..200].to_vec()] {
        let chain = vec![CertificateDer::from(junk.clone())];
        let unread = Identity::new(chain, whole().key, authority.clone());
        assert!(matches!(unread, Err(PkiError::Unparsable(_))));
        let untrusted = Identity::new(whole().chain, whole().key, CertificateDer::from(junk));
        assert!(matches!(untrusted, Err(PkiError::Tls(_))));
    }
}

#[test]
fn an_identity_in_a_log_shows_no_key() {
    let identity = identity(&authority(), site());
    let shown = format!("{identity:?}");
    let key = format!("{:?}", identity.key.secret_der());
    assert!(
        shown.contains("hospital-a") && !shown.contains(key.trim_matches(['[', ']'])),
        "{shown}"
    );
}
