//! A recording in the study's form: twelve leads, one rate, one length.
//!
//! ```text
//! leads by name ─► III, aVR, aVL, aVF from I and II ─► the window ─► gaps, flat leads, amplitude
//!                             [12, n] in mV ◄─ zeros at the end, or one beat ◄─ resampled
//! ```

use plan::experiment::{Beats, REACH_MS, RECORDING_S, ecg_samples};

use super::beats::median;
use super::resample::{covered, reach, resample};
use super::{Lead, Recording, StandardFault};

/// Rates of recordings that are taken, in Hz.
const RATES: (f64, f64) = (50.0, 10_000.0);
/// Offsets of electrodes reach some 300 mV; beyond this the gain is wrong.
const MAX_MV: f64 = 1000.0;

/// The form that a study asks for; public, and the same at every hospital.
#[derive(Debug, Clone, PartialEq)]
pub struct EcgStandard {
    /// Samples a second, 50 to 1000.
    pub rate_hz: f64,
    /// Samples of each lead; what is longer is cut, what is shorter is filled with zeros.
    pub samples: usize,
    /// The share of the samples that must have been recorded, 0 to 1.
    pub least_share: f64,
    /// The longest gap that is bridged by a line, in seconds.
    pub longest_gap_s: f64,
    /// A lead whose values span less than this is flat, in mV.
    pub least_range_mv: f64,
    /// One beat in place of the recording, and how long it is.
    pub beats: Option<Beats>,
}

/// Ten seconds at 500 Hz, of which half must be there.
impl Default for EcgStandard {
    fn default() -> Self {
        Self {
            rate_hz: 500.0,
            samples: 5000,
            least_share: 0.5,
            longest_gap_s: 0.2,
            least_range_mv: 0.02,
            beats: None,
        }
    }
}

impl EcgStandard {
    /// The form that a view asks for: a recording's rate and length, or one beat of it.
    #[must_use]
    pub fn of(rate_hz: f64, seconds: f64, beats: Option<Beats>) -> Self {
        let samples = ecg_samples(rate_hz, seconds, None) as usize;
        Self { rate_hz, samples, beats, ..Self::default() }
    }

    /// Samples of each lead in the end.
    #[must_use]
    pub fn length(&self) -> usize {
        self.beats.map_or(self.samples, |beats| beats.samples(self.rate_hz) as usize)
    }

    /// Whether the form is possible.
    ///
    /// # Errors
    /// A number is out of its range.
    pub fn check(&self) -> Result<(), StandardFault> {
        let bad = |what| Err(StandardFault::Parameters { what });
        if !(50.0..=1000.0).contains(&self.rate_hz) {
            return bad("a rate that is not within 50 to 1000 Hz");
        }
        if !(1..=1_000_000).contains(&self.samples) {
            return bad("a length that is not within 1 to 1,000,000 samples");
        }
        if !(0.0..=1.0).contains(&self.least_share) {
            return bad("a least share that is not within 0 to 1");
        }
        if !(0.0..=10.0).contains(&self.longest_gap_s) {
            return bad("a longest gap that is not within 0 to 10 s");
        }
        if !(0.0..=10.0).contains(&self.least_range_mv) {
            return bad("a least range that is not within 0 to 10 mV");
        }
        if let Some(Beats { before_ms, after_ms }) = self.beats {
            if !REACH_MS.contains(&before_ms) || !REACH_MS.contains(&after_ms) {
                return bad("a beat that is not within 50 to 1000 ms on either side");
            }
            if !RECORDING_S.contains(&(self.samples as f64 / self.rate_hz)) {
                return bad("beats of a recording that is not within 5 to 60 s");
            }
        }
        Ok(())
    }

