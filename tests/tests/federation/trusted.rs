//! A person's decisions about a peer's log, `site-node trust` and `coordinator sites accept`, killed before each of
//! their durable steps: the same command again finishes them.

use tests::{Federation, HOSPITALS, copy_folder};

use crate::Outcome;
use crate::killing::{MAX_STEPS, key, killed, logs_verify, reset, shim, works};

#[test]
fn a_key_that_is_trusted_by_hand_is_trusted_by_the_same_command_again() -> Outcome {
    let federation = Federation::new()?;
    let shim = shim(&federation)?;
    let home = federation.site(HOSPITALS[0]);
    works(&mut federation.site_command(HOSPITALS[0], &["trust", &key()?])?)?;
    let before = federation.elsewhere("before");
    copy_folder(&home, &before)?;
    let next = key()?;
    let trust = ["trust", next.as_str()];
    let mut kills = 0;
    for at in 1..MAX_STEPS {
        reset(&before, &home)?;
        if !killed(&mut federation.site_command(HOSPITALS[0], &trust)?, &shim, at)? {
            break;
        }
        kills += 1;
        works(&mut federation.site_command(HOSPITALS[0], &["check", "--offline"])?)
            .map_err(|why| format!("step {at}: {why}"))?;
        let told = works(&mut federation.site_command(HOSPITALS[0], &trust)?)
            .map_err(|why| format!("step {at}: {why}"))?;
        assert!(told.contains(&next), "step {at}: {told}");
        logs_verify(&home.join("state"))?;
    }
    println!("{kills} kills while a key is trusted");
    assert!(kills > 5, "{kills} steps");
    Ok(())
}

#[test]
fn a_log_that_is_accepted_is_accepted_by_the_same_command_again() -> Outcome {
    let mut federation = Federation::new()?;
    let shim = shim(&federation)?;
    // The same address for all of the coordinator's lives.
    federation.keep_address()?;
    let coordinator = federation.serve()?;
    tests::stop([federation.start_site(HOSPITALS[0])?])?;
    let restart = ["audit", "restart", "--reason", "key-exposed", "--spent", "recorded"];
    works(&mut federation.site_command(HOSPITALS[0], &restart)?)?;
    let refused = works(&mut federation.site_command(HOSPITALS[0], &["run"])?).err();
    let refused = refused.map(|why| why.to_string()).unwrap_or_default();
    let own = audit::folder::key(&federation.log_of(HOSPITALS[0]))?.to_string();
    let accept = ["sites", "accept", HOSPITALS[0], own.as_str()];
    assert!(refused.contains(&accept.join(" ")), "{refused}");
    tests::stop([coordinator])?;
    let state = federation.place("state");
    let before = federation.elsewhere("before");
    copy_folder(&state, &before)?;
    let mut kills = 0;
    for at in 1..MAX_STEPS {
        std::fs::remove_dir_all(&state)?;
        copy_folder(&before, &state)?;
        let secret = state.join("audit-key");
        std::fs::set_permissions(secret, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        if !killed(&mut federation.coordinator(&accept)?, &shim, at)? {
            break;
        }
        kills += 1;
        let told = works(&mut federation.coordinator(&accept)?)
            .map_err(|why| format!("step {at}: {why}"))?;
        assert!(told.contains(&own), "step {at}: {told}");
    }
    println!("{kills} kills while a log is accepted");
    assert!(kills > 2, "{kills} steps");
    // The last one was not killed.
    let coordinator = federation.serve()?;
    let site = federation.start_site(HOSPITALS[0])?;
    tests::stop([site, coordinator])?;
    logs_verify(&state)
}
