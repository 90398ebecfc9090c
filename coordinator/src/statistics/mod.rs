//! A statistics request: every site is asked once, and each answer is passed on to the operator.
//!
//! ```text
//! question ─► audit log ─► sites ─► each signs that state ─► enough? ─► Witnessed to each
//!
//! answer: asked for? its log goes on? ─► kept ─► audit log ─► operator
//! decline, lost, time is up ── answered before? ────────────► operator
//! ```
//!
//! Sites check a request as they check a round's model: it is the last record of the log that they all see.
//! An answer costs a site's budget and is computed once. So the site keeps it before it is sent, and the coordinator
//! when it arrives. The same request returns the same answer again, even after a broken connection.

mod report;
mod table;
mod waiting;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use audit::Name;
use audit::note::VerifierKey;
use base::clock::Clock;
use base::ids::{RunId, SiteName};
use bytes::Bytes;
use node::audit_log::{AuditWriter, OfferKind, PeerError, name};
use node::statistics_store::{self, StatisticsStore};
use node::wire::{
    LastRecord, Offer, Refusal, SignedState, StatisticsOffer, StatisticsReply, Subject, ToSite,
    Told,
};
use plan::experiment::StatisticsRequest;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::attestation::Attestation;
use crate::connections::{Connections, REFUSED, SessionCommand, SessionEvent};
use crate::driver::log;
use crate::launch::Ended;
use crate::reporter::Reporter;
use waiting::Waiting;

pub use report::{Cost, DescriptionReport};

/// Everything that a description needs.
pub(crate) struct Describer {
    pub run: RunId,
    pub question: StatisticsRequest,
    /// How long sites have to answer.
    pub window: Duration,
    pub connections: Arc<Connections>,
    pub clock: Arc<dyn Clock>,
    pub audit: Arc<AuditWriter>,
    /// The coordinator's state folder.
    pub state: PathBuf,
    /// Who asked.
    pub by: Name,
    /// Who follows it.
    pub tell: Reporter<Told>,
}

/// Who is waited for, and who has seen the question.
struct Open {
    waiting: Waiting,
    attestation: Attestation,
}

/// Why a description ended before every site had answered or declined.
enum Halt {
    /// The coordinator could not go on.
    Failed(String),
    /// An operator ended it.
    StoppedBy(SiteName),
}

impl From<String> for Halt {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

impl std::fmt::Display for Halt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed(reason) => f.write_str(reason),
            Self::StoppedBy(operator) => write!(f, "stopped by {operator}"),
        }
    }
}

impl Describer {
    /// Asks the sites and passes on what they say, until each has answered, declined or disconnected. Dropping `slot`
    /// lets another job begin. The same request may then be made again under the same name.
    pub fn go(
        mut self,
        runtime: &Handle,
        sites: Vec<SiteName>,
        mut inputs: mpsc::Receiver<SessionEvent>,
        slot: Ended,
    ) {
        let span = tracing::info_span!("description", run = %self.run);
        let _entered = span.enter();
        let started = self.clock.now();
        let mut offered = 0;
        let ended = self.ask(sites.clone()).map_err(Halt::from).and_then(|mut open| {
            offered = open.attestation.offered();
            let heard = self.hear(runtime, &mut open, &mut inputs);
            let waited = open.waiting.late();
            // Where the coordinator cannot go on, those who were not heard may have answered before.
            let unheard = if heard.is_err() { &waited[..] } else { &[] };
            self.remember(&sites, unheard);
            heard?;
            Ok(self.seal(&open.attestation)?)
        });
        let outcome = ended.as_ref().err().map_or("described".to_owned(), ToString::to_string);
        for site in &sites {
            let outcome = outcome.clone();
            let over = ToSite::Over { run: self.run.clone(), offered, outcome };
            self.connections.command(site, SessionCommand::Send(over));
        }
        // The same request may be made again only now, so that a site hears of it after the end of this one.
        drop(slot);
        let seconds = self.clock.now().since(started).as_secs_f64();
        tracing::info!(seconds, "over");
        self.tell.end(match ended {
            Ok(()) => Told::Complete { seconds },
            Err(Halt::Failed(reason)) => Told::Failed { reason },
            Err(Halt::StoppedBy(by)) => Told::Stopped { by },
        });
    }

