//! `site-node budget`: what was spent on the data set, by which run, and what is left.

use std::error::Error;
use std::path::Path;

use common::policy::Policy;
use common::privacy::{Account, Budget, Cost};
use serde_json::json;
use site_node::privatize::LedgerFile;
use site_node::settings::SiteSettings;

use super::Format;

pub(super) fn run(config: &Path, format: Format) -> Result<(), Box<dyn Error>> {
    let settings = SiteSettings::load(config)?;
    let policy = Policy::load(&settings.policy)?;
    let entries = LedgerFile::look(&settings.state, &settings.data_set)?;
    let account = Account::open(policy.limits, entries)?;
    match format {
        Format::Table => table(&settings.data_set, &policy, &account),
        Format::Json => println!("{}", object(&settings.data_set, &policy, &account)),
    }
    Ok(())
}

/// Rounded up: what was spent is never shown as less.
fn up(epsilon: f64) -> f64 {
    (epsilon * 1e4).ceil() / 1e4
}

fn table(data_set: &str, policy: &Policy, account: &Account) {
    let limit = account.limit();
    let Budget { epsilon, delta } = limit.budget();
    let spent = account.spent();
    println!("data set   {data_set}");
    println!("budget     ε = {epsilon} at δ = {delta:e}, over its life");
    if let Some(run) = policy.limits.epsilon_per_run {
        println!("each run   ε = {run} at the same δ");
    }
    let used = (limit.used(spent) * 1e3).ceil() / 10.0;
    println!("spent      ε = {:.4}: {used:.1} % of what may be charged", up(limit.epsilon(spent)));
    if account.entries().is_empty() {
        println!("\nno release was charged yet");
        return;
    }
    println!("\n{:<34}{:>9}{:>12}{:>9}", "run", "releases", "its own ε", "part");
    for (run, cost) in account.by_run() {
        let releases = account.entries().iter().filter(|entry| entry.run == *run).count();
        let (epsilon, part) = (up(limit.epsilon(cost)), part(account, cost));
        println!("{run:<34}{releases:>9}{epsilon:>12.4}{part:>7.1} %");
    }
    if let Some(last) = account.entries().last() {
        let fits = limit.fits(spent, &Cost::of(last.mechanism));
        println!("\nleft       {fits} more releases like the last one (run {})", last.run);
    }
}

/// Percent of what may be charged in all, rounded up.
fn part(account: &Account, cost: &Cost) -> f64 {
    (account.limit().used(cost) * 1e3).ceil() / 10.0
}

fn object(data_set: &str, policy: &Policy, account: &Account) -> serde_json::Value {
    let limit = account.limit();
    let Budget { epsilon, delta } = limit.budget();
    let runs = account.by_run().iter().map(|(run, cost)| {
        let releases = account.entries().iter().filter(|entry| entry.run == *run).count();
        json!({ "run": run, "releases": releases, "epsilon": limit.epsilon(cost),
                "used": limit.used(cost) })
    });
    let last = account.entries().last();
    json!({
        "data_set": data_set,
        "epsilon": epsilon,
        "delta": delta,
        "epsilon_per_run": policy.limits.epsilon_per_run,
        "spent": limit.epsilon(account.spent()),
        "used": limit.used(account.spent()),
        "releases": account.entries().len(),
        "runs": runs.collect::<Vec<_>>(),
        "fits": last.map(|last| limit.fits(account.spent(), &Cost::of(last.mechanism))),
    })
}
