//! `site-node policy explain`: what this hospital's policy and budget say of an experiment, before
//! anybody asks.

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use common::config::{self, Override};
use common::experiment::{Experiment, Plan};
use common::ids::RunId;
use common::pki::Identity;
use common::policy::{Asker, Denied, Policy, Ruling};
use common::privacy::{Account, Budget, LedgerError};
use serde_json::json;
use site_node::privatize::LedgerLog;
use site_node::settings::SiteSettings;

use super::Format;

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Hold an experiment against this hospital's policy and ledger, rule by rule.
    Explain(Explain),
}

#[derive(clap::Args)]
pub(super) struct Explain {
    /// The experiment's file, as the researcher sent it.
    experiment: PathBuf,
    /// The site's settings; the paths in it are relative to its folder.
    #[arg(long, value_name = "FILE", default_value = "site-node.toml")]
    config: PathBuf,
    /// A value in place of the file's, such as privacy.epsilon=3; may be given many times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<Override>,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

pub(super) fn run(verb: &Verb) -> Result<(), Box<dyn Error>> {
    let Verb::Explain(args) = verb;
    let experiment: Experiment = config::load(&args.experiment, &args.overrides)?;
    let plan = experiment.plan;
    let rulings = explain(&plan, &args.config)?;
    let accepted = rulings.iter().all(|ruling| ruling.kept);
    match args.format {
        Format::Table => table(&plan, &rulings)?,
        Format::Json => {
            let rules = rulings.iter().map(|Ruling { rule, asked, allowed, kept }| {
                json!({ "rule": rule, "kept": kept, "asked": asked, "allowed": allowed })
            });
            let (experiment, epsilon) = (&plan.name, plan.privacy.epsilon(plan.rounds)?);
            let rules: Vec<_> = rules.collect();
            println!(
                "{}",
                json!({ "experiment": experiment, "accepted": accepted, "epsilon": epsilon,
                        "rules": rules })
            );
        }
    }
    if accepted { Ok(()) } else { Err("this hospital would refuse the experiment".into()) }
}

fn explain(plan: &Plan, config: &Path) -> Result<Vec<Ruling>, Box<dyn Error>> {
    let settings = SiteSettings::load(config)?;
    let policy = Policy::load(&settings.policy)?;
    let identity = Identity::load(&settings.identity)?;
    let asker = Asker { coordinator: Some(&identity.authority), tag: Some(settings.tag) };
    let mut rulings = policy.judge(plan, asker);
    let tables = settings.source()?.measurements.len();
    if let Err(Denied { rule, reason }) = policy.admit_measurements(plan, tables) {
        let allowed = "measurements that are listed with their tables".to_owned();
        rulings.push(Ruling { rule, asked: reason, allowed, kept: false });
    }
    let told = LedgerLog::look(&settings.state, &settings.data_set.parse()?)?;
    let account = Account::after(policy.limits, told.carried, told.entries)?;
    let (updates, once) = ((plan.privacy.mechanism(), plan.rounds), plan.privacy.once());
    // A run that this ledger never heard of.
    let refused = account.foresee(&RunId::memorable(0), plan.digest(), updates, once).err();
    let Budget { epsilon, delta } = account.limit().budget();
    let rest = (1.0 - account.limit().used(account.spent())).max(0.0) * 100.0;
    rulings.push(Ruling {
        rule: refused.as_ref().and_then(LedgerError::rule).unwrap_or("policy.budget"),
        kept: refused.is_none(),
        asked: refused.map_or_else(|| "fits what is left".to_owned(), |error| error.to_string()),
        allowed: format!("ε {epsilon} at δ {delta:e}, of which {rest:.1} % are left"),
    });
    Ok(rulings)
}

fn table(plan: &Plan, rulings: &[Ruling]) -> Result<(), Box<dyn Error>> {
    println!("experiment {}, {} rounds, mode {}", plan.name, plan.rounds, plan.privacy.mode.name());
    match (plan.privacy.epsilon(plan.rounds)?, plan.privacy.mechanism().unit()) {
        (Some(epsilon), Some(unit)) => {
            let epsilon = (epsilon * 1e3).ceil() / 1e3;
            println!("would cost  ε = {epsilon:.3} at δ = {:e} for {unit}", plan.privacy.delta);
        }
        _ => println!("would cost  nothing: no noise, no promise"),
    }
    println!(
        "would send  {} words a round, {} rounds{}; nothing else that depends on a patient, save \
         whether there are enough of them and the columns are fit to use",
        plan.model.parameters(),
        plan.rounds,
        if plan.privacy.evaluation.is_some() { ", and one noised concordance" } else { "" }
    );
    println!();
    for Ruling { rule, asked, allowed, kept } in rulings {
        let mark = if *kept { "ok" } else { "NO" };
        println!("{mark}  {rule:<30}{asked}; allowed: {allowed}");
    }
    Ok(())
}