    /// Records the question, and shows every site the record with it.
    fn ask(&self, sites: Vec<SiteName>) -> Result<Open, String> {
        let entry = log::statistics_offer(&self.by, &self.run, self.question.digest());
        let mut attestation = Attestation::new(
            self.run.clone(),
            self.question.min_sites,
            Arc::clone(&self.connections),
            Arc::clone(&self.audit),
        );
        let command = |log: SignedState, record: LastRecord| {
            let question = self.question.clone();
            let offer = Offer::Statistics(StatisticsOffer { question, log, record });
            SessionCommand::Offer(offer, Bytes::new())
        };
        let asked = attestation.offer(OfferKind::Statistics, entry, &sites, command);
        asked.map_err(|error| error.to_string())?;
        tracing::info!(sites = sites.len(), "asked");
        self.tell(Told::Asked { sites: sites.clone() });
        Ok(Open { waiting: Waiting::new(sites), attestation })
    }

    fn hear(
        &self,
        runtime: &Handle,
        open: &mut Open,
        inputs: &mut mpsc::Receiver<SessionEvent>,
    ) -> Result<(), Halt> {
        let started = self.clock.now();
        while !open.waiting.is_over() {
            let left = self.window.saturating_sub(self.clock.now().since(started));
            let next = runtime.block_on(async { tokio::time::timeout(left, inputs.recv()).await });
            match next {
                Ok(Some(SessionEvent::Stopped)) => {
                    return Err("the coordinator was stopped".to_owned().into());
                }
                Ok(Some(SessionEvent::StoppedBy(operator))) => {
                    return Err(Halt::StoppedBy(operator));
                }
                Ok(Some(input)) => self.take(open, input)?,
                Ok(None) => return Err("the coordinator closed its sessions".to_owned().into()),
                Err(_) => {
                    let (rule, reason) = if open.attestation.is_seen() {
                        ("aggregation.window", "no answer in time")
                    } else {
                        (
                            "aggregation.min_sites",
                            "too few hospitals have seen the question in time",
                        )
                    };
                    self.declined_all(open.waiting.late(), rule, reason);
                }
            }
            // No site answers before enough have signed. If that is impossible, waiting is pointless.
            if !open.attestation.can_be_seen(open.waiting.sites()) {
                let rule = "aggregation.min_sites";
                let reason = "too few of the other hospitals take part";
                self.declined_all(open.waiting.late(), rule, reason);
            }
        }
        Ok(())
    }

    /// Writes the records that were noted, with the signatures on the request, and signs the state.
    fn seal(&self, attestation: &Attestation) -> Result<(), String> {
        let noted = attestation.record();
        noted.and_then(|()| self.audit.checkpoint()).map(drop).map_err(|error| error.to_string())
    }

    /// What one input brings; an error where the coordinator cannot go on.
    fn take(&self, open: &mut Open, input: SessionEvent) -> Result<(), String> {
        match input {
            SessionEvent::Cosigned(site, round, key, signature) => {
                open.attestation.cosigned(&site, round, &key, &signature);
            }
            SessionEvent::StatisticsReply(site, key, reply, permit)
                if open.waiting.settle(&site) =>
            {
                let answered = self.answered(&site, &key, reply);
                // The site's log is verified up to this answer, so its next contribution may follow.
                drop(permit);
                return answered;
            }
            SessionEvent::StatisticsReply(site, ..) => {
                self.say_refused(&site, Refusal::OutOfTurn);
            }
            SessionEvent::Declined(site, decline) if open.waiting.settle(&site) => {
                self.audit.note_refused(log::silent(&site, &decline));
                self.declined(site, &decline.rule, &decline.reason);
            }
            SessionEvent::Lost(site) if open.waiting.settle(&site) => {
                self.declined(site, "connection", "lost before it answered");
            }
            // A site that comes now was not asked, one that is settled has had its word; the rest is
            // said of runs.
            _ => {}
        }
        Ok(())
    }

