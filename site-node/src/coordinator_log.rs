//! The coordinator's audit log as this site sees it, and this site's as the coordinator does.
//!
//! ```text
//! welcome ─► its key is the known one?   what it saw of ours is in ours?
//! offer ───► its log goes on?  ends with this very offer?  ─► recorded ─► cosigned
//! train                    several jobs may show states, and the later ones extend the earlier
//! others ──► enough sites signed this very state? ─► recorded ─► the update may leave
//! ```
//!
//! A coordinator that shows two histories, or different ones to different sites, is believed no more:
//! the session ends as a breach, and so does every later one until a person decides otherwise.

mod error;

use std::collections::BTreeMap;
use std::sync::Arc;

use audit::Name;
use audit::note::{SignedNote, VerifierKey};
use audit::record::{Entry, Event, Outcome, Record};
use base::digest::Digest;
use base::ids::{Round, RunId};
use node::audit_log::{
    AttestError, Attestation, AuditWriter, COORDINATOR, Held, OfferKind, PeerError, attest,
    check_shown, hash, name, signed_by, verify_cosignatures,
};
use node::wire::{Cosignature, KeptLog, LastRecord, ModelHeader, Purpose, SignedState};

pub use self::error::MonitorError;

/// States of the own log that the coordinator may have seen, at most: far more than rounds that end
/// without an answer.
const UNCONFIRMED: usize = 32;

/// An offer that was seen in the coordinator's log.
struct Seen {
    kind: OfferKind,
    note: SignedNote,
    /// The size of the log that ends with it.
    size: u64,
    attested: bool,
}

/// What the coordinator's log is said to end with.
struct Offer<'o> {
    run: &'o RunId,
    kind: OfferKind,
    /// The event that the last record must hold.
    event: Event,
    log: &'o SignedState,
    record: &'o LastRecord,
}

/// Both logs, for one session.
pub struct Monitor {
    audit: Arc<AuditWriter>,
    of: Name,
    key: VerifierKey,
    /// Own checkpoints, and their sizes, that the coordinator may have seen last.
    own: Vec<(u64, Option<SignedNote>)>,
    /// The latest offer of each run and statistics request.
    seen: BTreeMap<RunId, Seen>,
}

/// How this site introduces its log.
#[must_use]
pub fn introduction(audit: &AuditWriter, data_set: Name) -> KeptLog {
    KeptLog {
        key: audit.verifier().to_string(),
        seen: audit.seen_last(&name(COORDINATOR)),
        data_set: Some(data_set),
    }
}

impl Monitor {
    /// Meets the coordinator's log.
    ///
    /// # Errors
    /// It is not the one that is known, or has seen more of this site's log than there is.
    pub fn open(audit: Arc<AuditWriter>, shown: Option<&KeptLog>) -> Result<Self, MonitorError> {
        let of = name(COORDINATOR);
        match meet(&audit, &of, shown) {
            Ok((key, own)) => {
                Ok(Self { audit, of, key, own: vec![(own, None)], seen: BTreeMap::new() })
            }
            Err(error) => {
                let entry = refusal(&error).with_site(of);
                if error.is_breach() {
                    audit.record(vec![entry])?;
                } else {
                    audit.note_refused(entry);
                }
                Err(error)
            }
        }
    }

    /// Takes an offer: the coordinator's log goes on and ends with it. Returns this site's signature,
    /// for the coordinator and all other sites.
    ///
    /// # Errors
    /// The log does not go on, or does not end with this very offer of the `plan` consented to.
    pub fn offered(&mut self, header: &ModelHeader, plan: Digest) -> Result<String, MonitorError> {
        let ModelHeader { run, round, purpose, payload, log, record } = header;
        let kind = OfferKind::from_model(*purpose, *round);
        let model = hash(payload.digest);
        let event = match purpose {
            Purpose::Train => Event::RoundOffer { model, plan: hash(plan) },
            Purpose::Evaluate => Event::Release { model },
        };
        let (signature, _) = self.take(&Offer { run, kind, event, log, record })?;
        Ok(signature)
    }

    /// Takes a statistics request in the same way: the coordinator's log ends with this very request. Also returns the
    /// size of that log.
    ///
    /// # Errors
    /// As [`Monitor::offered`].
    pub fn asked(
        &mut self,
        run: &RunId,
        question: Digest,
        log: &SignedState,
        record: &LastRecord,
    ) -> Result<(String, u64), MonitorError> {
        let event = Event::StatisticsOffer { question: hash(question) };
        self.take(&Offer { run, kind: OfferKind::Statistics, event, log, record })
    }

