//! Peers that are met, believed no more and trusted again.

use std::path::Path;

use audit::folder;
use audit::record::{Event, Outcome, Record, Role};
use audit::verify::{Options, Verdict, verify};
use node::audit_log::generation::{self, Remains};
use node::audit_log::{
    AuditSettings, AuditWriter, COORDINATOR, Held, LogGeneration, PeerError, StateLock, Tracking,
    check_shown, name,
};
use node::wire::SignedState;

use super::{clock, coordinator, copy, note, site, sound};

#[test]
fn what_is_shown_is_the_last_record_and_each_side_signs_the_others_growth() {
    let ours = tempfile::tempdir().unwrap();
    let theirs = tempfile::tempdir().unwrap();
    let site = site(ours.path());
    let centre = coordinator(theirs.path());
    let of = name(COORDINATOR);
    let key = site.meet(&of, &centre.verifier().to_string(), true).unwrap();
    let mut from = vec![0];
    for number in 0..5 {
        let shown = centre.show(vec![note("noise"), note(&number.to_string())]).unwrap();
        let log = centre.sight(&shown.note, shown.size, &from);
        let (checkpoint, cosigned) = site.witness(&key, &of, &log).unwrap();
        assert_eq!(checkpoint.size, shown.size);
        let record = check_shown(&checkpoint, &shown.record).unwrap();
        assert_eq!(record.event, note(&number.to_string()).event);
        // The record before it, and the right one with another path, are not the last.
        let mut other = shown.record.clone();
        other.inclusion.pop();
        assert!(check_shown(&checkpoint, &other).is_err());
        other = shown.record.clone();
        other.line[7] ^= 1;
        assert!(check_shown(&checkpoint, &other).is_err());
        cosigned.check(&site.verifier()).unwrap();
        // Two of the rounds end without an answer: proofs from all states that it may be in.
        from.push(shown.size);
    }
    drop((site, centre));
    assert!(sound(ours.path()).iter().any(|record| matches!(record.event, Event::Witness { .. })));
    sound(theirs.path());
}

/// What one run was offered is shown to a hospital that comes later, after what another run was offered meanwhile.
#[test]
fn a_state_on_the_way_to_the_one_that_was_seen_is_signed_and_one_beside_it_is_not() {
    let ours = tempfile::tempdir().unwrap();
    let theirs = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let site = site(ours.path());
    let centre = coordinator(theirs.path());
    let of = name(COORDINATOR);
    let key = site.meet(&of, &centre.verifier().to_string(), true).unwrap();
    let first = centre.show(vec![note("first")]).unwrap();
    copy(theirs.path(), other.path());
    let more = || ["more", "and more", "and yet more", "second"].map(note).to_vec();
    let second = centre.show(more()).unwrap();
    let log = centre.sight(&second.note, second.size, &[0]);
    site.witness(&key, &of, &log).unwrap();
    // Without a proof that the log went on from it, nothing is known of it.
    let log = centre.sight(&first.note, first.size, &[0]);
    let refused = site.judge(&key, &log).unwrap_err();
    assert!(refused.rule() == "witness.older" && !refused.is_breach(), "{refused}");
    let log = centre.sight(&first.note, first.size, &[0, second.size]);
    let (checkpoint, cosigned) = site.witness(&key, &of, &log).unwrap();
    assert_eq!(checkpoint.size, first.size);
    cosigned.check(&site.verifier()).unwrap();
    let held = || centre.held(&site.seen_last(&of).unwrap()).unwrap();
    assert_eq!(held(), Held::At(second.size));
    site.record(Vec::new()).unwrap();
    drop(site);
    let site = self::site(ours.path());
    assert_eq!(centre.held(&site.seen_last(&of).unwrap()).unwrap(), Held::At(second.size));
    // The same log, put back, tells another story: neither goes on from the other.
    drop(centre);
    let forked = coordinator(other.path());
    let shown = forked.show(vec![note("third")]).unwrap();
    let onward = forked.show(more()).unwrap();
    assert!(shown.size < second.size && second.size < onward.size);
    let log = forked.sight(&shown.note, shown.size, &[0, second.size]);
    let breach = site.witness(&key, &of, &log).unwrap_err();
    assert!(breach.is_breach(), "{breach}");
    drop(site);
    sound(ours.path());
}

