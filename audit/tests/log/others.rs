//! A log that was not given explains a difference where somebody tells of it who is not accused of that difference.

use std::path::{Path, PathBuf};

use audit::Digest;
use audit::judgement::Level;
use audit::note::{Checkpoint, SigningKey, VerifierKey};
use audit::reconcile::{Class, MAX_SKEW_MS, Reconciliation, reconcile};
use audit::record::{Entry, Event, Role};
use audit::segments::log_id;
use audit::tree::empty;
use tempfile::TempDir;

use super::harness::{Writer, digest, entry, name, public, start};

const RUN: &str = "run-a";

/// A coordinator, and two hospitals of which the first may have another log.
struct Three {
    folder: TempDir,
    centre: Writer,
    site: Writer,
    third: Writer,
}

fn of(event: Event) -> Entry {
    entry(event).of_run(name(RUN)).of_round(1)
}

/// The key of another log of a node.
fn other(node: &str, number: u32) -> SigningKey {
    let log = log_id(&name(node), number).unwrap();
    SigningKey::from_seed(&log, Digest::sha256(b"another").as_bytes()).unwrap()
}

/// A checkpoint of another log, with the signature of that log.
fn seen(key: &SigningKey) -> Event {
    let checkpoint = Checkpoint { origin: key.verifier().name().clone(), size: 0, root: empty() };
    let note = checkpoint.sign(key).unwrap();
    let peer = key.verifier().name().as_str().rsplit_once('.').unwrap().0;
    Event::Witness {
        peer: name(peer),
        checkpoint: note.to_string().try_into().unwrap(),
        cosigned: true,
    }
}

/// What a node records on its first meeting with another one.
fn met(key: &VerifierKey, node: &str) -> Entry {
    let fingerprint = Digest::sha256(key.to_string().as_bytes());
    entry(Event::KeyNew { fingerprint }).with_site(name(node))
}

impl Three {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let writer = |node: &str, role| Writer::new(&folder.path().join(node), node, role, 1);
        let mut centre = writer("centre", Role::Coordinator);
        let mut site = writer("site-a", Role::Site);
        let mut third = writer("site-b", Role::Site);
        for writer in [&mut centre, &mut site, &mut third] {
            writer.tell(start());
        }
        centre.put(&of(Event::RoundOffer { model: digest("model"), plan: digest("plan") }));
        Self { folder, centre, site, third }
    }

    fn place(&self, node: &str) -> PathBuf {
        self.folder.path().join(node)
    }

    /// The coordinator says that it received what the hospital did not send.
    fn forge(&mut self) {
        let received = of(Event::Received { update: digest("forged"), bytes: 64 });
        self.centre.put(&received.with_site(name("site-a")));
    }

    /// The hospital sends what the coordinator says that it has, and does not tell of.
    fn drop_it(&mut self) {
        let update = digest("dropped");
        let bytes = 64;
        let plan = digest("plan");
        self.site.put(&entry(Event::Consent { plan, terms: None }).of_run(name(RUN)));
        self.site.put(&of(super::harness::reserve(audit::record::Mechanism::ClipOnly, 0, 0)));
        self.site.put(&of(Event::Sent { update, bytes }));
        self.site.put(&of(Event::Acked { update }));
    }

    /// Writes the key of a peer's log down, as a node does that meets it.
    fn keep(&self, node: &str, key: &VerifierKey) {
        let folder = self.place(node).join("witness");
        let path = folder.join(format!("{}+{:08x}.pub", key.name(), key.id()));
        std::fs::write(path, format!("{key}\n")).unwrap();
    }

    fn judge(&mut self) -> Reconciliation {
        for writer in [&mut self.centre, &mut self.site, &mut self.third] {
            writer.log.checkpoint().unwrap();
        }
        let places = ["centre", "site-a", "site-b"].map(|node| (self.place(node), public(node)));
        let mut sources: Vec<(&Path, VerifierKey)> =
            places.iter().map(|(place, key)| (place.as_path(), key.clone())).collect();
        let found = reconcile(&sources, MAX_SKEW_MS);
        sources.reverse();
        let turned = reconcile(&sources, MAX_SKEW_MS);
        assert_eq!(found.judgement.level, turned.judgement.level);
        assert_eq!(found.discrepancies, turned.discrepancies);
        found
    }

    fn class(&mut self) -> Class {
        let found = self.judge();
        let [one] = &found.discrepancies[..] else { panic!("{:?}", found.discrepancies) };
        assert_eq!(found.judgement.level, one.class.level());
        one.class
    }
}

