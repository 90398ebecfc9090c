//! Wrong files, as the people who write them meet them: named, with a way out, and a code.

use std::fs;

use base::clock::{Clock, SystemClock, Timestamp};
use coordinator::enrol::Authority;
use node::pki::Role;
use tests::{Federation, HOSPITALS, Process, SetupError, edit, failure, success};

use crate::Outcome;

const SITE: &str = HOSPITALS[0];

/// Spoils something of a hospital and returns what `site-node check` says.
fn check(spoil: impl FnOnce(&Federation) -> Outcome) -> Result<String, tests::SetupError> {
    let federation = Federation::new()?;
    spoil(&federation)?;
    failure(federation.site_node(SITE, "check --offline")?)
}

#[test]
fn a_sound_site_checks_well() -> Outcome {
    let federation = Federation::new()?;
    let output = success(federation.site_node(SITE, "check --offline")?)?;
    assert!(output.contains("good") && output.contains("next: site-node run"), "{output}");
    Ok(())
}

#[test]
fn several_mistakes_in_the_settings_are_all_named() -> Outcome {
    let output = check(|federation| {
        let settings = federation.site(SITE).join("site-node.toml");
        edit(&settings, "policy = ", "polcy = ")?;
        edit(&settings, "127.0.0.1:7443", "nowhere")?;
        edit(&settings, "device = \"auto\"", "device = \"gpuu\"")
    })?;
    for part in
        ["3 problems", "did you mean \"policy\"?", "coordinator", r#"expected one of "gpu""#]
    {
        assert!(output.contains(part), "{part} in {output}");
    }
    Ok(())
}

#[test]
fn bad_tables_are_named_by_file_row_and_column() -> Outcome {
    let spoil = |from: &'static str, to: &'static str| {
        check(move |federation| {
            let table = federation.site(SITE).join("cohort.csv");
            edit(&table, from, to)
        })
    };
    let output = spoil("patient,hospital", "patiennt,hospital")?;
    assert!(output.contains("did you mean column 1 of cohort.csv?"), "{output}");
    let output = spoil("\na0001,", "\na0000,")?;
    assert!(output.contains("rows 2 and 3 are of one patient"), "{output}");
    let output = spoil("\na0001,hospital-a,", "\na0001,")?;
    assert!(output.contains("row 3 has 17 cells under 18 columns"), "{output}");
    let missing =
        check(|federation| Ok(fs::remove_file(federation.site(SITE).join("cohort.csv"))?))?;
    assert!(missing.contains("cohort.csv") && missing.contains("check the path"), "{missing}");
    Ok(())
}

#[test]
fn bad_certificates_and_keys_are_named() -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let exposed = check(|federation| {
        let key = federation.site(SITE).join("identity/key.pem");
        Ok(fs::set_permissions(key, fs::Permissions::from_mode(0o644))?)
    })?;
    assert!(exposed.contains("chmod 600"), "{exposed}");
    let absent =
        check(|federation| Ok(fs::remove_file(federation.site(SITE).join("identity/cert.pem"))?))?;
    assert!(absent.contains("cert.pem"), "{absent}");
    let another = check(|federation| {
        let identity = federation.site(SITE).join("identity");
        for file in ["cert.pem", "key.pem"] {
            fs::copy(federation.place("operator").join(file), identity.join(file))?;
        }
        Ok(())
    })?;
    assert!(another.contains("operator"), "{another}");
    Ok(())
}

/// What `site-node check` says of a certificate that an authority made so many days from now; `act` waits for
/// the end that is expected of it.
fn check_dated(
    days: i64,
    act: impl FnOnce(Process) -> Result<String, SetupError>,
) -> Result<String, SetupError> {
    let now = SystemClock::new().wall();
    let shift = days.unsigned_abs() * 86_400_000;
    let made = if days < 0 { now.0.saturating_sub(shift) } else { now.0 + shift };
    let authority = Authority::new(Timestamp(made))?;
    let issued = authority.issue(Role::Site(SITE.parse()?))?;
    let federation = Federation::new()?;
    let identity = federation.site(SITE).join("identity");
    fs::write(identity.join("ca.pem"), authority.certificate_pem())?;
    fs::write(identity.join("cert.pem"), issued.certificate_pem())?;
    fs::write(identity.join("key.pem"), issued.key_pem())?;
    // The hospital trusts this authority.
    let policy = federation.site(SITE).join("policy.toml");
    let text = fs::read_to_string(&policy)?;
    let line = text.lines().find(|line| line.starts_with("coordinators = ")).unwrap_or_default();
    edit(&policy, line, &format!("coordinators = [\"{}\"]", authority.fingerprint()))?;
    act(federation.site_node(SITE, "check --offline")?)
}

#[test]
fn a_certificate_is_checked_for_its_dates_its_authority_and_its_key() -> Outcome {
    let expired = check_dated(-400, failure)?;
    assert!(expired.contains("the certificate expired on 20"), "{expired}");
    let soon = check_dated(-350, success)?;
    assert!(soon.contains("warning: the certificate expires in 14 days"), "{soon}");
    let early = check_dated(2, failure)?;
    assert!(early.contains("the certificate is not valid before 20"), "{early}");
    let other = check(|federation| {
        let stranger = Federation::new()?;
        let ca = stranger.site(SITE).join("identity/ca.pem");
        fs::copy(ca, federation.site(SITE).join("identity/ca.pem"))?;
        Ok(())
    })?;
    assert!(other.contains("was not issued by the authority in ca.pem"), "{other}");
    let key = check(|federation| {
        let key = federation.site(HOSPITALS[1]).join("identity/key.pem");
        fs::copy(key, federation.site(SITE).join("identity/key.pem"))?;
        Ok(())
    })?;
    assert!(key.contains("key.pem is not the key of cert.pem"), "{key}");
    let federation = Federation::new()?;
    let sound = success(federation.site_node(SITE, "check --offline")?)?;
    assert!(sound.contains("days left") && !sound.contains("warning: the certificate"), "{sound}");
    Ok(())
}

#[test]
fn another_authoritys_site_is_not_let_in() -> Outcome {
    let mut federation = Federation::new()?;
    let mut coordinator = federation.serve()?;
    let stranger = Federation::new()?;
    let place = federation.site(SITE).join("identity");
    for file in ["cert.pem", "key.pem"] {
        fs::copy(stranger.site(SITE).join("identity").join(file), place.join(file))?;
    }
    let site = federation.site_node(SITE, "run")?;
    coordinator.wait_for("a peer was not let in")?;
    // The hospital is told too.
    let mut site = site;
    site.wait_for("another authority")?;
    Ok(())
}

#[test]
fn a_wrong_experiment_is_refused_before_anything_runs() -> Outcome {
    let federation = Federation::new()?;
    let run = federation.run(&tests::demo(), &["roundz=3", "training.learning_rate=fast"])?;
    let output = failure(run)?;
    assert!(output.contains("did you mean \"rounds\"?"), "{output}");
    assert!(output.contains("training.learning_rate"), "{output}");
    Ok(())
}
