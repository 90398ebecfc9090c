//! Every verb that writes state, killed before each of its durable steps: the next start goes on by itself, or by
//! the one command that it names, and nothing that was spent is forgotten.

use std::path::Path;
use std::sync::Arc;

use base::clock::SystemClock;
use base::digest::Digest;
use base::fingerprint::Fingerprint;
use base::ids::Round;
use node::audit_log::{AuditSettings, Tracking, hash, name};
use node::pki::Identity;
use privacy::{Budget, Charge, Cost, Ledger, Limits, Mechanism, Released};
use site_node::privatize::{LedgerLog, LedgerPlace};
use tests::{Federation, HOSPITALS, SetupError, copy_folder};

use crate::Outcome;
use crate::killing::{MAX_STEPS, key, killed, logs_verify, reset, shim, works};

fn spend(state: &Path) -> Result<Cost, SetupError> {
    let limits = Limits { total: Budget { epsilon: 8.0, delta: 1e-5 }, epsilon_per_run: Some(4.0) };
    let clock = Arc::new(SystemClock::new());
    let place = LedgerPlace {
        state,
        audit: &AuditSettings::default(),
        site: HOSPITALS[0],
        data_set: &name("cohort"),
    };
    let (log, told) = LedgerLog::open(place, limits, clock)?;
    let plan = Digest::of(b"plan");
    let consent = audit::record::Event::Consent { plan: hash(plan), terms: None };
    let consent = audit::record::Entry::new(name("test"), consent).of_run(name("run-a"));
    log.audit().record(vec![consent])?;
    let mut ledger = Ledger::after(log, limits, told.carried, told.entries)?;
    for round in 1..=3 {
        let mechanism = Mechanism::GaussianUpdate { noise_multiplier: 20.0 };
        let run = "run-a".parse()?;
        let released = Released::Update;
        ledger.reserve(Charge {
            run,
            plan,
            round: Round(round),
            released,
            mechanism,
            clip: 1.0,
        })?;
    }
    Ok(ledger.account().spent().clone())
}

fn spent(state: &Path) -> Result<Cost, SetupError> {
    Ok(LedgerLog::look_as(Tracking::Registered, state, &name("cohort"))?.spent())
}

#[test]
fn a_site_killed_at_any_step_of_its_first_start_starts_by_itself() -> Outcome {
    let federation = Federation::new()?;
    let shim = shim(&federation)?;
    let home = federation.site(HOSPITALS[0]);
    let key = key()?;
    let fresh = federation.elsewhere("fresh");
    copy_folder(&home, &fresh)?;
    let mut kills = 0;
    for at in 1..MAX_STEPS {
        reset(&fresh, &home)?;
        // It opens the ledger as the daemon does, and ends.
        let mut start = federation.site_command(HOSPITALS[0], &["trust", &key])?;
        if !killed(&mut start, &shim, at)? {
            break;
        }
        kills += 1;
        works(&mut federation.site_command(HOSPITALS[0], &["trust", &key])?)
            .map_err(|why| format!("step {at}: {why}"))?;
        works(&mut federation.site_command(HOSPITALS[0], &["check", "--offline"])?)?;
        logs_verify(&home.join("state"))?;
    }
    println!("{kills} kills at the first start of a site");
    assert!(kills > 20, "{kills} steps");
    Ok(())
}

#[test]
fn a_site_killed_at_any_step_of_a_restart_forgets_nothing() -> Outcome {
    let federation = Federation::new()?;
    let shim = shim(&federation)?;
    let home = federation.site(HOSPITALS[0]);
    let key = key()?;
    let state = home.join("state");
    let before = federation.elsewhere("before");
    let total = spend(&state)?;
    copy_folder(&home, &before)?;
    let restart = ["audit", "restart", "--reason", "key-exposed", "--spent", "recorded"];
    let mut kills = 0;
    for at in 1..MAX_STEPS {
        reset(&before, &home)?;
        if !killed(&mut federation.site_command(HOSPITALS[0], &restart)?, &shim, at)? {
            break;
        }
        kills += 1;
        // By itself, whether or not the switch had been decided on.
        if kills % 2 == 0 {
            works(&mut federation.site_command(HOSPITALS[0], &["trust", &key])?)
                .map_err(|why| format!("step {at}: {why}"))?;
            assert_eq!(spent(&state)?, total, "step {at}");
        }
        // Or by the same command again.
        works(&mut federation.site_command(HOSPITALS[0], &restart)?)
            .map_err(|why| format!("step {at}: {why}"))?;
        works(&mut federation.site_command(HOSPITALS[0], &["trust", &key])?)?;
        assert_eq!(spent(&state)?, total, "step {at}");
        logs_verify(&state)?;
    }
    println!("{kills} kills in a site's restart");
    assert!(kills > 20, "{kills} steps");
    Ok(())
}

