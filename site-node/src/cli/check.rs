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
    let table = data::load(&ready.settings.data)?;
    println!("data: {} joined, {} columns", table.files(), table.columns().len());
    println!("next: site-node run --config {}", config.display());
    Ok(())
}
