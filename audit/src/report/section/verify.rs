//! What to type in order not to have to believe this page.
//!
//! The commands are run as they stand by a test.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use maud::{Markup, html};

use crate::note::VerifierKey;
use crate::report::data::{Data, Log};
use crate::report::format::count;

/// A verifier of the tree in the standard library of Python.
const ROOT: &str = include_str!("../root.py");

/// What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

pub(in crate::report) fn verify(data: &Data) -> Markup {
    html! {
        p { "Ask each node for a copy of its log's folder: it holds no patient data. Below, a folder "
            "bears its log's name. Take the keys from whom you trust, such as the hospital's own "
            "security officer, and compare them with those on this page." }
        h3 { "Each log by itself" }
        @for log in &data.logs { (commands(log)) }
        p.small { "Exit codes: 0 sound or explained, 1 attention or violation, 2 tampered, 3 unreadable." }
        (together(data))
        h3 { "One record, without seeing the others" }
        @for log in data.logs.iter().rev().take(1) {
            @if let Some((seq, _)) = log.story.last {
                p { "A node can prove any single record; whoever has its key can check the proof "
                    "without the log:" }
                pre { code {
                    "consilium-audit prove " (log.key.name()) " " (seq) " > proof.txt\n"
                    "consilium-audit check proof.txt --key '" (log.key) "'"
                } }
            }
        }
        h3 { "Without our program" }
        p { "The log is lines of JSON; its tree is that of RFC 6962, its checkpoint a C2SP signed "
            "note. The root by the standard library of Python, run inside a log's folder"
            @if data.logs.iter().any(|log| log.report.archived > 0) {
                " (of a log that was never archived)"
            } ":" }
        pre #root-script { code { (ROOT) } }
        p { "and the signature by OpenSSL, in the same folder, which is to say "
            code { "Signature Verified Successfully" } ":" }
        @for log in &data.logs { (openssl(&log.key)) }
    }
}

fn commands(log: &Log) -> Markup {
    let sound = log.is_sound();
    html! {
        pre.verify-command { code {
            "consilium-audit verify " (log.key.name()) " --key '" (log.key) "'"
        } }
        p.small {
            @if sound { "It says: " } @else { "It said: " } samp { (log.report) }
            @if let Some((checkpoint, _)) = &log.head {
                ". A later copy has at least " (count(checkpoint.size)) " records. Hold it against "
                a href="#heads" { "the head of today" } ", saved to a file, by adding "
                code { "--checkpoint FILE" } "."
            }
        }
    }
}

/// Logs against each other, and this page against the logs.
fn together(data: &Data) -> Markup {
    let joined = |parts: Vec<String>| parts.concat();
    let keys = joined(
        data.logs
            .iter()
            .map(|log| {
                format!(
                    " \
  --key '{}'",
                    log.key
                )
            })
            .collect(),
    );
    let folders = joined(data.logs.iter().map(|log| format!(" {}", log.key.name())).collect());
    html! {
        @if data.coordinator().is_some() && data.site_logs().next().is_some() {
            h3 { "The logs against each other" }
            pre { code {
                "consilium-audit reconcile" (folders) (keys)
            } }
        }
        h3 { "This page" }
        p { "Made again from the same logs, it is the same file:" }
        pre { code {
            "consilium-audit report --run " (data.run)
            @for log in data.coordinators() { " \\\n  --coordinator " (log.key.name()) }
            @for log in data.site_logs() { " \\\n  --site " (log.key.name()) }
            @if data.trusted { (keys) }
            " \\\n  --out again.html\nsha256sum again.html"
        } }
    }
}

fn openssl(key: &VerifierKey) -> Markup {
    let der = [&SPKI[..], key.public()].concat();
    html! {
        details {
            summary { "Signature of " span.node { (key.name()) } }
            pre.openssl data-log=(key.name()) { code {
                "cat > key.pem <<END\n"
                "-----BEGIN PUBLIC KEY-----\n" (BASE64_STANDARD.encode(der)) "\n"
                "-----END PUBLIC KEY-----\nEND\n"
                "head -n 3 checkpoint > text\n"
                "grep '^— " (key.name()) " ' checkpoint | head -n 1 | cut -d ' ' -f 3 | base64 -d \\\n"
                "  | tail -c 64 > signature\n"
                "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in text -sigfile signature"
            } }
        }
    }
}
