//! Samples of formats 508, 516 and 524: one FLAC stream, a channel for each signal.

use std::io::Cursor;

use claxon::{FlacReader, FlacReaderOptions};

use super::WfdbFault;
use crate::data::open::guarded;

/// The first `count` samples, channel by channel within each frame.
///
/// A few bytes of FLAC can stand for a long decline, so the samples are bounded by `count`, which
/// the caller holds against its limit.
pub(super) fn samples(
    bytes: &[u8],
    bits: u32,
    channels: usize,
    count: usize,
) -> Result<Vec<i32>, WfdbFault> {
    let damaged = WfdbFault::Flac { what: "its data are damaged" };
    guarded(damaged, || decode(bytes, bits, channels, count))
}

fn decode(bytes: &[u8], bits: u32, channels: usize, count: usize) -> Result<Vec<i32>, WfdbFault> {
    let fault = |what| WfdbFault::Flac { what };
    let options = FlacReaderOptions { metadata_only: false, read_vorbis_comment: false };
    let mut reader = FlacReader::new_ext(Cursor::new(bytes), options)
        .map_err(|_| fault("its header is damaged"))?;
    let info = reader.streaminfo();
    if info.bits_per_sample != bits {
        return Err(fault("its bits a sample are not the format's"));
    }
    if usize::try_from(info.channels) != Ok(channels) {
        return Err(fault("its channels are not the header's signals"));
    }
    let mut samples = Vec::new();
    for sample in reader.samples().take(count) {
        samples.push(sample.map_err(|_| fault("a block is damaged"))?);
    }
    if samples.len() < count {
        return Err(fault("ends before the record does"));
    }
    Ok(samples)
}

/// Samples a channel, where the stream says it.
pub(super) fn length(bytes: &[u8]) -> Option<u64> {
    let options = FlacReaderOptions { metadata_only: true, read_vorbis_comment: false };
    let reader = guarded((), || FlacReader::new_ext(Cursor::new(bytes), options).map_err(drop));
    reader.ok()?.streaminfo().samples
}
