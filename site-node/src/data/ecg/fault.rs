//! What can be wrong with an ECG, by file, line and lead: never by a sample's value.

use super::Lead;
use crate::data::dicom::DicomFault;
use crate::data::open::{FileError, OpenFault};

pub use super::wfdb::WfdbFault;

/// An ECG that cannot be used, and its file.
pub type EcgError = FileError<EcgFault>;

/// What is wrong with an ECG.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EcgFault {
    /// The file cannot be read as bytes.
    #[error(transparent)]
    Open(#[from] OpenFault),
    /// Neither a WFDB header nor a DICOM file.
    #[error("is no ECG that is read here; name a WFDB header (.hea) or a DICOM file")]
    Kind,
    /// A broken WFDB record.
    #[error(transparent)]
    Wfdb(#[from] WfdbFault),
    /// A broken DICOM file.
    #[error(transparent)]
    Dicom(#[from] DicomFault),
    /// A DICOM file whose waveform is not usable.
    #[error(transparent)]
    Waveform(#[from] WaveformFault),
    /// A good recording that is not what the study asks for.
    #[error(transparent)]
    Standard(#[from] StandardFault),
}

/// A DICOM waveform that is not a usable ECG. Channels count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WaveformFault {
    /// No waveform in the file.
    #[error("holds no waveform; is it an image? List it under the images")]
    NoWaveform,
    /// Samples of a type that is not read.
    #[error("samples are of {bits} bits, type {kind:?}; export them as 16-bit signed (SS)")]
    SampleType {
        /// Bits allocated.
        bits: u16,
        /// Sample interpretation of PS3.3 C.10.9, cut short.
        kind: String,
    },
    /// Channels that are counted and channels that are described.
    #[error("says it has {channels} channels and describes {described}; export it again")]
    Channels {
        /// By its number of channels.
        channels: u16,
        /// By its definitions.
        described: usize,
    },
    /// No channel, no sample, or more than this reader takes.
    #[error("has {channels} channels of {samples} samples; 1 to {most} samples in all are read")]
    Size {
        /// Channels.
        channels: u16,
        /// Samples of each.
        samples: u32,
        /// The limit on their product.
        most: u64,
    },
    /// Less data than samples.
    #[error("waveform data holds {found} bytes and {needs} are needed; copy the file again")]
    Truncated {
        /// Bytes by the numbers of channels and samples.
        needs: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// The sampling frequency is not a positive finite number.
    #[error("the sampling frequency is not a positive number of Hz; correct SamplingFrequency")]
    Rate,
    /// A channel's sensitivity is zero, or it is not a finite number.
    #[error("channel {channel} has no usable sensitivity; correct ChannelSensitivity")]
    Sensitivity {
        /// Which channel.
        channel: usize,
    },
    /// A channel is not a voltage.
    #[error("channel {channel} is in another unit than V, mV and uV; export the ECG alone")]
    Unit {
        /// Which channel.
        channel: usize,
        /// The unit's code, cut short; not told, since it may be any text.
        unit: String,
    },
}

/// A recording that cannot be brought to the study's form.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StandardFault {
    /// The form itself is not possible.
    #[error("the study asks for {what}; correct its ECG settings")]
    Parameters {
        /// What is out of its range.
        what: &'static str,
    },
    /// Leads are missing and do not follow from I and II.
    #[error("lacks {}; a 12-lead ECG, or I, II and V1 to V6, is needed", names(missing))]
    MissingLeads {
        /// Which.
        missing: Vec<Lead>,
    },
    /// Two signals of one lead.
    #[error("holds lead {0} twice; keep one of them")]
    LeadTwice(Lead),
    /// The recording's own rate is out of range.
    #[error("is sampled at {rate_hz} Hz; {least} to {most} Hz are read")]
    Rate {
        /// Its rate.
        rate_hz: f64,
        /// The lowest that is taken.
        least: f64,
        /// The highest.
        most: f64,
    },
    /// The recording is too short.
    #[error("lasts {seconds:.2} s and at least {least:.2} s are needed; leave it out")]
    TooShort {
        /// Its length.
        seconds: f64,
        /// The limit.
        least: f64,
    },
    /// A lead does not move: an electrode that was off.
    #[error("lead {lead} is flat (range below {least_mv} mV); record it again or leave it out")]
    Flat {
        /// Which lead.
        lead: Lead,
        /// The limit.
        least_mv: f64,
    },
    /// Nothing was recorded for too long.
    #[error("lead {lead} has a gap of {seconds:.2} s, and {most} s are bridged; leave it out")]
    Gap {
        /// Which lead.
        lead: Lead,
        /// The longest gap.
        seconds: f64,
        /// The limit.
        most: f64,
    },
    /// No rhythm is found, or beats of many shapes.
    #[error(
        "does not show {least} whole beats of one shape, or shows as many of others; record it again or \
         leave it out"
    )]
    Beats {
        /// How many are needed.
        least: usize,
    },
    /// Values that no heart makes: the gain or unit is wrong.
    #[error("lead {lead} exceeds {most_mv} mV; check its gain and unit")]
    Amplitude {
        /// Which lead.
        lead: Lead,
        /// The limit.
        most_mv: f64,
    },
}

fn names(leads: &[Lead]) -> String {
    let names: Vec<String> = leads.iter().map(Lead::to_string).collect();
    names.join(", ")
}
