//! A signal's line, and what its numbers mean in mV.
//!
//! ```text
//! file format[xN][:skew][+offset] gain[(baseline)][/unit] resolution zero first checksum block name
//!                                                         └────────────── optional ───────────────
//! ```

use super::WfdbFault;
use super::field::{integer, real, shown, signed};
use super::format::Format;
use crate::data::ecg::Lead;

/// More samples a frame, or a longer skew, than any device writes.
const MAX_PER_FRAME: u64 = 1 << 10;
const MAX_SKEW: u64 = 1 << 20;

/// One signal.
#[derive(Debug)]
pub(super) struct Signal {
    /// The line of the header.
    pub line: usize,
    pub file: String,
    pub format: Format,
    pub per_frame: usize,
    /// Frames by which it was written late.
    pub skew: usize,
    /// Bytes before the samples.
    pub offset: u64,
    /// Steps a unit.
    gain: f64,
    /// The step that means 0.
    baseline: f64,
    pub unit: String,
    /// The sample before the first, for format 8.
    pub first: i32,
    pub checksum: Option<i64>,
    pub name: String,
}

impl Signal {
    pub(super) fn parse(line: usize, text: &str) -> Result<Self, WfdbFault> {
        let bad = |field, wanted| WfdbFault::Field { line, field, wanted };
        let mut rest = text;
        let mut next = || {
            let text = rest.trim_start();
            let end = text.find(char::is_whitespace).unwrap_or(text.len());
            let (field, after) = text.split_at(end);
            rest = after;
            Some(field).filter(|field| !field.is_empty())
        };
        let file = next().and_then(beside).ok_or(WfdbFault::FileName { line })?;
        let (format, per_frame, skew, offset) = storage(line, next().unwrap_or_default())?;
        let (gain, baseline, unit) = scale(line, next().unwrap_or_default())?;
        let mut whole = |field| match next() {
            None => Ok(None),
            Some(text) => signed(text).map(Some).ok_or(bad(field, "a whole number")),
        };
        whole("the ADC resolution")?;
        let zero = whole("the ADC zero")?.unwrap_or_default();
        let first = whole("the initial value")?.unwrap_or(zero);
        let checksum = whole("the checksum")?;
        whole("the block size")?;
        let name = rest.trim().chars().filter(|c| !c.is_control()).take(64).collect();
        let signal = Self {
            line,
            file: file.to_owned(),
            format,
            per_frame,
            skew,
            offset,
            gain,
            baseline: baseline.unwrap_or(zero) as f64,
            unit,
            first: i32::try_from(first).map_err(|_| bad("the initial value", "of 32 bits"))?,
            checksum,
            name,
        };
        if Lead::named(&signal.name).is_some() && !signal.is_voltage() {
            return Err(WfdbFault::Unit { line, unit: shown(&signal.unit) });
        }
        Ok(signal)
    }

    /// Whether it can be a lead; pulse and breath are left out.
    pub(super) fn is_voltage(&self) -> bool {
        millivolts_a(&self.unit).is_some()
    }

    /// A sample in mV.
    pub(super) fn millivolts(&self, raw: i32) -> f32 {
        let unit = millivolts_a(&self.unit).unwrap_or(f64::NAN);
        #[allow(clippy::cast_possible_truncation, reason = "samples are stored as f32")]
        let value = ((f64::from(raw) - self.baseline) / self.gain * unit) as f32;
        value
    }
}

/// How many mV are in a unit.
fn millivolts_a(unit: &str) -> Option<f64> {
    match unit {
        "mV" | "mv" => Some(1.0),
        "V" | "v" => Some(1000.0),
        // The micro sign and the Greek letter.
        "uV" | "uv" | "\u{b5}V" | "\u{3bc}V" => Some(0.001),
        _ => None,
    }
}

/// The file beside the header that a name means. Headers that were moved may still name the folder that they
/// came from.
pub(super) fn beside(name: &str) -> Option<&str> {
    let mut parts = name.rsplit(['/', '\\']);
    let file = parts.next().filter(|file| plain(file))?;
    parts.all(plain).then_some(file)
}

/// A file or folder by its name: nothing that leads elsewhere, and not `-`.
fn plain(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let length = 1..=255;
    name.bytes().all(allowed) && !name.starts_with(['.', '-']) && length.contains(&name.len())
}

/// `format[xN][:skew][+offset]`.
fn storage(line: usize, text: &str) -> Result<(Format, usize, usize, u64), WfdbFault> {
    let bad = |field, wanted| WfdbFault::Field { line, field, wanted };
    let (code, mut rest) = integer(text).ok_or(bad("the signal format", "a number"))?;
    let code = u32::try_from(code).map_err(|_| bad("the signal format", "a number"))?;
    let format = Format::of(code).ok_or(WfdbFault::Format { line, code })?;
    let mut per_frame = 1;
    let mut skew = 0;
    let mut offset = 0;
    while let Some(sign) = rest.chars().next() {
        let number = rest.get(sign.len_utf8()..).and_then(integer);
        let (value, after) =
            number.ok_or(bad("the signal format", "format[xN][:skew][+offset]"))?;
        rest = after;
        match sign {
            'x' if (1..=MAX_PER_FRAME).contains(&value) => per_frame = value,
            ':' if value <= MAX_SKEW => skew = value,
            '+' => offset = value,
            _ => return Err(bad("the signal format", "format[xN][:skew][+offset] in range")),
        }
    }
    let small = |value| usize::try_from(value).unwrap_or_default();
    Ok((format, small(per_frame), small(skew), offset))
}

/// `gain[(baseline)][/unit]`.
fn scale(line: usize, text: &str) -> Result<(f64, Option<i64>, String), WfdbFault> {
    let bad = |field, wanted| WfdbFault::Field { line, field, wanted };
    if text.is_empty() {
        return Err(WfdbFault::Uncalibrated { line });
    }
    let (number, unit) = text.split_once('/').unwrap_or((text, "mV"));
    let (gain, baseline) = match number.split_once('(') {
        None => (number, None),
        Some((gain, baseline)) => {
            let baseline = baseline.strip_suffix(')').and_then(signed);
            (gain, Some(baseline.ok_or(bad("the baseline", "a whole number"))?))
        }
    };
    let gain = real(gain).ok_or(bad("the gain", "a number"))?;
    if !gain.is_finite() {
        return Err(WfdbFault::Gain { line });
    }
    if gain == 0.0 {
        return Err(WfdbFault::Uncalibrated { line });
    }
    Ok((gain, baseline, unit.to_owned()))
}
