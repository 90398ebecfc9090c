//! The states of a run and the steps between them.

use std::collections::{BTreeMap, BTreeSet};

use base::clock::Moment;
use base::digest::Digest;
use base::ids::{Round, SiteName};
use node::wire::{Purpose, Refusal};

use super::event::{Effect, Event, Offer, Outcome};
use super::rules::Rules;

/// What a site is to this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Was sent the plan and has not answered.
    Asked,
    /// Consented and is connected.
    Present,
    /// Consented, and its connection ended.
    Lost,
    /// Took part when the coordinator's process ended, and is expected to connect again.
    Returning,
    /// Will not take part.
    Declined,
}

/// What the run waits for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum State {
    AwaitQuorum {
        until: Moment,
    },
    AwaitUpdates {
        until: Moment,
        /// Who was sent the model and may answer.
        offered: BTreeSet<SiteName>,
        /// Whose update is in.
        taken: BTreeMap<SiteName, Digest>,
        /// Who said that it will not answer.
        passed: BTreeSet<SiteName>,
    },
    AwaitModel,
    AwaitEvaluations {
        until: Moment,
        pending: BTreeSet<SiteName>,
    },
    Over,
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    pub(super) rules: Rules,
    round: Round,
    model: Digest,
    pub(super) sites: BTreeMap<SiteName, Standing>,
    pub(super) state: State,
    /// No round begins any more.
    pub(super) ending: bool,
    /// The updates that were taken for the open round, also by an earlier process of the coordinator.
    pub(super) received: BTreeMap<SiteName, Digest>,
    /// Until when sites that took part are expected back, after the coordinator's process ended.
    pub(super) return_by: Option<Moment>,
    /// The round was open when the process ended: hospitals may have paid for their part in it.
    pub(super) reopens: bool,
}

impl Machine {
    /// A run that starts at `now` from the model with this hash.
    #[must_use]
    pub fn new(rules: Rules, model: Digest, now: Moment) -> Self {
        let until = now.plus(rules.window);
        Self {
            rules,
            round: Round(1),
            model,
            sites: BTreeMap::new(),
            state: State::AwaitQuorum { until },
            ending: false,
            received: BTreeMap::new(),
            return_by: None,
            reopens: false,
        }
    }

    /// The round that is open or about to open.
    #[must_use]
    pub fn round(&self) -> Round {
        self.round
    }

