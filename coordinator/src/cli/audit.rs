//! `coordinator audit`: the coordinator's audit log, read by anybody, begun and restarted by its operator.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use ::audit::cli::Tools;
use ::audit::record::Role;
use clap::Subcommand;
use common::clock::{Clock, SystemClock};
use common::logbook::generation::{self, Presence, Remains};
use common::logbook::{COORDINATOR, LogGeneration, Logbook, StateLock};
use common::process::chain;
use coordinator::settings::CoordinatorSettings;

#[derive(Subcommand)]
pub(super) enum Verb {
    #[command(flatten)]
    Read(::audit::cli::Verb),
    /// Begin the first audit log, in a state folder that holds nothing.
    Begin(Place),
    /// Set the audit log aside, whatever state it is in, and begin the next one. Stop `coordinator serve` first.
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

#[derive(clap::Args)]
pub(super) struct Place {
    /// The coordinator's settings.
    #[arg(long, value_name = "FILE", default_value = "coordinator.toml")]
    config: PathBuf,
}

#[derive(clap::Args)]
pub(super) struct RestartArgs {
    /// Why the log cannot go on; the next log's first record says it.
    #[arg(long, value_enum)]
    reason: Reason,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(verb: Verb) -> ExitCode {
    let outcome = match verb {
        // Its exit codes say more than good or bad.
        Verb::Read(verb) => return verb.run(Tools { cost: Some(&common::logbook::cost) }),
        Verb::Begin(place) => begin(&place),
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

fn begin(place: &Place) -> Result<(), Box<dyn Error>> {
    let settings = CoordinatorSettings::load(&place.config)?;
    let lock = StateLock::take(&settings.state)?;
    generation::permit_in_empty(&lock)?;
    let node = generation::node(COORDINATOR, Role::Coordinator)?;
    let clock = Arc::new(SystemClock::new());
    let book = Logbook::open_locked(&settings.audit, lock, node, clock, &mut |_| ())?;
    println!("new log: {}", book.verifier());
    Ok(())
}

fn restart(args: &RestartArgs) -> Result<(), Box<dyn Error>> {
    let settings = CoordinatorSettings::load(&args.place.config)?;
    let tracking = settings.audit.tracking;
    let lock = StateLock::take(&settings.state)?;
    if let Some(key) = generation::complete(&lock, tracking)? {
        println!("new log: {key}");
        println!("a restart that was interrupted is complete; nothing else was changed");
        return Ok(());
    }
    if matches!(generation::presence(tracking, &settings.state), Ok(Presence::New)) {
        return Err(
            "there is no audit log to restart: `coordinator serve` begins the first one".into()
        );
    }
    let next = LogGeneration {
        node: generation::node(COORDINATOR, Role::Coordinator)?,
        number: Remains::of(tracking, &settings.state)?.generation.saturating_add(1),
        reason: args.reason.code().parse()?,
        entries: Vec::new(),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let key = next.begin(&lock, tracking, clock.as_ref())?;
    println!("new log: {key}");
    for old in generation::set_aside(&settings.state)? {
        println!("set aside: {}", old.folder.display());
    }
    println!(
        "next: coordinator serve; and tell each hospital this key by another way than the network, where its \
         operator runs `site-node trust KEY`"
    );
    Ok(())
}
