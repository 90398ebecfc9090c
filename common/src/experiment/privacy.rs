//! What must happen to an update before it leaves a hospital.

use serde::{Deserialize, Serialize};

use crate::config::{Section, Settings};

/// Who is protected from whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrivacyMode {
    /// No noise. Only for data tagged synthetic or public, and by the site's policy.
    Off,
    /// The whole update is clipped and noised: protects the hospital as a unit.
    Site,
}

impl PrivacyMode {
    /// The words used in files.
    pub const CHOICES: [(&'static str, Self); 2] = [("off", Self::Off), ("site", Self::Site)];

    /// The mode's name in files and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Site => "site",
        }
    }
}

/// The mechanism of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrivacyPlan {
    /// The mode.
    pub mode: PrivacyMode,
    /// Bound C on the L2 norm of a site's update, in every mode.
    pub clip: f64,
    /// Standard deviation of the noise over C; 0 in mode `off`.
    pub noise_multiplier: f64,
    /// The δ at which ε is stated; 0 in mode `off`.
    pub delta: f64,
}

impl Settings for PrivacyPlan {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let mode = section.choice("mode", None, &PrivacyMode::CHOICES);
        let clip = section.required("clip", "the bound on the norm of an update, such as 1.0");
        let noise = section.maybe::<f64>("noise_multiplier");
        let delta = section.maybe::<f64>("delta");
        let (mode, noise, delta) = (mode?, noise?, delta?);
        let mut complete = true;
        for (key, value) in [("noise_multiplier", noise), ("delta", delta)] {
            match (mode, value) {
                (PrivacyMode::Off, Some(_)) => {
                    section.problem(key, "mode \"off\" adds no noise", "remove the key");
                    complete = false;
                }
                (PrivacyMode::Site, None) => {
                    section.problem(key, "missing", "every private mode states its noise and δ");
                    complete = false;
                }
                _ => {}
            }
        }
        let (noise, delta) = (noise.unwrap_or(0.0), delta.unwrap_or(0.0));
        complete.then_some(())?;
        Some(Self { mode, clip: clip?, noise_multiplier: noise, delta })
    }
}
