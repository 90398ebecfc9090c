//! One run as its node saw it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Violation;
use crate::digest::Digest;
use crate::name::{Label, Name};
use crate::record::{Event, Input, Record, UPDATE};

/// An update's hash and length.
type Content = (Digest, u64);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    /// The plan that the site consents to, or the hash of the statistics request.
    plan: Option<Digest>,
    /// What the site consented to first, where that is not `plan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<Digest>,
    /// The hash of the statistics request that was offered. Such a run has no offers of rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    question: Option<Digest>,
    /// Whether an exact metric left.
    exact: bool,
    /// Whether anything was reserved that is noised.
    noisy: bool,
    rounds: BTreeMap<u32, Round>,
    /// What came of its rounds.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    made: BTreeSet<Digest>,
    /// Hashes of noised numbers that earlier logs told.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    carried: BTreeSet<Digest>,
}

/// What a history remembers of a round.
#[derive(Debug, Clone)]
pub struct PastRound<'a> {
    /// Of which run.
    pub run: &'a Name,
    /// Which, from 1.
    pub round: u32,
    /// The plan that the run's node agreed to last, where it still does.
    pub plan: Option<Digest>,
    /// The model that the round starts from.
    pub offered: Option<Digest>,
    /// What was charged for.
    pub reserved: Vec<&'a Label>,
    /// What a site sent: hash and length in bytes.
    pub sent: Option<(Digest, u64)>,
    /// What a coordinator received, by site.
    pub received: &'a BTreeMap<Name, Digest>,
    /// Hashes of noised numbers that were told beside updates.
    pub told: &'a BTreeSet<Digest>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Round {
    /// The model that it starts from.
    offered: Option<Digest>,
    /// What was charged for, and whether it is noised.
    reserved: BTreeMap<Label, bool>,
    noised: Option<Content>,
    sent: Option<Content>,
    received: BTreeMap<Name, Digest>,
    aggregated: Option<Digest>,
    /// Hashes of noised numbers that were told beside updates.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    told: BTreeSet<Digest>,
}

fn hold(rule: bool, otherwise: Violation) -> Result<(), Violation> {
    if rule { Ok(()) } else { Err(otherwise) }
}

impl Run {
    /// The plan that is agreed to.
    pub fn plan(&self) -> Option<Digest> {
        self.plan
    }

    /// What was consented to first, whether or not it still is.
    pub fn first(&self) -> Option<Digest> {
        self.first.or(self.plan)
    }

    /// Whether anything was done for the run that its plan or request decides on.
    pub fn has_begun(&self) -> bool {
        self.exact || self.noisy || !self.rounds.is_empty()
    }

    /// The hash of the statistics request, if the run is one.
    pub fn question(&self) -> Option<Digest> {
        self.question
    }

    /// Hashes of numbers that earlier logs told.
    pub fn carried(&self) -> impl Iterator<Item = Digest> {
        self.carried.iter().copied()
    }

    /// Each round's offer, and what it was charged for.
    pub fn rounds(&self) -> impl Iterator<Item = (u32, Option<Digest>, &BTreeMap<Label, bool>)> {
        self.rounds.iter().map(|(number, round)| (*number, round.offered, &round.reserved))
    }

    /// Each round as it is remembered.
    pub fn past<'a>(&'a self, run: &'a Name) -> impl Iterator<Item = PastRound<'a>> {
        self.rounds.iter().map(move |(number, round)| PastRound {
            run,
            round: *number,
            plan: self.plan,
            offered: round.offered,
            reserved: round.reserved.keys().collect(),
            sent: round.sent,
            received: &round.received,
            told: &round.told,
        })
    }

