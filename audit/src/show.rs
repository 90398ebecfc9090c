//! Reading a log, some of its records only. Nothing is verified here: that is [`crate::verify`].

use std::path::Path;

use crate::folder::{ReadError, Scan, segments};
use crate::moment::UtcTime;
use crate::name::Name;
use crate::record::Record;

/// Which records are shown: those that fit everything that is given.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this run.
    pub run: Option<Name>,
    /// Of this round.
    pub round: Option<u32>,
    /// Of this kind, such as `SENT`.
    pub event: Option<String>,
    /// Not before this moment.
    pub since: Option<UtcTime>,
    /// Before this moment.
    pub until: Option<UtcTime>,
    /// With this site, or kept by it.
    pub site: Option<Name>,
}

impl Filter {
    /// Whether a record is shown.
    #[must_use]
    pub fn fits(&self, record: &Record) -> bool {
        let event = |event: &String| event.eq_ignore_ascii_case(record.event.name());
        let site = |site: &Name| record.site.as_ref() == Some(site) || record.node.name == *site;
        self.run.as_ref().is_none_or(|run| record.run.as_ref() == Some(run))
            && self.round.is_none_or(|round| record.round == Some(round))
            && self.event.as_ref().is_none_or(event)
            && self.since.is_none_or(|since| record.time >= since)
            && self.until.is_none_or(|until| record.time < until)
            && self.site.as_ref().is_none_or(site)
    }
}

/// Passes on each record that fits, with its line. Returns how many lines could not be read.
///
/// # Errors
/// The folder cannot be read, or a line has no end.
pub fn show(
    folder: &Path,
    filter: &Filter,
    visit: &mut dyn FnMut(&Record, &[u8]),
) -> Result<u64, ReadError> {
    let first = segments(folder)?.first().copied().unwrap_or(1);
    let mut scan = Scan::open(folder, first)?;
    let mut unread = 0;
    while let Some(line) = scan.next()? {
        match Record::parse(line.bytes) {
            Ok(record) if filter.fits(&record) => visit(&record, line.bytes),
            Ok(_) => {}
            Err(_) => unread += 1,
        }
    }
    Ok(unread)
}

/// A record as one line for people.
#[must_use]
pub fn describe(record: &Record) -> String {
    let of = |what: &str, value: Option<String>| value.map(|value| format!(" {what} {value}"));
    let details = serde_json::to_value(&record.event).ok();
    let details = details.and_then(|event| event.get(record.event.name()).map(ToString::to_string));
    let reason = record.reason.as_ref().map(|reason| format!(" ({reason})"));
    [
        Some(format!("{:>8}  {}  {:<13}", record.seq, record.time, record.event.name())),
        of("run", record.run.as_ref().map(Name::to_string)),
        of("round", record.round.map(|round| round.to_string())),
        of("site", record.site.as_ref().map(Name::to_string)),
        of("by", Some(record.actor.to_string())),
        Some(format!("  {:?}", record.outcome).to_lowercase()),
        reason,
        details.filter(|details| details != "{}").map(|details| format!("  {details}")),
    ]
    .into_iter()
    .flatten()
    .collect()
}
