//! `site-node audit`: the hospital's audit log, read by anybody, begun and restarted by its operator.

use std::error::Error;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use ::audit::Name;
use ::audit::cli::Tools;
use clap::Subcommand;
use common::clock::{Clock, SystemClock};
use common::logbook::StateLock;
use common::logbook::generation::{self, Presence};
use common::policy::Policy;
use common::privacy::{Cost, Filter};
use common::process::chain;
use site_node::privatize::{LedgerLog, LedgerLogError, Next, Restart};
use site_node::settings::SiteSettings;

use super::ConfigArg;
use super::run::site_name;

#[derive(Subcommand)]
pub(super) enum Verb {
    #[command(flatten)]
    Read(::audit::cli::Verb),
    /// Begin the first audit log and ledger, in a state folder that holds nothing.
    Begin(ConfigArg),
    /// Set the audit log aside, whatever state it is in, and begin the next one.
    ///
    /// The next log carries on what was spent of the privacy budget. Stop `site-node run` first.
    Restart(RestartArgs),
}

/// Why the log cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Reason {
    /// An older copy of the state folder was put back.
    Restored,
    /// The log, its key, or the state folder was lost or damaged.
    Lost,
    /// Somebody else may have read the log's secret key.
    KeyExposed,
}

impl Reason {
    fn code(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::Lost => "lost",
            Self::KeyExposed => "key-exposed",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Spent {
    /// All of the budget: what was released after the copy, or in the lost log, is not known.
    All,
    /// What the verified logs in the state folder record: nothing ran after them.
    Recorded,
}

#[derive(clap::Args)]
pub(super) struct RestartArgs {
    /// Why the log cannot go on; the next log's first record says it.
    #[arg(long, value_enum)]
    reason: Reason,
    /// What counts as spent of the privacy budget. Without it, the terminal asks.
    #[arg(long, value_enum)]
    spent: Option<Spent>,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(verb: Verb) -> ExitCode {
    let outcome = match verb {
        // Its exit codes say more than good or bad.
        Verb::Read(verb) => return verb.run(Tools { cost: Some(&common::logbook::cost) }),
        Verb::Begin(config) => begin(&config),
        Verb::Restart(args) => restart(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn begin(config: &ConfigArg) -> Result<(), Box<dyn Error>> {
    let settings = SiteSettings::load(&config.config)?;
    let policy = Policy::load(&settings.policy)?;
    let (site, data_set) = (site_name(&settings)?, settings.data_set.parse()?);
    let lock = StateLock::take(&settings.state)?;
    generation::permit_in_empty(&lock)?;
    drop(lock);
    let at = (settings.state.as_path(), &settings.audit);
    let clock = Arc::new(SystemClock::new());
    let (log, _) = LedgerLog::open(at, site.as_str(), &data_set, policy.limits, clock)?;
    println!("new log: {}", log.book().verifier());
    Ok(())
}

fn restart(args: &RestartArgs) -> Result<(), Box<dyn Error>> {
    let settings = SiteSettings::load(&args.config.config)?;
    let policy = Policy::load(&settings.policy)?;
    let (site, data_set): (_, Name) = (site_name(&settings)?, settings.data_set.parse()?);
    let lock = StateLock::take(&settings.state)?;
    if let Some(key) = generation::complete(&lock, settings.audit.tracking)? {
        println!("new log: {key}");
        println!("a restart that was interrupted is complete; nothing else was changed");
        return Ok(());
    }
    if matches!(generation::presence(settings.audit.tracking, &settings.state), Ok(Presence::New)) {
        return Err("there is no audit log to restart: `site-node run` begins the first one".into());
    }
    let survey = Restart::survey(&lock, &settings.audit, &data_set)?;
    let limit = Filter::new(policy.limits.total);
    let share = |cost: &Cost| super::budget::share(limit.used(cost));
    let spent = match args.spent {
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
    let reason = args.reason.code().parse()?;
    let next = Next { reason, data_set: data_set.clone(), limits: policy.limits, carried };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let key = survey.begin(&lock, &settings.audit, site.as_str(), next, &clock)?;
    println!("new log: {key}");
    println!("spent of the budget of {data_set}: {carries}");
    for old in generation::set_aside(&settings.state)? {
        println!("set aside: {}", old.folder.display());
    }
    if spent == Spent::All {
        println!(
            "every run that adds noise is refused from now on. Where the logs that were set aside verify and \
             nothing ran after them, `site-node audit restart --reason {} --spent recorded` carries on what \
             they record instead",
            args.reason.code()
        );
    }
    println!(
        "next: tell the coordinator's operator this key, who accepts it with `coordinator sites accept {site}`; \
         then site-node run"
    );
    Ok(())
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
