//! `coordinator epoch`: a new audit log, openly, where the old one cannot go on.

use std::path::PathBuf;
use std::sync::Arc;

use audit::record::Role;
use common::clock::SystemClock;
use common::logbook::{COORDINATOR, Logbook, set_aside};
use coordinator::settings::CoordinatorSettings;

use super::Outcome;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Why, as a code that stands in the new log's first record: restored, lost or key-exposed.
    #[arg(long)]
    reason: String,
    /// The coordinator's settings.
    #[arg(long, value_name = "FILE", default_value = "coordinator.toml")]
    config: PathBuf,
}

pub(super) fn run(args: &Args) -> Outcome {
    let settings = CoordinatorSettings::load(&args.config)?;
    let reason = args.reason.parse()?;
    let old = set_aside(&settings.state)?;
    let node = (COORDINATOR, Role::Coordinator);
    let clock = Arc::new(SystemClock::new());
    let book = Logbook::begin(&settings.state, node, &old, reason, clock)?;
    println!("new log: {}", book.verifier());
    println!("the old one is kept: {}", old.kept.display());
    println!("sites take the new one by themselves, and record that it took the old one's place");
    Ok(())
}
