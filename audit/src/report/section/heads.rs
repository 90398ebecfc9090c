//! What each log was when it was copied, and who signed that.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use maud::{Markup, html};

use super::{LISTED, node, nothing, table};
use crate::note::{CheckpointText, Signature, SignedNote};
use crate::report::data::{Data, Log};
use crate::report::format::count;

pub(in crate::report) fn heads(data: &Data) -> Markup {
    html! {
        p { "A log's head is its length and one hash over all of its records: the root of a Merkle "
            "tree (RFC 6962). Whoever keeps a signed head can tell later if any record of it was "
            "changed or removed. A head signed by others as well cannot be exchanged unnoticed." }
        @for log in &data.logs { (head(data, log)) }
        (witnessed(data))
    }
}

fn head(data: &Data, log: &Log) -> Markup {
    html! {
        article.head {
            h3 { (node(log)) " · log " (log.key.name()) }
            p.small { (log.report) }
            dl.pairs {
                dt { "Public key" } dd { code.whole { (log.key) } }
            }
            @if let Some((checkpoint, note)) = &log.head {
                dl.pairs {
                    dt { "Records" } dd { (count(checkpoint.size)) }
                    dt { "Root" } dd { code.whole { (checkpoint.root) } }
                }
                (table(&format!("Signatures on {}", log.key.name()), SIGNATURES, note.signatures(), LISTED, |signature| {
                    signed(data, note, signature)
                }))
                details {
                    summary { "The head as it was signed, to be kept" }
                    pre data-head=(log.key.name()) { code { (note) } }
                }
            } @else {
                (nothing("Its checkpoint is missing or is not of a checkpoint's form."))
            }
        }
    }
}

const SIGNATURES: &[(&str, bool)] =
    &[("Signed by log", false), ("Key", false), ("Signature (Ed25519)", false), ("Checked", false)];

fn signed(data: &Data, note: &SignedNote, signature: &Signature) -> Markup {
    let own = |log: &&Log| log.key.name() == &signature.name && log.key.id() == signature.id;
    let known = data.logs.iter().find(own);
    html! {
        td { span.node { (signature.name) } }
        td { code { (format!("{:08x}", signature.id)) } }
        td { code.whole.long { (BASE64_STANDARD.encode(&signature.bytes)) } }
        td {
            @match known.map(|log| note.check(&log.key).is_ok()) {
                Some(true) => "valid",
                Some(false) => span.flag { "false" },
                None => "no: this key was not given",
            }
        }
    }
}

fn witnessed(data: &Data) -> Markup {
    let told: Vec<(&Log, &CheckpointText, u64, bool)> = data
        .logs
        .iter()
        .flat_map(|log| {
            let seen = log.story.witnessed.values();
            seen.map(move |(times, text, cosigned)| (log, text, *times, *cosigned))
        })
        .collect();
    html! {
        h3 { "Heads that the nodes recorded of each other" }
        @if told.is_empty() { (nothing("No log given tells of any.")) } @else {
            (table("Witnessed heads", WITNESSED, &told, LISTED, |(log, text, times, cosigned)| {
                html! {
                    td { (node(log)) }
                    @if let Ok(seen) = text.checkpoint() {
                        td { span.node { (seen.origin) } }
                        td.number { (count(seen.size)) }
                        td { code.whole.long { (seen.root) } }
                    }
                    td { @if *cosigned { "yes" } @else { "no" } }
                    td.number { (count(*times)) }
                }
            }))
        }
    }
}

const WITNESSED: &[(&str, bool)] = &[
    ("Seen by", false),
    ("Head of log", false),
    ("Records, at the latest", true),
    ("Root", false),
    ("Cosigned", false),
    ("Times", true),
];
