//! `site-node budget`: what was spent on the data set, by which run, and what is left.

use std::collections::HashSet;
use std::error::Error;
use std::path::Path;

use common::ids::RunId;
use common::policy::Policy;
use common::privacy::accountant::rdp::ORDERS;
use common::privacy::accountant::{Delta, RdpVector};
use common::privacy::{Account, Budget, Cost, Entry, Mechanism};
use serde_json::json;
use site_node::privatize::LedgerLog;
use site_node::settings::SiteSettings;

use super::Format;

pub(super) fn run(config: &Path, format: Format) -> Result<(), Box<dyn Error>> {
    let settings = SiteSettings::load(config)?;
    let policy = Policy::load(&settings.policy)?;
    let told = {
        let (tracking, data_set) = (settings.audit.tracking, settings.data_set.parse()?);
        LedgerLog::look_as(tracking, &settings.state, &data_set)?
    };
    let carried = told.carried.spent.clone();
    let account = Account::after(policy.limits, told.carried, told.entries)?;
    let account = (&account, &carried);
    match format {
        Format::Table => table(&settings.data_set, &policy, account)?,
        Format::Json => println!("{}", object(&settings.data_set, &policy, account)?),
    }
    Ok(())
}

/// ε of some releases by Rényi costs at the best order for them. The ledger admits by orders that it
/// fixed beforehand, at which little spending looks like more.
fn epsilon<'e>(
    entries: impl Iterator<Item = &'e Entry>,
    delta: f64,
) -> Result<f64, Box<dyn Error>> {
    let mut uses: Vec<(Mechanism, u64)> = Vec::new();
    for entry in entries {
        match uses.iter_mut().find(|(mechanism, _)| *mechanism == entry.mechanism) {
            Some((_, count)) => *count += 1,
            None => uses.push((entry.mechanism, 1)),
        }
    }
    let mut total = RdpVector::zero();
    for (mechanism, count) in uses {
        let one = ORDERS.iter().map(|&order| mechanism.rdp(order)).collect();
        total = total.add(&RdpVector::from_values(one)?.times(count));
    }
    Ok(total.epsilon(Delta::new(delta)?))
}

/// Rounded up: what was spent is never shown as less.
fn up(epsilon: f64) -> f64 {
    (epsilon * 1e4).ceil() / 1e4
}

fn table(
    data_set: &str,
    policy: &Policy,
    (account, carried): (&Account, &Cost),
) -> Result<(), Box<dyn Error>> {
    let limit = account.limit();
    let Budget { epsilon: allowed, delta } = limit.budget();
    let spent = account.spent();
    println!("data set   {data_set}");
    println!("budget     ε = {allowed} at δ = {delta:e}, over its life");
    if let Some(run) = policy.limits.epsilon_per_run {
        println!("each run   ε = {run} at the same δ");
    }
    let total = up(epsilon(account.entries().iter(), delta)?);
    if *carried == Cost::unknown() {
        println!(
            "spent      all: what was spent under an earlier log is not known. Where the logs that were set \
             aside verify,\n           `site-node audit restart --reason restored --spent recorded` carries on \
             what they record"
        );
    } else {
        let used = share(limit.used(spent));
        println!("spent      ε = {total:.4} by the releases below; {used} of what may be charged");
        if !carried.is_zero() {
            let earlier = share(limit.used(carried));
            println!("earlier    {earlier} of it before them, under logs that were set aside");
        }
    }
    if account.entries().is_empty() {
        println!("\nno release was charged here yet");
        return Ok(());
    }
    println!("\n{:<34}{:>9}{:>12}{:>9}", "run", "releases", "ε", "part");
    for (run, cost) in runs_by_time(account) {
        let of_run = || account.entries().iter().filter(|entry| entry.run == *run);
        if cost.is_zero() {
            println!("{run:<34}{:>9}{:>12}{:>9}", of_run().count(), "no noise", "no ε");
            continue;
        }
        let (own, part) = (up(epsilon(of_run(), delta)?), share(limit.used(cost)));
        println!("{run:<34}{:>9}{own:>12.4}{part:>9}", of_run().count());
    }
    if let Some(last) = account.entries().iter().rev().find(|entry| !entry.cost.is_zero()) {
        let fits = limit.fits(spent, &Cost::of(last.mechanism));
        let fits = if fits == u32::MAX { "any number of".to_owned() } else { fits.to_string() };
        println!("\nleft       {fits} more releases like the last one (run {})", last.run);
    }
    println!(
        "\nThe column ε says what a run's releases come to, had they been planned together. The column part says\n\
         what the ledger charged for them: it holds whatever is asked next, and the budget limits it."
    );
    Ok(())
}

/// What each run was charged, the run that was charged first at the beginning.
fn runs_by_time(account: &Account) -> Vec<(&RunId, &Cost)> {
    let mut seen = HashSet::new();
    let runs = account.entries().iter().map(|entry| &entry.run);
    let first = runs.filter(|run| seen.insert(*run));
    first.filter_map(|run| account.by_run().get_key_value(run)).collect()
}

/// A part of what may be charged in all, in percent and rounded up; `all` from the whole on.
pub(super) fn share(used: f64) -> String {
    let percent = (used * 1e3).ceil() / 10.0;
    if percent < 100.0 { format!("{percent:.1} %") } else { "all".to_owned() }
}

fn object(
    data_set: &str,
    policy: &Policy,
    (account, carried): (&Account, &Cost),
) -> Result<serde_json::Value, Box<dyn Error>> {
    let limit = account.limit();
    let Budget { epsilon: allowed, delta } = limit.budget();
    let mut runs = Vec::new();
    for (run, cost) in runs_by_time(account) {
        let of_run = || account.entries().iter().filter(|entry| entry.run == *run);
        runs.push(json!({ "run": run, "releases": of_run().count(),
                          "epsilon": epsilon(of_run(), delta)?, "used": limit.used(cost) }));
    }
    let last = account.entries().last();
    Ok(json!({
        "data_set": data_set,
        "epsilon": allowed,
        "delta": delta,
        "epsilon_per_run": policy.limits.epsilon_per_run,
        "spent": epsilon(account.entries().iter(), delta)?,
        "used": limit.used(account.spent()).min(1.0),
        "used_earlier": limit.used(carried).min(1.0),
        "releases": account.entries().len(),
        "runs": runs,
        // None for any number.
        "fits": last
            .map(|last| limit.fits(account.spent(), &Cost::of(last.mechanism)))
            .filter(|fits| *fits < u32::MAX),
        "spent_all": *carried == Cost::unknown(),
    }))
}
