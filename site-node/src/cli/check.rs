//! `site-node check`: everything that `run` would need, without contacting anybody.

use std::error::Error;
use std::path::Path;

use site_node::data;

use super::run::prepare;

pub(super) fn run(config: &Path) -> Result<(), Box<dyn Error>> {
    let ready = prepare(config)?;
    println!("coordinator's authority: {}", ready.identity.authority);
    println!(
        "settings, policy, certificate, ledger and randomness: good ({})",
        ready.identity.role
    );
    let table = data::load(&ready.source)?.table;
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
    println!("next: site-node run --config {}", config.display());
    Ok(())
}
