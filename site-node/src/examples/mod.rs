//! The patients of one site as a model sees them: inputs, what they bring to encoders, and outcomes.

mod error;
mod modality;
mod rearranged;

use std::fmt;

use plan::model::{Head, ModelSpec};

pub use error::ExamplesError;
pub use modality::{Code, Modality};

/// A patient's outcome on the time grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct OnGrid {
    /// The interval in which the observation ended.
    pub(crate) interval: usize,
    /// Whether it ended with an event, within the grid.
    pub(crate) event: bool,
    /// Of which cause, from 0; 0 where there was no event.
    pub(crate) cause: usize,
    /// The share of that interval that was observed, 0 to 1.
    pub(crate) share: f32,
}

impl OnGrid {
    /// The share of the interval that was not observed, 0 to 1.
    pub(crate) fn unobserved(self) -> f64 {
        1.0 - f64::from(self.share)
    }
}

/// Features and outcomes, checked once.
///
/// The time grid is public and comes with the plan: edges `e_1 < … < e_K` bound the intervals
/// `[0, e_1], (e_1, e_2], …, (e_(K−1), e_K]`, numbered from 0. A patient's interval is the one that
/// the time of observation lies in. A time beyond `e_K` counts as censored in the last interval,
/// whatever happened after it.
///
/// Censoring: a patient censored in interval k counts with the share of it that was observed, and one with
/// an event in it as having survived those before it.
#[derive(Clone)]
pub struct Examples {
    features: Vec<f32>,
    width: usize,
    modalities: Vec<Modality>,
    time: Vec<f64>,
    event: Vec<bool>,
    cause: Vec<u8>,
    intervals: usize,
    on_grid: Vec<OnGrid>,
}

impl Examples {
    /// Examples from features `[n, width]` row by row, and `n` times and event indicators.
    ///
    /// Times and edges are in one unit, whichever. Cox's model needs no edges; give none.
    ///
    /// # Errors
    /// Lengths that disagree, a feature that is not finite, a time that is not finite or is
    /// negative, or edges that do not increase from above zero.
    pub fn new(
        features: Vec<f32>,
        width: usize,
        time: Vec<f64>,
        event: Vec<bool>,
        edges: &[f64],
    ) -> Result<Self, ExamplesError> {
        Self::of_causes(features, width, time, event.into_iter().map(u8::from).collect(), edges)
    }

    /// The same with the cause of each patient's event: 0 for none, else its number, from 1.
    ///
    /// # Errors
    /// As [`Examples::new`].
    pub fn of_causes(
        features: Vec<f32>,
        width: usize,
        time: Vec<f64>,
        cause: Vec<u8>,
        edges: &[f64],
    ) -> Result<Self, ExamplesError> {
        let patients = time.len();
        same("event indicators", patients, cause.len())?;
        same("features of all patients", patients.saturating_mul(width), features.len())?;
        if let Some(place) = features.iter().position(|value| !value.is_finite()) {
            return Err(ExamplesError::Feature { column: place % width });
        }
        if !time.iter().all(|&time| time.is_finite() && time >= 0.0) {
            return Err(ExamplesError::Time);
        }
        let increasing = edges.windows(2).all(|pair| pair[0] < pair[1]);
        let positive = edges.first().is_none_or(|&first| first > 0.0);
        if !(increasing && positive && edges.iter().all(|edge| edge.is_finite())) {
            return Err(ExamplesError::Edges);
        }
        let on_grid = time.iter().zip(&cause).map(|(&time, &cause)| on_grid(time, cause, edges));
        let on_grid = on_grid.collect();
        let intervals = edges.len();
        let modalities = Vec::new();
        let event = cause.iter().map(|cause| *cause > 0).collect();
        Ok(Self { features, width, modalities, time, event, cause, intervals, on_grid })
    }

    /// The same patients with what they bring beside tables, in the order of the model's encoders.
    ///
    /// # Errors
    /// A modality of another number of patients.
    pub fn with(mut self, modalities: Vec<Modality>) -> Result<Self, ExamplesError> {
        for modality in &modalities {
            same("patients of a modality", self.len(), modality.len())?;
        }
        self.modalities = modalities;
        Ok(self)
    }

