//! The offers of a coordinator, as a node's own log records them.

use std::collections::BTreeMap;

use audit::history::History;
use audit::record::{Event, Outcome};
use audit::{Digest, Name};
use base::ids::Round;

use crate::wire::Purpose;

/// The kind of an offer, which is the last record of the coordinator's log when it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferKind {
    /// A model that opens this round.
    Train(Round),
    /// The final model, after this round.
    Evaluate(Round),
    /// A statistics request, which belongs to no round.
    Statistics,
}

impl OfferKind {
    /// The kind of a model's offer.
    #[must_use]
    pub fn from_model(purpose: Purpose, round: Round) -> Self {
        match purpose {
            Purpose::Train => Self::Train(round),
            Purpose::Evaluate => Self::Evaluate(round),
        }
    }

    /// The round that is offered; `None` for a statistics request.
    #[must_use]
    pub fn round(self) -> Option<Round> {
        match self {
            Self::Train(round) | Self::Evaluate(round) => Some(round),
            Self::Statistics => None,
        }
    }
}

/// The latest round of a run that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatestOffer {
    /// The round.
    pub round: Round,
    /// The hash of the model that it was offered with.
    pub model: Digest,
}

/// The offers of all runs and statistics requests.
#[derive(Default)]
pub(super) struct Offers {
    /// The latest round of each run: rounds only go forward.
    rounds: BTreeMap<Name, LatestOffer>,
    /// The hash of each statistics request, by its name.
    requests: BTreeMap<Name, Digest>,
}

impl Offers {
    /// Enters the offers in segments of the log that were removed.
    pub fn archived(&mut self, history: &History) {
        for (run, round, model) in history.offers() {
            self.enter(run, LatestOffer { round: Round(round), model });
        }
        let requests = history.requests().map(|(run, question)| (run.clone(), question));
        self.requests.extend(requests);
    }

    /// Enters the next record, if it is an offer.
    pub fn take(
        &mut self,
        run: Option<&Name>,
        round: Option<u32>,
        outcome: Outcome,
        event: &Event,
    ) {
        let Some(run) = run.filter(|_| outcome == Outcome::Ok) else { return };
        match (event, round) {
            (Event::RoundOffer { model, .. }, Some(round)) => {
                self.enter(run, LatestOffer { round: Round(round), model: *model });
            }
            (Event::StatisticsOffer { question }, _) => {
                self.requests.entry(run.clone()).or_insert(*question);
            }
            _ => {}
        }
    }

    /// Enters an offer, unless a later round of the run is known.
    fn enter(&mut self, run: &Name, offer: LatestOffer) {
        if self.rounds.get(run).is_none_or(|known| known.round <= offer.round) {
            self.rounds.insert(run.clone(), offer);
        }
    }

    /// The latest round of a run.
    pub fn latest(&self, run: &Name) -> Option<LatestOffer> {
        self.rounds.get(run).copied()
    }

    /// The hash of the statistics request of this name.
    pub fn request(&self, run: &Name) -> Option<Digest> {
        self.requests.get(run).copied()
    }
}
