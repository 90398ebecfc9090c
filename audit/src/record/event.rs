//! Everything that a record can tell of.

use serde::{Deserialize, Serialize};

use super::{Mechanism, RecordError, Terms};
use crate::digest::Digest;
use crate::name::{Label, Name};
use crate::note::CheckpointText;

/// What [`Reserve::what`] calls a round's update.
pub const UPDATE: &str = "update";

/// One update that went into a sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Whose.
    pub site: Name,
    /// Which.
    pub update: Digest,
}

/// A charge to a data set's privacy ledger, durable before noise is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reserve {
    /// The data set whose ledger is charged.
    pub data_set: Name,
    /// What is released: [`UPDATE`], or a metric such as `concordance`.
    pub what: Label,
    /// How it is protected.
    pub mechanism: Mechanism,
    /// Bound on its norm.
    pub clip: f64,
    /// What it costs: Rényi divergence at each of the ledger's orders, in 2⁻⁴⁰ nats, rounded up.
    pub cost: Vec<u64>,
    /// What was spent in all after it, in the same units.
    pub total: Vec<u64>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub enum Event {
    /// The node began to work.
    Start {
        /// Of its program.
        version: Name,
        /// Hash of the program's file.
        binary: Digest,
    },
    /// The node stopped working, in order.
    Stop {
        /// Of its program.
        version: Name,
        /// Hash of the program's file.
        binary: Digest,
    },
    /// The hospital's own rules were read.
    PolicyLoaded {
        /// Their hash.
        policy: Digest,
    },
    /// The hospital read its patients for a run.
    DataRead {
        /// What it calls them.
        data_set: Name,
        /// A hash of all of them under a key of the hospital's own: the same only for the same data, and
        /// nothing that anybody else can try values against.
        fingerprint: Digest,
    },
    /// The hospital agreed to a run.
    Consent {
        /// The plan that it agreed to.
        plan: Digest,
        /// What the plan says; absent where that is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        terms: Option<Box<Terms>>,
    },
    /// The hospital declined a run, or withdrew from it.
    Declined {
        /// The rule by which it did.
        rule: Name,
    },
    /// A round was offered, or an offer arrived.
    RoundOffer {
        /// The model that it starts from.
        model: Digest,
        /// The plan that it follows.
        plan: Digest,
    },
    /// A statistics request was offered, or an offer of one arrived. It belongs to no round.
    StatisticsOffer {
        /// The hash of the request.
        question: Digest,
    },
    /// Something asked for was refused. With a site and outcome `ok`, in a coordinator's log: an update of
    /// that site was not taken. With a site and outcome `refused`: the site refused the round.
    Refused {
        /// The rule by which it was.
        rule: Name,
    },
    /// The ledger was charged.
    Reserve(Reserve),
    /// Noise was drawn and added.
    Noised {
        /// Hash of what came of it.
        update: Digest,
        /// Its length.
        bytes: u64,
    },
    /// An update was sent. Written before its first byte leaves.
    Sent {
        /// Its hash.
        update: Digest,
        /// Its length.
        bytes: u64,
    },
    /// The other side says that it has the update.
    Acked {
        /// Its hash.
        update: Digest,
    },
    /// An update arrived from a site.
    Received {
        /// Its hash.
        update: Digest,
        /// Its length.
        bytes: u64,
    },
    /// Updates were summed into a model.
    Aggregated {
        /// Which.
        inputs: Vec<Input>,
        /// How.
        rule: Name,
        /// The model that came of it.
        output: Digest,
    },
    /// A metric of the data was released.
    Metric {
        /// Which.
        name: Label,
        /// Whether it bears noise that was charged for.
        noised: bool,
        /// Hash of all the numbers that were told together, where they bear noise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        numbers: Option<Digest>,
    },
    /// A model was given out.
    Release {
        /// Which.
        model: Digest,
    },
    /// A model of a run that was stopped was kept, and whoever may read the coordinator's models can have it.
    Kept {
        /// Which.
        model: Digest,
    },
    /// Whoever is named as the actor asked for a model over the network. Written before its first byte leaves.
    Fetched {
        /// Which.
        model: Digest,
    },
    /// Noised numbers that earlier logs of the node told of a run: they were charged there and may be told again.
    /// Stands before the first START of a log that took another one's place.
    Carried {
        /// Hashes of the numbers, as in METRIC.
        numbers: Vec<Digest>,
    },
    /// A key or certificate came into use.
    KeyNew {
        /// Its fingerprint.
        fingerprint: Digest,
    },
    /// A key or certificate took another's place.
    KeyRotated {
        /// The fingerprint of the new one.
        fingerprint: Digest,
    },
    /// The wall clock jumped.
    ClockStep {
        /// How far forward, in milliseconds; back where below 0.
        by_ms: i64,
    },
    /// A run ended before its last round, by whoever is named as the actor and for the reason given;
    /// or the node was stopped, where no run stands in the record.
    Kill {},
    /// A line that a crash had torn was cut off and kept aside.
    Recovered {
        /// The file that holds it, in the log's folder.
        file: Name,
        /// SHA-256 of that file.
        hash: Digest,
        /// Its length.
        bytes: u64,
    },
    /// A peer's checkpoint was seen.
    Witness {
        /// Whose.
        peer: Name,
        /// The checkpoint, with its signatures.
        checkpoint: CheckpointText,
        /// Whether this node signed it as well.
        cosigned: bool,
    },
    /// The log began.
    Generation {
        /// The how many-th log of this node, from 1.
        number: u32,
        /// Why, as a code: `new`, or what became of the one before.
        reason: Name,
        /// The log's id: the node's name, a dot and the number.
        log: Name,
    },
    /// A data set's privacy budget was set.
    Budget {
        /// Whose.
        data_set: Name,
        /// The ε that it allows.
        epsilon: f64,
        /// The δ at which that is stated.
        delta: f64,
        /// The Rényi orders of the ledger, each above 1. They never change in a log.
        orders: Vec<f64>,
        /// What earlier logs had spent of it, at each order; stands in a log's first budget alone.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        carried: Vec<u64>,
    },
}

