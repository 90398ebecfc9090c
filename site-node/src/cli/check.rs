//! `site-node check`: everything that `run` would need, and which paths lead to the coordinator. Writes nothing, opens
//! no session, and works beside a running node.

use std::error::Error;
use std::path::Path;

use base::clock::{Clock, SystemClock};
use command::{Exit, Failure};
use node::process::chain;
use site_node::data::{self, Secret};
use site_node::inspect::unknown_in_policy;
use site_node::privatize::{Inspection, LedgerLog};

use super::run::{other_authority, prepare};
use super::{certificate, paths};

pub(super) fn run(config: &Path, offline: bool) -> Result<(), Box<dyn Error>> {
    let ready = prepare(config)?;
    certificate::check(&ready.identity, SystemClock::new().wall())?;
    let Inspection { log, records, violation, .. } = LedgerLog::inspect(
        ready.settings.audit.tracking,
        &ready.settings.state,
        &ready.site.data_set,
    )?;
    if let Some(violation) = violation {
        return Err(format!(
            "the audit log breaks a rule: {violation}. site-node run goes on, and every report on it will say so; \
             `site-node audit restart --reason lost` begins the next log"
        )
        .into());
    }
    if let Some(other) = other_authority(&ready.identity, &ready.policy) {
        return Err(format!("{}: {other}", ready.settings.identity.display()).into());
    }
    if Secret::exists(&ready.settings.state) {
        Secret::open(&ready.settings.state)?;
    }
    println!("coordinator's authority: {}", ready.identity.authority);
    println!(
        "settings, policy, certificate, ledger and randomness: good ({})",
        ready.identity.role
    );
    match log {
        Some(key) => println!("audit log: {} verifies, {records} records", key.name()),
        None => println!("audit log: none yet; the first `site-node run` begins it"),
    }
    let failed = |error| Failure { exit: Exit::Data, message: chain(&error) };
    let patients = data::load(&ready.source).map_err(failed)?;
    let table = &patients.table;
    println!("data: {} joined, {} columns", table.files(), table.columns().len());
    for (key, empty) in [
        ("coordinators", ready.policy.coordinators.is_empty()),
        ("modes", ready.policy.modes.is_empty()),
        ("columns", ready.policy.columns.as_ref().is_some_and(Vec::is_empty)),
        ("outcomes", ready.policy.outcomes.as_ref().is_some_and(Vec::is_empty)),
    ] {
        if empty {
            println!("policy: {key} lists nothing, so that every run will be refused: fill it in");
        }
    }
    for warning in unknown_in_policy(&ready.policy, &ready.source, &patients) {
        println!("warning: {warning}");
    }
    if !offline {
        paths::check(ready.identity, &ready.settings.coordinator)?;
    }
    println!("next: site-node run --config {}", config.display());
    Ok(())
}
