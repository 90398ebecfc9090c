//! `site-node epoch`: a new log and ledger, openly, where the old one cannot go on.

use std::error::Error;
use std::sync::Arc;

use common::clock::SystemClock;
use common::policy::Policy;
use common::privacy::Cost;
use site_node::privatize::{LedgerLog, begin_epoch};
use site_node::settings::SiteSettings;

use super::ConfigArg;
use super::run::site_name;

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Spent {
    /// Nobody can tell what was released after the copy: all of the budget counts as spent.
    All,
    /// What the old log tells is all that was ever released: nothing ran after it.
    Recorded,
}

#[derive(clap::Args)]
pub(super) struct Args {
    /// Why, as a code that stands in the new log's first record: restored, lost or key-exposed.
    #[arg(long)]
    reason: String,
    /// What counts as spent of the privacy budget.
    #[arg(long, value_enum, default_value = "all")]
    spent: Spent,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let settings = SiteSettings::load(&args.config.config)?;
    let policy = Policy::load(&settings.policy)?;
    let (site, data_set) = (site_name(&settings)?, settings.data_set.parse()?);
    let carried = match args.spent {
        Spent::All => Cost::unknown(),
        Spent::Recorded => {
            let told = LedgerLog::look(&settings.state, &data_set)?;
            told.entries.last().map_or(told.carried.spent, |last| last.total.clone())
        }
    };
    let clock = Arc::new(SystemClock::new());
    let limits = (policy.limits, carried);
    let node = (site.as_str(), args.reason.parse()?);
    let epoch = begin_epoch(&settings.state, node, &data_set, limits, clock)?;
    println!("new log: {}", epoch.key);
    println!("the old one is kept: {}", epoch.kept.display());
    if args.spent == Spent::All {
        println!(
            "all of the privacy budget of {data_set} counts as spent, since nobody can tell what was \
             released after the copy: runs that add noise are refused from now on. If it is certain \
             that nothing ran since, begin again with --spent recorded"
        );
    }
    Ok(())
}
