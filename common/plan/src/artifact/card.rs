//! The model card: what a site needs to use a model, and what anybody needs to judge it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::experiment::{Plan, PrivacyMode};
use base::digest::Digest;
use base::ids::{RunId, SiteName};
use base::text::plain;

/// The version of the card.
pub const CARD_FORMAT: u32 = 1;

/// A model's card. The whole plan is in it: the contract (outcome, features, views), the model's
/// specification, and how it was trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// [`CARD_FORMAT`].
    pub format: u32,
    /// The run that made the model.
    pub run: RunId,
    /// The weights that the card is of.
    pub weights: WeightsRecord,
    /// Hashes of the plan and its parts.
    pub hashes: Hashes,
    /// The inputs of the tables' layers, in order.
    pub inputs: Vec<String>,
    /// How good it is.
    pub metrics: Metrics,
    /// What was promised to patients.
    pub privacy: Promise,
    /// Where it comes from.
    pub lineage: Lineage,
    /// All that the run did.
    pub plan: Plan,
}

/// Which weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsRecord {
    /// SHA-256 of the safetensors file.
    pub sha256: audit::Sha256,
    /// The hash of the words alone: what audit logs call the model, and what a policy lists.
    pub model: Digest,
    /// How many there are.
    pub parameters: u64,
}

/// Hashes of the plan and its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashes {
    /// [`Plan::digest`]: what sites consented to.
    pub plan: Digest,
    /// [`Plan::contract`].
    pub contract: Digest,
    /// That of the model's specification.
    pub spec: Digest,
}

/// How good a model is, by whoever measured it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Metrics {
    /// Means over sites of what they told of the final model; in a private mode released with noise, and
    /// nothing unless the plan asks for it.
    pub released: BTreeMap<String, f64>,
    /// What one machine measured that saw all patients: a simulation.
    pub simulated: Option<Simulated>,
}

/// Harrell's C on test patients.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Simulated {
    /// On all of them together.
    pub c_index: Option<f64>,
    /// Mean over sites of that on each one's.
    pub c_index_site_mean: Option<f64>,
}

/// What each site's patients were promised, as the plan states it over its rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    /// The mode.
    pub mode: PrivacyMode,
    /// What neighbouring data sets differ in; none where nothing is promised.
    pub unit: Option<String>,
    /// ε at each site, of all rounds and the evaluation: an upper bound for a site that missed rounds. A
    /// site's ledger says what it was charged.
    pub epsilon: Option<f64>,
    /// The δ of it.
    pub delta: Option<f64>,
    /// Standard deviation of the noise over the bound that it hides.
    pub noise_multiplier: f64,
    /// Bound on an update's norm.
    pub clip: f64,
    /// Bound on a patient's gradient; mode `patient` alone.
    pub patient_clip: Option<f64>,
}

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    /// What the first round began with.
    pub start: Start,
    /// Rounds that closed.
    pub rounds: u32,
    /// Sites whose updates are in it, and in how many rounds.
    pub sites: BTreeMap<SiteName, u32>,
    /// The coordinator's audit log when the run ended.
    pub log: Option<LogState>,
    /// Program and version.
    pub program: String,
    /// When the run ended, in UTC.
    pub trained: String,
}

/// What a run began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Random weights of this seed.
    Seed(u64),
    /// The model of this hash.
    Model(Digest),
}

/// A state of an audit log, which a checkpoint of it proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogState {
    /// The log's public key.
    pub key: String,
    /// Its records.
    pub size: u64,
    /// The root over them.
    pub root: String,
}

/// A file that is no card, or a card that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// Not the JSON object that it must be.
    #[error("is no model card: {why}; use the JSON file that came with the weights")]
    Json {
        /// The place and the reason.
        why: String,
    },
    /// Another version.
    #[error("is a model card of version {found}, and this program reads {CARD_FORMAT}")]
    Format {
        /// The card's.
        found: u64,
    },
    /// A plan that breaks a rule.
    #[error("its plan breaks a rule: {why}; the card was changed since its run")]
    Plan {
        /// Which one.
        why: String,
    },
    /// A hash that is not that of what the card holds.
    #[error("hashes.{which} is not the hash of its plan; the card was changed since its run")]
    Hash {
        /// Which.
        which: &'static str,
    },
    /// Words that are too long, or hold what a terminal would obey.
    #[error(
        "{which} is no plain text of at most {MAX_TEXT} bytes; the card was changed since its run"
    )]
    Text {
        /// The key.
        which: &'static str,
    },
    /// Something beside the plan that contradicts it.
    #[error("{which} is not what its plan says; the card was changed since its run")]
    Contradiction {
        /// The key.
        which: &'static str,
    },
}

/// How far two ε of one plan may lie apart, relative.
const SAME_EPSILON: f64 = 1e-3;

impl Promise {
    /// What a plan promises over all of its rounds. A plan outside the accountant's range promises nothing, and the
    /// largest number says so.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let epsilon = plan.privacy.promised_epsilon(plan.rounds);
        Self { epsilon, ..Self::without_epsilon(plan) }
    }

    /// The same but for ε, which alone takes time.
    fn without_epsilon(plan: &Plan) -> Self {
        let privacy = &plan.privacy;
        Self {
            mode: privacy.mode,
            unit: privacy.protected_unit().map(str::to_owned),
            epsilon: None,
            delta: privacy.promised_delta(),
            noise_multiplier: if privacy.mode.adds_noise() {
                privacy.noise_multiplier
            } else {
                0.0
            },
            clip: privacy.clip,
            patient_clip: privacy.dp_sgd.as_ref().map(|steps| steps.patient_clip),
        }
    }
}

