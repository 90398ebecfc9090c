//! ECGs in DICOM files: Waveform Module of PS3.3, C.10.9.
//!
//! ```text
//! WaveformSequence ─► the group with the most leads ─► channels: lead, unit, scale
//!        mV = (stored · sensitivity · correction + baseline) · unit
//! ```

use std::collections::BTreeSet;

use super::{EcgFault, Lead, Recording, WaveformFault};
use crate::data::dicom::{self, Body, DataSet, Encoding, needed, tags};

/// Samples of all channels together.
const MAX_SAMPLES: u64 = 1 << 26;

struct Channel {
    name: String,
    /// mV a step, and mV at 0.
    scale: f64,
    level: f64,
}

/// The recording in a DICOM file.
pub(super) fn recording(bytes: &[u8]) -> Result<Recording, EcgFault> {
    let (data, encoding, _) = dicom::parse(bytes)?;
    let group = best(data.items(tags::WAVEFORMS)).ok_or(WaveformFault::NoWaveform)?;

    let channels = needed(tags::CHANNELS, group.small(tags::CHANNELS))?;
    let samples = needed(tags::SAMPLES, group.large(tags::SAMPLES))?;
    let total = u64::from(channels) * u64::from(samples);
    if total == 0 || total > MAX_SAMPLES {
        return Err(WaveformFault::Size { channels, samples, most: MAX_SAMPLES }.into());
    }
    let rate = needed(tags::RATE, group.number(tags::RATE))?;
    if rate <= 0.0 {
        return Err(WaveformFault::Rate.into());
    }
    let definitions = group.items(tags::CHANNEL_DEFINITIONS);
    if definitions.len() != usize::from(channels) {
        return Err(WaveformFault::Channels { channels, described: definitions.len() }.into());
    }
    let described = (1..).zip(definitions).map(|(number, item)| channel(number, item));
    let described = described.collect::<Result<Vec<_>, EcgFault>>()?;

    let stored = stored(group, encoding, total)?;
    let padding = padding(group, encoding);
    let mut values = Vec::with_capacity(stored.len());
    for (place, channel) in described.iter().enumerate() {
        let own = stored.iter().skip(place).step_by(described.len());
        #[allow(clippy::cast_possible_truncation, reason = "samples are stored as f32")]
        values.extend(own.map(|raw| {
            let value = (f64::from(*raw) * channel.scale + channel.level) as f32;
            if Some(*raw) == padding { f32::NAN } else { value }
        }));
    }
    let leads = described.into_iter().map(|channel| channel.name).collect();
    Ok(Recording::new(leads, rate, values))
}

/// The group to read: the one with the most standard leads, so that a rhythm strip beside the twelve leads is
/// passed over; among those alike an original one, since averaged beats are marked as derived; else the first.
fn best<'d, 'a>(groups: &'d [DataSet<'a>]) -> Option<&'d DataSet<'a>> {
    let rank = |group: &DataSet<'_>| {
        let sources = group.items(tags::CHANNEL_DEFINITIONS).iter();
        let names = sources.filter_map(|item| item.items(tags::CHANNEL_SOURCE).first());
        let leads = names.filter_map(|source| Lead::named(&name(source).ok()?));
        let leads: BTreeSet<Lead> = leads.collect();
        (leads.len(), matches!(group.text(tags::ORIGINALITY), Ok(Some("ORIGINAL"))))
    };
    // Of equals `max_by_key` takes the last.
    groups.iter().rev().max_by_key(|group| rank(group))
}

/// Samples as they are stored, channel by channel within each moment.
fn stored(group: &DataSet<'_>, encoding: Encoding, total: u64) -> Result<Vec<i16>, EcgFault> {
    let bits = needed(tags::WAVEFORM_BITS, group.small(tags::WAVEFORM_BITS))?;
    let kind = needed(tags::WAVEFORM_KIND, group.text(tags::WAVEFORM_KIND))?;
    if (bits, kind) != (16, "SS") {
        let kind = kind.chars().filter(|c| !c.is_control()).take(4).collect();
        return Err(WaveformFault::SampleType { bits, kind }.into());
    }
    let Some(Body::Bytes(bytes, words)) = group.body(tags::WAVEFORM_DATA) else {
        return Err(dicom::DicomFault::Missing(tags::WAVEFORM_DATA).into());
    };
    let needs = total.saturating_mul(2);
    let found = bytes.len() as u64;
    if found < needs {
        return Err(WaveformFault::Truncated { needs, found }.into());
    }
    let encoding = Encoding { big: encoding.big && *words, ..encoding };
    let (pairs, _) = bytes.as_chunks::<2>();
    let total = usize::try_from(total).unwrap_or_default();
    Ok(pairs.iter().take(total).map(|pair| encoding.u16(*pair).cast_signed()).collect())
}

/// The sample that stands for none.
fn padding(group: &DataSet<'_>, encoding: Encoding) -> Option<i16> {
    let pair = group.bytes(tags::WAVEFORM_PADDING)?.try_into().ok()?;
    Some(encoding.u16(pair).cast_signed())
}

fn channel(number: usize, item: &DataSet<'_>) -> Result<Channel, EcgFault> {
    let finite = |tag, otherwise| item.number(tag).map(|found| found.unwrap_or(otherwise));
    let sensitivity = item.number(tags::SENSITIVITY)?;
    let step = sensitivity.unwrap_or_default() * finite(tags::CORRECTION, 1.0)?;
    if step == 0.0 || !step.is_finite() {
        return Err(WaveformFault::Sensitivity { channel: number }.into());
    }
    let units = item.items(tags::SENSITIVITY_UNITS).first();
    let unit = units.map_or(Ok(None), |units| units.text(tags::CODE_VALUE))?.unwrap_or_default();
    let millivolts = match unit {
        "V" => 1000.0,
        "mV" => 1.0,
        "uV" => 0.001,
        _ => {
            let unit = unit.chars().filter(|c| !c.is_control()).take(16).collect();
            return Err(WaveformFault::Unit { channel: number, unit }.into());
        }
    };
    let level = finite(tags::BASELINE, 0.0)?;
    let name = item.items(tags::CHANNEL_SOURCE).first().map(name).transpose()?.unwrap_or_default();
    Ok(Channel { name, scale: step * millivolts, level: level * millivolts })
}

/// A channel's lead by its code, or else by the code's meaning.
fn name(source: &DataSet<'_>) -> Result<String, EcgFault> {
    let scheme = source.text(tags::CODING_SCHEME)?.unwrap_or_default();
    let code = source.text(tags::CODE_VALUE)?.unwrap_or_default();
    // 5.6.3-9-61 in SCP-ECG, 2:61 in MDC.
    let number = code.strip_prefix("5.6.3-9-").or(code.strip_prefix("2:"));
    let coded = number.filter(|_| ["SCPECG", "MDC"].contains(&scheme)).and_then(Lead::numbered);
    let meaning = source.text(tags::CODE_MEANING).unwrap_or_default().unwrap_or_default();
    let meaning = || meaning.chars().filter(|c| !c.is_control()).take(64).collect();
    Ok(coded.map_or_else(meaning, |lead| lead.to_string()))
}
