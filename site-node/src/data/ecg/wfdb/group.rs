//! The signals of one file: read together, frame by frame, and told apart.
//!
//! ```text
//! frame 1          frame 2
//! a a b │ …        a a b │ …        a has two samples a frame, b one
//! ```

use super::format::Format;
use super::header::Header;
use super::signal::Signal;
use super::{WfdbFault, flac, packed};

/// Neighbouring signals that share a file.
pub(super) struct Group {
    pub file: String,
    first: usize,
    len: usize,
}

/// The groups of a record.
pub(super) fn of(header: &Header) -> Result<Vec<Group>, WfdbFault> {
    let mut groups: Vec<Group> = Vec::new();
    for (place, signal) in header.signals.iter().enumerate() {
        let mixed = WfdbFault::MixedFile { line: signal.line };
        let file = signal.file.clone();
        let first = place;
        let len = 1;
        let Some(known) = groups.iter().position(|group| group.file == file) else {
            groups.push(Group { file, first, len });
            continue;
        };
        let last = known + 1 == groups.len();
        let group = groups.get_mut(known).filter(|_| last).ok_or(mixed.clone())?;
        let before = header.signals.get(group.first);
        let same =
            |before: &Signal| before.format == signal.format && before.offset == signal.offset;
        if !before.is_some_and(same) {
            return Err(mixed);
        }
        group.len += 1;
    }
    Ok(groups)
}

/// A signal and its samples in mV.
type Decoded<'a> = (&'a Signal, Vec<f32>);

impl Group {
    pub(super) fn signals<'a>(&self, header: &'a Header) -> &'a [Signal] {
        header.signals.get(self.first..self.first + self.len).unwrap_or_default()
    }

    /// The signals that are voltages; `verify` holds all against their checksums.
    pub(super) fn decode<'a>(
        &self,
        signals: &'a [Signal],
        bytes: &[u8],
        frames: u64,
        verify: bool,
    ) -> Result<Vec<Decoded<'a>>, WfdbFault> {
        let (format, data, offset) = data(signals, bytes)?;
        let width = per_frame(signals);
        let total = frames.saturating_mul(width);
        let needs = format.bytes(total).unwrap_or_default().saturating_add(offset);
        let found = bytes.len() as u64;
        if needs > found {
            return Err(WfdbFault::Truncated { needs, found });
        }
        // Below the limit of `Header::parse` and `Record::recording`.
        let whole = |value: u64| usize::try_from(value).unwrap_or_default();
        let total = whole(total);
        let width = whole(width);
        let raw = match format {
            Format::Flac(_) if width != signals.len() => {
                return Err(WfdbFault::Flac { what: "has several samples a frame" });
            }
            Format::Flac(bits) => flac::samples(data, bits, width, total)?,
            _ => packed::samples(format, data, total),
        };
        let mut decoded = Vec::new();
        let mut place = 0;
        for (index, signal) in signals.iter().enumerate() {
            let own = raw.chunks_exact(width.max(1));
            let own = own.flat_map(|frame| frame.iter().skip(place).take(signal.per_frame));
            let samples = restored(signal, own.copied());
            if verify {
                check(self.first + index + 1, signal, &samples)?;
            }
            place += signal.per_frame;
            if signal.is_voltage() {
                decoded.push((signal, aligned(signal, &samples)));
            }
        }
        Ok(decoded)
    }
}

/// How many whole frames a file holds, for a header that does not say.
pub(super) fn frames(signals: &[Signal], bytes: &[u8]) -> Result<u64, WfdbFault> {
    let (format, data, _) = data(signals, bytes)?;
    let found = match format {
        Format::Flac(_) => flac::length(data),
        _ => format.samples(data.len() as u64).map(|all| all / per_frame(signals).max(1)),
    };
    found.ok_or(WfdbFault::Flac { what: "does not say how long it is" })
}

/// Format, samples and the bytes before them.
fn data<'a>(signals: &[Signal], bytes: &'a [u8]) -> Result<(Format, &'a [u8], u64), WfdbFault> {
    let (format, offset) =
        signals.first().map_or((Format::Low16, 0), |signal| (signal.format, signal.offset));
    let start = usize::try_from(offset).ok();
    let data = start.and_then(|start| bytes.get(start..)).ok_or(WfdbFault::Truncated {
        needs: offset.saturating_add(1),
        found: bytes.len() as u64,
    })?;
    Ok((format, data, offset))
}

fn per_frame(signals: &[Signal]) -> u64 {
    signals.iter().map(|signal| signal.per_frame as u64).sum()
}

/// Sums of differences for format 8, as they are for all others.
fn restored(signal: &Signal, stored: impl Iterator<Item = i32>) -> Vec<i32> {
    if signal.format != Format::Diff8 {
        return stored.collect();
    }
    let mut level = signal.first;
    stored
        .map(|step| {
            level = level.wrapping_add(step);
            level
        })
        .collect()
}

/// The header's checksum is the sum of all samples modulo 2¹⁶.
fn check(number: usize, signal: &Signal, samples: &[i32]) -> Result<(), WfdbFault> {
    let Some(wanted) = signal.checksum else { return Ok(()) };
    let sum = samples.iter().fold(0_i64, |sum, sample| sum.wrapping_add(i64::from(*sample)));
    if sum.wrapping_sub(wanted).rem_euclid(1 << 16) == 0 {
        return Ok(());
    }
    Err(WfdbFault::Checksum { signal: number })
}

/// Samples in mV at the frames they belong to, NaN where nothing was recorded.
fn aligned(signal: &Signal, samples: &[i32]) -> Vec<f32> {
    let invalid = signal.format.invalid();
    let late = signal.skew.saturating_mul(signal.per_frame);
    let value = |raw: &i32| if Some(*raw) == invalid { f32::NAN } else { signal.millivolts(*raw) };
    let mut aligned = Vec::with_capacity(samples.len());
    aligned.extend(samples.iter().skip(late).map(value));
    aligned.resize(samples.len(), f32::NAN);
    aligned
}