    pub fn apply(&mut self, record: &Record, site: bool) -> Result<(), Violation> {
        let without_consent = site && self.plan.is_none();
        // A round is only kept of what it is needed for: a peer may be refused in any number of them.
        let idle =
            matches!(record.event, Event::Refused { .. } | Event::Metric { noised: false, .. });
        let round = record.round.filter(|_| !idle);
        let round = round.map(|round| self.rounds.entry(round).or_default());
        match (&record.event, round) {
            (Event::Consent { plan, .. }, _) => {
                hold(self.question.is_none_or(|asked| asked == *plan), Violation::OtherPlan)?;
                self.agree(Some(*plan));
            }
            (Event::Declined { .. } | Event::Kill {}, _) => self.agree(None),
            (Event::RoundOffer { plan, model }, Some(round)) => {
                if self.plan.is_some_and(|agreed| agreed != *plan) {
                    return Err(Violation::OtherPlan);
                }
                hold(self.question.is_none(), Violation::RequestAndRounds)?;
                let first = *round.offered.get_or_insert(*model);
                hold(first == *model, Violation::OfferedTwice)?;
            }
            (Event::StatisticsOffer { question }, _) => self.ask(*question)?,
            (
                Event::Reserve(_)
                | Event::Noised { .. }
                | Event::Sent { .. }
                | Event::Metric { .. },
                _,
            ) if without_consent => {
                return Err(Violation::NoConsent);
            }
            (Event::Reserve(reserve), Some(round)) => {
                let noises = reserve.mechanism.noises();
                let before = round.reserved.insert(reserve.what.clone(), noises);
                hold(before.is_none(), Violation::ChargedTwice)?;
                self.noisy |= noises;
                hold(!(self.noisy && self.exact), Violation::ExactMetric)?;
            }
            (Event::Noised { update, bytes }, Some(round)) => round.noise((*update, *bytes))?,
            (Event::Sent { update, bytes }, Some(round)) => round.send((*update, *bytes))?,
            (Event::Acked { update }, Some(round)) => {
                let sent = round.sent.is_some_and(|(sent, _)| sent == *update);
                hold(sent, Violation::NotSent)?;
            }
            (Event::Metric { name, noised: true, numbers }, Some(round)) => {
                let charged = round.reserved.get(name).copied() == Some(true);
                // The earlier log that told these very numbers charged them.
                let again = numbers.is_some_and(|numbers| self.carried.contains(&numbers));
                hold(!site || charged || again, Violation::NoReserve)?;
                round.tell(*numbers);
            }
            (Event::Metric { noised: false, .. }, _) if site => {
                self.exact = true;
                hold(!self.noisy, Violation::ExactMetric)?;
            }
            (Event::Carried { numbers }, _) => self.carried.extend(numbers),
            (Event::Received { update, .. }, Some(round)) => {
                round.receive(record.site.as_ref(), *update)?;
            }
            (Event::Aggregated { inputs, output, .. }, Some(round)) => {
                round.aggregate(inputs, *output)?;
                self.made.insert(*output);
            }
            (Event::Release { model }, _) if !site => {
                hold(self.made.contains(model), Violation::NotAggregated)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Enters what the site consents to from now on, and keeps what it consented to first.
    fn agree(&mut self, plan: Option<Digest>) {
        self.first = self.first().filter(|first| plan != Some(*first));
        self.plan = plan;
    }

    /// Enters the offer of a statistics request. The same request may be offered any number of times.
    fn ask(&mut self, question: Digest) -> Result<(), Violation> {
        hold(self.plan.is_none_or(|agreed| agreed == question), Violation::OtherPlan)?;
        if let Some(before) = self.question {
            return hold(before == question, Violation::OtherRequest);
        }
        let has_rounds = self.rounds.values().any(|round| round.offered.is_some());
        hold(!has_rounds, Violation::RequestAndRounds)?;
        self.question = Some(question);
        Ok(())
    }
}

impl Round {
    /// Remembers the hash of numbers that were told.
    fn tell(&mut self, numbers: Option<Digest>) {
        self.told.extend(numbers);
    }

    fn update_noises(&self) -> Result<bool, Violation> {
        self.reserved.get(UPDATE).copied().ok_or(Violation::NoReserve)
    }

    fn noise(&mut self, content: Content) -> Result<(), Violation> {
        if !self.update_noises()? {
            return Err(Violation::NotNoisy);
        }
        if *self.noised.get_or_insert(content) != content {
            return Err(Violation::NoisedTwice);
        }
        Ok(())
    }

    fn send(&mut self, content: Content) -> Result<(), Violation> {
        if self.update_noises()? {
            let noised = self.noised.ok_or(Violation::NotNoised)?;
            if noised != content {
                return Err(Violation::SentOther);
            }
        }
        // The same bytes may be sent again, after a connection was lost.
        if *self.sent.get_or_insert(content) != content {
            return Err(Violation::SentTwice);
        }
        Ok(())
    }

    fn receive(&mut self, site: Option<&Name>, update: Digest) -> Result<(), Violation> {
        if self.offered.is_none() {
            return Err(Violation::NotOffered);
        }
        if let Some(site) = site
            && self.received.insert(site.clone(), update).is_some_and(|before| before != update)
        {
            return Err(Violation::ReceivedTwice);
        }
        Ok(())
    }

    fn aggregate(&mut self, inputs: &[Input], output: Digest) -> Result<(), Violation> {
        let mut sites = BTreeSet::new();
        for input in inputs {
            if !sites.insert(&input.site) {
                return Err(Violation::InputTwice);
            }
            if self.received.get(&input.site) != Some(&input.update) {
                return Err(Violation::NotReceived);
            }
        }
        if *self.aggregated.get_or_insert(output) != output {
            return Err(Violation::AggregatedTwice);
        }
        Ok(())
    }
}
