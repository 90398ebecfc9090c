//! What must happen to patients' values before something of them leaves a hospital.

use serde::{Deserialize, Serialize};

use super::PrivateEvaluation;
use base::choice;
use base::config::{Section, Settings};
use privacy::accountant::pld::{self, Zcdp};
use privacy::accountant::{AccountantError, Delta};
use privacy::{Cost, Mechanism, Released};

/// Who is protected from whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrivacyMode {
    /// No noise. Only for data tagged synthetic or public, and by the site's policy.
    None,
    /// The whole update is clipped and noised: protects the hospital as a unit.
    Site,
    /// Each patient's gradient is clipped and their sum noised in every step of training, inside the
    /// hospital: protects each patient.
    Patient,
}

// The default first.
choice!(PrivacyMode { Patient => "patient", Site => "site", None => "none" });

/// The private steps of one round, in mode `patient`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DpSgd {
    /// How many.
    pub steps: u32,
    /// Probability q with which a patient takes part in a step (Poisson sampling).
    pub sampling_rate: f64,
    /// N in the divisor q·N of a step's noised sum: a number stated by the experiment, the same for
    /// all hospitals. How many patients a hospital has stays its own.
    pub expected_patients: u32,
    /// Bound C on the L2 norm of one patient's gradient.
    pub patient_clip: f64,
}

/// The mechanism of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrivacyPlan {
    /// The mode.
    pub mode: PrivacyMode,
    /// Bound on the L2 norm of a site's update, in every mode.
    pub clip: f64,
    /// Standard deviation z of the noise over the bound that it hides: of an update in mode `site`,
    /// of a patient's gradient in mode `patient`; 0 in mode `none`.
    pub noise_multiplier: f64,
    /// The δ at which ε is stated; 0 in mode `none`.
    pub delta: f64,
    /// Mode `patient` alone.
    pub dp_sgd: Option<DpSgd>,
    /// Concordances from each site in the end; none unless asked for.
    pub evaluation: Option<PrivateEvaluation>,
}

impl PrivacyPlan {
    /// What one round does to a site's patients' values.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        let noise_multiplier = self.noise_multiplier;
        match (self.mode, &self.dp_sgd) {
            (PrivacyMode::None, _) => Mechanism::ClipOnly,
            (PrivacyMode::Site, _) => Mechanism::GaussianUpdate { noise_multiplier },
            (PrivacyMode::Patient, Some(dp_sgd)) => Mechanism::DpSgd {
                sampling_rate: dp_sgd.sampling_rate,
                noise_multiplier,
                steps: dp_sgd.steps,
            },
            // Refused by every check of a plan; were it not, by every budget.
            (PrivacyMode::Patient, None) => {
                Mechanism::DpSgd { sampling_rate: 1.0, noise_multiplier: 0.0, steps: u32::MAX }
            }
        }
    }

    /// What is released once, at the end of a run.
    #[must_use]
    pub fn once(&self) -> Option<(Released, Mechanism)> {
        let asked = self.evaluation.as_ref()?;
        Some((Released::Concordance, Mechanism::Zcdp { rho: asked.rho }))
    }

    /// ε of `rounds` rounds and the evaluation at one site for one unit of the mechanism: an upper
    /// bound by privacy-loss distributions. None where nothing is promised.
    ///
    /// The least of two sound bounds of one composition that is fixed in advance. One composes the updates'
    /// privacy-loss distribution with what ρ-zCDP bounds of the evaluation's ([`pld::epsilon_with`], with its
    /// proof). The other is what a ledger charges at the same δ. So a promise is never larger than the charge.
    ///
    /// # Errors
    /// A parameter is outside the accountant's range.
    pub fn epsilon(&self, rounds: u32) -> Result<Option<f64>, AccountantError> {
        let rho = self.evaluation.as_ref().map_or(0.0, |asked| asked.rho);
        let mechanism = self.mechanism();
        match mechanism.segment(rounds)? {
            None => Ok(None),
            Some(segment) => {
                let delta = Delta::new(self.delta)?;
                let concentrated = Zcdp::new(rho)?;
                let composed = pld::epsilon_with(&[segment], concentrated, delta);
                let charged = Cost::of_run((mechanism, rounds), self.once()).epsilon(self.delta);
                Ok(Some(composed.min(charged)))
            }
        }
    }
}

