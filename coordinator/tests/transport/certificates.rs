//! Certificates that are not what they should be: neither end speaks to the other, and both say why.

use std::time::Duration;

use base::clock::Timestamp;
use coordinator::enrol::Authority;
use node::pki::{COORDINATOR_NAME, Identity, Role};
use node::transport::TransportError;
use rcgen::ExtendedKeyUsagePurpose;

use crate::support::{Forge, authority, dns, identity, meet, now, pair, site};

const AUTHORITY: &str = "another authority than the one trusted here";
const EXPIRED: &str = "has expired or is not valid yet; renew it and check the clock";
const REFUSED: &str = "a certificate was refused";

/// The site refuses the coordinator, and both ends say so.
async fn site_refuses(server: Identity, client: Identity, words: &str) {
    let meeting = meet(server, client).await;
    match &meeting.reached {
        Err(TransportError::Unreachable { why, .. }) => assert!(why.contains(words), "{why}"),
        other => panic!("{:?}", other.as_ref().map(node::transport::Link::peer)),
    }
    match meeting.refused() {
        TransportError::Lost(why) => assert!(why.contains(words), "{why}"),
        other => panic!("{other}"),
    }
}

/// The coordinator refuses the site, and both ends say so.
async fn coordinator_refuses(server: Identity, client: Identity, words: &str) {
    let meeting = meet(server, client).await;
    match meeting.refused() {
        TransportError::Lost(why) => assert!(why.contains(words), "{why}"),
        other => panic!("{other}"),
    }
    let told = meeting.told().await;
    assert!(told.contains(words), "{told}");
}

fn days(days: u64) -> u64 {
    days * 86_400_000
}

/// An authority that is trusted and issued its certificates this many days ago.
fn old_authority(age: u64) -> Authority {
    Authority::new(Timestamp(now().0 - days(age))).unwrap()
}

#[tokio::test]
async fn members_of_one_federation_meet_and_know_each_other() {
    let meeting = pair().await;
    let (accepted, reached) = meeting.links();
    assert_eq!((accepted.peer(), reached.peer()), (&site(), &Role::Coordinator));

    let authority = authority();
    let operator = Role::Operator("alice".parse().unwrap());
    let server = identity(&authority, Role::Coordinator);
    let meeting = meet(server, identity(&authority, operator.clone())).await;
    assert_eq!(meeting.links().0.peer(), &operator);
}

/// Every authority bears the same name, so that only the signature tells them apart.
#[tokio::test]
async fn a_member_of_another_federation_is_refused_by_either_end() {
    let ours = authority();
    let theirs = authority();
    let coordinator = || identity(&ours, Role::Coordinator);
    // A site that trusts our authority but has its certificate from theirs; then one of theirs.
    let stranger = Identity { roots: coordinator().roots, ..identity(&theirs, site()) };
    coordinator_refuses(coordinator(), stranger, AUTHORITY).await;
    site_refuses(coordinator(), identity(&theirs, site()), AUTHORITY).await;
}

#[tokio::test]
async fn an_authority_of_another_name_is_refused_by_either_end() {
    let ours = Forge::new("ours");
    let theirs = Forge::new("theirs");
    // A site that trusts our authority with a certificate that is not from there, and the reverse.
    let mut stranger = theirs.client("hospital-a.site.consilium.internal");
    stranger.roots = ours.server(COORDINATOR_NAME).roots;
    coordinator_refuses(ours.server(COORDINATOR_NAME), stranger, AUTHORITY).await;
    let stranger = theirs.client("hospital-a.site.consilium.internal");
    site_refuses(ours.server(COORDINATOR_NAME), stranger, AUTHORITY).await;
}

#[tokio::test]
async fn an_expired_certificate_is_refused_by_either_end() {
    let old = old_authority(366);
    let year = Duration::from_hours(366 * 24);
    let long = |role| old.issue_for(role, 2 * year).unwrap().identity().unwrap();
    coordinator_refuses(long(Role::Coordinator), identity(&old, site()), EXPIRED).await;
    site_refuses(identity(&old, Role::Coordinator), long(site()), EXPIRED).await;
    // Issued today, for half an hour that began an hour ago.
    let authority = authority();
    let short = authority.issue_for(site(), Duration::from_mins(30)).unwrap();
    let coordinator = identity(&authority, Role::Coordinator);
    coordinator_refuses(coordinator, short.identity().unwrap(), EXPIRED).await;
}

#[tokio::test]
async fn a_certificate_from_tomorrow_is_refused_by_either_end() {
    let late = Authority::new(Timestamp(now().0 + days(1))).unwrap();
    let tomorrow = |role| identity(&late, role);
    site_refuses(tomorrow(Role::Coordinator), tomorrow(site()), EXPIRED).await;
    // A coordinator that is valid today, and trusts the late authority.
    let coordinator = Forge::new("today").server(COORDINATOR_NAME);
    let site = Identity { roots: coordinator.roots.clone(), ..tomorrow(site()) };
    let coordinator = Identity { roots: tomorrow(Role::Coordinator).roots, ..coordinator };
    coordinator_refuses(coordinator, site, EXPIRED).await;
}

#[tokio::test]
async fn clocks_that_differ_by_less_than_an_hour_do_not_matter() {
    let ahead = Authority::new(Timestamp(now().0 + 50 * 60_000)).unwrap();
    let meeting = meet(identity(&ahead, Role::Coordinator), identity(&ahead, site())).await;
    assert_eq!(meeting.links().0.peer(), &site());
}

#[tokio::test]
async fn a_sites_certificate_cannot_play_the_coordinator() {
    // By its purpose as our authority issues it.
    let ours = authority();
    site_refuses(identity(&ours, site()), identity(&ours, site()), REFUSED).await;
    // By its name, even with a coordinator's purpose.
    let forge = Forge::new("ours");
    let names = [
        "hospital-a.site.consilium.internal",
        "alice.operator.consilium.internal",
        "consilium.internal",
        "x.coordinator.consilium.internal",
        "localhost",
    ];
    for name in names {
        let client = forge.client("hospital-b.site.consilium.internal");
        site_refuses(forge.server(name), client, REFUSED).await;
    }
}

#[tokio::test]
async fn the_coordinators_certificate_cannot_play_a_site() {
    let ours = authority();
    let coordinator = || identity(&ours, Role::Coordinator);
    coordinator_refuses(coordinator(), coordinator(), REFUSED).await;
}

#[tokio::test]
async fn a_certificate_without_one_role_is_turned_away_after_the_handshake() {
    let forge = Forge::new("ours");
    let client = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| dns(name)).collect();
        forge.identity(&names, &[ExtendedKeyUsagePurpose::ClientAuth])
    };
    let a = "a.site.consilium.internal";
    for (names, says) in [
        (&[a, "b.site.consilium.internal"][..], "\"several names\" is not the one name"),
        (&[a, COORDINATOR_NAME], "\"several names\""),
        (&["example.org"], "\"example.org\" is not the one name of a site"),
        (&["*.site.consilium.internal"], "is not the one name"),
        (&[], "\"\" is not the one name"),
    ] {
        let meeting = meet(forge.server(COORDINATOR_NAME), client(names)).await;
        let refused = meeting.refused();
        assert!(matches!(refused, TransportError::Pki(_)), "{refused}");
        assert!(refused.to_string().contains(says), "{refused}");
        let told = meeting.told().await;
        assert!(told.contains("closed by the peer: certificate: "), "{told}");
        assert!(told.contains(says), "{told}");
    }
}
