//! One run at one hospital, and one round of it, from records to what leaves.
//!
//! ```text
//! consider   plan ─► policy, data, cohort, budget ─► consent, or the rule that says no
//! round      model ─► train ─► privatize ─► Outgoing
//! evaluate   model ─► C-index on the site's own test patients, where metrics may leave
//! ```

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::digest::Digest;
use common::experiment::{DataTag, Plan, PrivacyMode, Weights};
use common::ids::{Round, RunId, SiteName};
use common::survival::{Survival, harrell_c};
use common::wire::Metric;

use crate::cohort::Cohort;
use crate::data::{Source, Table, load};
use crate::features::examples;
use crate::policy::Policy;
use crate::privatize::Gate;
use crate::send::Outgoing;
use crate::train::{Device, Examples, LocalTraining, risks, train};

/// A model as it was offered.
#[derive(Debug, Clone, Copy)]
pub struct Model<'m> {
    /// The hash that its transfer was checked against.
    pub digest: Digest,
    /// Its parameters, every one finite.
    pub parameters: &'m [f32],
}

/// What a link asks of the site, and all that it can ask.
pub trait Participant: Send + Sync + 'static {
    /// Decides on a plan, before anything trains.
    ///
    /// # Errors
    /// The rule that says no.
    fn consider(&self, run: &RunId, plan: &Plan) -> Result<(), Objection>;

    /// Trains one round and privatizes the change.
    ///
    /// # Errors
    /// The stage that failed.
    fn round(&self, run: &RunId, round: Round, model: Model<'_>) -> Result<Outgoing, Objection>;

    /// What may be told of the final model.
    ///
    /// # Errors
    /// The stage that failed.
    fn evaluate(&self, run: &RunId, model: &[f32]) -> Result<Vec<Metric>, Objection>;
}

/// Why a site does not take part. The reason holds no patient's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {reason}")]
pub struct Objection {
    /// The policy's rule, or the stage.
    pub rule: String,
    /// In words, for the coordinator too.
    pub reason: String,
}

/// An objection from a stage of the site's own, whose details stay in the site's log.
fn failed(stage: &'static str) -> impl Fn(&dyn std::error::Error) -> Objection {
    move |error| {
        tracing::error!(stage, %error, "this site cannot take part");
        let reason = "failed at this site; its log says why".to_owned();
        Objection { rule: stage.to_owned(), reason }
    }
}

/// Where a site's patients come from.
#[derive(Debug, Clone)]
pub enum Records {
    /// Files, read anew for each run.
    Files(Source),
    /// A table in memory, of a simulated site.
    Table {
        /// The patients.
        table: Table,
        /// Column that is 1 for training patients and 0 for test patients.
        split: Option<String>,
    },
}

impl Records {
    fn read(&self) -> Result<(Table, Option<&str>), crate::data::DataError> {
        match self {
            Self::Files(source) => Ok((load(source)?, source.split.as_deref())),
            Self::Table { table, split } => Ok((table.clone(), split.as_deref())),
        }
    }
}

/// What a site brings to every run.
#[derive(Debug)]
pub struct Site {
    /// Its name.
    pub name: SiteName,
    /// Its rules.
    pub policy: Policy,
    /// Its patients.
    pub records: Records,
    /// What it says of them.
    pub tag: DataTag,
    /// What it trains on.
    pub device: Device,
    /// Where its ledger lies.
    pub state: PathBuf,
}

/// A run that the site consented to.
struct Prepared {
    run: RunId,
    plan: Plan,
    training: Examples,
    test: Option<Examples>,
    last: Option<(Round, Digest, Outgoing)>,
}

/// The hospital's part in a federation.
pub struct Hospital {
    site: Site,
    gate: Mutex<Gate>,
    prepared: Mutex<Option<Prepared>>,
}

impl Hospital {
    /// A hospital whose ledger is open.
    ///
    /// # Errors
    /// The ledger cannot be used.
    pub fn open(site: Site) -> Result<Self, crate::privatize::LedgerFileError> {
        let gate = Mutex::new(Gate::open(&site.state, site.policy.budget)?);
        Ok(Self { site, gate, prepared: Mutex::new(None) })
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn prepare(&self, run: &RunId, plan: &Plan) -> Result<Prepared, Objection> {
        let denied = |denied: crate::policy::Denied| Objection {
            rule: denied.rule.to_owned(),
            reason: denied.reason,
        };
        self.site.policy.admit(plan, self.site.tag).map_err(denied)?;
        let (table, split) = self.site.records.read().map_err(|error| failed("data")(&error))?;
        let cohort =
            Cohort::new(table, &plan.outcome, split).map_err(|error| failed("cohort")(&error))?;
        self.site
            .policy
            .admit_cohort(cohort.training_patients(), cohort.training_events())
            .map_err(denied)?;
        self.gate().foresee(run, plan).map_err(|error| Objection {
            rule: "policy.budget".to_owned(),
            reason: error.to_string(),
        })?;
        let part = |training| {
            examples(&cohort.part(training), plan).map_err(|error| failed("features")(&error))
        };
        let training = part(true)?;
        // Without test patients the site trains all the same and has nothing to evaluate on.
        let test = if split.is_some() { Some(part(false)?) } else { None };
        let test = test.filter(|test| !test.is_empty());
        Ok(Prepared { run: run.clone(), plan: plan.clone(), training, test, last: None })
    }

    fn with<T>(
        &self,
        run: &RunId,
        act: impl FnOnce(&mut Prepared) -> Result<T, Objection>,
    ) -> Result<T, Objection> {
        match self.prepared.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(prepared) if prepared.run == *run => act(prepared),
            _ => Err(Objection {
                rule: "consent".to_owned(),
                reason: format!("this site has not consented to run {run}"),
            }),
        }
    }
}

