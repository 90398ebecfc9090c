//! What happens to a run, and what a run does.

use base::digest::Digest;
use base::ids::{Round, SiteName};
use node::wire::{Purpose, Refusal};
use serde::{Deserialize, Serialize};

/// Something that happened. Stored before anything follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A connected site was sent the plan.
    Asked {
        /// The site.
        site: SiteName,
    },
    /// A site's policy, data and budget allow the plan.
    Consented {
        /// The site.
        site: SiteName,
    },
    /// A site will not send an update: for one round, or for the run.
    Declined {
        /// The site.
        site: SiteName,
        /// The round; none for the whole run.
        round: Option<Round>,
    },
    /// A site's connection ended.
    Lost {
        /// The site.
        site: SiteName,
    },
    /// An update is complete, and its words have the hash that its header names.
    Updated {
        /// The site.
        site: SiteName,
        /// The round it is for.
        round: Round,
        /// The hash of the model that was trained.
        model: Digest,
        /// The hash of the words.
        digest: Digest,
        /// How much the site counts.
        weight: u32,
    },
    /// The closed round's model is ready.
    Aggregated {
        /// Its hash.
        model: Digest,
    },
    /// A site evaluated the final model.
    Evaluated {
        /// The site.
        site: SiteName,
        /// The hash of the model it evaluated.
        model: Digest,
    },
    /// The closed round's model is not finite.
    Diverged,
    /// The coordinator is asked to stop: no round begins any more.
    Ending,
    /// The coordinator stops now.
    Stopped,
    /// An operator ends the run.
    StoppedBy {
        /// The operator's name, from the certificate.
        operator: SiteName,
    },
    /// The coordinator's process ended, and another one continues the run. No connection outlived it, and the updates
    /// of the open round are gone.
    Resumed,
    /// Nothing but that time passed.
    Tick,
}

/// A model to send to some sites.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// The round.
    pub round: Round,
    /// What to do with it.
    pub purpose: Purpose,
    /// To whom.
    pub sites: Vec<SiteName>,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send the current model.
    Offer(Offer),
    /// Add the update that just came to the round's sum, and tell the site.
    Accumulate {
        /// The site.
        site: SiteName,
        /// How much it counts.
        weight: u32,
    },
    /// Drop the update that just came, and tell the site why.
    Refuse {
        /// The site.
        site: SiteName,
        /// Why.
        refusal: Refusal,
    },
    /// Keep what the site told of the final model.
    RecordEvaluation {
        /// The site.
        site: SiteName,
    },
    /// Make the round's sum into the next model.
    Close {
        /// The round.
        round: Round,
        /// Whose updates are in it.
        sites: Vec<SiteName>,
    },
    /// The run waits for the next process of the coordinator.
    Interrupt {
        /// In which round.
        round: Round,
    },
    /// The run is over.
    End(Outcome),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// All rounds closed.
    Finished,
    /// An operator ended the run.
    StoppedBy {
        /// In which round.
        round: Round,
        /// The operator's name.
        operator: SiteName,
    },
    /// A round made a model that is not finite.
    Diverged {
        /// Which round.
        round: Round,
    },
    /// A round had no quorum.
    NoQuorum {
        /// Which round.
        round: Round,
        /// Sites, or updates, that it had.
        had: u32,
        /// How many it needed.
        needed: u32,
    },
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Finished => f.write_str("finished"),
            Self::StoppedBy { round, operator } => {
                write!(f, "stopped by {operator} in round {round}")
            }
            Self::Diverged { round } => write!(
                f,
                "round {round} made a model that is not finite; lower aggregation.learning_rate"
            ),
            Self::NoQuorum { round, had, needed } => write!(
                f,
                "round {round} had {had} of the {needed} sites that aggregation.min_sites asks for"
            ),
        }
    }
}
