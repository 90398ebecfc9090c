//! Who belongs to a federation that runs: a hospital that comes later, one whose certificate is renewed, revoked,
//! or ends.

use std::fs;
use std::time::Duration;

use base::clock::{Clock, SystemClock};
use coordinator::enrol::Authority;
use node::pki::Role;
use serde_json::Value;
use tests::{Federation, HOSPITALS, Process, SetupError, edit, failure, stop, success};

use crate::Outcome;

const LATER: &str = "hospital-g";

fn sites(federation: &Federation, verb: &[&str]) -> Result<Process, SetupError> {
    let verb = [&["sites"], verb].concat();
    Ok(Process::start(&mut federation.coordinator(&verb)?)?)
}

/// A certificate's status by its holder's name, in the order in which they were issued.
fn statuses(federation: &Federation, name: &str) -> Result<Vec<String>, SetupError> {
    let output = success(sites(federation, &["list", "--format", "json"])?)?;
    let listed: Value = serde_json::from_str(output.lines().last().unwrap_or_default())?;
    let rows = listed.as_array().map(Vec::as_slice).unwrap_or_default();
    let own = rows.iter().filter(|row| row["name"] == name);
    Ok(own.map(|row| row["status"].as_str().unwrap_or_default().to_owned()).collect())
}

#[test]
fn a_hospital_joins_later_and_is_revoked_and_renewed_without_a_restart() -> Outcome {
    let mut federation = Federation::new()?;
    let mut coordinator = federation.serve()?;
    success(sites(&federation, &["add", LATER])?)?;
    assert_eq!(statuses(&federation, LATER)?, ["valid"]);
    let known = failure(sites(&federation, &["add", LATER])?)?;
    assert!(known.contains(&format!("coordinator sites renew {LATER}")), "{known}");
    let reserved = failure(sites(&federation, &["add", "coordinator"])?)?;
    assert!(reserved.contains("coordinator's own name"), "{reserved}");

    let own = federation.site(LATER);
    let place = format!("\"{}\"", federation.address);
    edit(&own.join("site-node.toml"), "\"127.0.0.1:7443\"", &place)?;
    fs::copy(federation.site(HOSPITALS[0]).join("cohort.csv"), own.join("cohort.csv"))?;
    let mut site = federation.start_site(LATER)?;

    success(sites(&federation, &["revoke", LATER])?)?;
    assert_eq!(statuses(&federation, LATER)?, ["revoked"]);
    site.wait_for("this certificate was revoked")?;
    coordinator.wait_for("this certificate was revoked")?;
    // It stays out.
    let out = site.wait_for("no connection")?;
    assert!(out.contains("this certificate was revoked"), "{out}");
    let again = failure(sites(&federation, &["revoke", LATER])?)?;
    assert!(again.contains("revoked already"), "{again}");
    drop(site);

    success(sites(&federation, &["renew", LATER])?)?;
    assert_eq!(statuses(&federation, LATER)?, ["revoked", "valid"]);
    let _site = federation.start_site(LATER)?;
    let unknown = failure(sites(&federation, &["renew", "hospital-z"])?)?;
    assert!(unknown.contains("coordinator sites list"), "{unknown}");
    Ok(())
}

/// A list that was there and is gone lets nobody in again, not after a restart either, until a person decides.
#[test]
fn a_missing_list_of_revoked_certificates_is_an_error_and_readmits_nobody() -> Outcome {
    let mut federation = Federation::new()?;
    let mut coordinator = federation.serve()?;
    success(sites(&federation, &["revoke", HOSPITALS[0]])?)?;
    let list = federation.place("revoked.txt");
    let aside = federation.elsewhere("revoked.txt");
    let mut out = federation.site_node(HOSPITALS[0], "run")?;
    out.wait_for("this certificate was revoked")?;
    fs::rename(&list, &aside)?;
    let told = "the list of revoked certificates is missing";
    let line = coordinator.wait_for(told)?;
    assert!(line.contains("ERROR") && line.contains("what was revoked stays so"), "{line}");
    // It tries again, and stays out.
    out.wait_for("this certificate was revoked")?;
    for verb in [&["revoke", HOSPITALS[1]][..], &["list"]] {
        let refused = failure(sites(&federation, verb)?)?;
        assert!(refused.contains(told) && refused.contains("make an empty file"), "{refused}");
    }
    assert!(!list.exists());
    stop([coordinator])?;
    let refused = failure(Process::start(&mut federation.coordinator(&["serve"])?)?)?;
    assert!(refused.contains(told), "{refused}");
    drop(out);
    fs::rename(&aside, &list)?;
    let mut coordinator = federation.serve()?;
    let mut out = federation.site_node(HOSPITALS[0], "run")?;
    out.wait_for("this certificate was revoked")?;
    // A list without what it held is told of in so many words.
    fs::write(&list, "")?;
    coordinator.wait_for("some that it held are let in again")?;
    out.wait_for("connected")?;
    stop([out, coordinator])
}

#[test]
fn a_session_ends_with_its_certificate_and_both_sides_are_warned() -> Outcome {
    let mut federation = Federation::new()?;
    let mut coordinator = federation.serve()?;
    let authority = Authority::load(&federation.place("authority"), SystemClock::new().wall())?;
    let site = HOSPITALS[0];
    // From an hour before now on, so that eight seconds are left.
    let life = Duration::from_secs(3608);
    let issued = authority.issue_for(Role::Site(site.parse()?), life)?;
    let identity = federation.site(site).join("identity");
    fs::write(identity.join("cert.pem"), issued.certificate_pem())?;
    // Over the old one, whose permissions it keeps.
    fs::write(identity.join("key.pem"), issued.key_pem())?;
    let mut node = federation.site_node(site, "run")?;
    node.wait_for("this program's certificate ends soon")?;
    node.wait_for("connected")?;
    coordinator.wait_for("a certificate ends soon")?;
    coordinator.wait_for("this certificate has expired")?;
    node.wait_for("this certificate has expired")?;
    Ok(())
}

#[test]
fn a_session_ends_with_the_coordinators_certificate_too() -> Outcome {
    let mut federation = Federation::new()?;
    let authority = Authority::load(&federation.place("authority"), SystemClock::new().wall())?;
    // From an hour before now on, so that some seconds are left.
    let issued = authority.issue_for(Role::Coordinator, Duration::from_secs(3620))?;
    let identity = federation.place("identity");
    fs::write(identity.join("cert.pem"), issued.certificate_pem())?;
    fs::write(identity.join("key.pem"), issued.key_pem())?;
    let mut coordinator = federation.serve()?;
    let mut node = federation.start_site(HOSPITALS[0])?;
    node.wait_for("the coordinator's certificate has expired")?;
    coordinator
        .wait_for("closed by the peer: the coordinator's certificate has expired; renew it")?;
    Ok(())
}
