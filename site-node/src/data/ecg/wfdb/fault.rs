//! What can be wrong with a WFDB record. Lines of a header count from 1, signals too.

/// A WFDB record that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WfdbFault {
    /// No record line.
    #[error("holds no record line; is it a WFDB header?")]
    NoRecordLine,
    /// A control character outside a comment.
    #[error("line {line} holds a control character; is it a WFDB header?")]
    Control {
        /// Which line.
        line: usize,
    },
    /// Segments that are counted and segments that are named.
    #[error(
        "states {stated} segments and names {found}; 1 to {most} are read; copy the header again"
    )]
    Segments {
        /// By the record line.
        stated: usize,
        /// Lines that name one.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// A record of variable layout.
    #[error(
        "has segments of variable layout, which are not read; write it as one segment with xform"
    )]
    Layout,
    /// A segment that is itself a record of several.
    #[error("a segment of it has segments of its own; write it as one segment with xform")]
    NestedSegments,
    /// Segments of different leads or rates.
    #[error(
        "its segments differ in leads or sampling frequency; write it as one segment with xform"
    )]
    MixedSegments,
    /// A segment of another length than the record states.
    #[error("segment {segment} is of another length than the record states; copy its files again")]
    SegmentLength {
        /// Which one, from 1.
        segment: usize,
    },
    /// A field that is not written as it must be, or missing.
    #[error("line {line}: {field} is missing or not {wanted}; correct it or export it again")]
    Field {
        /// Which line.
        line: usize,
        /// Its name in header(5).
        field: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// No signal, or more than any device has.
    #[error("line {line} names {found} signals; 1 to {most} are read")]
    SignalCount {
        /// Which line.
        line: usize,
        /// How many.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// Fewer signal lines than signals.
    #[error("describes {found} of its {named} signals; copy the header again")]
    MissingSignals {
        /// Lines that are there.
        found: usize,
        /// Signals by the record line.
        named: usize,
    },
    /// The sampling rate is zero, negative or not finite; where it is missing, it is 250 Hz by header(5).
    #[error("line {line}: the sampling frequency is not between 0 and {most} Hz; write it out")]
    Rate {
        /// Which line.
        line: usize,
        /// The limit.
        most: u32,
    },
    /// A signal file outside the record's own folder, or `-` for standard input.
    #[error(
        "line {line}: the signal file's name is not a plain name (letters, digits, . _ -); put the \
         file beside the header and name it so"
    )]
    FileName {
        /// Which line.
        line: usize,
    },
    /// A signal format that is not read.
    #[error(
        "line {line}: signal format {code} is not read (8, 16, 24, 32, 61, 80, 160, 212, 310, 311, \
         508, 516 and 524 are); convert it with xform"
    )]
    Format {
        /// Which line.
        line: usize,
        /// The format's number.
        code: u32,
    },
    /// Signals of one file in several formats, offsets or places.
    #[error(
        "line {line}: signals of one file differ in format or offset, or are not together; write a \
         file for each format with xform"
    )]
    MixedFile {
        /// The first line that differs.
        line: usize,
    },
    /// The gain is missing or zero: the amplitude is unknown.
    #[error("line {line}: the gain is missing or 0, so the signal is not calibrated; write it out")]
    Uncalibrated {
        /// Which line.
        line: usize,
    },
    /// The gain is infinite or not a number.
    #[error("line {line}: the gain is not a finite number; correct it")]
    Gain {
        /// Which line.
        line: usize,
    },
    /// A lead by its name, and no voltage by its unit.
    #[error("line {line}: a lead is in another unit than V, mV and uV; correct the unit")]
    Unit {
        /// Which line.
        line: usize,
        /// The unit, cut short; not told, since it may be any text.
        unit: String,
    },
    /// No signal is a voltage.
    #[error("no signal is in V, mV or uV; is it an ECG?")]
    NoVoltage {
        /// The first signal's unit, cut short; not told, since it may be any text.
        unit: String,
    },
    /// Leads of different rates.
    #[error("line {line}: leads differ in samples per frame; bring them to one rate with xform")]
    MixedRates {
        /// The first line that differs.
        line: usize,
    },
    /// No sample, or more than fit in memory.
    #[error("has {samples} samples in all; 1 to {most} are read; cut it with xform")]
    Length {
        /// How many, or as many as can be counted.
        samples: u64,
        /// The limit.
        most: u64,
    },
    /// The signal file is shorter than its record.
    #[error("holds {found} bytes and its header needs {needs}; copy the file again")]
    Truncated {
        /// Bytes that are needed.
        needs: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// The samples are not the ones that were written.
    #[error(
        "signal {signal}: its samples do not match the header's checksum; copy the file again, or write \
         checksums = \"ignore\" in [ecg] of cohort.toml if the program that wrote it computes none"
    )]
    Checksum {
        /// Which signal of the record.
        signal: usize,
    },
    /// A FLAC stream that is broken, or not the one that the header describes.
    #[error("FLAC stream: {what}; copy the file again")]
    Flac {
        /// What is wrong.
        what: &'static str,
    },
}
