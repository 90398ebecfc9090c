//! A description: every site is asked once, and what each answers is passed on to whoever asked.
//!
//! ```text
//! question ─► sites ─► answer: asked for? its log goes on? ─► audit log ─► operator
//!                    └ silence, lost, time is up ────────────────────────► operator
//! ```
//!
//! The coordinator keeps none of the numbers.

mod report;
mod table;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use audit::Name;
use audit::note::VerifierKey;
use common::clock::Clock;
use common::experiment::Description;
use common::ids::{RunId, SiteName};
use common::logbook::{Logbook, PeerError, name};
use common::wire::{Described, Refusal, ToSite, Told};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::floor::{Command, Floor, Input};
use crate::log;
use waiting::Waiting;

pub use report::{Cost, DescriptionReport};

/// Everything that a description needs.
pub(crate) struct Describer {
    pub run: RunId,
    pub question: Description,
    /// How long sites have to answer.
    pub window: Duration,
    pub floor: Arc<Floor>,
    pub clock: Arc<dyn Clock>,
    pub book: Arc<Logbook>,
    /// Who asked.
    pub by: Name,
    /// Who follows it.
    pub tell: mpsc::Sender<Told>,
}

impl Describer {
    /// Asks the sites and passes on what they say, until each has said something or is gone.
    pub fn go(self, runtime: &Handle, sites: Vec<SiteName>, mut inputs: mpsc::Receiver<Input>) {
        let span = tracing::info_span!("description", run = %self.run);
        let _entered = span.enter();
        let started = self.clock.now();
        for site in &sites {
            let (run, question) = (self.run.clone(), self.question.clone());
            self.floor.command(site, Command::Say(ToSite::Describe { run, question }));
        }
        tracing::info!(sites = sites.len(), "asked");
        self.tell(Told::Asked { sites: sites.clone() });
        let mut waiting = Waiting::new(sites);
        let failed = loop {
            if waiting.is_over() {
                break None;
            }
            let left = self.window.saturating_sub(self.clock.now().since(started));
            let next = runtime.block_on(async { tokio::time::timeout(left, inputs.recv()).await });
            match next {
                Ok(Some(Input::Stopped)) => break Some("the coordinator was stopped".to_owned()),
                Ok(Some(input)) => {
                    if let Err(why) = self.take(&mut waiting, input) {
                        break Some(why);
                    }
                }
                Ok(None) => break Some("the coordinator closed its sessions".to_owned()),
                Err(_) => {
                    for site in waiting.late() {
                        self.declined(site, "aggregation.window", "no answer in time");
                    }
                }
            }
        };
        // What was noted is written, and the state is signed.
        let failed = failed.or_else(|| self.book.checkpoint().err().map(|error| error.to_string()));
        self.floor.end(&self.run);
        let seconds = self.clock.now().since(started).as_secs_f64();
        tracing::info!(seconds, "over");
        self.tell(match failed {
            None => Told::Complete { seconds },
            Some(reason) => Told::Failed { reason },
        });
    }

    /// What one input brings; an error where the coordinator cannot go on.
    fn take(&self, waiting: &mut Waiting, input: Input) -> Result<(), String> {
        match input {
            Input::Described(site, key, described) if waiting.settle(&site) => {
                self.answered(&site, &key, described)
            }
            Input::Described(site, ..) => {
                self.floor.command(&site, Command::Say(ToSite::Refused(Refusal::OutOfTurn)));
                Ok(())
            }
            Input::Silent(site, silence) => {
                if waiting.settle(&site) {
                    self.declined(site, &silence.rule, &silence.reason);
                }
                Ok(())
            }
            Input::Lost(site) => {
                if waiting.settle(&site) {
                    self.declined(site, "connection", "lost before it answered");
                }
                Ok(())
            }
            // A site that comes now was not asked; the rest is said of runs.
            _ => Ok(()),
        }
    }

    fn answered(
        &self,
        site: &SiteName,
        key: &VerifierKey,
        described: Described,
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
        match self.book.witness((key, &name(site.as_str())), &described.log) {
            Ok(_) => {}
            Err(PeerError::Log(error)) => return Err(error.to_string()),
            Err(error) => {
                self.refuse(site, Refusal::Log(error.to_string()));
                return Ok(());
            }
        }
        let entry = log::described((&self.by, &self.run), site);
        self.book.record(vec![entry]).map_err(|error| error.to_string())?;
        tracing::info!(%site, "answered");
        let (site, numbers) = (site.clone(), described.numbers);
        self.tell(Told::Answered { site, numbers });
        Ok(())
    }

    /// An answer that is none.
    fn refuse(&self, site: &SiteName, refusal: Refusal) {
        tracing::warn!(%site, %refusal, "refused");
        self.declined(site.clone(), "answer", &refusal.to_string());
        self.floor.command(site, Command::Say(ToSite::Refused(refusal)));
    }

    fn declined(&self, site: SiteName, rule: &str, reason: &str) {
        tracing::warn!(%site, rule, reason, "no answer");
        self.tell(Told::Declined { site, rule: rule.to_owned(), reason: reason.to_owned() });
    }

    /// Nobody has to follow it.
    fn tell(&self, told: Told) {
        let _ = self.tell.try_send(told);
    }
}
