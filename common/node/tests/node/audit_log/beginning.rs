//! A log begins once, and what is missing of it is found.

use std::path::Path;

use audit::record::{Entry, Event, Role};
use node::audit_log::generation::{self, Presence};
use node::audit_log::{
    AuditSettings, AuditWriter, AuditWriterError, StateLock, Tracking, name, permit_first, register,
};

use super::{clock, copy, site};

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