    /// The recording, or one beat of it, as twelve leads one after the other, in mV.
    ///
    /// # Errors
    /// Leads are missing, flat or interrupted, the recording is too short, or it has too few beats.
    pub fn apply(&self, recording: &Recording) -> Result<Vec<f32>, StandardFault> {
        self.check()?;
        let from = recording.rate_hz();
        let (least, most) = RATES;
        if !(least..=most).contains(&from) {
            return Err(StandardFault::Rate { rate_hz: from, least, most });
        }
        let recorded = covered(recording.len(), from, self.rate_hz).min(self.samples);
        if recorded == 0 || (recorded as f64) < self.least_share * self.samples as f64 {
            let seconds = recording.len() as f64 / from;
            let least = self.least_share * self.samples as f64 / self.rate_hz;
            return Err(StandardFault::TooShort { seconds, least });
        }
        // What lies further beyond the cut does not reach into it.
        let most = covered(self.samples, self.rate_hz, from) + reach(from, self.rate_hz);
        let mut leads = twelve(recording, most)?;
        for (lead, samples) in Lead::ALL.into_iter().zip(&mut leads) {
            self.bridge(lead, samples, from)?;
            self.plausible(lead, samples)?;
        }
        let leads = resample(&leads, from, self.rate_hz, self.samples);
        if let Some(beats) = self.beats {
            return median(&leads, self.rate_hz, beats);
        }
        let mut out = Vec::with_capacity(12 * self.samples);
        for mut lead in leads {
            lead.resize(self.samples, 0.0);
            out.append(&mut lead);
        }
        Ok(out)
    }

    /// Puts a line over each gap, and a level at the ends.
    fn bridge(&self, lead: Lead, samples: &mut [f32], rate: f64) -> Result<(), StandardFault> {
        let mut place = 0;
        while place < samples.len() {
            let rest = samples.get(place..).unwrap_or_default();
            let gap = rest.iter().take_while(|value| value.is_nan()).count();
            if gap == 0 {
                place += 1;
                continue;
            }
            let seconds = gap as f64 / rate;
            let most = self.longest_gap_s;
            if seconds > most || gap == samples.len() {
                return Err(StandardFault::Gap { lead, seconds, most });
            }
            let before = place.checked_sub(1).and_then(|place| samples.get(place)).copied();
            let after = samples.get(place + gap).copied();
            let (before, after) = match (before, after) {
                (Some(before), Some(after)) => (before, after),
                (Some(level), None) | (None, Some(level)) => (level, level),
                (None, None) => (0.0, 0.0),
            };
            for (k, value) in samples.iter_mut().skip(place).take(gap).enumerate() {
                #[allow(clippy::cast_possible_truncation, reason = "samples are f32")]
                let part = ((k + 1) as f64 / (gap + 1) as f64) as f32;
                *value = before + (after - before) * part;
            }
            place += gap;
        }
        Ok(())
    }

    fn plausible(&self, lead: Lead, samples: &[f32]) -> Result<(), StandardFault> {
        let low = samples.iter().copied().fold(f32::INFINITY, f32::min);
        let high = samples.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if f64::from(low.abs().max(high.abs())) > MAX_MV {
            return Err(StandardFault::Amplitude { lead, most_mv: MAX_MV });
        }
        if f64::from(high) - f64::from(low) < self.least_range_mv {
            return Err(StandardFault::Flat { lead, least_mv: self.least_range_mv });
        }
        Ok(())
    }
}

/// The twelve leads, each cut to `most` samples.
fn twelve(recording: &Recording, most: usize) -> Result<Vec<Vec<f32>>, StandardFault> {
    let mut found: Vec<Option<Vec<f32>>> = vec![None; Lead::ALL.len()];
    for (index, name) in recording.leads().iter().enumerate() {
        let Some(lead) = Lead::named(name) else { continue };
        let Some(place) = found.get_mut(lead as usize) else { continue };
        let samples = recording.lead(index).iter().copied().take(most).collect();
        if place.replace(samples).is_some() {
            return Err(StandardFault::LeadTwice(lead));
        }
    }
    if let [Some(one), Some(two), rest @ ..] = found.as_mut_slice() {
        for (lead, place) in Lead::ALL.into_iter().skip(2).zip(rest) {
            if let (None, Some((a, b))) = (&place, lead.of_limbs()) {
                *place = Some(one.iter().zip(two.iter()).map(|(x, y)| a * x + b * y).collect());
            }
        }
    }
    let missing: Vec<Lead> =
        Lead::ALL.into_iter().zip(&found).filter(|(_, it)| it.is_none()).map(|it| it.0).collect();
    if !missing.is_empty() {
        return Err(StandardFault::MissingLeads { missing });
    }
    Ok(found.into_iter().flatten().collect())
}

#[cfg(test)]
#[path = "standard_tests.rs"]
mod tests;
