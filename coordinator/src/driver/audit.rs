//! The run in the audit log: what is recorded, shown to sites, and taken of theirs.

use audit::note::VerifierKey;
use base::ids::{Round, SiteName};
use node::audit_log::{PeerError, PublishedOffer, name};
use node::wire::{Purpose, Refusal, ToSite, UpdateHeader};

use super::witness::Witnesses;
use super::{DriveError, Driver, Running, log};
use crate::connections::{REFUSED, SessionCommand};

impl Running {
    /// A site signed the state of the log that it was offered a model in.
    pub(super) fn cosigned(
        &mut self,
        site: &SiteName,
        round: Round,
        key: &VerifierKey,
        signature: &str,
    ) {
        let open = self.witnesses.as_mut().filter(|open| open.round() == round);
        let Some(witnesses) = open else { return };
        match witnesses.take(site, key, signature) {
            Ok(size) => self.driver.connections.confirmed(site, size),
            Err(error) => {
                tracing::warn!(%site, %error, "a signature that is not of this state of the log");
                return;
            }
        }
        for (site, cosignatures) in witnesses.news() {
            let run = self.driver.run.clone();
            let told = ToSite::Witnessed { run, round, cosignatures };
            self.driver.connections.command(&site, SessionCommand::Send(told));
        }
    }

    /// An update from a site whose log is not what was seen of it.
    pub(super) fn disbelieve(
        &mut self,
        (site, key): (&SiteName, &VerifierKey),
        header: &UpdateHeader,
        error: &PeerError,
    ) -> Result<(), DriveError> {
        if error.is_breach() {
            // Both of its histories are kept.
            let witnessed = self.driver.audit.witness((key, &name(site.as_str())), &header.log);
            if let Err(PeerError::Log(error)) = witnessed {
                return Err(error.into());
            }
        }
        let refusal = Refusal::Log(error.to_string());
        self.driver.connections.spend(site, REFUSED, self.driver.clock.now());
        self.driver.audit.note_refused(log::rejected((&header.run, header.round), site, &refusal));
        tracing::warn!(%site, %refusal, "update refused");
        self.say(site, ToSite::Refused(refusal));
        Ok(())
    }

    /// The offer in the audit log: recorded once, and the same for every site.
    pub(super) fn shown(
        &mut self,
        round: Round,
        purpose: Purpose,
    ) -> Result<PublishedOffer, DriveError> {
        if let Some(open) = self.witnesses.as_ref().filter(|open| open.is_of(round, purpose)) {
            return Ok(open.shown().clone());
        }
        let Driver { run, audit, by, plan, connections, .. } = &self.driver;
        let entry = match purpose {
            Purpose::Train => log::offer((by, run, round), self.digest, plan.digest()),
            Purpose::Evaluate => log::release(run, round, self.digest),
        };
        let shown = audit.show(vec![entry])?;
        let needed = plan.aggregation.min_sites;
        self.witnesses = Some(Witnesses::new((round, purpose), shown.clone(), needed));
        connections.grant();
        Ok(shown)
    }

    /// Records an update and the site's log that tells of it, and signs that log's state.
    pub(super) fn take(
        &mut self,
        site: &SiteName,
        key: &VerifierKey,
        header: &UpdateHeader,
    ) -> Result<String, DriveError> {
        let audit = &self.driver.audit;
        // It was judged when it came, and nothing was taken of this site since.
        let cosigned = match audit.witness((key, &name(site.as_str())), &header.log) {
            Ok((_, cosigned)) => Some(cosigned),
            Err(PeerError::Log(error)) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%site, %error, "a state of a site's log was not signed");
                None
            }
        };
        audit.note(log::received(site, header));
        self.inputs.push((site.clone(), header.payload.digest));
        let own = audit.verifier();
        let mine = cosigned.as_ref().and_then(|note| {
            note.signatures().iter().find(|signature| signature.name == *own.name())
        });
        Ok(mine.map(ToString::to_string).unwrap_or_default())
    }

    /// Records the sum, and who had seen the offer that it came of.
    pub(super) fn aggregated(&mut self, round: Round) -> Result<(), DriveError> {
        let Driver { run, audit, plan, .. } = &self.driver;
        if let Some(witnesses) = &self.witnesses {
            audit.note_cosigned(&audit.node(), &witnesses.note())?;
        }
        let inputs = std::mem::take(&mut self.inputs);
        let rule = plan.aggregation.rule;
        Ok(audit.record(log::aggregated((run, round), &inputs, rule, self.digest))?)
    }
}