/// Whatever else a peer puts below its checkpoint is kept nowhere, and makes nobody forget.
#[test]
fn a_checkpoint_is_kept_with_its_owners_signature_alone() {
    let ours = tempfile::tempdir().unwrap();
    let theirs = tempfile::tempdir().unwrap();
    let site_a = site(ours.path());
    let centre = coordinator(theirs.path());
    let of = name(COORDINATOR);
    let key = site_a.meet(&of, &centre.verifier().to_string(), true).unwrap();
    let (log, ..) = centre.signed_state(&[]).unwrap();
    let (text, signature) = log.checkpoint.split_once("\n\n").unwrap();
    // Lines of the same name, before the true one and after it, as many as a note bears.
    let junk = "— coordinator.1 AAAAAQIDBAUGBwg=\n".repeat(49);
    let checkpoint = format!("{text}\n\n{junk}{signature}{junk}");
    let padded = SignedState { checkpoint, proofs: Vec::new() };
    let (_, cosigned) = site_a.witness(&key, &of, &padded).unwrap();
    assert_eq!(cosigned.signatures().len(), 2);
    let seen = site_a.seen_of(&key).unwrap();
    assert_eq!(seen, log.checkpoint);
    drop(site_a);
    assert_eq!(
        site(ours.path()).seen_of(&key).map(|note| note.split("\n\n").next().unwrap().to_owned()),
        Some(text.to_owned())
    );
    sound(ours.path());
}

#[test]
fn a_fork_is_kept_and_outlives_a_restart_until_a_person_decides() {
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let [ours, theirs, fork] = [0, 1, 2].map(|place: usize| folders[place].path());
    drop(coordinator(theirs));
    copy(theirs, fork);
    let of = name(COORDINATOR);
    let one = coordinator(theirs);
    let other = coordinator(fork);
    let shown = |audit: &AuditWriter, text: &str, from: &[u64]| -> SignedState {
        let shown = audit.show(vec![note(text)]).unwrap();
        audit.sight(&shown.note, shown.size, from)
    };
    let public = one.verifier().to_string();
    let site_a = site(ours);
    let key = site_a.meet(&of, &public, true).unwrap();
    site_a.witness(&key, &of, &shown(&one, "one", &[])).unwrap();
    let seen = site_a.seen_of(&key).unwrap();
    let forked = shown(&other, "other", &[4, 5, 6]);
    let error = site_a.witness(&key, &of, &forked).unwrap_err();
    assert!(error.is_breach() && error.rule() == "witness.forked", "{error}");
    let again = site_a.meet(&of, &public, true).unwrap_err();
    assert!(matches!(again, PeerError::Distrusted { .. }), "{again}");
    drop(site_a);
    let records = sound(ours);
    let kept: Vec<_> = records
        .iter()
        .filter_map(|record| match &record.event {
            Event::Witness { checkpoint, .. } => {
                Some((record.outcome, String::from(checkpoint.clone())))
            }
            _ => None,
        })
        .collect();
    assert_eq!(kept.len(), 2);
    assert!(kept[0].0 == Outcome::Ok && kept[0].1.starts_with(seen.split("\n\n").next().unwrap()));
    assert_eq!(kept[1], (Outcome::Refused, forked.checkpoint.clone()));

    let site_a = site(ours);
    let again = site_a.meet(&of, &public, true).unwrap_err();
    assert!(matches!(again, PeerError::Distrusted { .. }), "{again}");
    site_a.trust(&of, &public).unwrap();
    drop(site_a);
    let site_a = site(ours);
    let key = site_a.meet(&of, &public, true).unwrap();
    site_a.witness(&key, &of, &forked).unwrap();
    drop(site_a);
    sound(ours);
}