impl Start {
    /// What a plan's run begins with.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        plan.start.map_or(Self::Seed(plan.seed), Self::Model)
    }
}

/// The longest of a card's own words.
const MAX_TEXT: usize = 200;

#[derive(Deserialize)]
struct Version {
    format: u64,
}

impl Hashes {
    /// Those of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self { plan: plan.digest(), contract: plan.contract(), spec: plan.model.digest() }
    }
}

impl Card {
    /// The most bytes of a card that are read: names of 65,536 inputs and the plan that makes them.
    pub const MAX: u64 = 64 << 20;

    /// Reads a card and holds it against itself: its plan keeps every rule, and its hashes are the plan's.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read(text: &[u8]) -> Result<Self, CardError> {
        let json = |error: serde_json::Error| {
            let why = plain(&error.to_string(), 200);
            CardError::Json { why }
        };
        let Version { format } = serde_json::from_slice(text).map_err(json)?;
        if format != u64::from(CARD_FORMAT) {
            return Err(CardError::Format { found: format });
        }
        let card: Self = serde_json::from_slice(text).map_err(json)?;
        if let Some(plan_error) = card.plan.check().first() {
            return Err(CardError::Plan { why: plan_error.to_string() });
        }
        let found = card.hashes;
        let expected = Hashes::of(&card.plan);
        for (which, same) in [
            ("plan", found.plan == expected.plan),
            ("contract", found.contract == expected.contract),
            ("spec", found.spec == expected.spec),
        ] {
            if !same {
                return Err(CardError::Hash { which });
            }
        }
        for (which, same) in [
            ("weights.parameters", card.weights.parameters == card.plan.model.parameters()),
            ("inputs", card.inputs == card.plan.input_names()),
        ] {
            if !same {
                return Err(CardError::Contradiction { which });
            }
        }
        card.follows_from_its_plan()?;
        card.in_plain_words()?;
        Ok(card)
    }

    /// That what follows from the plan, or is bounded by it, is what the plan says; the promised ε alone is left to
    /// [`Card::keeps_its_promise`].
    fn follows_from_its_plan(&self) -> Result<(), CardError> {
        let Lineage { start, rounds, sites, .. } = &self.lineage;
        let plan = &self.plan;
        let in_all: u64 = sites.values().map(|rounds| u64::from(*rounds)).sum();
        let most = u64::from(*rounds) * u64::from(plan.aggregation.max_sites);
        let told = |name: &String| plan.lets_out(name);
        let stated = Promise { epsilon: None, ..self.privacy.clone() };
        for (which, same) in [
            ("privacy", stated == Promise::without_epsilon(plan)),
            ("privacy.epsilon", self.privacy.epsilon.is_some() == self.privacy.delta.is_some()),
            ("lineage.start", *start == Start::of(plan)),
            ("lineage.rounds", *rounds <= plan.rounds),
            ("lineage.sites", sites.values().all(|of| of <= rounds) && in_all <= most),
            ("metrics.released", self.metrics.released.keys().all(told)),
        ] {
            if !same {
                return Err(CardError::Contradiction { which });
            }
        }
        Ok(())
    }

    /// Works out anew what the plan promises, and holds the card's ε against it. This takes up to some seconds, so that
    /// only those who rely on a card do it, and a list of cards does not.
    ///
    /// # Errors
    /// The card states another ε.
    pub fn keeps_its_promise(&self) -> Result<(), CardError> {
        let expected = Promise::of(&self.plan).epsilon;
        // Machines whose logarithms differ in the last place may find neighbours on the accountant's grid.
        let same = match (self.privacy.epsilon, expected) {
            (None, None) => true,
            (Some(found), Some(expected)) => {
                (found - expected).abs() <= SAME_EPSILON * expected.max(1.0)
            }
            _ => false,
        };
        if same { Ok(()) } else { Err(CardError::Contradiction { which: "privacy.epsilon" }) }
    }

    /// That words which no rule of a plan holds can be shown to anybody.
    fn in_plain_words(&self) -> Result<(), CardError> {
        let Lineage { program, trained, log, .. } = &self.lineage;
        let log =
            log.iter().flat_map(|log| [&log.key, &log.root]).map(|text| ("lineage.log", text));
        let names = self.metrics.released.keys().map(|name| ("metrics.released", name));
        let unit = self.privacy.unit.iter().map(|unit| ("privacy.unit", unit));
        let own = [("lineage.program", program), ("lineage.trained", trained)];
        let plain = |text: &str| text.len() <= MAX_TEXT && !text.contains(char::is_control);
        match own.into_iter().chain(log).chain(names).chain(unit).find(|(_, text)| !plain(text)) {
            Some((which, _)) => Err(CardError::Text { which }),
            None => Ok(()),
        }
    }

    /// The card as text, one key a line.
    ///
    /// # Errors
    /// Never for a checked plan, whose numbers are finite.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}