    /// That these patients bring what a model reads.
    pub(crate) fn fit(&self, spec: &ModelSpec) -> Result<(), ExamplesError> {
        same("features of a patient", spec.inputs as usize, self.width)?;
        let encoders = spec.fusion.as_ref().map_or(&[][..], |fusion| &fusion.encoders);
        same("modalities beside tables", encoders.len(), self.modalities.len())?;
        encoders
            .iter()
            .zip(&self.modalities)
            .try_for_each(|(encoder, brought)| brought.fits(encoder))
    }

    /// That a head's time grid is that of these patients: what a private step asks, by no patient's outcome.
    pub(crate) fn fit_grid(&self, head: Head) -> Result<(), ExamplesError> {
        match head.intervals() {
            Some(intervals) => {
                same("intervals of the time grid", intervals as usize, self.intervals)
            }
            None => Ok(()),
        }
    }

    /// That a head has hazards for every cause that occurs.
    pub(crate) fn fit_causes(&self, head: Head) -> Result<(), ExamplesError> {
        let causes = head.causes() as usize;
        let known = self.on_grid.iter().all(|patient| patient.cause < causes);
        if known { Ok(()) } else { Err(ExamplesError::Cause { causes }) }
    }

    /// The patients of several sites together, in their order.
    ///
    /// # Errors
    /// The sites differ in width or time grid.
    pub fn concat(sites: &[Self]) -> Result<Self, ExamplesError> {
        let Some((first, rest)) = sites.split_first() else {
            return Self::new(Vec::new(), 0, Vec::new(), Vec::new(), &[]);
        };
        let mut all = first.clone();
        for site in rest {
            same("features of a patient", all.width, site.width)?;
            same("intervals of the time grid", all.intervals, site.intervals)?;
            same("modalities beside tables", all.modalities.len(), site.modalities.len())?;
            for (modality, more) in all.modalities.iter_mut().zip(&site.modalities) {
                modality.append(more)?;
            }
            all.features.extend_from_slice(&site.features);
            all.time.extend_from_slice(&site.time);
            all.event.extend_from_slice(&site.event);
            all.cause.extend_from_slice(&site.cause);
            all.on_grid.extend_from_slice(&site.on_grid);
        }
        Ok(all)
    }

    /// How many patients.
    #[must_use]
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// Whether there is no patient.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }

    /// Features a patient.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Intervals of the time grid; 0 without one.
    #[must_use]
    pub fn intervals(&self) -> usize {
        self.intervals
    }

    /// Features `[n, width]`, row by row.
    #[must_use]
    pub fn features(&self) -> &[f32] {
        &self.features
    }

    /// What patients bring beside tables, in the order of the model's encoders.
    #[must_use]
    pub fn modalities(&self) -> &[Modality] {
        &self.modalities
    }

    /// Times of observation, one a patient, in the unit they came in.
    #[must_use]
    pub fn time(&self) -> &[f64] {
        &self.time
    }

    /// Whether the observation ended with an event of any cause, one a patient.
    #[must_use]
    pub fn event(&self) -> &[bool] {
        &self.event
    }

    /// The cause of the event that the observation ended with, from 1; 0 where it ended without, one a
    /// patient.
    #[must_use]
    pub fn cause(&self) -> &[u8] {
        &self.cause
    }

    /// A patient's outcome on the time grid.
    pub(crate) fn outcome_on_grid(&self, patient: usize) -> OnGrid {
        self.on_grid[patient]
    }

    /// The features of some patients, row by row.
    pub(crate) fn gather(&self, patients: &[usize]) -> Vec<f32> {
        let mut rows = Vec::with_capacity(patients.len() * self.width);
        for &patient in patients {
            let start = patient * self.width;
            rows.extend_from_slice(&self.features[start..start + self.width]);
        }
        rows
    }
}

