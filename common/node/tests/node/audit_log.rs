//! A node's log as the node keeps it: peers that are met, believed no more and trusted again; generations;
//! clocks that are set; segments that are kept for a while.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use audit::folder;
use audit::note::{SignedNote, VerifierKey};
use audit::record::{Entry, Event, Outcome, Record, Role};
use audit::verify::{Options, Verdict, verify, verify_each};
use base::clock::{Clock, Moment, SystemClock, Timestamp};
use base::ids::{Round, RunId};
use node::audit_log::generation::{self, Presence, Remains};
use node::audit_log::{
    AuditSettings, AuditWriter, AuditWriterError, COORDINATOR, Held, LatestOffer, LogGeneration,
    PeerError, StateLock, Tracking, check_shown, name, permit_first, register,
};
use node::wire::SignedState;

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

fn site(state: &Path) -> AuditWriter {
    AuditWriter::open(state, "site-a", Role::Site, clock(), &mut |_| ()).unwrap()
}

fn coordinator(state: &Path) -> AuditWriter {
    AuditWriter::open(state, COORDINATOR, Role::Coordinator, clock(), &mut |_| ()).unwrap()
}

fn note(text: &str) -> Entry {
    let fingerprint = audit::Digest::sha256(text.as_bytes());
    Entry::new(name("test"), Event::KeyNew { fingerprint })
}

/// Every record of a log that verifies.
fn sound(state: &Path) -> Vec<Record> {
    let folder = state.join(node::audit_log::FOLDER);
    let key = folder::key(&folder).unwrap();
    let mut records = Vec::new();
    let report = verify_each(&folder, &key, &Options::default(), &mut |record| {
        records.push(record.clone());
    });
    assert_eq!(report.verdict, Verdict::Sound, "{report:?}");
    records
}

/// A copy of a state folder, as a backup makes it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let from = entry.path();
        let to = to.join(entry.file_name());
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

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
        let (checkpoint, cosigned) = site.witness((&key, &of), &log).unwrap();
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
    site.witness((&key, &of), &log).unwrap();
    // Without a proof that the log went on from it, nothing is known of it.
    let log = centre.sight(&first.note, first.size, &[0]);
    let refused = site.judge(&key, &log).unwrap_err();
    assert!(refused.rule() == "witness.older" && !refused.is_breach(), "{refused}");
    let log = centre.sight(&first.note, first.size, &[0, second.size]);
    let (checkpoint, cosigned) = site.witness((&key, &of), &log).unwrap();
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
    let breach = site.witness((&key, &of), &log).unwrap_err();
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
    let (_, cosigned) = site_a.witness((&key, &of), &padded).unwrap();
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

/// What is no record is not noted, and takes nothing along that was.
#[test]
fn what_is_no_record_takes_no_other_along() {
    let folder = tempfile::tempdir().unwrap();
    let audit = site(folder.path());
    let acked = Event::Acked { update: audit::Digest::sha256(b"u") };
    let bad = Entry::new(name("test"), acked).of_run(name("run-a")).of_round(0);
    audit.note(note("before"));
    audit.note(bad.clone());
    assert!(audit.record(vec![bad]).is_err());
    audit.record(vec![note("after")]).unwrap();
    drop(audit);
    let noted = sound(folder.path());
    let kept = |text: &str| noted.iter().any(|record| record.event == note(text).event);
    assert!(kept("before") && kept("after"));
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
    site_a.witness((&key, &of), &shown(&one, "one", &[])).unwrap();
    let seen = site_a.seen_of(&key).unwrap();
    let forked = shown(&other, "other", &[4, 5, 6]);
    let error = site_a.witness((&key, &of), &forked).unwrap_err();
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
    site_a.witness((&key, &of), &forked).unwrap();
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

fn live(state: &Path) -> Result<AuditWriter, AuditWriterError> {
    let node = generation::node("site-a", Role::Site)?;
    let settings = AuditSettings::default();
    AuditWriter::open_locked(&settings, StateLock::take(state)?, node, clock(), &mut |_| ())
}

/// Whatever is deleted, the node does not take what is left for a first start.
#[test]
fn a_log_begins_once_and_what_is_lost_is_not_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let refused = |state: &Path| live(state).err().unwrap().to_string();
    assert!(refused(&state).contains("audit begin"));
    permit_first(&state).unwrap();
    let first = live(&state).unwrap().verifier();
    assert_eq!(std::fs::read_to_string(register(&state)).unwrap().trim(), first.to_string());
    drop(live(&state).unwrap());
    // Permitting it again permits nothing.
    permit_first(&state).unwrap();
    for gone in ["audit/key.pub", "audit-key", "audit", ""] {
        let kept = folder.path().join("kept");
        let lost = state.join(gone);
        copy(&state, &kept);
        if lost.is_dir() {
            std::fs::remove_dir_all(&lost).unwrap();
        } else {
            std::fs::remove_file(&lost).unwrap();
        }
        let why = refused(&state);
        assert!(why.contains("audit restart --reason lost`"), "{gone}: {why}");
        let _ = std::fs::remove_dir_all(&state);
        copy(&kept, &state);
        std::fs::set_permissions(
            state.join("audit-key"),
            std::os::unix::fs::PermissionsExt::from_mode(0o600),
        )
        .unwrap();
        std::fs::remove_dir_all(&kept).unwrap();
        assert_eq!(live(&state).unwrap().verifier(), first);
    }
    assert_eq!(generation::presence(Tracking::Registered, &state).unwrap(), Presence::Held(first));
}

