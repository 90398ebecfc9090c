//! An ECG as it was recorded.

use std::fmt;

/// Leads of one rate and length, in mV.
#[derive(Clone, PartialEq)]
pub struct Recording {
    leads: Vec<String>,
    rate_hz: f64,
    /// One lead after the other; a sample that was not recorded is NaN.
    samples: Vec<f32>,
}

impl Recording {
    /// Leads that were read; each has the same number of samples.
    pub(super) fn new(leads: Vec<String>, rate_hz: f64, samples: Vec<f32>) -> Self {
        Self { leads, rate_hz, samples }
    }

    /// The leads' names, as the file writes them.
    #[must_use]
    pub fn leads(&self) -> &[String] {
        &self.leads
    }

    /// Samples a second.
    #[must_use]
    pub fn rate_hz(&self) -> f64 {
        self.rate_hz
    }

    /// Samples of each lead.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len().checked_div(self.leads.len()).unwrap_or_default()
    }

    /// Whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// One lead's samples in mV, NaN where nothing was recorded; none where there is no such lead.
    #[must_use]
    pub fn lead(&self, index: usize) -> &[f32] {
        let len = self.len();
        let start = index.saturating_mul(len);
        self.samples.get(start..start.saturating_add(len)).unwrap_or_default()
    }
}

/// Says what was recorded, and nothing of the signal.
impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut recording = f.debug_struct("Recording");
        recording.field("leads", &self.leads.len()).field("rate_hz", &self.rate_hz);
        recording.finish_non_exhaustive()
    }
}