/// The fields of a record that an event needs.
pub(super) struct Needs {
    pub run: bool,
    pub round: bool,
    pub site: bool,
}

impl Event {
    /// The name of its kind, as in the line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Start { .. } => "START",
            Self::Stop { .. } => "STOP",
            Self::PolicyLoaded { .. } => "POLICY_LOADED",
            Self::DataRead { .. } => "DATA_READ",
            Self::Consent { .. } => "CONSENT",
            Self::Declined { .. } => "DECLINED",
            Self::RoundOffer { .. } => "ROUND_OFFER",
            Self::StatisticsOffer { .. } => "STATISTICS_OFFER",
            Self::Refused { .. } => "REFUSED",
            Self::Reserve(_) => "RESERVE",
            Self::Noised { .. } => "NOISED",
            Self::Sent { .. } => "SENT",
            Self::Acked { .. } => "ACKED",
            Self::Received { .. } => "RECEIVED",
            Self::Aggregated { .. } => "AGGREGATED",
            Self::Metric { .. } => "METRIC",
            Self::Release { .. } => "RELEASE",
            Self::Kept { .. } => "KEPT",
            Self::Fetched { .. } => "FETCHED",
            Self::Carried { .. } => "CARRIED",
            Self::KeyNew { .. } => "KEY_NEW",
            Self::KeyRotated { .. } => "KEY_ROTATED",
            Self::ClockStep { .. } => "CLOCK_STEP",
            Self::Kill {} => "KILL",
            Self::Recovered { .. } => "RECOVERED",
            Self::Witness { .. } => "WITNESS",
            Self::Generation { .. } => "GENERATION",
            Self::Budget { .. } => "BUDGET",
        }
    }

    pub(super) fn needs(&self) -> Needs {
        let round = matches!(
            self,
            Self::RoundOffer { .. }
                | Self::Reserve(_)
                | Self::Noised { .. }
                | Self::Sent { .. }
                | Self::Acked { .. }
                | Self::Received { .. }
                | Self::Aggregated { .. }
                | Self::Metric { .. }
        );
        let run = matches!(
            self,
            Self::DataRead { .. }
                | Self::Consent { .. }
                | Self::Declined { .. }
                | Self::StatisticsOffer { .. }
                | Self::Release { .. }
                | Self::Kept { .. }
                | Self::Fetched { .. }
                | Self::Carried { .. }
        );
        let site = matches!(self, Self::Received { .. });
        Needs { run: run || round, round, site }
    }

    /// Whether its numbers are ones: a float that is not finite would be written as `null`.
    pub(super) fn check(&self) -> Result<(), RecordError> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let range = |ok, field| {
            if ok { Ok(()) } else { Err(RecordError::Range { event: self.name(), field }) }
        };
        match self {
            Self::Reserve(reserve) => {
                range(reserve.mechanism.is_valid(), "mechanism")?;
                range(positive(reserve.clip), "clip")?;
                range(reserve.cost.len() == reserve.total.len(), "total")
            }
            Self::Budget { epsilon, delta, orders, carried, .. } => {
                range(positive(*epsilon), "epsilon")?;
                range(positive(*delta) && *delta < 1.0, "delta")?;
                let rising = orders.windows(2).all(|pair| pair[0] < pair[1]);
                let valid = orders.iter().all(|order| order.is_finite() && *order > 1.0);
                range(rising && valid && !orders.is_empty(), "orders")?;
                range(carried.is_empty() || carried.len() == orders.len(), "carried")
            }
            Self::Generation { number, .. } => range(*number > 0, "number"),
            Self::Consent { terms: Some(terms), .. } => {
                terms.wrong().map_or(Ok(()), |field| range(false, field))
            }
            // A hash of exact numbers would let others try values against it.
            Self::Metric { noised, numbers, .. } => range(*noised || numbers.is_none(), "numbers"),
            _ => Ok(()),
        }
    }
}
