//! The run in the audit log: its records, and what is verified of the sites' logs.

use audit::note::VerifierKey;
use base::ids::{Round, SiteName};
use node::audit_log::{PeerError, hash, name};
use node::wire::{Refusal, Subject, ToSite, UpdateHeader};

use super::{DriveError, Driver, Running, log};
use crate::connections::REFUSED;

impl Running {
    /// An update from a site whose log is not what was seen of it.
    pub(super) fn disbelieve(
        &mut self,
        site: &SiteName,
        key: &VerifierKey,
        header: &UpdateHeader,
        error: &PeerError,
    ) -> Result<(), DriveError> {
        if error.is_breach() {
            // Both of its histories are kept.
            let witnessed = self.driver.audit.witness(key, &name(site.as_str()), &header.log);
            if let Err(PeerError::Log(error)) = witnessed {
                return Err(error.into());
            }
        }
        let refusal = Refusal::Log(error.to_string());
        self.driver.connections.spend(site, REFUSED, self.driver.clock.now());
        self.driver.audit.note_refused(log::rejected(&header.run, header.round, site, &refusal));
        tracing::warn!(%site, %refusal, "update refused");
        let subject = Some(Subject { run: header.run.clone(), round: Some(header.round) });
        self.say(site, ToSite::Refused { subject, refusal });
        Ok(())
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
        let cosigned = match audit.witness(key, &name(site.as_str()), &header.log) {
            Ok((_, cosigned)) => Some(cosigned),
            Err(PeerError::Log(error)) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%site, %error, "a state of a site's log was not signed");
                None
            }
        };
        let update = header.payload.digest;
        // An earlier process may have recorded it. It is the same: the machine takes no other.
        if self.logged.get(site) != Some(&hash(update)) {
            audit.note(log::received(&header.run, header.round, site, header.payload));
        }
        self.inputs.push((site.clone(), update));
        Ok(cosigned.map(|note| audit.own_signature(&note)).unwrap_or_default())
    }

    /// Records the sum, and who had seen the offer that it came of.
    pub(super) fn aggregated(&mut self, round: Round) -> Result<(), DriveError> {
        let Driver { run, audit, plan, .. } = &self.driver;
        self.attestation.record()?;
        let inputs = std::mem::take(&mut self.inputs);
        self.logged.clear();
        let rule = plan.aggregation.rule;
        Ok(audit.record(log::aggregated(run, round, &inputs, rule, self.digest))?)
    }
}
