//! An offer in the coordinator's log, from its record to the signatures of the sites that saw it: what runs and
//! statistics requests share.
//!
//! ```text
//! offer ─► record, checkpoint ─► sites ─► each signs the checkpoint ─► enough? ─► all are told
//! ```
//!
//! Jobs offer at the same time, and a site follows one log. So each of them records its offer and puts it into the
//! queues of the sites in one step: no site is shown an older state of the log by one job after a newer one by another.
//! An open offer that is shown again, to a site that comes late, is the exception: its older state comes with proofs of
//! how the log went on from there.

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
    /// Sites that must have signed an offer before any of them answers it.
    needed: u32,
    connections: Arc<Connections>,
    audit: Arc<AuditWriter>,
    /// The latest offer, and who signed it.
    open: Option<Witnesses>,
}

impl Attestation {
    /// The offers of a job that has made none yet.
    pub fn new(
        run: RunId,
        needed: u32,
        connections: Arc<Connections>,
        audit: Arc<AuditWriter>,
    ) -> Self {
        Self { run, needed, connections, audit, open: None }
    }

    /// Shows an offer to these sites. It is recorded once, by this entry, and is the same for every site: an offer of
    /// the open kind is shown as it was recorded. `command` makes of the log and its last record what the
    /// session of a site is told.
    ///
    /// # Errors
    /// The offer cannot be recorded: no site is shown it.
    pub fn offer(
        &mut self,
        kind: OfferKind,
        entry: Entry,
        sites: &[SiteName],
        command: impl Fn(SignedState, LastRecord) -> SessionCommand,
    ) -> Result<(), LogError> {
        let Self { needed, connections, audit, open, .. } = self;
        // The states of the log reach the queues of the sites in the order in which it grows.
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

    /// A site signed the state of the log that it was shown an offer of this round in, or a statistics request, which
    /// has no round. Those who signed are told when enough did.
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
                tracing::warn!(%site, %error, "a signature that is not of this state of the log");
                return;
            }
        }
        for (site, cosignatures) in witnesses.news() {
            let run = self.run.clone();
            let told = ToSite::Witnessed { run, round, cosignatures };
            self.connections.command(&site, SessionCommand::Send(told));
        }
    }

    /// The site was told before that enough have signed, and comes back: it is told again.
    pub fn forget(&mut self, site: &SiteName) {
        if let Some(open) = &mut self.open {
            open.forget(site);
        }
    }

    /// Whether as many sites as needed have signed the open offer.
    pub fn is_seen(&self) -> bool {
        self.open.as_ref().is_some_and(Witnesses::is_seen)
    }

    /// Whether enough sites can still sign the open offer when only `waiting` may.
    pub fn can_be_seen<'s>(&self, waiting: impl Iterator<Item = &'s SiteName>) -> bool {
        self.open.as_ref().is_some_and(|open| open.can_be_seen(waiting))
    }

    /// The size of the log that ends with the latest offer; 0 before the first.
    pub fn offered(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.shown().size)
    }

    /// Records who has seen the open offer.
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

    /// What a session is told that shows a site this state of the log.
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
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let audit =
            AuditWriter::open(state.path(), COORDINATOR, Role::Coordinator, clock, &mut |_| ());
        let audit = Arc::new(audit.unwrap());
        let connections = Arc::new(Connections::default());
        let sites = [ends.site_name.clone()];
        // Of any log: this site signs nothing here.
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
                        let entry = log::offer((&by, &run, round), hash, hash);
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
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let audit =
            AuditWriter::open(state.path(), COORDINATOR, Role::Coordinator, clock, &mut |_| ());
        let audit = Arc::new(audit.unwrap());
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
            let entry = log::offer((&by, &run, Round(1)), hash, hash);
            let command = |log, record| model(&run, Round(1), log, record);
            let sites = [site.clone()];
            attestation.offer(OfferKind::Train(Round(1)), entry, &sites, command).unwrap();
            let command = older.commands.try_recv().unwrap();
            let SessionCommand::Offer(Offer::Model(header), _) = command else { panic!() };
            shown.push(header.log.checkpoint);
        }
        assert_eq!(shown[0], shown[1]);
        // Between what it has seen and what it is told, another session takes its place.
        let seen = connections.seen(&site).unwrap();
        let mut newer = enter();
        let log = SignedState { checkpoint: String::new(), proofs: Vec::new() };
        let record = LastRecord { line: Vec::new(), inclusion: Vec::new() };
        connections.show(&site, &seen, 1, model(&run, Round(1), log, record));
        assert!(newer.commands.try_recv().is_err());
        assert_eq!(connections.seen(&site).unwrap().sizes, [0]);
    }
}