#[test]
fn a_coordinator_killed_at_any_step_of_a_start_or_restart_starts_again() -> Outcome {
    let mut federation = Federation::new()?;
    let shim = shim(&federation)?;
    let state = federation.place("state");
    let register = node::audit_log::register(&state);
    let mut kills = 0;
    for at in 1..MAX_STEPS {
        if state.exists() {
            std::fs::remove_dir_all(&state)?;
        }
        std::fs::write(&register, "new\n")?;
        let mut serve = federation.coordinator(&["serve"])?;
        serve.env("LD_PRELOAD", &shim).env("CONSILIUM_KILL_AT", at.to_string());
        let mut process = tests::Process::start(serve.env("NO_COLOR", "1"))?;
        if process.wait_for("listening address=").is_ok() {
            process.kill()?;
            break;
        }
        kills += 1;
        federation.serve().map_err(|why| format!("step {at}: {why}"))?.kill()?;
        logs_verify(&state)?;
    }
    println!("{kills} kills at the first start of a coordinator");
    assert!(kills > 20, "{kills} steps");
    let before = federation.elsewhere("before");
    copy_folder(&state, &before)?;
    let registered = std::fs::read(&register)?;
    for at in 1..MAX_STEPS {
        std::fs::remove_dir_all(&state)?;
        copy_folder(&before, &state)?;
        let secret = state.join("audit-key");
        std::fs::set_permissions(secret, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        std::fs::write(&register, &registered)?;
        let restart = ["audit", "restart", "--reason", "lost"];
        if !killed(&mut federation.coordinator(&restart)?, &shim, at)? {
            break;
        }
        kills += 1;
        federation.serve().map_err(|why| format!("step {at}: {why}"))?.kill()?;
        logs_verify(&state)?;
    }
    println!("{kills} kills in all of a coordinator");
    Ok(())
}

/// The register knows each certificate that is in use, and the same command again is enough.
#[test]
fn a_command_that_changes_the_members_is_finished_by_the_same_command_again() -> Outcome {
    let federation = Federation::new()?;
    let shim = shim(&federation)?;
    let home = federation.place("");
    let before = federation.elsewhere("before");
    copy_folder(&home, &before)?;
    let mut kills = 0;
    for (verb, site, done) in [
        ("add", "hospital-z", "belongs to the federation already"),
        ("renew", HOSPITALS[0], ""),
        ("revoke", HOSPITALS[1], "revoked already"),
    ] {
        for at in 1..MAX_STEPS {
            reset(&before, &home)?;
            let key = home.join("authority/ca-key.pem");
            std::fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
            if !killed(&mut federation.coordinator(&["sites", verb, site])?, &shim, at)? {
                break;
            }
            kills += 1;
            if let Err(why) = works(&mut federation.coordinator(&["sites", verb, site])?) {
                assert!(!done.is_empty() && why.to_string().contains(done), "step {at}: {why}");
            }
            let listed = works(&mut federation.coordinator(&["sites", "list"])?)?;
            let identity = Identity::load(&home.join("sites").join(site).join("identity"))?;
            let fingerprint = Fingerprint::of(identity.chain.first().ok_or("no certificate")?);
            let line = listed.lines().find(|line| line.contains(&fingerprint.to_string()));
            let line = line.ok_or_else(|| format!("{verb}, step {at}: not in {listed}"))?;
            assert_eq!(line.contains("revoked"), verb == "revoke", "{line}");
            for file in ["policy.toml", "site-node.toml"] {
                assert!(home.join("sites").join(site).join(file).exists(), "{verb}, step {at}");
            }
        }
    }
    println!("{kills} kills in commands that change the members");
    assert!(kills > 15, "{kills} steps");
    Ok(())
}

/// Verbs that would write beside a running node are refused; those that read are not.
#[test]
fn one_process_writes_a_state_folder_and_any_may_read_it() -> Outcome {
    let mut federation = Federation::new()?;
    let coordinator = federation.serve()?;
    let site = federation.start_site(HOSPITALS[0])?;
    let key = audit::folder::key(&federation.log())?.to_string();
    let restart = ["audit", "restart", "--reason", "lost", "--spent", "all"];
    for verb in [&["run"][..], &["trust", &key], &["audit", "begin"], &restart] {
        let why = works(&mut federation.site_command(HOSPITALS[0], verb)?).err();
        let why = why.map(|why| why.to_string()).unwrap_or_default();
        assert!(why.contains("in use by another process"), "{verb:?}: {why}");
    }
    for verb in [&["check"][..], &["budget"]] {
        works(&mut federation.site_command(HOSPITALS[0], verb)?)?;
    }
    // The one START is the running node's.
    let log = std::fs::read_to_string(federation.log_of(HOSPITALS[0]).join("000001.jsonl"))?;
    let count = |event: &str| log.matches(&format!("\"event\":{{\"{event}\"")).count();
    assert_eq!((count("START"), count("STOP")), (1, 0), "{log}");
    for verb in [&["serve"][..], &["audit", "begin"], &["audit", "restart", "--reason", "lost"]] {
        let why = works(&mut federation.coordinator(verb)?).err();
        let why = why.map(|why| why.to_string()).unwrap_or_default();
        assert!(why.contains("in use by another process"), "{verb:?}: {why}");
    }
    works(&mut federation.coordinator(&["runs", "list"])?)?;
    tests::stop([site, coordinator])
}

/// Deleting the state is no way to a fresh budget: the node says so, and then the coordinator.
#[test]
fn a_deleted_state_folder_stops_the_node_and_its_next_log_waits_for_the_operator() -> Outcome {
    let mut federation = Federation::new()?;
    let coordinator = federation.serve()?;
    let site = federation.start_site(HOSPITALS[0])?;
    tests::stop([site])?;
    let state = federation.site(HOSPITALS[0]).join("state");
    std::fs::remove_dir_all(&state)?;
    let mut run = federation.site_command(HOSPITALS[0], &["run"])?;
    let why = works(&mut run).err().map(|why| why.to_string()).unwrap_or_default();
    assert!(why.contains("audit restart --reason lost`"), "{why}");
    let begin = works(&mut federation.site_command(HOSPITALS[0], &["audit", "begin"])?);
    assert!(begin.is_err());
    let mut silent =
        federation.site_command(HOSPITALS[0], &["audit", "restart", "--reason", "lost"])?;
    let why = works(&mut silent).err().map(|why| why.to_string()).unwrap_or_default();
    assert!(why.contains("--spent all") && why.contains("nothing was changed"), "{why}");
    let restart = ["audit", "restart", "--reason", "lost", "--spent", "all"];
    works(&mut federation.site_command(HOSPITALS[0], &restart)?)?;
    let budget = works(&mut federation.site_command(HOSPITALS[0], &["budget"])?)?;
    assert!(budget.contains("spent      all"), "{budget}");
    let why = works(&mut federation.site_command(HOSPITALS[0], &["run"])?).err();
    let why = why.map(|why| why.to_string()).unwrap_or_default();
    let key = audit::folder::key(&federation.log_of(HOSPITALS[0]))?.to_string();
    let accept = ["sites", "accept", HOSPITALS[0], &key];
    assert!(why.contains(&format!("`coordinator {}`", accept.join(" "))), "{why}");
    works(&mut federation.coordinator(&accept)?)?;
    let site = federation.start_site(HOSPITALS[0])?;
    tests::stop([site, coordinator])
}
