//! A record's header: one line for the record, one for each signal.

use super::field::{integer, real, shown};
use super::signal::Signal;
use super::{MAX_SAMPLES, WfdbFault};

const MAX_SIGNALS: u64 = 256;
/// In Hz; no ECG is sampled faster.
const MAX_RATE: u32 = 100_000;

/// What the header says.
#[derive(Debug)]
pub(super) struct Header {
    /// Frames a second.
    pub rate_hz: f64,
    /// Frames; none where the header leaves it to the signal files.
    pub frames: Option<u64>,
    pub signals: Vec<Signal>,
}

impl Header {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, WfdbFault> {
        let mut lines = Vec::new();
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let blank = line.iter().all(u8::is_ascii_whitespace);
            if blank || line.starts_with(b"#") {
                continue;
            }
            let control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
            if line.iter().any(control) {
                return Err(WfdbFault::Control { line: index + 1 });
            }
            lines.push((index + 1, String::from_utf8_lossy(line)));
        }
        let mut lines = lines.iter().map(|(number, line)| (*number, line.trim()));
        let (number, line) = lines.next().ok_or(WfdbFault::NoRecordLine)?;
        let (rate_hz, frames, count) = record_line(number, line)?;
        let named = usize::try_from(count).unwrap_or_default();
        let signals: Vec<Signal> = lines
            .take(named)
            .map(|(number, line)| Signal::parse(number, line))
            .collect::<Result<_, _>>()?;
        if signals.len() < named {
            return Err(WfdbFault::MissingSignals { found: signals.len(), named });
        }
        let header = Self { rate_hz, frames, signals };
        let total = frames.unwrap_or_default().saturating_mul(header.per_frame());
        if total > MAX_SAMPLES {
            return Err(WfdbFault::Length { samples: total, most: MAX_SAMPLES });
        }
        Ok(header)
    }

    /// Samples of all signals in one frame.
    pub(super) fn per_frame(&self) -> u64 {
        self.signals.iter().map(|signal| signal.per_frame as u64).sum()
    }

    /// Samples in one frame of each signal that is a voltage.
    pub(super) fn voltages_per_frame(&self) -> Result<usize, WfdbFault> {
        let mut voltages = self.signals.iter().filter(|signal| signal.is_voltage());
        let Some(first) = voltages.next() else {
            let unit = self.signals.first().map(|signal| shown(&signal.unit)).unwrap_or_default();
            return Err(WfdbFault::NoVoltage { unit });
        };
        let other = voltages.find(|signal| signal.per_frame != first.per_frame);
        other.map_or(Ok(first.per_frame), |signal| Err(WfdbFault::MixedRates { line: signal.line }))
    }
}

/// `name[/segments] signals rate[/counter[(base)]] [frames …]`: rate, frames and signals.
fn record_line(line: usize, text: &str) -> Result<(f64, Option<u64>, u64), WfdbFault> {
    let bad = |field, wanted| WfdbFault::Field { line, field, wanted };
    let mut fields = text.split_whitespace();
    if fields.next().is_some_and(|name| name.contains('/')) {
        return Err(WfdbFault::Segments);
    }
    let count = fields.next().and_then(|text| integer(text).filter(|(_, rest)| rest.is_empty()));
    let (found, _) = count.ok_or(bad("the number of signals", "a whole number"))?;
    if found == 0 || found > MAX_SIGNALS {
        return Err(WfdbFault::SignalCount { line, found, most: MAX_SIGNALS });
    }
    let rate = fields.next().and_then(|text| real(text.split('/').next()?));
    let rate = rate.filter(|rate| *rate > 0.0 && *rate <= f64::from(MAX_RATE));
    let rate = rate.ok_or(WfdbFault::Rate { line, most: MAX_RATE })?;
    let frames = match fields.next() {
        None => 0,
        Some(text) => match integer(text) {
            Some((frames, "")) => frames,
            _ => return Err(bad("the number of samples", "a whole number")),
        },
    };
    Ok((rate, Some(frames).filter(|frames| *frames > 0), found))
}
