//! For every event, how the risks of its comparable patients are ordered.

use super::data::Survival;
use super::fenwick::Fenwick;
use super::pair_counts::PairCounts;

/// Comparisons of one patient with an event against the others.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventComparisons {
    /// Position of the patient with the event.
    pub(super) patient: usize,
    /// Against patients followed up for longer.
    pub(super) later: PairCounts,
    /// Against patients censored at the same time.
    pub(super) censored_at_time: PairCounts,
    /// Against the other patients with an event at the same time.
    pub(super) events_at_time: PairCounts,
}

impl EventComparisons {
    /// Pairs comparable after Harrell: later patients, and those censored at
    /// the same time, who are known to have outlived the event.
    pub(super) const fn comparable(&self) -> PairCounts {
        self.later.plus(self.censored_at_time)
    }
}

struct Row {
    risk: f64,
    time: f64,
    event: bool,
    patient: usize,
    rank: usize,
    /// Ranks whose risk ties with this one's: `tied_from..tied_to`.
    tied_from: usize,
    tied_to: usize,
    later: PairCounts,
    up_to_censored: PairCounts,
}

impl Row {
    fn compare(&self, tree: &Fenwick) -> PairCounts {
        let lower = tree.count_below(self.tied_from);
        let not_higher = tree.count_below(self.tied_to);
        PairCounts {
            concordant: lower,
            discordant: tree.total() - not_higher,
            tied_risk: not_higher - lower,
        }
    }
}

/// Compares each event for which `is_index` holds with all other patients, in
/// O(n log n).
///
/// Patients enter a Fenwick tree over the risk ranks in decreasing order of
/// time. Risks tie when `|a - b| <= tolerance` holds for that very pair. The
/// relation is not transitive, but rounding a difference is monotone, so the
/// risks that tie with a given one are contiguous in sorted order and the count
/// equals the one of a loop over all pairs.
///
/// `risk` has one finite entry per patient of `data`.
#[allow(clippy::float_cmp, reason = "ranks and tied times are defined by exact equality")]
pub(super) fn event_comparisons(
    data: &Survival,
    risk: &[f64],
    tolerance: f64,
    is_index: impl Fn(usize) -> bool,
) -> Vec<EventComparisons> {
    let (mut rows, ranks) = ranked_rows(data, risk, tolerance);
    rows.sort_unstable_by(|a, b| b.time.total_cmp(&a.time));

    let mut tree = Fenwick::new(ranks);
    let mut comparisons = Vec::new();
    for tied in rows.chunk_by_mut(|a, b| a.time == b.time) {
        for row in tied.iter_mut().filter(|row| row.event) {
            row.later = row.compare(&tree);
        }
        for row in tied.iter().filter(|row| !row.event) {
            tree.insert(row.rank);
        }
        for row in tied.iter_mut().filter(|row| row.event) {
            row.up_to_censored = row.compare(&tree);
        }
        for row in tied.iter().filter(|row| row.event) {
            tree.insert(row.rank);
        }
        for row in tied.iter().filter(|row| row.event && is_index(row.patient)) {
            let mut events_at_time = row.compare(&tree).minus(row.up_to_censored);
            // The patient is in the tree by now and ties with itself.
            events_at_time.tied_risk -= 1;
            comparisons.push(EventComparisons {
                patient: row.patient,
                later: row.later,
                censored_at_time: row.up_to_censored.minus(row.later),
                events_at_time,
            });
        }
    }
    comparisons
}

/// One row per patient with its risk rank, and the number of ranks.
#[allow(clippy::float_cmp, reason = "patients share a rank only when their risks are equal")]
fn ranked_rows(data: &Survival, risk: &[f64], tolerance: f64) -> (Vec<Row>, usize) {
    let mut rows: Vec<Row> = data
        .outcomes()
        .zip(risk)
        .enumerate()
        .map(|(patient, ((time, event), &risk))| Row {
            risk,
            time,
            event,
            patient,
            rank: 0,
            tied_from: 0,
            tied_to: 0,
            later: PairCounts::default(),
            up_to_censored: PairCounts::default(),
        })
        .collect();
    rows.sort_unstable_by(|a, b| a.risk.total_cmp(&b.risk));

    let levels: Vec<f64> = rows
        .chunk_by(|a, b| a.risk == b.risk)
        .filter_map(|same| same.first().map(|row| row.risk))
        .collect();
    for (rank, (same, &level)) in
        rows.chunk_by_mut(|a, b| a.risk == b.risk).zip(&levels).enumerate()
    {
        let tied_from = levels.partition_point(|&other| other - level < -tolerance);
        let tied_to = levels.partition_point(|&other| other - level <= tolerance);
        for row in same {
            row.rank = rank;
            row.tied_from = tied_from;
            row.tied_to = tied_to;
        }
    }
    (rows, levels.len())
}
