//! `site-node trust KEY`: a person settles what the node may not decide.

use std::error::Error;
use std::sync::Arc;

use base::clock::SystemClock;
use node::audit_log::{COORDINATOR, name};
use plan::policy::Policy;
use site_node::privatize::{LedgerLog, LedgerPlace};
use site_node::settings::SiteSettings;

use super::ConfigArg;
use super::run::site_name;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The public key of the coordinator's log, as its people tell it by another way than the network.
    key: String,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let settings = SiteSettings::load(&args.config.config)?;
    let policy = Policy::load(&settings.policy)?;
    let site = site_name(&settings)?;
    let clock = Arc::new(SystemClock::new());
    let data_set = settings.data_set.parse()?;
    let place = LedgerPlace {
        state: &settings.state,
        audit: &settings.audit,
        site: site.as_str(),
        data_set: &data_set,
    };
    let (log, _) = LedgerLog::open(place, policy.limits, clock)?;
    let key = log.audit().trust(&name(COORDINATOR), &args.key)?;
    println!("trusted from now on: {key}");
    println!("recorded in {}", settings.state.join(node::audit_log::FOLDER).display());
    Ok(())
}
