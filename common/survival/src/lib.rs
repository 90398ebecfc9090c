//! Survival metrics and curves as pure functions.
//!
//! Discrimination: [`harrell_c`] (and its [`PairCounts`], which add up over
//! sites), [`uno_c`], [`antolini_c`], [`cumulative_dynamic_auc`]. Accuracy of
//! predicted curves: [`brier_scores`] with weights from the training set and
//! [`test_weighted_scores`] with weights from the test set. Calibration:
//! [`calibration`] at fixed horizons and [`d_calibration`]. Curves and tests of
//! observed outcomes: [`KaplanMeier`], [`NelsonAalen`], [`log_rank`] and the
//! censoring distribution [`CensoringDistribution`] behind inverse probability
//! of censoring weighting (IPCW). Competing risks: [`Competing`] outcomes, [`AalenJohansen`], and what
//! stands beside it.
//!
//! # Conventions
//!
//! * Outcomes are right-censored: `event` is `true` when the event was seen at
//!   `time`, `false` when follow-up ended then. Times are `>= 0`, in one unit.
//! * A higher risk score means an earlier event.
//! * **Tied times.** Events come before censorings at the same time: a patient
//!   censored at an event time was still at risk, outlived the event and is
//!   comparable with it. Two events at one time are not comparable, except in
//!   [`AntoliniTies::Adjusted`]. Times tie only when equal.
//! * **Tied risks.** In Harrell's and Uno's C a pair ties when
//!   `|risk_i - risk_j| <= 1e-8`, judged for that very pair and counted 1/2; so
//!   `a` may tie with `b` and `b` with `c` while `a` and `c` do not. The
//!   time-dependent AUC merges chains of such neighbours. Antolini's predictions
//!   tie only when equal.
//! * **Censoring curve.** `G` for IPCW is the right-continuous Kaplan–Meier of
//!   censoring with tied events removed from the risk set first, fitted on the
//!   training set; [`test_weighted_scores`] alone uses the test set, keeps tied
//!   events and takes `G(t-)` at event times.
//! * **Predicted curves** are 1 at time 0 and straight lines between the times of
//!   their grid: [`SurvivalCurves`] and [`survival_at`] read the same line.
//! * A metric that has no value (no comparable pair, a weight `1 / 0`) is an
//!   error or `None`, never NaN. Errors name the argument and the position, not
//!   the patient's value.

mod antolini;
mod auc;
mod brier;
mod calibration;
mod censoring;
mod chi_square;
mod comparisons;
mod competing;
mod curves;
mod d_calibration;
mod data;
mod error;
mod fenwick;
mod harrell;
mod kaplan_meier;
mod log_rank;
mod nelson_aalen;
mod numeric;
mod pair_counts;
mod quadrature;
mod restricted_mean;
mod risk_table;
mod test_weighted;
mod uno;

pub use antolini::{AntoliniTies, antolini_c};
pub use auc::{DynamicAuc, cumulative_dynamic_auc, cumulative_dynamic_auc_of_curves};
pub use brier::{BrierScores, brier_scores};
pub use calibration::{Calibration, CalibrationGroup, ObservedRisk, calibration};
pub use censoring::CensoringDistribution;
pub use competing::{
    AalenJohansen, AalenJohansenPoint, Competing, cause_auc, cause_brier_scores,
    observed_to_predicted, ranked,
};
pub use curves::SurvivalCurves;
pub use d_calibration::{DCalibration, d_calibration};
pub use data::Survival;
pub use error::SurvivalError;
pub use harrell::{RISK_TIE_TOLERANCE, harrell_c, harrell_pairs};
pub use kaplan_meier::{KaplanMeier, KaplanMeierPoint};
pub use log_rank::{LogRank, log_rank};
pub use nelson_aalen::{NelsonAalen, NelsonAalenPoint};
pub use numeric::uniform_grid;
pub use pair_counts::PairCounts;
pub use restricted_mean::{restricted_mean, survival_at};
pub use risk_table::{RiskRow, risk_table};
pub use test_weighted::{StatusScore, integrated_test_weighted_score, test_weighted_scores};
pub use uno::uno_c;
