//! How hospitals and operators reach a coordinator: by name, again after a loss, and without flooding a log.

use tests::{Federation, HOSPITALS, SetupError, demo, edit, success};

use crate::Outcome;

const SITE: &str = HOSPITALS[0];

/// Points a hospital at another place.
fn point(federation: &Federation, site: &str, place: &str) -> Result<(), SetupError> {
    let settings = federation.site(site).join("site-node.toml");
    let text = std::fs::read_to_string(&settings)?;
    let line = text.lines().find(|line| line.starts_with("coordinator")).unwrap_or_default();
    edit(&settings, line, &format!("coordinator = \"{place}\""))
}

#[test]
fn a_coordinator_listens_and_is_reached_by_its_name() -> Outcome {
    let mut federation = Federation::new()?;
    edit(&federation.place("coordinator.toml"), "127.0.0.1:0", "localhost:0")?;
    let _coordinator = federation.serve()?;
    let port = federation.address.rsplit(':').next().unwrap_or_default();
    let name = format!("localhost:{port}");
    let mut sites = Vec::new();
    for site in &HOSPITALS[..3] {
        point(&federation, site, &name)?;
        sites.push(federation.start_site(site)?);
    }
    federation.address = name;
    success(federation.run(&demo(), &["rounds=1"])?)?;
    Ok(())
}

#[test]
fn a_name_without_an_address_is_an_error_that_says_so() -> Outcome {
    let federation = Federation::new()?;
    point(&federation, SITE, "no-such-host.invalid:7443")?;
    let mut site = federation.site_node(SITE, "run")?;
    let line = site.wait_for("no connection")?;
    assert!(line.contains("no-such-host.invalid:7443: the name"), "{line}");
    assert!(line.contains("DNS"), "{line}");
    Ok(())
}

#[test]
fn a_refused_certificate_is_tried_again_ever_more_seldom() -> Outcome {
    let mut federation = Federation::new()?;
    let mut coordinator = federation.serve()?;
    let stranger = Federation::new()?;
    let place = federation.site(SITE).join("identity");
    for file in ["cert.pem", "key.pem"] {
        std::fs::copy(stranger.site(SITE).join("identity").join(file), place.join(file))?;
    }
    let mut site = federation.site_node(SITE, "run")?;
    let refused = coordinator.wait_for("a peer was not let in")?;
    assert!(refused.contains("address=127.0.0.1:"), "{refused}");
    let mut last = String::new();
    for _ in 0..6 {
        // One message for one fault, however far the handshake came.
        last = site.wait_for("again_in=")?;
        assert!(last.contains("no connection") && last.contains("another authority"), "{last}");
    }
    let pause = last.split("again_in=").nth(1).unwrap_or_default();
    let pause = pause.split_whitespace().next().unwrap_or_default();
    let seconds: f64 = pause.trim_end_matches('s').parse()?;
    assert!(seconds >= 3.2, "{last}");
    Ok(())
}

#[test]
fn a_hospital_that_was_killed_is_back_at_once() -> Outcome {
    let mut federation = Federation::new()?;
    let mut coordinator = federation.serve()?;
    let mut killed = federation.start_site(SITE)?;
    killed.kill()?;
    // Long before the coordinator takes the old session for dead.
    let _site = federation.start_site(SITE)?;
    coordinator.wait_for("a newer session takes the place of the older")?;
    Ok(())
}