/// Where a time lies on a grid of edges; at its end, if beyond.
#[allow(clippy::cast_possible_truncation, reason = "a share, in the model's precision")]
fn on_grid(time: f64, cause: u8, edges: &[f64]) -> OnGrid {
    let place = edges.partition_point(|&edge| edge < time);
    let Some(&end) = edges.get(place) else {
        let interval = edges.len().saturating_sub(1);
        return OnGrid { interval, event: false, cause: 0, share: 1.0 };
    };
    let start = place.checked_sub(1).map_or(0.0, |before| edges[before]);
    let share = ((time - start) / (end - start)) as f32;
    OnGrid { interval: place, event: cause > 0, cause: cause.saturating_sub(1).into(), share }
}

/// Says how many there are and nothing about any of them.
impl fmt::Debug for Examples {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Examples")
            .field("patients", &self.len())
            .field("width", &self.width)
            .field("intervals", &self.intervals)
            .finish_non_exhaustive()
    }
}

/// That a length is the expected one.
pub(crate) fn same(what: &'static str, expected: usize, found: usize) -> Result<(), ExamplesError> {
    if expected == found { Ok(()) } else { Err(ExamplesError::Length { what, expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: f64, event: bool) -> (usize, bool) {
        let OnGrid { interval, event, .. } = on_grid(time, event.into(), &[1.0, 2.0, 4.0]);
        (interval, event)
    }

    #[test]
    fn the_share_of_an_interval_is_what_was_observed_of_it() {
        for (time, share) in
            [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (2.5, 0.25), (4.0, 1.0), (9.0, 1.0)]
        {
            assert_eq!(on_grid(time, 1, &[1.0, 2.0, 4.0]).share.to_bits(), f32::to_bits(share));
        }
    }

    #[test]
    fn intervals_are_closed_on_the_right() {
        assert_eq!(at(0.1, true), (0, true));
        assert_eq!(at(1.0, true), (0, true));
        assert_eq!(at(1.000_001, false), (1, false));
        assert_eq!(at(4.0, true), (2, true));
    }

    #[test]
    fn a_cause_counts_from_the_first() {
        let cause = |cause| on_grid(1.5, cause, &[1.0, 2.0]);
        assert!(matches!(cause(0), OnGrid { event: false, cause: 0, .. }));
        assert!(matches!(cause(1), OnGrid { event: true, cause: 0, .. }));
        assert!(matches!(cause(3), OnGrid { event: true, cause: 2, .. }));
        assert!(matches!(on_grid(2.5, 3, &[1.0, 2.0]), OnGrid { event: false, cause: 0, .. }));
    }

    #[test]
    fn an_event_beyond_the_grid_is_censoring_at_its_end() {
        assert_eq!(at(4.1, true), (2, false));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let new = |features, time, event, edges: &[f64]| {
            Examples::new(features, 1, time, event, edges).map(|_| ()).unwrap_err()
        };
        let column = ExamplesError::Feature { column: 0 };
        assert_eq!(new(vec![f32::NAN], vec![1.0], vec![true], &[1.0]), column);
        assert_eq!(new(vec![0.0], vec![-0.1], vec![true], &[1.0]), ExamplesError::Time);
        assert_eq!(new(vec![0.0], vec![1.0], vec![true], &[1.0, 1.0]), ExamplesError::Edges);
        assert_eq!(new(vec![0.0], vec![1.0], vec![true], &[f64::INFINITY]), ExamplesError::Edges);
        assert!(matches!(
            new(vec![0.0, 1.0], vec![1.0], vec![true], &[1.0]),
            ExamplesError::Length { expected: 1, found: 2, .. }
        ));
        assert!(Examples::new(vec![], 3, vec![], vec![], &[1.0]).unwrap().is_empty());
    }

    #[test]
    fn debug_output_holds_no_value() {
        let examples = Examples::new(vec![0.625], 1, vec![7.25], vec![true], &[1.0]).unwrap();
        let text = format!("{examples:?}");
        assert!(!text.contains("625") && !text.contains("7.25"), "{text}");
    }
}
