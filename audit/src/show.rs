//! Reading a log, some of its records only. Nothing is verified here: that is [`crate::verify`].

use std::collections::BTreeMap;
use std::path::Path;

use crate::epsilon;
use crate::folder::{ReadError, Scan, checkpoint_note, segments};
use crate::moment::UtcTime;
use crate::name::Name;
use crate::note::Checkpoint;
use crate::record::{Event, Outcome, Record, Reserve};

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

/// What stands in a log that was shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown {
    /// Lines that could not be read.
    pub unread: u64,
    /// Records that fit and stand after the last checkpoint: no evidence of anything.
    pub unsigned: u64,
}

/// One record that fits.
pub struct Found<'a> {
    /// What it tells.
    pub record: &'a Record,
    /// Its bytes, without the newline.
    pub line: &'a [u8],
    /// Whether the log's checkpoint covers it. Nobody checked the checkpoint here.
    pub signed: bool,
    /// The budgets that were set up to it.
    pub budgets: &'a Budgets,
}

/// Passes on each record that fits, with its line.
///
/// # Errors
/// The folder cannot be read, or a line has no end.
pub fn show(
    folder: &Path,
    filter: &Filter,
    visit: &mut dyn FnMut(&Found<'_>),
) -> Result<Shown, ReadError> {
    // Where there is no checkpoint that can be read, nothing is signed.
    let note = checkpoint_note(folder).ok();
    let checkpoint = note.and_then(|note| Checkpoint::parse(note.text()).ok());
    let size = checkpoint.map_or(0, |checkpoint| checkpoint.size);
    let first = segments(folder)?.first().copied().unwrap_or(1);
    let mut scan = Scan::open(folder, first)?;
    let mut shown = Shown::default();
    let mut budgets = Budgets::default();
    while let Some(line) = scan.next()? {
        match Record::parse(line.bytes) {
            Ok(record) => {
                budgets.take(&record);
                if filter.fits(&record) {
                    let signed = record.seq <= size;
                    shown.unsigned += u64::from(!signed);
                    let record = &record;
                    let line = line.bytes;
                    visit(&Found { record, line, signed, budgets: &budgets });
                }
            }
            Err(_) => shown.unread += 1,
        }
    }
    Ok(shown)
}

/// What an event tells, beside its name. Long lists of numbers are left to JSON.
fn details(event: &Event) -> Option<String> {
    let Event::Budget { data_set, epsilon, delta, orders, carried } = event else {
        let details = serde_json::to_value(event).ok()?;
        return details.get(event.name()).map(ToString::to_string);
    };
    let carries = if carried.is_empty() { "" } else { ", carrying on what earlier logs spent" };
    let orders = orders.len();
    Some(format!("data_set {data_set} epsilon {epsilon} delta {delta} at {orders} orders{carries}"))
}

/// The budgets of a log so far, by data set: what a charge comes to as ε depends on them.
#[derive(Debug, Default)]
pub struct Budgets(BTreeMap<Name, (Vec<f64>, f64)>);

impl Budgets {
    /// Takes the next record of the log.
    pub fn take(&mut self, record: &Record) {
        if let Event::Budget { data_set, orders, delta, .. } = &record.event
            && record.outcome == Outcome::Ok
        {
            self.0.insert(data_set.clone(), (orders.clone(), *delta));
        }
    }

    /// A charge in one line, with ε before and after it.
    fn charge(&self, reserve: &Reserve) -> String {
        let before: Vec<u64> = reserve
            .total
            .iter()
            .zip(&reserve.cost)
            .map(|(total, cost)| total.saturating_sub(*cost))
            .collect();
        let budget = self.0.get(&reserve.data_set);
        let epsilon = |total: &[u64]| {
            let (orders, delta) = budget?;
            epsilon::of(orders, total, *delta).map(epsilon::text)
        };
        let spent = if !reserve.mechanism.noises() {
            "without noise: no ε".to_owned()
        } else if let (Some(before), Some(after)) = (epsilon(&before), epsilon(&reserve.total)) {
            let delta = budget.map_or(0.0, |(_, delta)| *delta);
            format!("ε {before} → {after} at δ = {delta}")
        } else {
            "its budget is not among the records that are left: no ε can be stated".to_owned()
        };
        let mechanism = serde_json::to_string(&reserve.mechanism).unwrap_or_default();
        let Reserve { data_set, what, clip, .. } = reserve;
        format!("{what} of data_set {data_set}: {spent}; mechanism {mechanism} clip {clip}")
    }
}

/// A record as one line for people.
#[must_use]
pub fn describe(record: &Record, budgets: &Budgets) -> String {
    let of = |what: &str, value: Option<String>| value.map(|value| format!(" {what} {value}"));
    let details = match &record.event {
        Event::Reserve(reserve) => Some(budgets.charge(reserve)),
        event => details(event),
    };
    let reason = record.reason.as_ref().map(|reason| format!(" ({reason})"));
    [
        Some(format!("{:>8}  {}  {:<16}", record.seq, record.time, record.event.name())),
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