#[test]
fn a_coordinator_cannot_excuse_what_it_forged() {
    let mut logs = Three::new();
    logs.forge();
    assert_eq!(logs.class(), Class::Forged);
    // A key that nobody else has met.
    logs.centre.put(&met(other("site-a", 9).verifier(), "site-a"));
    assert_eq!(logs.class(), Class::Forged);
    assert_eq!(logs.judge().unknown.len(), 1);
    // A whole log that it made up, with a checkpoint and the key.
    let made_up = other("site-a", 1);
    logs.centre.put(&met(made_up.verifier(), "site-a"));
    logs.centre.tell(seen(&made_up));
    logs.keep("centre", made_up.verifier());
    assert_eq!(logs.class(), Class::Forged);
    assert_eq!(logs.judge().judgement.level, Level::Violation);
}

#[test]
fn another_hospital_that_holds_a_signature_of_the_missing_log_is_believed() {
    let mut logs = Three::new();
    logs.forge();
    let second = other("site-a", 2);
    // That it met the key is only what it was told.
    logs.third.put(&met(second.verifier(), "site-a"));
    assert_eq!(logs.class(), Class::Forged);
    // A checkpoint that it cannot hold against a key proves nothing.
    logs.third.tell(seen(&second));
    assert_eq!(logs.class(), Class::Forged);
    logs.keep("site-b", other("site-a", 1).verifier());
    assert_eq!(logs.class(), Class::Forged);
    logs.keep("site-b", second.verifier());
    assert_eq!(logs.class(), Class::Unaccounted);
}

#[test]
fn a_signature_under_the_coordinators_own_checkpoint_tells_of_a_log_too() {
    let mut logs = Three::new();
    logs.forge();
    let second = other("site-a", 2);
    let mut note = logs.centre.log.checkpoint().unwrap().clone();
    note.cosign(&second).unwrap();
    let checkpoint = note.to_string().try_into().unwrap();
    let seen = Event::Witness { peer: name("centre"), checkpoint, cosigned: true };
    logs.third.tell(seen);
    assert_eq!(logs.class(), Class::Forged);
    logs.keep("site-b", second.verifier());
    assert_eq!(logs.class(), Class::Unaccounted);
}

#[test]
fn the_hospital_whose_log_is_missing_is_believed_where_it_is_not_accused() {
    let mut logs = Three::new();
    logs.forge();
    logs.site.put(&met(other("site-a", 2).verifier(), "site-a"));
    assert_eq!(logs.class(), Class::Unaccounted);
    // Of what is not the same on both sides, either may be the cause.
    let mut logs = Three::new();
    logs.drop_it();
    logs.forge();
    assert_eq!(logs.class(), Class::Altered);
    for node in ["centre", "site-a"] {
        let key = other("site-a", 2);
        let writer = if node == "centre" { &mut logs.centre } else { &mut logs.site };
        writer.put(&met(key.verifier(), "site-a"));
        writer.tell(seen(&key));
        logs.keep(node, key.verifier());
        assert_eq!(logs.class(), Class::Altered, "{node}");
    }
}

#[test]
fn a_coordinator_cannot_excuse_what_it_dropped() {
    let mut logs = Three::new();
    logs.drop_it();
    assert_eq!(logs.class(), Class::Dropped);
    let second = other("centre", 2);
    logs.centre.put(&met(second.verifier(), "centre"));
    logs.centre.tell(seen(&second));
    logs.keep("centre", second.verifier());
    assert_eq!(logs.class(), Class::Dropped);
    // The hospital itself has met the coordinator's next log.
    logs.site.tell(seen(&second));
    assert_eq!(logs.class(), Class::Unaccounted);
}
