//! Segments that are kept for a while, and what outlives them.

use std::path::Path;
use std::time::Duration;

use audit::folder;
use audit::note::{SignedNote, VerifierKey};
use audit::record::{Entry, Event, Record, Role};
use base::ids::RunId;
use node::audit_log::generation::{self};
use node::audit_log::{AuditSettings, AuditWriter, COORDINATOR, Held, PeerError, StateLock, name};

use super::{clock, copy, note, sound};

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
        let (_, cosigned) = centre.witness(&self.site_key, &name("site-a"), &state)?;
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
fn a_peer_that_was_away_is_shown_how_the_log_went_on() {
    let logs = Meeting::new();
    let site = logs.site();
    let centre = logs.centre();
    let of = name(COORDINATOR);
    let (state, ..) = centre.signed_state(&[]).unwrap();
    let (_, cosigned) = site.witness(&logs.centre_key, &of, &state).unwrap();
    centre.note_cosigned(&centre.node(), &cosigned).unwrap();
    // It is shown an offer as well, and its signature is lost on the way.
    let from = state_size(&centre, &cosigned);
    let model = audit::Digest::sha256(b"model");
    let plan = audit::Digest::sha256(b"plan");
    let offer = Entry::new(name("test"), Event::RoundOffer { model, plan });
    let offer = centre.show(vec![note("noise"), offer.of_run(name("run-a")).of_round(1)]).unwrap();
    let shown = centre.sight(&offer.note, offer.size, &[from]);
    site.witness(&logs.centre_key, &of, &shown).unwrap();
    // Another hospital sees all that comes since.
    let third = tempfile::tempdir().unwrap();
    let other = brief(third.path(), "site-b", Role::Site);
    centre.meet(&name("site-b"), &other.verifier().to_string(), true).unwrap();
    let key = other.meet(&of, &centre.verifier().to_string(), true).unwrap();
    fill(&centre);
    let (state, ..) = centre.signed_state(&[]).unwrap();
    let (_, cosigned) = other.witness(&key, &of, &state).unwrap();
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
    site.witness(&logs.centre_key, &of, &state).unwrap();
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
    let (_, cosigned) = site.witness(&logs.centre_key, &name(COORDINATOR), &state).unwrap();
    let forget = |centre: AuditWriter, cosigned: &SignedNote| {
        centre.note_cosigned(&centre.node(), cosigned).unwrap();
        fill(&centre);
        drop(centre);
        drop(logs.centre());
        logs.centre()
    };
    fill(&centre);
    let (state, ..) = centre.signed_state(&[state_size(&centre, &cosigned)]).unwrap();
    let (_, cosigned) = site.witness(&logs.centre_key, &name(COORDINATOR), &state).unwrap();
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
    let error = centre.witness(&logs.site_key, &of, &state).unwrap_err();
    assert_eq!(error.rule(), "witness.older", "{error}");
    // So is one whose two histories were caught.
    for number in 0..400 {
        restored.record(vec![note(&format!("other {number}"))]).unwrap();
    }
    let Held::At(from) = site.held(&seen).unwrap() else { panic!("the site's own log") };
    let (state, ..) = restored.signed_state(&[from]).unwrap();
    let error = centre.witness(&logs.site_key, &of, &state).unwrap_err();
    assert_eq!(error.rule(), "witness.forked", "{error}");
    fill(&centre);
    let (state, ..) = centre.signed_state(&[state_size(&centre, &cosigned)]).unwrap();
    let (_, cosigned) = site.witness(&logs.centre_key, &name(COORDINATOR), &state).unwrap();
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

/// Else a second plan under the name of a first one could follow once the records of that one were removed.
#[test]
fn a_name_stands_for_its_first_plan_after_the_records_of_it_were_removed() {
    let folder = tempfile::tempdir().unwrap();
    let site = brief(folder.path(), "site-a", Role::Site);
    let run: RunId = "run-a".parse().unwrap();
    let plan = audit::Digest::sha256(b"plan");
    let other = audit::Digest::sha256(b"other");
    let of_run = |event| Entry::new(name("test"), event).of_run(name(run.as_str()));
    let consent = of_run(Event::Consent { plan, terms: None });
    site.record(vec![consent, of_run(Event::Declined { rule: name("slots") })]).unwrap();
    fill(&site);
    drop(site);
    drop(brief(folder.path(), "site-a", Role::Site));
    assert!(first_segment(folder.path()) > 1, "nothing was removed");
    let site = brief(folder.path(), "site-a", Role::Site);
    assert!(site.has_other_plan(&run, other) && !site.has_other_plan(&run, plan));
}