    /// When a [`Event::Tick`] would change something; none where only other events can.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let until = match &self.state {
            State::AwaitQuorum { until }
            | State::AwaitUpdates { until, .. }
            | State::AwaitEvaluations { until, .. } => *until,
            State::AwaitModel | State::Over => return None,
        };
        Some(self.return_by.map_or(until, |return_by| return_by.min(until)))
    }

    /// The hash of the model that the open round begins with.
    #[must_use]
    pub fn model(&self) -> Digest {
        self.model
    }

    /// The updates that were taken for the open round.
    #[must_use]
    pub fn received(&self) -> &BTreeMap<SiteName, Digest> {
        &self.received
    }

    /// Whether an event would change the run. What does not may be forgotten.
    #[must_use]
    pub fn is_changed_by(&self, event: &Event, now: Moment) -> bool {
        let mut after = self.clone();
        after.step(event.clone(), now);
        after != *self
    }

    /// Takes in one event and says what follows from it.
    pub fn step(&mut self, event: Event, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Asked { site } => {
                self.sites.insert(site, Standing::Asked);
            }
            Event::Consented { site } if self.sites.get(&site) != Some(&Standing::Present) => {
                self.sites.insert(site.clone(), Standing::Present);
                effects.extend(self.join_open_round(site));
            }
            Event::Declined { site, round: None } => {
                self.sites.insert(site.clone(), Standing::Declined);
                self.leave_open_round(&site);
            }
            Event::Declined { site, round: Some(round) } if round == self.round => {
                self.leave_open_round(&site);
            }
            Event::Lost { site } => self.lost(&site),
            Event::Updated { site, round, model, digest, weight } => {
                effects.push(match self.take(&site, round, model, digest, weight) {
                    Ok(()) => Effect::Accumulate { site, weight },
                    Err(refusal) => Effect::Refuse { site, refusal },
                });
            }
            Event::Ending => self.ending = true,
            Event::Resumed => self.resume(now),
            Event::Stopped if self.state != State::Over => {
                effects.append(&mut self.interrupt());
            }
            Event::StoppedBy { operator } if self.state != State::Over => {
                self.state = State::Over;
                effects.push(Effect::End(Outcome::StoppedBy { round: self.round, operator }));
            }
            Event::Diverged if self.state == State::AwaitModel => {
                self.state = State::Over;
                effects.push(Effect::End(Outcome::Diverged { round: self.round }));
            }
            Event::Aggregated { model } if self.state == State::AwaitModel => {
                effects.extend(self.next_round(model, now));
            }
            Event::Evaluated { site, model } if model == self.model => {
                if let State::AwaitEvaluations { pending, .. } = &mut self.state
                    && pending.remove(&site)
                {
                    effects.push(Effect::RecordEvaluation { site });
                }
            }
            Event::Consented { .. }
            | Event::Declined { .. }
            | Event::Aggregated { .. }
            | Event::Evaluated { .. }
            | Event::Diverged
            | Event::Stopped
            | Event::StoppedBy { .. }
            | Event::Tick => {}
        }
        effects.extend(self.settle(now));
        effects
    }

    pub(super) fn count(&self, standing: Standing) -> u32 {
        self.sites.values().filter(|&&found| found == standing).fold(0, |count, _| count + 1)
    }

    /// A site that consents while a round is open is sent its model: it may be back after a loss. One that is back
    /// after a restart of the coordinator, and has still to evaluate the final model, is sent that one.
    fn join_open_round(&mut self, site: SiteName) -> Option<Effect> {
        let round = self.round;
        if let State::AwaitEvaluations { pending, .. } = &self.state {
            let offer = Offer { round, purpose: Purpose::Evaluate, sites: vec![site.clone()] };
            return pending.contains(&site).then_some(Effect::Offer(offer));
        }
        let State::AwaitUpdates { offered, taken, .. } = &mut self.state else { return None };
        let room = offered.contains(&site) || offered.len() < self.rules.max_sites as usize;
        if taken.contains_key(&site) || !room {
            return None;
        }
        offered.insert(site.clone());
        Some(Effect::Offer(Offer { round, purpose: Purpose::Train, sites: vec![site] }))
    }

    fn leave_open_round(&mut self, site: &SiteName) {
        if let State::AwaitUpdates { offered, taken, passed, .. } = &mut self.state
            && !taken.contains_key(site)
            && offered.remove(site)
        {
            passed.insert(site.clone());
        }
        if let State::AwaitEvaluations { pending, .. } = &mut self.state {
            pending.remove(site);
        }
    }

    fn lost(&mut self, site: &SiteName) {
        match self.sites.get_mut(site) {
            Some(standing @ Standing::Present) => *standing = Standing::Lost,
            // Asked and gone before it answered: as if never asked.
            Some(Standing::Asked) => {
                self.sites.remove(site);
            }
            _ => {}
        }
        if let State::AwaitEvaluations { pending, .. } = &mut self.state {
            pending.remove(site);
        }
    }

    fn take(
        &mut self,
        site: &SiteName,
        round: Round,
        model: Digest,
        digest: Digest,
        weight: u32,
    ) -> Result<(), Refusal> {
        let open = self.round;
        let most = self.rules.most_weight;
        let State::AwaitUpdates { offered, taken, .. } = &mut self.state else {
            return Err(Refusal::Late(round));
        };
        if round < open {
            return Err(Refusal::Late(round));
        }
        if round > open {
            return Err(Refusal::WrongRound { open, found: round });
        }
        // A site has one update for a round, whichever process of the coordinator takes it.
        let other = self.received.get(site).is_some_and(|received| *received != digest);
        if other || taken.contains_key(site) {
            return Err(Refusal::Duplicate(round));
        }
        if !offered.contains(site) {
            return Err(Refusal::OutOfTurn);
        }
        if model != self.model {
            return Err(Refusal::WrongModel(round));
        }
        if weight == 0 || weight > most {
            return Err(Refusal::Weight { found: weight, most });
        }
        if taken.len() >= self.rules.max_sites as usize {
            return Err(Refusal::Full(round));
        }
        taken.insert(site.clone(), digest);
        self.received.insert(site.clone(), digest);
        Ok(())
    }

    fn next_round(&mut self, model: Digest, now: Moment) -> Vec<Effect> {
        self.model = model;
        self.received.clear();
        let until = now.plus(self.rules.window);
        if self.round.0 < self.rules.rounds {
            self.round = Round(self.round.0 + 1);
            self.reopens = false;
            self.state = State::AwaitQuorum { until };
            return Vec::new();
        }
        let sites: Vec<SiteName> = self.present().collect();
        let pending = sites.iter().cloned().collect();
        self.state = State::AwaitEvaluations { until, pending };
        vec![Effect::Offer(Offer { round: self.round, purpose: Purpose::Evaluate, sites })]
    }

    fn present(&self) -> impl Iterator<Item = SiteName> {
        let here = self.sites.iter().filter(|(_, standing)| **standing == Standing::Present);
        here.map(|(site, _)| site.clone())
    }

    /// Moves on where nothing more needs to be waited for.
    fn settle(&mut self, now: Moment) -> Vec<Effect> {
        self.expect_back(now);
        match &self.state {
            // No round is open, nor was one: nothing has to be waited for.
            State::AwaitQuorum { .. } if self.ending && !self.reopens => self.interrupt(),
            State::AwaitQuorum { until } => {
                let until = *until;
                self.open_or_give_up(now, until)
            }
            State::AwaitUpdates { until, offered, taken, passed } => {
                let here = |site: &SiteName| {
                    matches!(self.sites.get(site), Some(Standing::Present | Standing::Asked))
                };
                let pending = offered.len() - taken.len();
                let away = offered.iter().filter(|s| !taken.contains_key(*s) && !here(s)).count();
                let had = taken.len();
                let full = taken.len() >= self.rules.max_sites as usize;
                let enough = had >= self.rules.min_sites as usize;
                let window_over = now >= *until;
                // With a quorum, nobody waits for a site that is gone; without one, it may be back.
                if full || (enough && (window_over || pending == away)) {
                    let sites = taken.keys().cloned().collect();
                    self.state = State::AwaitModel;
                    return vec![Effect::Close { round: self.round, sites }];
                }
                // Whoever is left out for want of places steps in for those that are gone.
                let places = (self.rules.max_sites as usize + away).saturating_sub(offered.len());
                let left = |site: &SiteName| !offered.contains(site) && !passed.contains(site);
                let spare: Vec<SiteName> = self.present().filter(left).take(places).collect();
                if !window_over && !spare.is_empty() {
                    return self.step_in(spare);
                }
                // Sites that may still come: those offered, and those that were never asked.
                let hopeless = had + pending < self.rules.min_sites as usize
                    && self.count(Standing::Asked) == 0;
                if window_over || hopeless { self.give_up(had) } else { Vec::new() }
            }
            State::AwaitEvaluations { until, pending } if pending.is_empty() || now >= *until => {
                self.state = State::Over;
                vec![Effect::End(Outcome::Finished)]
            }
            State::AwaitModel | State::AwaitEvaluations { .. } | State::Over => Vec::new(),
        }
    }

    fn step_in(&mut self, spare: Vec<SiteName>) -> Vec<Effect> {
        if let State::AwaitUpdates { offered, .. } = &mut self.state {
            offered.extend(spare.iter().cloned());
        }
        let round = self.round;
        vec![Effect::Offer(Offer { round, purpose: Purpose::Train, sites: spare })]
    }

    fn open_or_give_up(&mut self, now: Moment, until: Moment) -> Vec<Effect> {
        let present = self.count(Standing::Present);
        let window_over = now >= until;
        let all_answered = self.count(Standing::Asked) == 0 && self.count(Standing::Returning) == 0;
        if present >= self.rules.min_sites && (all_answered || window_over) {
            // Who did not answer within a window is waited for no more; its consent still lets it in.
            self.sites.retain(|_, standing| *standing != Standing::Asked);
            let sites: Vec<SiteName> = self.present().take(self.rules.max_sites as usize).collect();
            self.reopens = false;
            self.state = State::AwaitUpdates {
                until: now.plus(self.rules.window),
                offered: sites.iter().cloned().collect(),
                taken: BTreeMap::new(),
                passed: BTreeSet::new(),
            };
            let round = self.round;
            return vec![Effect::Offer(Offer { round, purpose: Purpose::Train, sites })];
        }
        if self.all_declined() {
            return self.give_up(present as usize);
        }
        if self.ending && (all_answered || window_over) {
            return self.interrupt();
        }
        if window_over { self.give_up(present as usize) } else { Vec::new() }
    }

    /// The coordinator stops, and no round is open or can be closed before. The run is not over: another process takes it
    /// up as it stands.
    fn interrupt(&self) -> Vec<Effect> {
        vec![Effect::Interrupt { round: self.round }]
    }

    /// Whether hospitals answered, and each of them declined: nobody who is connected can still join.
    fn all_declined(&self) -> bool {
        !self.sites.is_empty() && self.sites.values().all(|found| *found == Standing::Declined)
    }

    fn give_up(&mut self, had: usize) -> Vec<Effect> {
        self.state = State::Over;
        let had = u32::try_from(had).unwrap_or(u32::MAX);
        let round = self.round;
        let needed = self.rules.min_sites;
        vec![Effect::End(Outcome::NoQuorum { round, had, needed })]
    }
}
