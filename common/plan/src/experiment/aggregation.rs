//! What the coordinator does with the updates of one round, and how long it waits for them.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use base::choice;
use base::config::{Section, Settings};

/// How long sites may be given for a round, and for a description.
pub const WINDOWS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);

/// How the mean update changes the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerRule {
    /// The mean is added (McMahan et al., arXiv:1602.05629), times the server's learning rate.
    FedAvg,
    /// The mean with server momentum (Hsu, Qi and Brown, arXiv:1909.06335).
    FedAvgM,
    /// Adagrad on the mean (Reddi et al., arXiv:2003.00295, algorithm 2).
    FedAdagrad,
    /// Adam on the mean (Reddi et al., arXiv:2003.00295, algorithm 2).
    FedAdam,
    /// Yogi on the mean (Reddi et al., arXiv:2003.00295, algorithm 2).
    FedYogi,
}

choice!(ServerRule {
    FedAvg => "fedavg",
    FedAvgM => "fedavgm",
    FedAdagrad => "fedadagrad",
    FedAdam => "fedadam",
    FedYogi => "fedyogi",
});

/// How the updates of a round become one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Combine {
    /// Their weighted mean. Sums of integers need the memory of one model, whatever the number of sites.
    Mean,
    /// The coordinate-wise trimmed mean (Yin et al., arXiv:1803.01498, definition 2): of each parameter the smallest
    /// and the largest values are left out. It needs to see each update and the disk space of all of them.
    TrimmedMean {
        /// The share of sites that is left out at each end, above 0 and below 1/2.
        trim: f64,
    },
    /// The coordinate-wise median (Yin et al., arXiv:1803.01498, definition 1).
    Median,
    /// Multi-Krum (Blanchard et al., arXiv:1703.02757, section 5): the mean of the n − f − 2 updates of n that are
    /// nearest to the others. It leaves out updates as a whole.
    MultiKrum {
        /// f: how many of a round's sites may be hostile.
        hostile: u32,
    },
}

impl Combine {
    /// Its word in an experiment's file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => CombineWord::Mean,
            Self::TrimmedMean { .. } => CombineWord::TrimmedMean,
            Self::Median => CombineWord::Median,
            Self::MultiKrum { .. } => CombineWord::MultiKrum,
        }
        .name()
    }
}

/// The words for [`Combine`] in an experiment's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CombineWord {
    Mean,
    TrimmedMean,
    Median,
    MultiKrum,
}

choice!(CombineWord {
    Mean => "mean",
    TrimmedMean => "trimmed-mean",
    Median => "median",
    MultiKrum => "multi-krum",
});

/// How much each site's update counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weights {
    /// All sites alike.
    Equal,
    /// By its number of training patients, which thereby leaves the site: only in mode `none`.
    Patients {
        /// A site of this many patients or more counts 1.
        unit: u32,
    },
}

/// The server's side of a round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aggregation {
    /// The server's optimiser.
    pub rule: ServerRule,
    /// How the sites' updates become one before that.
    pub combine: Combine,
    /// The server's step size.
    pub learning_rate: f64,
    /// Decay β₁ of the first moment, or the momentum of `fedavgm`.
    pub beta1: f64,
    /// Decay β₂ of the second moment.
    pub beta2: f64,
    /// Degree of adaptivity τ: larger is closer to plain averaging.
    pub tau: f64,
    /// How much a site counts.
    pub weights: Weights,
    /// A round with fewer updates than this does not count.
    pub min_sites: u32,
    /// A round takes no more updates than this.
    pub max_sites: u32,
    /// How long a round waits for its quorum, and for the updates after that.
    pub window: Duration,
    /// The final model is the mean of those after so many last rounds (Polyak and Juditsky, SIAM J.
    /// Control Optim. 30:838, 1992); 1 for the last alone. It averages noise out, and costs no privacy.
    pub average_last: u32,
}

impl Settings for Aggregation {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let rule = section.one_of("rule", Some(ServerRule::FedAvg));
        let default_rate = if rule == Some(ServerRule::FedAvg) { 1.0 } else { 0.01 };
        let learning_rate = section.or("learning_rate", default_rate);
        // The authors of the adaptive rules use no momentum with Adagrad (arXiv:2003.00295, section 5).
        let default_beta1 = if rule == Some(ServerRule::FedAdagrad) { 0.0 } else { 0.9 };
        let beta1 = section.or("beta1", default_beta1);
        let beta2 = section.or("beta2", 0.99);
        let tau = section.or("tau", 1e-3);
        let by_patients =
            section.choice("weights", Some("equal"), &[("equal", false), ("patients", true)]);
        let unit = section.maybe::<u32>("patients_per_unit");
        let word = section.one_of("combine", Some(CombineWord::Mean));
        let trim = section.maybe::<f64>("trim");
        let hostile = section.maybe::<u32>("hostile");
        let min_sites = section.required("min_sites", "how many sites make a round count");
        let max_sites = section.or("max_sites", 100);
        let window = section.or("window", Duration::from_secs(600));
        let average_last = section.or("average_last", 1);
        // From here on reading may end early: every key has been asked for.
        let weights = match (by_patients?, unit?) {
            (false, None) => Some(Weights::Equal),
            (true, Some(unit)) => Some(Weights::Patients { unit }),
            (true, None) => {
                section.problem(
                    "patients_per_unit",
                    "missing",
                    "give the size from which on a site counts in full, such as 250",
                );
                None
            }
            (false, Some(_)) => {
                section.problem(
                    "patients_per_unit",
                    "equal weights have no unit",
                    "remove the key, or use weights = \"patients\"",
                );
                None
            }
        };
        let combine = combine(section, word?, trim?, hostile?);
        Some(Self {
            rule: rule?,
            combine: combine?,
            learning_rate: learning_rate?,
            beta1: beta1?,
            beta2: beta2?,
            tau: tau?,
            weights: weights?,
            min_sites: min_sites?,
            max_sites: max_sites?,
            window: window?,
            average_last: average_last?,
        })
    }
}

/// `combine` and the key that it takes.
fn combine(
    section: &mut Section<'_>,
    word: CombineWord,
    trim: Option<f64>,
    hostile: Option<u32>,
) -> Option<Combine> {
    let name = word.name();
    let refused = [
        ("trim", trim.is_some() && word != CombineWord::TrimmedMean, CombineWord::TrimmedMean),
        ("hostile", hostile.is_some() && word != CombineWord::MultiKrum, CombineWord::MultiKrum),
    ];
    for (key, _, owner) in refused.iter().filter(|(_, refused, _)| *refused) {
        let what = format!("combine = \"{name}\" has no such key");
        section.problem(key, what, format!("remove the key, or use combine = {:?}", owner.name()));
    }
    let missing = match word {
        CombineWord::TrimmedMean if trim.is_none() => Some((
            "trim",
            "give the share of sites to leave out at each end, such as 0.34 for three sites",
        )),
        CombineWord::MultiKrum if hostile.is_none() => {
            Some(("hostile", "give how many sites of a round may be hostile, such as 1"))
        }
        _ => None,
    };
    if let Some((key, hint)) = missing {
        section.problem(key, "missing", hint);
    }
    if missing.is_some() || refused.iter().any(|(_, refused, _)| *refused) {
        return None;
    }
    Some(match word {
        CombineWord::Mean => Combine::Mean,
        CombineWord::TrimmedMean => Combine::TrimmedMean { trim: trim? },
        CombineWord::Median => Combine::Median,
        CombineWord::MultiKrum => Combine::MultiKrum { hostile: hostile? },
    })
}