    /// Judges an offer, and notes a refusal.
    fn take(&mut self, offer: &Offer<'_>) -> Result<(String, u64), MonitorError> {
        let Offer { run, kind, .. } = offer;
        self.judge(offer).inspect_err(|error| self.refused(run, kind.round(), error))
    }

    fn judge(&mut self, offer: &Offer<'_>) -> Result<(String, u64), MonitorError> {
        let Offer { run, kind, ref event, log, record } = *offer;
        // Before anything is taken: the record is the last one of a state that goes on.
        let checkpoint = match self.audit.judge(&self.key, log) {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                // With two histories both are kept.
                self.audit.witness(&self.key, &self.of, log)?;
                return Err(error.into());
            }
        };
        let record = check_shown(&checkpoint, record)?;
        matches(&record, offer)?;
        let is_new = self.is_new(offer)?;
        let (_, cosigned) = self.audit.witness(&self.key, &self.of, log)?;
        let entry = is_new.then(|| {
            let entry = Entry::new(name("witness"), event.clone()).of_run(name(run.as_str()));
            Entry { round: kind.round().map(|round| round.0), ..entry }
        });
        self.audit.record(entry.into_iter().collect())?;
        let signature = self.audit.own_signature(&cosigned);
        let mut note = cosigned.clone();
        if let Some(seen) = self.seen.get(run)
            && seen.note.text() == note.text()
        {
            // Offered again, after a connection was lost.
            note = seen.note.clone();
        }
        let size = checkpoint.size;
        self.seen.insert(run.clone(), Seen { kind, note, size, attested: false });
        Ok((signature, size))
    }

    /// Whether an offer is to be recorded here. A round or a statistics request is recorded the first time. If it is
    /// offered again it must be the same.
    fn is_new(&self, offer: &Offer<'_>) -> Result<bool, MonitorError> {
        match (&offer.event, offer.kind) {
            (Event::RoundOffer { model, .. }, OfferKind::Train(round)) => {
                let Some(latest) = self.audit.latest_offer(offer.run) else { return Ok(true) };
                if latest.round > round {
                    return Err(MonitorError::EarlierRound { round, latest: latest.round });
                }
                if latest.round == round && latest.model != *model {
                    return Err(MonitorError::OtherModel { round });
                }
                Ok(latest.round < round)
            }
            (Event::StatisticsOffer { question }, _) => {
                match self.audit.offered_request(offer.run) {
                    Some(before) if before != *question => Err(MonitorError::OtherRequest),
                    before => Ok(before.is_none()),
                }
            }
            // The release of a final model is the coordinator's to record.
            _ => Ok(false),
        }
    }

    /// Notes that an offer, or a message about one, was refused. The note is written with the next record. A statistics
    /// request has no round.
    pub fn refused(&self, run: &RunId, round: Option<Round>, error: &MonitorError) {
        let entry = refusal(error).of_run(name(run.as_str()));
        let round = round.map(|round| round.0.max(1));
        self.audit.note_refused(Entry { round, ..entry });
    }

    /// Takes the signatures of sites on the state that ends with an offer. With at least `needed` of them, this site's
    /// own included, the round's update may leave, or the answer to a statistics request, which has no round. They are
    /// of an offer at the size `offered`. Returns whether that is the open one.
    ///
    /// # Errors
    /// One of them signed another state, or the offer is not open here. Only two histories leave a record by
    /// themselves.
    pub fn attested(
        &mut self,
        run: &RunId,
        round: Option<Round>,
        offered: u64,
        cosignatures: &[Cosignature],
        needed: usize,
    ) -> Result<bool, MonitorError> {
        let seen = self.seen.get_mut(run).filter(|seen| seen.kind.round() == round);
        let seen = seen.ok_or(MonitorError::NotOffered { round })?;
        if seen.size > offered {
            // Those of an earlier offer, which a later one under the same name has overtaken.
            return Ok(false);
        }
        if matches!(seen.kind, OfferKind::Evaluate(_)) {
            // Those of the last round came after the final model, which stands in a later state:
            // nothing waits for them any more.
            return Ok(false);
        }
        match verify_cosignatures(&seen.note, cosignatures, &self.audit.witnesses()) {
            Ok(verified) => {
                // Before anything is recorded of them.
                let mut note = attest(&seen.note, &verified, needed)?;
                if !seen.attested {
                    // Whose key it is said to be is on record before its signature counts.
                    let known = known_logs(&self.audit, verified);
                    note = attest(&seen.note, &known, needed)?;
                    self.audit.note_cosigned(&self.of, &note)?;
                }
                (seen.note, seen.attested) = (note, true);
                Ok(true)
            }
            Err(error) => {
                if let AttestError::Diverged { signature, .. } = &error {
                    let mut note = seen.note.clone();
                    // The false signature is the evidence that another state was signed.
                    let _ = note.add(signature.clone());
                    self.audit.breach(&self.key, &self.of, &note, "diverged")?;
                }
                Err(error.into())
            }
        }
    }

    /// Whether enough sites are known to have seen what this round was offered with.
    #[must_use]
    pub fn is_attested(&self, run: &RunId, round: Round) -> bool {
        let kind = OfferKind::Train(round);
        self.seen.get(run).is_some_and(|seen| seen.kind == kind && seen.attested)
    }

    /// This site's log as it is now, for the coordinator.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn sight(&mut self) -> Result<SignedState, MonitorError> {
        let from: Vec<u64> = self.own.iter().map(|(size, _)| *size).collect();
        let (signed_state, note, size) = self.audit.signed_state(&from)?;
        if self.own.len() == UNCONFIRMED {
            self.own.remove(1);
        }
        self.own.push((size, Some(note)));
        Ok(signed_state)
    }

    /// A run is over: its last state is signed, here too.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn over(&mut self, run: &RunId) -> Result<(), MonitorError> {
        self.seen.remove(run);
        Ok(self.audit.checkpoint().map(drop)?)
    }

    /// The coordinator has taken a state of this site's log, and signed it. A signature of anything
    /// else changes nothing.
    ///
    /// # Errors
    /// It cannot be noted.
    pub fn confirmed(&mut self, cosignature: &str) -> Result<(), MonitorError> {
        let signed = self.own.iter().rev().find_map(|(size, note)| {
            let mut note = note.clone()?;
            let signature = signed_by(&note, &self.key, cosignature)?;
            if note.signatures().contains(&signature) {
                return None;
            }
            note.add(signature).ok()?;
            Some((*size, note))
        });
        if let Some((size, note)) = signed {
            let node = self.audit.node();
            self.audit.note_cosigned(&node, &note)?;
            // Later states may be on their way.
            self.own.retain(|(own, _)| *own > size);
            self.own.insert(0, (size, Some(note)));
        }
        Ok(())
    }
}