/// The `[privacy]` table, whose noise may be given by what it shall achieve.
pub(super) struct PrivacyTable {
    pub(super) plan: PrivacyPlan,
    /// ε that a site's part of the whole run shall cost, instead of a noise multiplier.
    pub(super) epsilon: Option<f64>,
}

impl Settings for PrivacyTable {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let mode = section.one_of("mode", Some(PrivacyMode::Patient));
        let clip = section.required("clip", "the bound on the norm of an update, such as 1.0");
        let noise = section.maybe::<f64>("noise_multiplier");
        let epsilon = section.maybe::<f64>("epsilon");
        let delta = section.maybe::<f64>("delta");
        let steps = section.maybe::<u32>("steps");
        let rate = section.maybe::<f64>("sampling_rate");
        let patients = section.maybe::<u32>("expected_patients");
        let bound = section.maybe::<f64>("patient_clip");
        let evaluation = section.maybe_section("evaluation");
        // From here on reading may end early: every key has been asked for.
        let mode = mode?;
        let noise = noise?;
        let epsilon = epsilon?;
        let delta = delta?;
        let steps = steps?;
        let rate = rate?;
        let patients = patients?;
        let bound = bound?;
        let evaluation: Option<PrivateEvaluation> = evaluation?;

        let mut complete = true;
        let mut wrong = |section: &mut Section<'_>, key, what: &str, hint: &str| {
            section.problem(key, what, hint);
            complete = false;
        };
        if mode == PrivacyMode::None {
            let given = [
                ("noise_multiplier", noise.is_some()),
                ("epsilon", epsilon.is_some()),
                ("delta", delta.is_some()),
                ("evaluation", evaluation.is_some()),
            ];
            for (key, _) in given.into_iter().filter(|(_, given)| *given) {
                wrong(section, key, "mode \"none\" adds no noise", "remove the key");
            }
        } else {
            if delta.is_none() {
                wrong(
                    section,
                    "delta",
                    "missing",
                    "state the δ of ε, well below one over a hospital's patients, such as 1e-5",
                );
            }
            match (noise, epsilon) {
                (None, None) => wrong(
                    section,
                    "epsilon",
                    "neither epsilon nor noise_multiplier is given",
                    "say what the run may cost a patient, such as epsilon = 3.0",
                ),
                (Some(_), Some(_)) => wrong(
                    section,
                    "epsilon",
                    "given beside noise_multiplier",
                    "remove one of the two: each decides the other",
                ),
                _ => {}
            }
        }
        let dp_sgd = if mode == PrivacyMode::Patient {
            if patients.is_none() {
                wrong(
                    section,
                    "expected_patients",
                    "missing",
                    "state about how many training patients a hospital has, such as 150: it \
                     scales a step and tells nothing of any hospital",
                );
            }
            Some(DpSgd {
                steps: steps.unwrap_or(1),
                sampling_rate: rate.unwrap_or(1.0),
                expected_patients: patients.unwrap_or(1),
                patient_clip: bound.unwrap_or(1.0),
            })
        } else {
            let given = [
                ("steps", steps.is_some()),
                ("sampling_rate", rate.is_some()),
                ("expected_patients", patients.is_some()),
                ("patient_clip", bound.is_some()),
                ("evaluation", evaluation.is_some() && mode == PrivacyMode::Site),
            ];
            for (key, _) in given.into_iter().filter(|(_, given)| *given) {
                wrong(section, key, "for mode \"patient\" alone", "remove the key");
            }
            None
        };
        complete.then_some(())?;
        let plan = PrivacyPlan {
            mode,
            clip: clip?,
            noise_multiplier: noise.unwrap_or(0.0),
            delta: delta.unwrap_or(0.0),
            dp_sgd,
            evaluation,
        };
        Some(Self { plan, epsilon })
    }
}