/// Its checkpoint tells a charge that is missing, and nothing is recorded in a folder that was moved.
#[test]
fn a_charge_is_signed_at_once_and_in_the_folder_that_was_opened() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path();
    let audit = site(state);
    let data_set = name("cohort");
    let budget = Event::Budget {
        data_set: data_set.clone(),
        epsilon: 8.0,
        delta: 1e-5,
        orders: vec![2.0],
        carried: Vec::new(),
    };
    audit.record(vec![Entry::new(name("policy"), budget)]).unwrap();
    let charge = |round: u32| {
        let reserve = audit::record::Reserve {
            data_set: data_set.clone(),
            what: name("update").into(),
            mechanism: audit::record::Mechanism::ClipOnly,
            clip: 1.0,
            cost: vec![0],
            total: vec![0],
        };
        Entry::new(name("ledger"), Event::Reserve(reserve)).of_run(name("run-a")).of_round(round)
    };
    let consent = Event::Consent { plan: audit::Digest::sha256(b"plan"), terms: None };
    audit.record(vec![Entry::new(name("test"), consent).of_run(name("run-a"))]).unwrap();
    audit.record(vec![charge(1)]).unwrap();
    // As a power cut leaves it: no STOP, and no checkpoint but the charge's.
    let cut = tempfile::tempdir().unwrap();
    copy(state, cut.path());
    let text = std::fs::read_to_string(cut.path().join("audit/000001.jsonl")).unwrap();
    let (kept, last) = text.trim_end().rsplit_once('\n').unwrap();
    assert!(last.contains("RESERVE"), "{last}");
    std::fs::write(cut.path().join("audit/000001.jsonl"), format!("{kept}\n")).unwrap();
    std::fs::set_permissions(
        cut.path().join("audit-key"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let open = AuditWriter::open(cut.path(), "site-a", Role::Site, clock(), &mut |_| ());
    let why = open.err().unwrap().to_string();
    assert!(why.contains("records were cut off") && why.contains("audit restart"), "{why}");

    std::fs::rename(state.join("audit"), state.join("elsewhere")).unwrap();
    copy(&state.join("elsewhere"), &state.join("audit"));
    let error = audit.record(vec![charge(2)]).unwrap_err().to_string();
    assert!(error.contains("moved or replaced"), "{error}");
}

/// Clocks that a test sets.
struct Hands {
    wall: AtomicU64,
    now: AtomicU64,
}

impl Clock for Hands {
    fn wall(&self) -> Timestamp {
        Timestamp(self.wall.load(Ordering::Relaxed))
    }
    fn now(&self) -> Moment {
        Moment(Duration::from_millis(self.now.load(Ordering::Relaxed)))
    }
}

#[test]
fn a_clock_that_is_set_is_recorded_and_the_log_stays_sound() {
    let folder = tempfile::tempdir().unwrap();
    let hands = Arc::new(Hands { wall: AtomicU64::new(1_772_354_400_000), now: AtomicU64::new(0) });
    let clock = Arc::clone(&hands) as Arc<dyn Clock>;
    let audit = AuditWriter::open(folder.path(), "site-a", Role::Site, clock, &mut |_| ()).unwrap();
    let ten_years = 315_576_000_000;
    for (wall, expected) in [
        (1_772_354_401_000, None),
        (1_772_354_402_000 - ten_years, Some(-315_576_000_000)),
        (1_772_354_403_000, Some(315_576_000_000)),
        (1_772_354_404_500, None),
    ] {
        hands.wall.store(wall, Ordering::Relaxed);
        hands.now.fetch_add(1000, Ordering::Relaxed);
        audit.record(vec![note("tick")]).unwrap();
        let steps = steps(folder.path());
        assert_eq!(steps.last().copied().filter(|_| expected.is_some()), expected);
    }
    drop(audit);
    assert_eq!(steps(folder.path()).len(), 2);
    sound(folder.path());
}

fn steps(state: &Path) -> Vec<i64> {
    let text = std::fs::read_to_string(state.join("audit/000001.jsonl")).unwrap();
    let step = |line: &str| match Record::parse(line.as_bytes()).unwrap().event {
        Event::ClockStep { by_ms } => Some(by_ms),
        _ => None,
    };
    text.lines().filter_map(step).collect()
}

#[test]
fn a_log_is_one_process_s_and_of_one_node() {
    let folder = tempfile::tempdir().unwrap();
    let audit = site(folder.path());
    let open = |name| AuditWriter::open(folder.path(), name, Role::Site, clock(), &mut |_| ());
    assert!(open("site-a").err().unwrap().to_string().contains("in use by another process"));
    drop(audit);
    assert!(open("site-b").err().unwrap().to_string().contains("site-a.1"));
    open("site-a").unwrap();
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

#[test]
fn settings_say_where_and_how_long() {
    let read = |text: &str| base::config::read::<AuditSettings>("audit", text);
    let settings = read("keep = \"6y\"\nforward = \"tcp:logs.hospital:601\"").unwrap();
    assert!(settings.keep.unwrap() > Duration::from_secs(6 * 365 * 24 * 3600));
    assert_eq!(settings.forward.unwrap().to_string(), "tcp:logs.hospital:601");
    assert_eq!(read("").unwrap(), AuditSettings::default());
    for bad in ["udp:", "udp:host", "udp:host:many", "unix:dev/log", "http://x", "tcp::1"] {
        let error = read(&format!("forward = {bad:?}")).unwrap_err().to_string();
        assert!(error.contains("udp:HOST:514"), "{bad}: {error}");
    }
}

/// A log of short segments that are not kept for long.
fn brief(state: &Path, of: &str, role: Role) -> AuditWriter {
    let settings = AuditSettings {
        keep: Some(Duration::from_millis(1)),
        segment_bytes: Some(4096),
        ..AuditSettings::untracked()
    };
    let lock = StateLock::take(state).unwrap();
    let node = generation::node(of, role).unwrap();
    AuditWriter::open_locked(&settings, lock, node, clock(), &mut |_| ()).unwrap()
}

/// Records what fills many segments.
fn fill(audit: &AuditWriter) {
    for number in 0..100 {
        audit.record(vec![note(&number.to_string())]).unwrap();
    }
}

/// The number of the first segment that is left.
fn first_segment(state: &Path) -> u32 {
    folder::segments(&state.join(node::audit_log::FOLDER)).unwrap()[0]
}

/// Two nodes that met, with logs that are not kept for long.
struct Meeting {
    ours: tempfile::TempDir,
    theirs: tempfile::TempDir,
    site_key: VerifierKey,
    centre_key: VerifierKey,
}

impl Meeting {
    fn new() -> Self {
        let ours = tempfile::tempdir().unwrap();
        let theirs = tempfile::tempdir().unwrap();
        let site = brief(ours.path(), "site-a", Role::Site);
        let centre = brief(theirs.path(), COORDINATOR, Role::Coordinator);
        let centre_key =
            site.meet(&name(COORDINATOR), &centre.verifier().to_string(), true).unwrap();
        let site_key = centre.meet(&name("site-a"), &site.verifier().to_string(), true).unwrap();
        drop((site, centre));
        Self { ours, theirs, site_key, centre_key }
    }

    fn site(&self) -> AuditWriter {
        brief(self.ours.path(), "site-a", Role::Site)
    }

    fn centre(&self) -> AuditWriter {
        brief(self.theirs.path(), COORDINATOR, Role::Coordinator)
    }

    /// The site shows its log as it goes on from what the coordinator saw last; the coordinator's signature.
    fn show(&self, site: &AuditWriter, centre: &AuditWriter) -> Result<SignedNote, PeerError> {
        let seen = centre.seen_of(&self.site_key);
        let from = seen.map_or(0, |seen| match site.held(&seen).unwrap() {
            Held::At(size) => size,
            other => panic!("{other:?}"),
        });
        let (state, ..) = site.signed_state(&[from]).unwrap();
        let (_, cosigned) = centre.witness((&self.site_key, &name("site-a")), &state)?;
        Ok(cosigned)
    }
}

#[test]
fn a_log_whose_segments_are_removed_still_goes_on_from_what_its_peer_saw() {
    let logs = Meeting::new();
    let site = logs.site();
    let centre = logs.centre();
    // No peer has seen anything yet: it may see any state next, and nothing is removed.
    fill(&site);
    drop(site);
    let site = logs.site();
    assert_eq!(first_segment(logs.ours.path()), 1);
    let cosigned = logs.show(&site, &centre).unwrap();
    site.note_cosigned(&site.node(), &cosigned).unwrap();
    fill(&site);
    drop(site);
    drop(logs.site());
    let removed = first_segment(logs.ours.path());
    assert!(removed > 1, "nothing was removed");
    // The coordinator saw a later state, and its answer was lost on the way.
    let site = logs.site();
    fill(&site);
    logs.show(&site, &centre).unwrap();
    for _ in 0..3 {
        fill(&site);
    }
    drop(site);
    drop(logs.site());
    let site = logs.site();
    let cosigned = logs.show(&site, &centre).unwrap();
    // What was signed proves the rest, however many segments went since.
    site.note_cosigned(&site.node(), &cosigned).unwrap();
    fill(&site);
    drop(site);
    drop(logs.site());
    assert!(first_segment(logs.ours.path()) > removed);
    let site = logs.site();
    logs.show(&site, &centre).unwrap();
    drop((site, centre));
    sound(logs.ours.path());
    sound(logs.theirs.path());
}

#[test]
fn a_request_and_a_round_that_were_offered_are_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let request: RunId = "describe-0123456789abcdef".parse().unwrap();
    let run: RunId = "run-a".parse().unwrap();
    let question = audit::Digest::sha256(b"question");
    let model = audit::Digest::sha256(b"model");
    let plan = audit::Digest::sha256(b"plan");
    let asked = Entry::new(name("test"), Event::StatisticsOffer { question });
    let asked = asked.of_run(name(request.as_str()));
    let offer = Entry::new(name("test"), Event::RoundOffer { model, plan });
    let offer = offer.of_run(name(run.as_str())).of_round(2);
    let log = site(folder.path());
    log.record(vec![asked.clone().ended(Outcome::Refused, name("other"))]).unwrap();
    assert_eq!(log.offered_request(&request), None);
    log.record(vec![asked, offer]).unwrap();
    let known = |log: &AuditWriter| {
        let latest = LatestOffer { round: Round(2), model };
        assert_eq!(log.offered_request(&request), Some(question));
        assert_eq!(log.offered_request(&run), None);
        assert_eq!(log.latest_offer(&run), Some(latest));
        // A request is no round.
        assert_eq!(log.latest_offer(&request), None);
    };
    known(&log);
    drop(log);
    known(&site(folder.path()));
    sound(folder.path());
}

#[test]
fn a_peer_that_was_away_is_shown_how_the_log_went_on() {
    let logs = Meeting::new();
    let site = logs.site();
    let centre = logs.centre();
    let of = name(COORDINATOR);
    let (state, ..) = centre.signed_state(&[]).unwrap();
    let (_, cosigned) = site.witness((&logs.centre_key, &of), &state).unwrap();
    centre.note_cosigned(&centre.node(), &cosigned).unwrap();
    // It is shown an offer as well, and its signature is lost on the way.
    let from = state_size(&centre, &cosigned);
    let model = audit::Digest::sha256(b"model");
    let plan = audit::Digest::sha256(b"plan");
    let offer = Entry::new(name("test"), Event::RoundOffer { model, plan });
    let offer = centre.show(vec![note("noise"), offer.of_run(name("run-a")).of_round(1)]).unwrap();
    let shown = centre.sight(&offer.note, offer.size, &[from]);
    site.witness((&logs.centre_key, &of), &shown).unwrap();
    // Another hospital sees all that comes since.
    let third = tempfile::tempdir().unwrap();
    let other = brief(third.path(), "site-b", Role::Site);
    centre.meet(&name("site-b"), &other.verifier().to_string(), true).unwrap();
    let key = other.meet(&of, &centre.verifier().to_string(), true).unwrap();
    fill(&centre);
    let (state, ..) = centre.signed_state(&[]).unwrap();
    let (_, cosigned) = other.witness((&key, &of), &state).unwrap();
    centre.note_cosigned(&centre.node(), &cosigned).unwrap();
    fill(&centre);
    drop(centre);
    for _ in 0..3 {
        drop(logs.centre());
    }
    assert!(first_segment(logs.theirs.path()) > 2, "nothing was removed");
    let centre = logs.centre();
    let Held::At(from) = centre.held(&site.seen_of(&logs.centre_key).unwrap()).unwrap() else {
        panic!("what the hospital saw is not proven any more")
    };
    let (state, ..) = centre.signed_state(&[from]).unwrap();
    site.witness((&logs.centre_key, &of), &state).unwrap();
}

#[test]
fn what_was_seen_of_a_peer_outlives_the_records_that_told_of_it() {
    let logs = Meeting::new();
    let site = logs.site();
    let centre = logs.centre();
    let of = name("site-a");
    let older = tempfile::tempdir().unwrap();
    drop(site);
    copy(logs.ours.path(), older.path());
    std::fs::set_permissions(
        older.path().join("audit-key"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let site = logs.site();
    fill(&site);
    logs.show(&site, &centre).unwrap();
    let seen = centre.seen_of(&logs.site_key).unwrap();
    let (state, ..) = centre.signed_state(&[]).unwrap();
    let (_, cosigned) = site.witness((&logs.centre_key, &name(COORDINATOR)), &state).unwrap();
    let forget = |centre: AuditWriter, cosigned: &SignedNote| {
        centre.note_cosigned(&centre.node(), cosigned).unwrap();
        fill(&centre);
        drop(centre);
        drop(logs.centre());
        logs.centre()
    };
    fill(&centre);
    let (state, ..) = centre.signed_state(&[state_size(&centre, &cosigned)]).unwrap();
    let (_, cosigned) = site.witness((&logs.centre_key, &name(COORDINATOR)), &state).unwrap();
    let centre = forget(centre, &cosigned);
    let told =
        |record: &Record| matches!(&record.event, Event::Witness { peer, .. } if *peer == of);
    drop(centre);
    assert!(!sound(logs.theirs.path()).iter().any(told), "the record is still there");
    let centre = logs.centre();
    // The same checkpoint, with the own signature below.
    assert!(centre.seen_of(&logs.site_key).unwrap().starts_with(&seen));
    // An older copy of the hospital's log is known for what it is.
    let restored = brief(older.path(), "site-a", Role::Site);
    let (state, ..) = restored.signed_state(&[]).unwrap();
    let error = centre.witness((&logs.site_key, &of), &state).unwrap_err();
    assert_eq!(error.rule(), "witness.older", "{error}");
    // So is one whose two histories were caught.
    for number in 0..400 {
        restored.record(vec![note(&format!("other {number}"))]).unwrap();
    }
    let Held::At(from) = site.held(&seen).unwrap() else { panic!("the site's own log") };
    let (state, ..) = restored.signed_state(&[from]).unwrap();
    let error = centre.witness((&logs.site_key, &of), &state).unwrap_err();
    assert_eq!(error.rule(), "witness.forked", "{error}");
    fill(&centre);
    let (state, ..) = centre.signed_state(&[state_size(&centre, &cosigned)]).unwrap();
    let (_, cosigned) = site.witness((&logs.centre_key, &name(COORDINATOR)), &state).unwrap();
    let centre = forget(centre, &cosigned);
    let again = centre.meet(&of, &logs.site_key.to_string(), true).unwrap_err();
    assert!(matches!(again, PeerError::Distrusted { .. }), "{again}");
}

/// The size of a log's own checkpoint.
fn state_size(audit: &AuditWriter, note: &SignedNote) -> u64 {
    match audit.held(&note.to_string()).unwrap() {
        Held::At(size) => size,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_checkpoint_of_records_that_nothing_proves_any_more_is_called_that() {
    let folder = tempfile::tempdir().unwrap();
    let site = brief(folder.path(), "site-a", Role::Site);
    // It was shown to a peer that this log never met.
    let (state, ..) = site.signed_state(&[]).unwrap();
    fill(&site);
    drop(site);
    drop(brief(folder.path(), "site-a", Role::Site));
    assert!(first_segment(folder.path()) > 1, "nothing was removed");
    let site = brief(folder.path(), "site-a", Role::Site);
    assert_eq!(site.held(&state.checkpoint).unwrap(), Held::Removed);
}
