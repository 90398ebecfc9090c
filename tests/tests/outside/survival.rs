//! Survival metrics against every value of `golden/metrics_golden.csv`, which scikit-survival, lifelines and pycox
//! computed.

use std::collections::BTreeMap;
use std::path::Path;

use survival::{
    AntoliniTies, CensoringDistribution, StatusScore, Survival, SurvivalCurves, SurvivalError,
    antolini_c, brier_scores, cumulative_dynamic_auc, d_calibration, harrell_c, harrell_pairs,
    integrated_test_weighted_score, uniform_grid, uno_c,
};

use crate::data;

const GOLDEN_ROWS: usize = 587;
const TOLERANCE: f64 = 1e-6;

/// Inputs of one golden case.
struct Case {
    train: Survival,
    test: Survival,
    risk: Vec<f64>,
    curves: SurvivalCurves,
    /// Times the reference evaluated; the whole grid where it raised an error.
    auc_times: Vec<f64>,
    brier_times: Vec<f64>,
}

/// A computed value; `None` is what the reference reports as NaN.
type Outcome = Result<Option<f64>, SurvivalError>;

fn read_rows(file: &Path) -> Vec<Vec<String>> {
    csv::Reader::from_path(file)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        .into_records()
        .map(|record| record.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

/// Parses a number that may be wrapped as `np.float64(...)`.
fn number(text: &str) -> f64 {
    let bare =
        text.strip_prefix("np.float64(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(text);
    bare.parse().unwrap_or_else(|_| panic!("no number: {text}"))
}

/// `t=1.5` or `tau=1.5`; `tau=None` gives `None`.
fn setting(param: &str) -> Option<f64> {
    let (_, value) = param.split_once('=').unwrap();
    (value != "None").then(|| number(value))
}

fn load_cases(folder: &Path, golden: &[Vec<String>]) -> BTreeMap<String, Case> {
    let subjects = read_rows(&folder.join("golden_subjects.csv"));
    let predictions = read_rows(&folder.join("golden_surv.csv"));
    read_rows(&folder.join("golden_cases.csv"))
        .into_iter()
        .map(|row| {
            let name = row[0].clone();
            let split = |split: &str| -> Vec<&Vec<String>> {
                subjects.iter().filter(|row| row[0] == name && row[1] == split).collect()
            };
            let survival = |rows: &[&Vec<String>]| {
                let times = rows.iter().map(|row| number(&row[3])).collect();
                let events = rows.iter().map(|row| row[4] == "1").collect();
                Survival::new(times, events).unwrap()
            };
            let train = split("train");
            let test = split("test");
            let rows = || predictions.iter().filter(|row| row[0] == name);
            let grid: Vec<f64> =
                rows().filter(|row| row[1] == "0").map(|row| number(&row[2])).collect();
            let times_of = |metric: &str| -> Vec<f64> {
                let listed = golden
                    .iter()
                    .filter(|row| row[0] == name && row[1] == metric && !row[2].is_empty())
                    .filter_map(|row| setting(&row[2]));
                let listed: Vec<f64> = listed.collect();
                if listed.is_empty() { grid.clone() } else { listed }
            };
            let values = rows().map(|row| number(&row[3])).collect();
            let case = Case {
                train: survival(&train),
                test: survival(&test),
                risk: test.iter().map(|row| number(&row[5])).collect(),
                curves: SurvivalCurves::of_steps(grid.clone(), values).unwrap(),
                auc_times: times_of("td_auc_sksurv"),
                brier_times: times_of("brier_sksurv"),
            };
            (name, case)
        })
        .collect()
}

impl Case {
    fn compute(&self, metric: &str, param: &str) -> Outcome {
        match metric {
            "harrell_c_sksurv" | "harrell_c_lifelines" => {
                harrell_c(&self.test, &self.risk).map(Some)
            }
            "harrell_pairs_concordant" => self.pairs(|pairs| pairs.concordant),
            "harrell_pairs_discordant" => self.pairs(|pairs| pairs.discordant),
            "harrell_pairs_tied_risk" => self.pairs(|pairs| pairs.tied_risk),
            "uno_c_sksurv" => uno_c(&self.train, &self.test, &self.risk, setting(param)).map(Some),
            "censor_km_G_train" => {
                let time = setting(param).unwrap();
                Ok(Some(CensoringDistribution::fit(&self.train).at(time)))
            }
            "td_auc_sksurv" | "td_auc_mean_sksurv" => self.auc(metric, param),
            "brier_sksurv" | "ibs_sksurv" => self.brier(metric, param),
            "ctd_antolini_pycox" => {
                antolini_c(&self.test, &self.curves, AntoliniTies::Zero).map(Some)
            }
            "ctd_adj_antolini_pycox" => {
                antolini_c(&self.test, &self.curves, AntoliniTies::Adjusted).map(Some)
            }
            "ibs_pycox_testKM" => self.test_weighted(StatusScore::Brier),
            "inbll_pycox_testKM" => self.test_weighted(StatusScore::NegativeLogLikelihood),
            "dcal_chi2_10bins" => Ok(Some(d_calibration(&self.test, &self.curves, 10)?.chi_square)),
            "dcal_p_10bins" => Ok(Some(d_calibration(&self.test, &self.curves, 10)?.p_value)),
            "dcal_bin" => {
                let from = param.trim_start_matches('[').split(',').next().unwrap();
                let result = d_calibration(&self.test, &self.curves, 10)?;
                let bin = (0..10u8).find(|&k| (f64::from(k) / 10.0 - number(from)).abs() < 1e-9);
                Ok(Some(result.bins[usize::from(bin.unwrap())]))
            }
            other => panic!("unknown golden metric {other}"),
        }
    }

    fn pairs(&self, count: impl Fn(survival::PairCounts) -> u64) -> Outcome {
        let pairs = harrell_pairs(&self.test, &self.risk)?;
        let count = u32::try_from(count(pairs)).unwrap();
        Ok(Some(f64::from(count)))
    }

    fn auc(&self, metric: &str, param: &str) -> Outcome {
        let times = &self.auc_times;
        let result = cumulative_dynamic_auc(&self.train, &self.test, &self.risk, times)?;
        if metric == "td_auc_mean_sksurv" {
            return Ok(result.mean);
        }
        Ok(result.auc[position(times, param)])
    }

    fn brier(&self, metric: &str, param: &str) -> Outcome {
        let curves = self.curves.resample(self.brier_times.clone())?;
        let result = brier_scores(&self.train, &self.test, &curves)?;
        if metric == "ibs_sksurv" {
            return result.integrated().map(Some);
        }
        Ok(Some(result.scores[position(&result.times, param)]))
    }

    fn test_weighted(&self, score: StatusScore) -> Outcome {
        let times = self.curves.times();
        let grid = uniform_grid(times[0], times[times.len() - 1], 100)?;
        integrated_test_weighted_score(&self.test, &self.curves, &grid, score).map(Some)
    }
}

fn position(times: &[f64], param: &str) -> usize {
    let time = setting(param).unwrap();
    times
        .iter()
        .position(|&other| (other - time).abs() < 1e-12)
        .unwrap_or_else(|| panic!("{param} is not on the grid"))
}

/// Whether our error is the one behind the reference's message.
fn same_reason(message: &str, error: &SurvivalError) -> bool {
    let reason = message.to_lowercase();
    match error {
        SurvivalError::AllCensored { .. } => {
            // lifelines and pycox only notice that there is no pair to divide by.
            reason.contains("samples are censored") || reason.contains("zerodivision")
        }
        SurvivalError::NoComparablePairs => {
            reason.contains("comparable") || reason.contains("zerodivision")
        }
        SurvivalError::CensoringSurvivalZero { .. } => reason.contains("function is zero"),
        // The Brier row of the case had its times outside the follow-up removed.
        SurvivalError::OutsideTestFollowUp { .. } => {
            reason.contains("follow-up") || reason.contains("0 feature(s)")
        }
        _ => false,
    }
}

fn mismatch(expected: &str, found: &Outcome) -> Option<String> {
    let matches = match (expected.strip_prefix("ERR:"), found) {
        (Some(message), Err(error)) => same_reason(message, error),
        (None, Ok(None)) => expected == "nan",
        (None, Ok(Some(value))) => {
            let target = number(expected);
            (value - target).abs() <= TOLERANCE * target.abs().max(1.0)
        }
        _ => false,
    };
    (!matches).then(|| format!("expected {expected}, found {found:?}"))
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn all_golden_values_are_reproduced() {
    let folder = data("golden");
    let golden = read_rows(&folder.join("metrics_golden.csv"));
    let cases = load_cases(&folder, &golden);
    let failures: Vec<String> = golden
        .iter()
        .filter_map(|row| {
            let found = cases[&row[0]].compute(&row[1], &row[2]);
            mismatch(&row[3], &found)
                .map(|reason| format!("{} {} {}: {reason}", row[0], row[1], row[2]))
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} golden values differ:\n{}",
        failures.len(),
        golden.len(),
        failures.join("\n")
    );
    assert_eq!(golden.len(), GOLDEN_ROWS, "golden rows checked");
    assert_eq!(cases.len(), 13, "golden cases loaded");
}
