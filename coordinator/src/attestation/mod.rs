//! Offers in the coordinator's log, from the record to the signatures of the sites that saw it. Runs and statistics
//! requests share this.
//!
//! ```text
//! offer ─► record, checkpoint ─► sites ─► each signs the checkpoint ─► enough? ─► Witnessed to each
//! ```
//!
//! Several jobs make offers at the same time, and a site follows one log. Each job therefore records its offer and puts
//! it into the queues of the sites in one step. No site receives a newer state of the log from one job and then an
//! older one from another. The exception is an open offer that is shown to a site that connects late. Its older state comes
//! with proofs that the states which the site may have seen extend it.

mod witnesses;

use std::sync::Arc;

use audit::note::VerifierKey;
use audit::record::Entry;
use audit::segments::LogError;
use base::ids::{Round, RunId, SiteName};
use node::audit_log::{AuditWriter, OfferKind};
use node::wire::{LastRecord, SignedState, ToSite};

use crate::connections::{Connections, SessionCommand};
use witnesses::Witnesses;

/// The offers of one job.
pub(crate) struct Attestation {
    run: RunId,
    /// The number of sites that must have signed an offer before any of them contributes.
    needed: u32,
    connections: Arc<Connections>,
    audit: Arc<AuditWriter>,
    /// The latest offer and its signatures.
    open: Option<Witnesses>,
}

impl Attestation {
    /// Creates the state of a job that has made no offer yet.
    pub fn new(
        run: RunId,
        needed: u32,
        connections: Arc<Connections>,
        audit: Arc<AuditWriter>,
    ) -> Self {
        Self { run, needed, connections, audit, open: None }
    }

    /// Shows an offer to these sites. It is recorded once, by `entry`, and is the same for every site. If an offer of
    /// this kind is open already, it is shown again as it was recorded. `command` makes a session's command from the
    /// log and its last record.
    ///
    /// # Errors
    /// The offer cannot be recorded. It is then shown to no site.
    pub fn offer(
        &mut self,
        kind: OfferKind,
        entry: Entry,
        sites: &[SiteName],
        command: impl Fn(SignedState, LastRecord) -> SessionCommand,
    ) -> Result<(), LogError> {
        let Self { needed, connections, audit, open, .. } = self;
        // Held until the queues are filled, so that they receive the states in the order in which the log grows.
        let in_order = connections.offering();
        let again = open.take_if(|open| open.kind() == kind);
        let witnesses = if let Some(witnesses) = again {
            witnesses
        } else {
            let shown = audit.show(vec![entry])?;
            connections.grant();
            Witnesses::new(kind, shown, *needed)
        };
        let shown = open.insert(witnesses).shown();
        for site in sites {
            let Some(seen) = connections.seen(site) else { continue };
            let log = audit.sight(&shown.note, shown.size, &seen.sizes);
            connections.show(site, &seen, shown.size, command(log, shown.record.clone()));
        }
        drop(in_order);
        Ok(())
    }

    /// Takes a site's signature on the state that ends with the offer of this round; a statistics request has no round.
    /// Once enough sites have signed, each of them receives the signatures.
    pub fn cosigned(
        &mut self,
        site: &SiteName,
        round: Option<Round>,
        key: &VerifierKey,
        signature: &str,
    ) {
        let open = self.open.as_mut().filter(|open| open.kind().round() == round);
        let Some(witnesses) = open else { return };
        match witnesses.take(site, key, signature) {
            Ok(size) => self.connections.confirmed(site, size),
            Err(error) => {
                tracing::warn!(%site, %error, "a signature on another state of the log");
                return;
            }
        }
        let offered = witnesses.shown().size;
        for (site, cosignatures) in witnesses.news() {
            let run = self.run.clone();
            let told = ToSite::Witnessed { run, offered, round, cosignatures };
            self.connections.command(&site, SessionCommand::Send(told));
        }
    }

    /// Forgets that a site received the signatures, because it begins a new session. It receives them again once it
    /// has signed in that session.
    pub fn forget(&mut self, site: &SiteName) {
        if let Some(open) = &mut self.open {
            open.forget(site);
        }
    }

    /// Whether enough sites have signed the open offer.
    pub fn is_seen(&self) -> bool {
        self.open.as_ref().is_some_and(Witnesses::is_seen)
    }