/// Whoever tells of logs may have invented them: so many are taken up at once, and a few more each day.
#[test]
fn new_logs_at_another_s_word_are_bounded_and_those_that_are_listed_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let key = |number: u16| {
        let mut seed = [0; 32];
        seed[..2].copy_from_slice(&number.to_le_bytes());
        let log = format!("hospital-{number}.1").parse().unwrap();
        audit::note::SigningKey::from_seed(&log, &seed).unwrap().verifier().clone()
    };
    let listed = key(1000);
    let settings = AuditSettings { witnesses: vec![listed.clone()], ..AuditSettings::untracked() };
    let open = || {
        let node = generation::node("site-a", Role::Site).unwrap();
        let held = StateLock::take(folder.path()).unwrap();
        AuditWriter::open_locked(&settings, held, node, clock(), &mut |_| ()).unwrap()
    };
    let audit = open();
    let met = |audit: &AuditWriter, number: u16| {
        let of = name(&format!("hospital-{number}"));
        audit.meet(&of, &key(number).to_string(), false)
    };
    let taken = (0..400).filter(|number| met(&audit, *number).is_ok()).count();
    assert_eq!(taken, 256);
    let error = met(&audit, 999).unwrap_err();
    assert!(error.rule() == "witness.keys" && error.to_string().contains("[audit] witnesses"));
    // A known one is known, and a listed one counts.
    met(&audit, 0).unwrap();
    met(&audit, 1000).unwrap();
    drop(audit);
    let new = |record: &&Record| matches!(record.event, Event::KeyNew { .. });
    assert_eq!(sound(folder.path()).iter().filter(new).count(), 257);
}

#[test]
fn another_key_needs_a_person_and_is_never_another_nodes() {
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let [ours, theirs, wiped] = [0, 1, 2].map(|place: usize| folders[place].path());
    let of = name(COORDINATOR);
    let site_a = site(ours);
    site_a.meet(&of, &coordinator(theirs).verifier().to_string(), true).unwrap();
    let another = coordinator(wiped).verifier().to_string();
    let error = site_a.meet(&of, &another, true).unwrap_err();
    assert!(matches!(error, PeerError::Replaced { .. }), "{error}");
    // A site has several logs, one for each data set.
    site_a.meet(&of, &another, false).unwrap();
    let own = site_a.verifier().to_string();
    let error = site_a.meet(&of, &own, true).unwrap_err();
    assert!(matches!(error, PeerError::OtherNode { .. }), "{error}");
    assert!(matches!(site_a.meet(&of, "no key", true), Err(PeerError::Key { .. })));

    let next = restart(theirs, "restored");
    assert_eq!(next.verifier().name().as_str(), "coordinator.2");
    // Not by itself: the coordinator's people say that the key is theirs.
    let key = next.verifier().to_string();
    let error = site_a.meet(&of, &key, true).unwrap_err();
    assert!(matches!(error, PeerError::Replaced { .. }), "{error}");
    site_a.trust(&of, &key).unwrap();
    site_a.meet(&of, &key, true).unwrap();
    drop((site_a, next));
    let rotated = |record: &&Record| matches!(record.event, Event::KeyRotated { .. });
    assert_eq!(sound(ours).iter().filter(rotated).count(), 1);
    let Event::Generation { number, reason, .. } = &sound(theirs)[0].event else {
        panic!("no generation")
    };
    assert_eq!((*number, reason.as_str()), (2, "restored"));
    // The old log lies beside it and still verifies.
    let old = generation::quarantined(theirs).unwrap().pop().unwrap();
    assert_eq!(old.generation, 1);
    let key = folder::key(&old.folder).unwrap();
    assert_eq!(verify(&old.folder, &key, &Options::default()).verdict, Verdict::Sound);
}

fn restart(state: &Path, reason: &str) -> AuditWriter {
    let lock = StateLock::take(state).unwrap();
    let next = LogGeneration {
        node: generation::node(COORDINATOR, Role::Coordinator).unwrap(),
        number: Remains::of(Tracking::Untracked, state).unwrap().generation + 1,
        reason: name(reason),
        entries: Vec::new(),
    };
    next.begin(&lock, Tracking::Untracked, clock().as_ref()).unwrap();
    drop(lock);
    coordinator(state)
}

#[test]
fn a_peer_that_is_refused_without_end_fills_neither_memory_nor_disk() {
    let folder = tempfile::tempdir().unwrap();
    let audit = site(folder.path());
    for _ in 0..5000 {
        audit.note_refused(note("again"));
    }
    drop(audit);
    assert!(sound(folder.path()).len() < 1100);
}
