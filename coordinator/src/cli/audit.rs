//! `coordinator audit`: the coordinator's audit log, read by anybody, begun and restarted by its operator.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use ::audit::cli::{NodeOutcome, NodeVerb, Reason, Restarted, Tools};
use ::audit::note::VerifierKey;
use ::audit::record::Role;
use base::clock::{Clock, SystemClock};
use coordinator::settings::CoordinatorSettings;
use node::audit_log::generation::{self, Remains};
use node::audit_log::{
    AuditWriter, COORDINATOR, LogGeneration, Restartable, StateLock, restartable,
};
use node::process::chain;

pub(super) type Verb = NodeVerb<Place, Place>;

#[derive(clap::Args)]
pub(super) struct Place {
    /// The coordinator's settings.
    #[arg(long, value_name = "FILE", default_value = "coordinator.toml")]
    config: PathBuf,
}

pub(super) fn run(verb: Verb) -> ExitCode {
    let tools = Tools { cost: Some(&privacy::cost) };
    verb.run(tools, begin, restart, chain)
}

fn begin(place: &Place) -> NodeOutcome<VerifierKey> {
    let settings = CoordinatorSettings::load(&place.config)?;
    let lock = StateLock::take(&settings.state)?;
    generation::permit_in_empty(&lock)?;
    let node = generation::node(COORDINATOR, Role::Coordinator)?;
    let clock = Arc::new(SystemClock::new());
    let audit = AuditWriter::open_locked(&settings.audit, lock, node, clock, &mut |_| ())?;
    Ok(audit.verifier())
}

fn restart(reason: Reason, place: &Place) -> NodeOutcome<Restarted> {
    let settings = CoordinatorSettings::load(&place.config)?;
    let tracking = settings.audit.tracking;
    let lock = StateLock::take(&settings.state)?;
    match restartable(&lock, tracking)? {
        Restartable::Completed(key) => return Ok(Restarted::Completed(key)),
        Restartable::New => {
            let none = "there is no audit log to restart: `coordinator serve` begins the first one";
            return Err(none.into());
        }
        Restartable::Begun => {}
    }
    let next = LogGeneration {
        node: generation::node(COORDINATOR, Role::Coordinator)?,
        number: Remains::of(tracking, &settings.state)?.generation.saturating_add(1),
        reason: reason.code().parse()?,
        entries: Vec::new(),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let key = next.begin(&lock, tracking, clock.as_ref())?;
    let aside = generation::quarantined(&settings.state)?;
    let next = "next: coordinator serve; and tell each hospital this key by another way than the network, where its \
                operator runs `site-node trust KEY`"
        .to_owned();
    Ok(Restarted::Next {
        key,
        carries: Vec::new(),
        aside: aside.into_iter().map(|old| old.folder).collect(),
        next: vec![next],
    })
}
