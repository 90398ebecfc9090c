//! `site-node audit`: the hospital's audit log, read by anybody, begun and restarted by its operator.

use std::error::Error;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use ::audit::Name;
use ::audit::cli::{NodeOutcome, NodeVerb, Reason, Restarted, Tools};
use ::audit::note::VerifierKey;
use base::clock::{Clock, SystemClock};
use node::audit_log::{Restartable, StateLock, generation, restartable};
use node::process::chain;
use plan::policy::Policy;
use privacy::{Cost, Filter};
use site_node::privatize::{LedgerLog, LedgerLogError, LedgerPlace, Next, Restart};
use site_node::settings::SiteSettings;

use super::ConfigArg;
use super::run::site_name;

pub(super) type Verb = NodeVerb<ConfigArg, Carry>;

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Spent {
    /// All of the budget: what was released after the copy, or in the lost log, is not known.
    All,
    /// What the verified logs in the state folder record: nothing ran after them.
    Recorded,
}

#[derive(clap::Args)]
pub(super) struct Carry {
    /// What counts as spent of the privacy budget. Without it, the terminal asks.
    #[arg(long, value_enum)]
    spent: Option<Spent>,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(verb: Verb) -> ExitCode {
    let tools = Tools { cost: Some(&privacy::cost) };
    verb.run(tools, begin, restart, chain)
}

fn begin(config: &ConfigArg) -> NodeOutcome<VerifierKey> {
    let settings = SiteSettings::load(&config.config)?;
    let policy = Policy::load(&settings.policy)?;
    let site = site_name(&settings)?;
    let data_set = settings.data_set.parse()?;
    let lock = StateLock::take(&settings.state)?;
    generation::permit_in_empty(&lock)?;
    drop(lock);
    let place = LedgerPlace {
        state: &settings.state,
        audit: &settings.audit,
        site: site.as_str(),
        data_set: &data_set,
    };
    let clock = Arc::new(SystemClock::new());
    let (log, _) = LedgerLog::open(place, policy.limits, clock)?;
    Ok(log.audit().verifier())
}

fn restart(reason: Reason, carry: &Carry) -> NodeOutcome<Restarted> {
    let settings = SiteSettings::load(&carry.config.config)?;
    let policy = Policy::load(&settings.policy)?;
    let (site, data_set): (_, Name) = (site_name(&settings)?, settings.data_set.parse()?);
    let lock = StateLock::take(&settings.state)?;
    match restartable(&lock, settings.audit.tracking)? {
        Restartable::Completed(key) => return Ok(Restarted::Completed(key)),
        Restartable::New => {
            let none = "there is no audit log to restart: `site-node run` begins the first one";
            return Err(none.into());
        }
        Restartable::Begun => {}
    }
    let survey = Restart::survey(&lock, &settings.audit, &data_set)?;
    let limit = Filter::new(policy.limits.total);
    let share = |cost: &Cost| super::budget::share(limit.used(cost));
    let spent = match carry.spent {
        Some(spent) => spent,
        None => ask(&survey.recorded, share)?,
    };
    let carried = match (spent, &survey.recorded) {
        (Spent::All, _) => Cost::unknown(),
        (Spent::Recorded, Ok(cost)) => cost.clone(),
        (Spent::Recorded, Err(error)) => {
            let why = "--spent recorded: nothing was changed";
            return Err(format!("{why}: {}", chain(error)).into());
        }
    };
    let carries = if spent == Spent::All { "all".to_owned() } else { share(&carried) };
    let code = reason.code();
    let reason = code.parse()?;
    let next = Next { reason, data_set: data_set.clone(), limits: policy.limits, carried };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let key = survey.begin(&lock, &settings.audit, site.as_str(), next, &clock)?;
    let aside = generation::quarantined(&settings.state)?;
    let mut next = Vec::new();
    if spent == Spent::All {
        next.push(format!(
            "every run that adds noise is refused from now on. Where the logs that were set aside verify and \
             nothing ran after them, `site-node audit restart --reason {code} --spent recorded` carries on what \
             they record instead"
        ));
    }
    next.push(format!(
        "next: tell the coordinator's operator this key, who accepts it with `coordinator sites accept {site} {key}`; \
         then site-node run"
    ));
    Ok(Restarted::Next {
        key,
        carries: vec![format!("spent of the budget of {data_set}: {carries}")],
        aside: aside.into_iter().map(|old| old.folder).collect(),
        next,
    })
}

/// Asks what counts as spent: neither is done without a word.
fn ask(
    recorded: &Result<Cost, LedgerLogError>,
    share: impl Fn(&Cost) -> String,
) -> Result<Spent, Box<dyn Error>> {
    let told = match recorded {
        Ok(cost) => {
            format!("The verified logs record {} of the privacy budget as spent.", share(cost))
        }
        Err(error) => format!("What was spent is not known: {}.", chain(error)),
    };
    if !io::stdin().is_terminal() {
        return Err(format!(
            "{told} Say --spent recorded if nothing ran after that, or --spent all; nothing was changed"
        )
        .into());
    }
    eprintln!("{told}");
    eprintln!("recorded: carry that on; right only if nothing ran after it.");
    eprintln!(
        "all:      count all of the budget as spent; runs that add noise are refused from then on."
    );
    eprint!("Which one, recorded or all? ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim() {
        "recorded" => Ok(Spent::Recorded),
        "all" => Ok(Spent::All),
        _ => Err("neither recorded nor all: nothing was changed".into()),
    }
}
