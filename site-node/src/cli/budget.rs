//! `site-node budget`: what was spent on the data set, by which run, and what is left.

use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::path::Path;

use audit::UtcTime;
use audit::epsilon::percent;
use audit::record::Promise;
use base::ids::RunId;
use plan::policy::Policy;
use privacy::{Account, Budget, Cost, shown_epsilon};
use serde_json::json;
use site_node::privatize::LedgerLog;
use site_node::settings::SiteSettings;

use super::Format;

pub(super) fn run(config: &Path, format: Format) -> Result<(), Box<dyn Error>> {
    let settings = SiteSettings::load(config)?;
    let policy = Policy::load(&settings.policy)?;
    let told = {
        let tracking = settings.audit.tracking;
        let data_set = settings.data_set.parse()?;
        let found = LedgerLog::inspect(tracking, &settings.state, &data_set)?;
        super::note_violation(found.violation.as_deref());
        found.told
    };
    let carried = told.carried.spent.clone();
    let begun = told.begun;
    let account = Account::after(policy.limits, told.carried, told.entries)?;
    let ledger = Ledger { account, carried, promised: told.promised, begun };
    match format {
        Format::Table => table(&settings.data_set, &policy, &ledger),
        Format::Json => println!("{}", object(&settings.data_set, &policy, &ledger)),
    }
    Ok(())
}

/// What the ledger holds.
struct Ledger {
    account: Account,
    /// What was spent under earlier logs, or in segments that were removed.
    carried: Cost,
    promised: BTreeMap<RunId, Promise>,
    /// When each run was charged first.
    begun: BTreeMap<RunId, UtcTime>,
}

impl Ledger {
    /// The part of the budget that is used, 1 where all of it counts as spent.
    fn used(&self, cost: &Cost) -> f64 {
        self.account.limit().used(cost).min(1.0)
    }

    /// The day on which a run was charged first, in UTC.
    fn day(&self, run: &RunId) -> String {
        let text = self.begun.get(run).map(UtcTime::to_string).unwrap_or_default();
        text.get(..10).unwrap_or_default().to_owned()
    }

    fn releases_of(&self, run: &RunId) -> usize {
        self.account.entries().iter().filter(|entry| entry.run == *run).count()
    }
}

fn table(data_set: &str, policy: &Policy, ledger: &Ledger) {
    let Ledger { account, carried, promised, .. } = ledger;
    let Budget { epsilon: allowed, delta } = account.limit().budget();
    println!("data set   {data_set}");
    println!("budget     ε = {allowed} at δ = {delta:e}, over its life");
    if let Some(run) = policy.limits.epsilon_per_run {
        println!("each run   ε = {run} at the same δ");
    }
    if *carried == Cost::unknown() {
        println!(
            "spent      all: what was spent under an earlier log is not known. Where the logs that were set \
             aside verify,\n           `site-node audit restart --reason restored --spent recorded` carries on \
             what they record"
        );
    } else {
        let epsilon = account.spent().epsilon(delta);
        let used = share(ledger.used(account.spent()));
        println!(
            "spent      ε = {} by all runs together; {used} of the budget",
            shown_epsilon(epsilon)
        );
        if !carried.is_zero() {
            let earlier = share(ledger.used(carried));
            println!(
                "earlier    {earlier} of the budget, under logs or segments that are no longer here"
            );
        }
    }
    if account.entries().is_empty() {
        println!("\nno release was charged here yet");
        return;
    }
    println!(
        "\n{:<12}{:<34}{:>9}{:>12}{:>12}{:>11}",
        "first (UTC)", "run", "releases", "ε promised", "ε charged", "of budget"
    );
    for (run, cost) in runs_by_time(account) {
        let day = ledger.day(run);
        let name = run.as_str();
        let releases = ledger.releases_of(run);
        if cost.is_zero() {
            println!("{day:<12}{name:<34}{releases:>9}{:>12}{:>12}{:>11}", "no noise", "no ε", "–");
            continue;
        }
        let promised =
            promised.get(run).map_or("–".to_owned(), |told| shown_epsilon(told.epsilon));
        let charged = shown_epsilon(cost.epsilon(delta));
        let part = share(ledger.used(cost));
        println!("{day:<12}{name:<34}{releases:>9}{promised:>12}{charged:>12}{part:>11}");
    }
    if let Some(last) = account.entries().iter().rev().find(|entry| !entry.cost.is_zero()) {
        let fits = account.limit().fits(account.spent(), &Cost::of(last.mechanism));
        let fits = if fits == u32::MAX { "any number of".to_owned() } else { fits.to_string() };
        println!("\nleft       {fits} more releases like the last one (run {})", last.run);
    }
    println!(
        "\nε promised: what a run's plan guarantees, had it been the only one, at the plan's δ.\n\
         ε charged:  what the ledger charged for what the run released, at the budget's δ.\n\
         of budget:  the part of the budget that this takes. Parts add up, and a run that would pass 100 % is \
         refused."
    );
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
    if used < 1.0 { percent(used) } else { "all".to_owned() }
}

fn object(data_set: &str, policy: &Policy, ledger: &Ledger) -> serde_json::Value {
    let Ledger { account, carried, promised, .. } = ledger;
    let Budget { epsilon: allowed, delta } = account.limit().budget();
    let spent_all = *carried == Cost::unknown();
    let runs: Vec<_> = runs_by_time(account)
        .into_iter()
        .map(|(run, cost)| {
            let promised = promised.get(run);
            // A run without noise has no ε.
            let charged = (!cost.is_zero()).then(|| cost.epsilon(delta));
            json!({ "run": run, "first_charged": ledger.begun.get(run), "releases": ledger.releases_of(run),
                    "epsilon_promised": promised.map(|promised| promised.epsilon),
                    "delta_promised": promised.map(|promised| promised.delta),
                    "epsilon_charged": charged, "used": ledger.used(cost) })
        })
        .collect();
    let last = account.entries().last();
    json!({
        "data_set": data_set,
        "epsilon": allowed,
        "delta": delta,
        "epsilon_per_run": policy.limits.epsilon_per_run,
        // None where it is not known.
        "spent": (!spent_all).then(|| account.spent().epsilon(delta)),
        "used": ledger.used(account.spent()),
        "used_earlier": ledger.used(carried),
        "releases": account.entries().len(),
        "runs": runs,
        // None for any number.
        "fits": last
            .map(|last| account.limit().fits(account.spent(), &Cost::of(last.mechanism)))
            .filter(|fits| *fits < u32::MAX),
        "spent_all": spent_all,
    })
}
