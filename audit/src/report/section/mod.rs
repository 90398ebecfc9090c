//! The report's sections, one a file, and what they share.

mod decisions;
mod heads;
mod incidents;
mod lineage;
mod mechanisms;
mod policies;
mod privacy;
mod promise;
mod rounds;
mod sites;
mod summary;
mod updates;
mod verify;

use maud::{Markup, html};

pub(super) use decisions::decisions;
pub(super) use heads::heads;
pub(super) use incidents::incidents;
pub(super) use lineage::lineage;
pub(super) use policies::policies;
pub(super) use privacy::privacy;
pub(super) use rounds::rounds;
pub(super) use sites::sites;
pub(super) use summary::summary;
pub(super) use updates::updates;
pub(super) use verify::verify;

use super::data::{Data, Log};
use super::format::len;
use crate::record::{Outcome, Record};

/// Rows of a table that are always shown, at either end.
const ENDS: usize = 5;
/// Rows of a list that opens, at either end: what is between them is counted and left out.
const LISTED: usize = 100;

/// The first and the last of some rows, and how many are between.
fn ends<T>(rows: &[T], each: usize) -> (&[T], usize, &[T]) {
    if rows.len() <= 2 * each {
        return (rows, 0, &[]);
    }
    (&rows[..each], rows.len() - 2 * each, &rows[rows.len() - each..])
}

/// A table that scrolls by itself where the page is narrow, with the rows between its ends left out.
fn table<T>(
    label: &str,
    heads: &[(&str, bool)],
    rows: &[T],
    each: usize,
    row: impl Fn(&T) -> Markup,
) -> Markup {
    let (first, between, last) = ends(rows, each);
    html! {
        div.scroll role="region" aria-label=(label) tabindex="0" {
            table {
                thead { tr {
                    @for (head, number) in heads {
                        th scope="col" class=[number.then_some("number")] { (head) }
                    }
                } }
                tbody {
                    @for found in first { tr { (row(found)) } }
                    @if between > 0 {
                        tr.omitted { td colspan=(heads.len()) {
                            "⋯ " (len(between)) " more are left out here ⋯"
                        } }
                    }
                    @for found in last { tr { (row(found)) } }
                }
            }
        }
    }
}

/// What stands where there is nothing to tell.
fn nothing(what: &str) -> Markup {
    html! { p.nothing { (what) } }
}

/// A log's node, marked where its log does not verify.
fn node(log: &Log) -> Markup {
    html! {
        span.node { (log.name()) }
        @if !log.is_sound() { " " span.flag { "log does not verify" } }
    }
}

/// How something ended, where not well.
fn outcome(record: &Record) -> Markup {
    let word = match record.outcome {
        Outcome::Ok => return html! {},
        Outcome::Refused => "refused",
        Outcome::Failed => "failed",
    };
    html! {
        " " span.flag { (word) @if let Some(reason) = &record.reason { ": " (reason) } }
    }
}

/// Some records of every log, by time.
fn sorted(data: &Data, of: impl Fn(&Log) -> &Vec<Record>) -> Vec<(&Log, &Record)> {
    let mut told = Vec::new();
    for log in &data.logs {
        told.extend(of(log).iter().map(|record| (log, record)));
    }
    told.sort_by_key(|(_, record)| record.time);
    told
}