    /// Whether enough sites can still sign the open offer if only the sites in `waiting` may add a signature.
    pub fn can_be_seen<'s>(&self, waiting: impl Iterator<Item = &'s SiteName>) -> bool {
        self.open.as_ref().is_some_and(|open| open.can_be_seen(waiting))
    }

    /// The size of the log that ends with the latest offer; 0 before the first.
    pub fn offered(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.shown().size)
    }

    /// Records the signatures on the open offer.
    ///
    /// # Errors
    /// The log takes no record.
    pub fn record(&self) -> Result<(), LogError> {
        match &self.open {
            Some(open) => self.audit.note_cosigned(&self.audit.node(), &open.note()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use audit::note::{Checkpoint, SignedNote};
    use audit::record::Role;
    use base::clock::{Clock, SystemClock};
    use base::digest::Digest;
    use bytes::Bytes;
    use node::audit_log::{COORDINATOR, name};
    use node::wire::{ModelHeader, Offer, Payload, Purpose};

    use super::*;
    use crate::connections::Entered;
    use crate::driver::log;
    use crate::testing::ends;

    /// A coordinator's log in a folder of its own.
    fn log_in(state: &std::path::Path) -> Arc<AuditWriter> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let audit = AuditWriter::open(state, COORDINATOR, Role::Coordinator, clock, &mut |_| ());
        Arc::new(audit.unwrap())
    }

    /// The command that shows a site this state of the log.
    fn model(run: &RunId, round: Round, log: SignedState, record: LastRecord) -> SessionCommand {
        let run = run.clone();
        let purpose = Purpose::Train;
        let payload = Payload { words: 0, digest: Digest::of(b"") };
        let header = ModelHeader { run, round, purpose, payload, log, record };
        SessionCommand::Offer(Offer::Model(header), Bytes::new())
    }

    #[tokio::test]
    async fn jobs_that_offer_at_once_show_a_site_one_log_that_only_grows() {
        const ROUNDS: u32 = 10;
        let ends = ends().await;
        let state = tempfile::tempdir().unwrap();
        let audit = log_in(state.path());
        let connections = Arc::new(Connections::default());
        let sites = [ends.site_name.clone()];
        // Any key serves, because this site signs nothing here.
        let key = audit.verifier();
        let entered = connections.enter(&sites[0], &key, &ends.coordinator, 0).unwrap();
        let Entered { mut commands, .. } = entered;
        std::thread::scope(|scope| {
            for job in 1..=4 {
                let run: RunId = format!("run-{job}").parse().unwrap();
                let by = name("operator");
                let mut attestation =
                    Attestation::new(run.clone(), 1, Arc::clone(&connections), Arc::clone(&audit));
                let sites = &sites;
                scope.spawn(move || {
                    for round in (1..=ROUNDS).map(Round) {
                        let hash = Digest::of(b"model");
                        let entry = log::offer(&by, &run, round, hash, hash);
                        let command = |log, record| model(&run, round, log, record);
                        let kind = OfferKind::Train(round);
                        attestation.offer(kind, entry, sites, command).unwrap();
                    }
                });
            }
        });
        let mut last = 0;
        for _ in 0..4 * ROUNDS {
            let command = commands.try_recv().unwrap();
            let SessionCommand::Offer(Offer::Model(header), _) = command else { panic!() };
            let note = SignedNote::parse(&header.log.checkpoint).unwrap();
            let size = Checkpoint::open(&note, &audit.verifier()).unwrap().size;
            assert!(size > last, "{size} after {last}");
            // The site can follow from what it was shown before.
            let proven = header.log.proofs.iter().any(|proof| proof.from == last);
            assert!(proven || last == 0, "no proof from {last} to {size}");
            last = size;
        }
        assert!(commands.try_recv().is_err());
    }

    #[tokio::test]
    async fn an_open_offer_is_recorded_once_and_a_session_that_began_since_is_not_shown_it() {
        let ends = ends().await;
        let state = tempfile::tempdir().unwrap();
        let audit = log_in(state.path());
        let connections = Arc::new(Connections::default());
        let site = ends.site_name.clone();
        let key = audit.verifier();
        let enter = || connections.enter(&site, &key, &ends.coordinator, 0).unwrap();
        let mut older = enter();
        let run: RunId = "run-a".parse().unwrap();
        let by = name("operator");
        let mut attestation =
            Attestation::new(run.clone(), 1, Arc::clone(&connections), Arc::clone(&audit));
        let hash = Digest::of(b"model");
        let mut shown = Vec::new();
        for _ in 0..2 {
            let entry = log::offer(&by, &run, Round(1), hash, hash);
            let command = |log, record| model(&run, Round(1), log, record);
            let sites = [site.clone()];
            attestation.offer(OfferKind::Train(Round(1)), entry, &sites, command).unwrap();
            let command = older.commands.try_recv().unwrap();
            let SessionCommand::Offer(Offer::Model(header), _) = command else { panic!() };
            shown.push(header.log.checkpoint);
        }
        assert_eq!(shown[0], shown[1]);
        // Another session begins after `seen` was asked for and before the offer is shown.
        let seen = connections.seen(&site).unwrap();
        let mut newer = enter();
        let log = SignedState { checkpoint: String::new(), proofs: Vec::new() };
        let record = LastRecord { line: Vec::new(), inclusion: Vec::new() };
        connections.show(&site, &seen, 1, model(&run, Round(1), log, record));
        assert!(newer.commands.try_recv().is_err());
        assert_eq!(connections.seen(&site).unwrap().sizes, [0]);
    }
}