    fn answered(
        &self,
        site: &SiteName,
        key: &VerifierKey,
        described: StatisticsReply,
    ) -> Result<(), String> {
        if described.question != self.question.digest() {
            self.refuse(site, Refusal::Metrics("they answer another question".to_owned()));
            return Ok(());
        }
        if let Err(why) = self.question.accepts(&described.numbers) {
            self.refuse(site, Refusal::Metrics(why.to_owned()));
            return Ok(());
        }
        // The charges are in its log: one that is put back later shows.
        let cosigned = match self.audit.witness(key, &name(site.as_str()), &described.log) {
            Ok((_, cosigned)) => cosigned,
            Err(PeerError::Log(error)) => return Err(error.to_string()),
            Err(error) => {
                self.refuse(site, Refusal::Log(error.to_string()));
                return Ok(());
            }
        };
        // Not before: what comes with a log that was put back must not be told later either.
        if let Err(error) = self.kept().keep(site, &described.numbers) {
            tracing::error!(%site, %error, "an answer cannot be kept here");
        }
        let entry = log::described(&self.by, &self.run, site, &described.numbers);
        self.audit.record(vec![entry]).map_err(|error| error.to_string())?;
        tracing::info!(%site, "answered");
        let received = ToSite::Received {
            run: self.run.clone(),
            round: None,
            digest: statistics_store::digest(&described.numbers),
            cosignature: self.audit.own_signature(&cosigned),
        };
        self.connections.command(site, SessionCommand::Send(received));
        let site = site.clone();
        let numbers = described.numbers;
        self.tell(Told::Answered { site, numbers });
        Ok(())
    }

    /// An answer that is none.
    fn refuse(&self, site: &SiteName, refusal: Refusal) {
        tracing::warn!(%site, %refusal, "refused");
        self.connections.spend(site, REFUSED, self.clock.now());
        self.audit.note_refused(log::answer_rejected(&self.run, site, &refusal));
        // Also where it answered before: that something is wrong now is what the operator must hear.
        self.tell_declined(site.clone(), "answer", &refusal.to_string());
        self.say_refused(site, refusal);
    }

    fn say_refused(&self, site: &SiteName, refusal: Refusal) {
        let subject = Some(Subject { run: self.run.clone(), round: None });
        let refused = ToSite::Refused { subject, refusal };
        self.connections.command(site, SessionCommand::Send(refused));
    }

    fn kept(&self) -> StatisticsStore {
        StatisticsStore::of(&self.state, &self.question)
    }

    /// Passes on what sites answered before that are not here to be asked, or were not heard.
    fn remember(&self, asked: &[SiteName], unheard: &[SiteName]) {
        let kept = self.kept();
        let silent = |site: &SiteName| !asked.contains(site) || unheard.contains(site);
        for site in kept.sites().into_iter().filter(silent) {
            if let Some(numbers) = kept.find(&site, &self.audit) {
                self.tell(Told::Answered { site, numbers });
            }
        }
    }

    /// A site does not answer now. It may have before.
    fn declined(&self, site: SiteName, rule: &str, reason: &str) {
        if let Some(numbers) = self.kept().find(&site, &self.audit) {
            tracing::info!(%site, rule, "no new answer; passing on the one from before");
            return self.tell(Told::Answered { site, numbers });
        }
        self.tell_declined(site, rule, reason);
    }

    fn declined_all(&self, sites: Vec<SiteName>, rule: &str, reason: &str) {
        for site in sites {
            self.declined(site, rule, reason);
        }
    }

    fn tell_declined(&self, site: SiteName, rule: &str, reason: &str) {
        tracing::warn!(%site, rule, reason, "no answer");
        self.tell(Told::Declined { site, rule: rule.to_owned(), reason: reason.to_owned() });
    }

    /// Nobody has to follow it.
    fn tell(&self, told: Told) {
        self.tell.step(told);
    }
}