/// The signatures by logs that are on record, from now on or before. Another log in this site's own name is nobody's: a
/// coordinator may have made it up, to have this site's log speak of it.
fn known_logs(audit: &AuditWriter, verified: Vec<Attestation>) -> Vec<Attestation> {
    let own = audit.verifier();
    let node = audit.node();
    let known = |attestation: &Attestation| {
        let Attestation { site, key, .. } = attestation;
        let of = name(site.as_str());
        *key == own || (of != node && audit.meet(&of, &key.to_string(), false).is_ok())
    };
    verified.into_iter().filter(known).collect()
}

/// The coordinator's log, where it is the one that is known, and how much it has seen of this site's.
fn meet(
    audit: &AuditWriter,
    of: &Name,
    shown: Option<&KeptLog>,
) -> Result<(VerifierKey, u64), MonitorError> {
    let shown = shown.ok_or(MonitorError::NoLog)?;
    let key = audit.meet(of, &shown.key, true).map_err(|error| match error {
        PeerError::Replaced { found, .. } => MonitorError::OtherLog { found },
        error => error.into(),
    })?;
    let Some(seen) = shown.seen.as_deref() else { return Ok((key, 0)) };
    match audit.held(seen).map_err(MonitorError::NotOurs)? {
        Held::At(size) => return Ok((key, size)),
        Held::Removed => return Err(MonitorError::Removed),
        Held::Never => {}
    }
    // Known from now on to every verb, whatever is put back once more.
    audit.keep_seen(seen);
    Err(MonitorError::Restored)
}

fn refusal(error: &MonitorError) -> Entry {
    let rule = name(error.rule());
    Entry::new(name("witness"), Event::Refused { rule: rule.clone() }).ended(Outcome::Refused, rule)
}

/// Whether the record is of this very offer.
fn matches(record: &Record, offer: &Offer<'_>) -> Result<(), MonitorError> {
    let other = |what| Err(MonitorError::OtherOffer { found: record.event.name(), what });
    if record.run != Some(name(offer.run.as_str())) {
        return other("another run");
    }
    if record.round != offer.kind.round().map(|round| round.0) {
        return other("another round");
    }
    if record.event == offer.event {
        return Ok(());
    }
    match (&record.event, &offer.event) {
        (Event::RoundOffer { plan: found, .. }, Event::RoundOffer { plan, .. })
            if found != plan =>
        {
            other("another plan than the one consented to")
        }
        (Event::RoundOffer { .. }, Event::RoundOffer { .. })
        | (Event::Release { .. }, Event::Release { .. }) => other("another model"),
        (Event::StatisticsOffer { .. }, Event::StatisticsOffer { .. }) => {
            other("another statistics request")
        }
        _ => other("another event"),
    }
}