impl Participant for Hospital {
    fn consider(&self, run: &RunId, plan: &Plan) -> Result<(), Objection> {
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let same = prepared.as_ref().is_some_and(|held| held.run == *run && held.plan == *plan);
        if !same {
            // What the site knows of a run outlives a lost connection, but not another run.
            *prepared = None;
            *prepared = Some(self.prepare(run, plan)?);
        }
        Ok(())
    }

    fn round(&self, run: &RunId, round: Round, model: Model<'_>) -> Result<Outgoing, Objection> {
        let Model { digest: offered, parameters: model } = model;
        self.with(run, |prepared| {
            let plan = &prepared.plan;
            let refuse = |reason: String| Objection { rule: "consent".to_owned(), reason };
            if !(1..=plan.rounds).contains(&round.0) {
                let reason =
                    format!("round {round} is not one of the {} consented to", plan.rounds);
                return Err(refuse(reason));
            }
            if let Some((last, trained, outgoing)) = &prepared.last
                && *last == round
            {
                // The same bytes again: an update is never noised twice, nor passed off as another's.
                return if *trained == offered {
                    Ok(outgoing.clone())
                } else {
                    Err(refuse(format!("round {round} was offered with another model before")))
                };
            }
            if self.gate().has_charged(run, round) {
                return Err(refuse(format!(
                    "round {round} was charged before this site restarted"
                )));
            }
            let seed = batch_seed(plan.seed, &self.site.name, round);
            let local = LocalTraining::from(&plan.training);
            let trained =
                train(&plan.model, &local, model, &prepared.training, seed, &self.site.device);
            let (after, loss) = match (plan.privacy.mode, trained) {
                (_, Ok(trained)) => (trained.parameters, Some(trained.loss_before)),
                (PrivacyMode::Off, Err(error)) => return Err(failed("train")(&error)),
                // Whether training fails depends on the patients: noise leaves all the same.
                (PrivacyMode::Site, Err(error)) => {
                    tracing::error!(%error, "training failed; an update of noise alone leaves");
                    (model.to_vec(), None)
                }
            };
            let (numerator, weight) = weight(plan.aggregation.weights, prepared.training.len());
            let update = self
                .gate()
                .pass(plan, run, round, (model, after), weight)
                .map_err(|error| failed("privatize")(&error))?;
            let mut metrics = Vec::new();
            if plan.privacy.mode == PrivacyMode::Off {
                let named = |value| Metric { name: "train.loss".to_owned(), value };
                metrics.extend(loss.map(named));
                metrics.extend(concordance(plan, prepared.test.as_ref(), model)?);
            }
            let outgoing = Outgoing { update, weight: numerator, metrics };
            prepared.last = Some((round, offered, outgoing.clone()));
            Ok(outgoing)
        })
    }

    fn evaluate(&self, run: &RunId, model: &[f32]) -> Result<Vec<Metric>, Objection> {
        self.with(run, |prepared| match prepared.plan.privacy.mode {
            PrivacyMode::Off => {
                let metric = concordance(&prepared.plan, prepared.test.as_ref(), model)?;
                Ok(metric.into_iter().collect())
            }
            // Exact metrics on private patients are releases: they stay here.
            PrivacyMode::Site => Ok(Vec::new()),
        })
    }
}

/// Harrell's C on the site's test patients; none where no pair of them can be compared.
fn concordance(
    plan: &Plan,
    test: Option<&Examples>,
    model: &[f32],
) -> Result<Option<Metric>, Objection> {
    let Some(test) = test else { return Ok(None) };
    let risks = risks(&plan.model, model, test).map_err(|error| failed("evaluate")(&error))?;
    let observed = Survival::new(test.time().to_vec(), test.event().to_vec());
    let index = observed.and_then(|observed| harrell_c(&observed, &risks)).ok();
    Ok(index.map(|value| Metric { name: "test.c_index".to_owned(), value }))
}

/// How much the site counts: the number that travels, and the factor it stands for.
fn weight(weights: Weights, patients: usize) -> (u32, f64) {
    match weights {
        Weights::Equal => (1, 1.0),
        Weights::Patients { unit } => {
            let counted = u32::try_from(patients).unwrap_or(u32::MAX).clamp(1, unit.max(1));
            (counted, f64::from(counted) / f64::from(unit.max(1)))
        }
    }
}

/// The order of batches differs by site and round, and is the same for the same plan.
fn batch_seed(seed: u64, site: &SiteName, round: Round) -> u64 {
    let text = format!("consilium batches {seed} {site} {round}");
    let digest = Digest::of(text.as_bytes());
    let (first, _) = digest.as_bytes().split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    u64::from_le_bytes(*first)
}
