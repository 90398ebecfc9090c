//! Windows around QRS complexes: brought over each other, and to their median.

use super::detect::whole;

/// How far a window may move, and how much of it around the complex is compared, in seconds.
const SHIFT_S: f64 = 0.05;
const COMPARED_S: f64 = 0.12;
/// A beat whose complex correlates less with the median's is of another shape.
const ALIKE: f64 = 0.8;
/// Rounds of alignment, each against the median of the one before.
const ROUNDS: usize = 2;

/// The reach of a window, in samples.
pub(super) struct Window {
    /// Samples before the complex.
    pub(super) before: usize,
    /// Samples in all.
    pub(super) length: usize,
}

/// A window of each lead around each complex.
pub(super) struct Windows<'a> {
    leads: &'a [Vec<f32>],
    recorded: usize,
    length: usize,
    /// Where each window begins.
    starts: Vec<usize>,
    shift: usize,
    /// The samples of a window that are compared.
    compared: std::ops::Range<usize>,
}

impl<'a> Windows<'a> {
    /// Those that lie within the recording.
    pub(super) fn new(
        leads: &'a [Vec<f32>],
        recorded: usize,
        window: Window,
        peaks: &[usize],
        rate: f64,
    ) -> Self {
        let Window { before, length } = window;
        let starts = peaks.iter().filter_map(|peak| {
            let start = peak.checked_sub(before)?;
            (start + length <= recorded).then_some(start)
        });
        let around = whole(COMPARED_S * rate);
        Self {
            leads,
            recorded,
            length,
            starts: starts.collect(),
            shift: whole(SHIFT_S * rate),
            compared: before.saturating_sub(around)..(before + around + 1).min(length),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Moves each window to where its complex fits the median's best, and all together so that half of them
    /// moved to either side.
    pub(super) fn align(&mut self) {
        let first = self.starts.clone();
        for _ in 0..ROUNDS {
            let median = self.centred_median();
            self.starts = first.iter().map(|start| self.best(&median, *start)).collect();
        }
        let mut moved: Vec<isize> = self
            .starts
            .iter()
            .zip(&first)
            .map(|(now, then)| now.cast_signed() - then.cast_signed())
            .collect();
        let middle = moved.len() / 2;
        if moved.is_empty() {
            return;
        }
        let back = *moved.select_nth_unstable(middle).1;
        let last = self.recorded.saturating_sub(self.length);
        for start in &mut self.starts {
            *start = start.saturating_add_signed(-back).min(last);
        }
    }

    /// Keeps the beats whose complex looks like the median's, and says how many they are.
    pub(super) fn keep_alike(&mut self) -> usize {
        let median = self.centred_median();
        let alike = |start: &usize| self.correlation(&median, *start) >= ALIKE;
        self.starts = self.starts.iter().copied().filter(alike).collect();
        self.starts.len()
    }

    /// The median beat, lead after lead, each with its median at 0.
    pub(super) fn median(&self) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.leads.len() * self.length);
        for lead in self.leads {
            // The level of a lead is its electrode's, and wanders with the breath.
            let beats: Vec<(&[f32], f32)> = self
                .starts
                .iter()
                .map(|start| {
                    let beat = &lead[*start..start + self.length];
                    (beat, middle(&mut beat.to_vec()))
                })
                .collect();
            let mut values = Vec::with_capacity(beats.len());
            for at in 0..self.length {
                values.clear();
                values.extend(beats.iter().map(|(beat, level)| beat[at] - level));
                out.push(middle(&mut values));
            }
        }
        out
    }

    /// The compared part of the median beat, lead after lead, each about its mean.
    fn centred_median(&self) -> Vec<f64> {
        let mut out = Vec::with_capacity(self.leads.len() * self.compared.len());
        let mut values = Vec::with_capacity(self.starts.len());
        for lead in self.leads {
            let from = out.len();
            for at in self.compared.clone() {
                values.clear();
                values.extend(self.starts.iter().map(|start| lead[start + at]));
                out.push(f64::from(middle(&mut values)));
            }
            let mean = out[from..].iter().sum::<f64>() / self.compared.len().max(1) as f64;
            for value in out.iter_mut().skip(from) {
                *value -= mean;
            }
        }
        out
    }

    /// Of the places up to a shift away from `start`, the one that fits best; of equals the nearest.
    fn best(&self, median: &[f64], start: usize) -> usize {
        let last = self.recorded.saturating_sub(self.length);
        let near = (0..=self.shift).flat_map(|by| [start.checked_sub(by), Some(start + by)]);
        let mut best = (start, f64::NEG_INFINITY);
        for place in near.flatten().filter(|place| *place <= last) {
            let fit = self.correlation(median, place);
            if fit > best.1 {
                best = (place, fit);
            }
        }
        best.0
    }

    /// Pearson's correlation of the compared part, over all leads at once, each about its mean.
    fn correlation(&self, median: &[f64], start: usize) -> f64 {
        let width = self.compared.len().max(1);
        let mut both = 0.0;
        let mut own = 0.0;
        let mut theirs = 0.0;
        for (lead, median) in self.leads.iter().zip(median.chunks_exact(width)) {
            let beat = &lead[start + self.compared.start..start + self.compared.end];
            let mean = beat.iter().map(|value| f64::from(*value)).sum::<f64>() / width as f64;
            for (value, wanted) in beat.iter().zip(median) {
                let value = f64::from(*value) - mean;
                both += value * wanted;
                own += value * value;
                theirs += wanted * wanted;
            }
        }
        if own > 0.0 && theirs > 0.0 { both / (own * theirs).sqrt() } else { 0.0 }
    }
}

/// The median; between two, their mean; 0 of nothing.
fn middle(values: &mut [f32]) -> f32 {
    let half = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(half, f32::total_cmp);
    let lower = below.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if even { f32::midpoint(lower, *upper) } else { *upper }
}
