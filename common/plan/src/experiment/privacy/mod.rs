//! Privacy modes: how patients' values are protected before anything leaves a hospital.
//!
//! ```text
//! [privacy] ─► read ─► calibrate ─► PrivacyPlan ─► check ─► policy, ledger, card, report
//!                └─ each asks the mode's Protection: none.rs, site.rs or patient.rs ─┘
//! ```
//!
//! A mode is one file that implements [`Protection`], and a line in each list of this file: the variant, its word, and
//! its place in the table. Other code never asks which mode a plan has. It asks for the property that it depends on,
//! such as [`PrivacyMode::adds_noise`].

mod none;
mod patient;
mod protection;
mod read;
mod site;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::{DataTag, PrivateEvaluation};
use base::choice;
use base::config::Choice;
use privacy::accountant::pld::{self, Zcdp};
use privacy::accountant::{AccountantError, Delta};
use privacy::{Cost, Mechanism, Released, RunReleases, SingleRelease};

use protection::Protection;
pub(super) use read::PrivacyTable;

/// Who is protected from whom. The order is that of the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrivacyMode {
    /// No noise. Only for data tagged synthetic or public, and by the site's policy.
    None,
    /// The whole update is clipped and noised: protects the hospital as a unit.
    Site,
    /// Each patient's gradient is clipped and their sum noised in every step of training, inside the
    /// hospital: protects each patient.
    #[default]
    Patient,
}

// The default first.
choice!(PrivacyMode { Patient => "patient", Site => "site", None => "none" });

impl PrivacyMode {
    /// The table of modes.
    pub(super) fn protection(self) -> &'static dyn Protection {
        match self {
            Self::None => &none::Unprotected,
            Self::Site => &site::WholeUpdate,
            Self::Patient => &patient::EachPatient,
        }
    }

    /// Whether the mode trains by private steps.
    pub(super) fn takes_steps(self) -> bool {
        self.protection().takes_steps()
    }

    /// Whether the mode allows a private evaluation.
    pub(super) fn takes_evaluation(self) -> bool {
        self.protection().takes_evaluation()
    }

    /// Why a mode without noise refuses what noise would need.
    pub(super) fn no_noise_reason(self) -> String {
        format!("mode \"{}\" adds no noise", self.name())
    }

    /// Why a mode without this property refuses what only modes with it take.
    pub(super) fn only_for(has: fn(Self) -> bool) -> String {
        let taking = Self::ALL.iter().filter(|mode| has(**mode));
        let names: Vec<String> = taking.map(|mode| format!("\"{}\"", mode.name())).collect();
        format!("for mode {} alone", names.join(" or "))
    }

    /// Whether what leaves carries noise. If so, the plan promises ε at δ for a unit, ledgers charge for it, policies
    /// bound the noise from below, and logs record it.
    #[must_use]
    pub fn adds_noise(self) -> bool {
        self.protection().adds_noise()
    }

    /// Whether sites may tell exact metrics of a model on their own patients.
    #[must_use]
    pub fn tells_exact_metrics(self) -> bool {
        self.protection().tells_exact_metrics()
    }

    /// Whether sites may tell how many patients they have, as the weight of an update.
    #[must_use]
    pub fn tells_patient_counts(self) -> bool {
        self.protection().tells_patient_counts()
    }

    /// Whether an answer that depends on patients must reveal at most one bit or look like noise. If so, all declines that
    /// rest on patients look alike and leave in steps of a second. No plan can choose which values are refused, and a
    /// change that is not finite leaves as noise alone.
    #[must_use]
    pub fn protects_patients(self) -> bool {
        self.protection().protects_patients()
    }

    /// Whether the mode is for data that anyone may read, and for no others.
    #[must_use]
    pub fn needs_open_data(self) -> bool {
        self.protection().needs_open_data()
    }

    /// Whether the mode may be used with data of this tag.
    #[must_use]
    pub fn allows_data(self, tag: DataTag) -> bool {
        !self.needs_open_data() || tag.may_leave_unprotected()
    }
}

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
        self.mode.protection().mechanism(self)
    }

    /// What is released once, at the end of a run.
    #[must_use]
    pub fn once(&self) -> Option<SingleRelease> {
        let asked = self.evaluation.as_ref()?;
        let mechanism = Mechanism::Zcdp { rho: asked.rho };
        Some(SingleRelease { released: Released::Concordance, mechanism })
    }

    /// All that a run of `rounds` rounds releases at a site.
    #[must_use]
    pub fn releases(&self, rounds: u32) -> RunReleases {
        RunReleases { update: self.mechanism(), rounds, once: self.once() }
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
        match self.mechanism().segment(rounds)? {
            None => Ok(None),
            Some(segment) => {
                let delta = Delta::new(self.delta)?;
                let concentrated = Zcdp::new(rho)?;
                let composed = pld::epsilon_with(&[segment], concentrated, delta);
                let charged = Cost::of_run(self.releases(rounds)).epsilon(self.delta);
                Ok(Some(composed.min(charged)))
            }
        }
    }

    /// The promised ε as cards and reports state it; none where nothing is promised. A plan outside the accountant's
    /// range, which no check lets pass, promises nothing: the largest number says so.
    #[must_use]
    pub fn promised_epsilon(&self, rounds: u32) -> Option<f64> {
        let promised = || self.epsilon(rounds).ok().flatten().unwrap_or(f64::MAX);
        self.mode.adds_noise().then(promised)
    }

    /// The δ at which ε is promised; none where nothing is promised.
    #[must_use]
    pub fn promised_delta(&self) -> Option<f64> {
        self.mode.adds_noise().then_some(self.delta)
    }

    /// What neighbouring data sets differ in; none where nothing is promised.
    #[must_use]
    pub fn protected_unit(&self) -> Option<&'static str> {
        self.mechanism().unit().filter(|_| self.mode.adds_noise())
    }
}
