//! A header: one line for the record, one for each signal, or one for each of its segments.

use super::field::{integer, real, shown};
use super::signal::{Signal, beside};
use super::{MAX_SAMPLES, WfdbFault};

const MAX_SIGNALS: u64 = 256;
/// In Hz; no ECG is sampled faster.
const MAX_RATE: u32 = 100_000;

/// In Hz, where the record line states none (header(5)).
const DEFAULT_RATE: f64 = 250.0;
/// More segments than any recording of a heart's rest has.
const MAX_SEGMENTS: usize = 1024;

/// One segment of a record by the record's header.
pub(super) struct Part {
    /// Its header's name without the ending; none where nothing was recorded.
    pub name: Option<String>,
    /// Frames.
    pub frames: u64,
}

/// What the header of a segment says.
#[derive(Debug)]
pub(super) struct Header {
    /// Frames a second.
    pub rate_hz: f64,
    /// Frames; none where the header leaves it to the signal files.
    pub frames: Option<u64>,
    pub signals: Vec<Signal>,
}

/// The lines that are neither blank nor comments, with their numbers.
fn lines(bytes: &[u8]) -> Result<Vec<(usize, String)>, WfdbFault> {
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
        lines.push((index + 1, String::from_utf8_lossy(line).trim().to_owned()));
    }
    Ok(lines)
}

/// The segments of a record; none where its lines describe signals.
///
/// `P1/2` on the record line may mean two segments of P1, or record 2 of the folder P1. The lines below
/// tell: a segment's has two fields, a signal's more.
pub(super) fn parts(bytes: &[u8]) -> Result<Option<Vec<Part>>, WfdbFault> {
    let lines = lines(bytes)?;
    let Some(((_, record), below)) = lines.split_first() else { return Ok(None) };
    let name = record.split_whitespace().next().unwrap_or_default();
    let count = name.rsplit_once('/').and_then(|(_, count)| count.parse::<usize>().ok());
    let Some(count) = count
        .filter(|_| below.first().is_none_or(|(_, line)| line.split_whitespace().count() == 2))
    else {
        return Ok(None);
    };
    if count == 0 || count > MAX_SEGMENTS || count != below.len() {
        return Err(WfdbFault::Segments { stated: count, found: below.len(), most: MAX_SEGMENTS });
    }
    let part = |(line, text): &(usize, String)| {
        let bad = |field, wanted| WfdbFault::Field { line: *line, field, wanted };
        let (name, frames) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let frames = match integer(frames.trim()) {
            Some((0, "")) => return Err(WfdbFault::Layout),
            Some((frames, "")) => frames,
            _ => return Err(bad("the segment's length", "a whole number")),
        };
        if name == "~" {
            return Ok(Part { name: None, frames });
        }
        let name = beside(name).ok_or(WfdbFault::FileName { line: *line })?;
        Ok(Part { name: Some(name.to_owned()), frames })
    };
    below.iter().map(part).collect::<Result<_, _>>().map(Some)
}

impl Header {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, WfdbFault> {
        let lines = lines(bytes)?;
        let mut lines = lines.iter().map(|(number, line)| (*number, line.as_str()));
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

    /// Whether the checksums say anything: a program that computes none writes 0 for each.
    pub(super) fn has_checksums(&self) -> bool {
        self.signals.iter().any(|signal| signal.checksum.is_some_and(|sum| sum != 0))
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

/// `name signals rate[/counter[(base)]] [frames …]`: rate, frames and signals.
fn record_line(line: usize, text: &str) -> Result<(f64, Option<u64>, u64), WfdbFault> {
    let bad = |field, wanted| WfdbFault::Field { line, field, wanted };
    let mut fields = text.split_whitespace();
    // The name may stand behind that of its folder; the header's own file says which record it is.
    fields.next();
    let count = fields.next().and_then(|text| integer(text).filter(|(_, rest)| rest.is_empty()));
    let (found, _) = count.ok_or(bad("the number of signals", "a whole number"))?;
    if found == 0 || found > MAX_SIGNALS {
        return Err(WfdbFault::SignalCount { line, found, most: MAX_SIGNALS });
    }
    let rate = fields.next();
    let rate = rate.map_or(Some(DEFAULT_RATE), |text| real(text.split('/').next()?));
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
