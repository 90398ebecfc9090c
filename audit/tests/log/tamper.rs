//! Every line of a log of 1,000 records, edited, deleted, swapped, preceded by another, and cut
//! after: each is found.

use std::fs;

use audit::note::SignedNote;
use audit::verify::{Options, Tampering, Unreadable, Verdict, verify};

use super::harness::{Writer, copy, judge, lines, name, public, site_log};
use audit::record::Role;

const RECORDS: u64 = 1000;

/// Runs `spoil` for each line on the lines of its segment, and expects a verdict of tampering that
/// names that very line.
fn spoil_each(what: &str, spoil: impl Fn(&mut Vec<Vec<u8>>, usize) -> bool) {
    let folder = site_log(RECORDS, 1);
    assert!(judge(folder.path()).verdict == Verdict::Sound);
    let segments = lines(folder.path());
    assert!(segments.len() > 3, "the log has several segments");
    let mut seq = 0;
    for (path, whole) in &segments {
        for place in 0..whole.len() {
            seq += 1;
            let mut spoiled = whole.clone();
            if !spoil(&mut spoiled, place) {
                continue;
            }
            fs::write(path, spoiled.concat()).unwrap();
            let report = judge(folder.path());
            assert_eq!(report.verdict.exit_code(), 2, "{what} {seq}: {report}");
            // Named to the line, save where the end is missing.
            assert_eq!(report.seq, Some(seq), "{what} {seq}: {report}");
            if !matches!(report.verdict, Verdict::Tampered(Tampering::Truncated { .. })) {
                // The record after a segment's last one begins the next segment.
                let offset: usize = spoiled.iter().take(place).map(Vec::len).sum();
                let offset = if place < spoiled.len() { offset as u64 } else { 0 };
                assert_eq!(report.offset, Some(offset), "{what} {seq}");
            }
        }
        fs::write(path, whole.concat()).unwrap();
    }
    assert!(seq >= RECORDS);
    assert!(judge(folder.path()).verdict == Verdict::Sound);
}

#[test]
fn every_edited_line_is_named() {
    // A digit of the time: still a record, in its place, that breaks no rule.
    spoil_each("edit", |lines, place| {
        let line = &mut lines[place];
        let at = line.windows(8).position(|found| found == b"\"boot\":\"").unwrap() + 8;
        line[at] = if line[at] == b'x' { b'y' } else { b'x' };
        true
    });
}

#[test]
fn every_deleted_line_is_named() {
    spoil_each("delete", |lines, place| {
        lines.remove(place);
        true
    });
}

#[test]
fn every_swapped_pair_is_named() {
    spoil_each("swap", |lines, place| {
        let fits = place + 1 < lines.len();
        if fits {
            lines.swap(place, place + 1);
        }
        fits
    });
}

#[test]
fn every_inserted_line_is_named() {
    spoil_each("insert", |lines, place| {
        lines.insert(place, lines[(place + 7) % lines.len()].clone());
        true
    });
}

#[test]
fn every_cut_is_found() {
    let folder = site_log(RECORDS, 1);
    let segments = lines(folder.path());
    for (number, (path, whole)) in segments.iter().enumerate().rev() {
        for (later, _) in &segments[number + 1..] {
            let _ = fs::remove_file(later);
        }
        for keep in 0..whole.len() {
            fs::write(path, whole[..keep].concat()).unwrap();
            let report = judge(folder.path());
            let found = &report.verdict;
            assert!(matches!(found, Verdict::Tampered(Tampering::Truncated { .. })), "{report}");
        }
    }
}

#[test]
fn a_log_cut_back_to_an_older_checkpoint_is_found_by_a_peers_copy() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::new(folder.path(), "site-a", Role::Site, 1).site(400);
    let older = copy(folder.path());
    let size = writer.log.size();
    let note = writer.log.latest().clone();
    let writer = writer.more(600);
    let kept: SignedNote = writer.log.latest().clone();
    assert!(writer.log.size() > size);
    // The older copy is whole in itself; only what a peer has kept tells.
    assert_eq!(judge(older.path()).verdict, Verdict::Sound);
    let options = |note: &SignedNote| Options { checkpoints: vec![note.clone()], cost: None };
    let report = verify(older.path(), &public("site-a"), &options(&kept));
    let truncated = Tampering::Truncated { signed: writer.log.size(), found: size };
    assert_eq!(report.verdict, Verdict::Tampered(truncated));
    assert_eq!(report.seq, Some(size + 1));
    // The newer log goes on from the older checkpoint.
    let report = verify(folder.path(), &public("site-a"), &options(&note));
    assert_eq!(report.verdict, Verdict::Sound, "{report}");
}

#[test]
fn a_line_without_an_end_hides_nothing_that_a_peers_copy_tells() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::new(folder.path(), "site-a", Role::Site, 1).site(40);
    let older = copy(folder.path());
    let found = writer.log.size();
    let writer = writer.more(60);
    let kept: SignedNote = writer.log.latest().clone();
    let (path, _) = lines(older.path()).pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(b"{\"v\":");
    fs::write(&path, bytes).unwrap();
    assert_eq!(judge(older.path()).verdict, Verdict::Unreadable(Unreadable::Torn));
    let options = Options { checkpoints: vec![kept], cost: None };
    let report = verify(older.path(), &public("site-a"), &options);
    let truncated = Tampering::Truncated { signed: writer.log.size(), found };
    assert_eq!(report.verdict, Verdict::Tampered(truncated), "{report}");
}

#[test]
fn a_fork_is_found_by_a_peers_copy() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::new(folder.path(), "site-a", Role::Site, 1).site(100);
    let note = writer.log.latest().clone();
    let size = writer.log.size();
    drop(writer);
    let other = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(other.path(), "site-a", Role::Site, 2).site(200);
    writer.tell(super::harness::start());
    writer.log.checkpoint().unwrap();
    let options = Options { checkpoints: vec![note], cost: None };
    let report = verify(other.path(), &public("site-a"), &options);
    assert_eq!(report.verdict, Verdict::Tampered(Tampering::Diverged { size }));
    assert_eq!(report.log, name("site-a.1"));
}
