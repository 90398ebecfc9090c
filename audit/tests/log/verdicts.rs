//! Each way in which a log can be wrong has a verdict of its own.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use audit::folder::{CHECKPOINT, leaves, segment};
use audit::record::{MAX_LINE, Role};
use audit::segments::{Log, LogError};
use audit::tree::{Frontier, leaf};
use audit::verify::{Options, Report, Tampering, Unreadable, Verdict, verify};
use audit::witness::Peers;

use super::harness::{Writer, judge, key, lines, name, public, settings, site_log, stamp};

/// Appends bytes after the last line of a log.
fn append(folder: &Path, bytes: &[u8]) {
    let last = *audit::folder::segments(folder).unwrap().last().unwrap();
    let path = segment(folder, last);
    OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// Signs whatever lines are there, as a node would that recorded them itself.
fn sign(folder: &Path) {
    let mut frontier = Frontier::new();
    for line in lines(folder).iter().flat_map(|(_, lines)| lines) {
        frontier.push(leaf(line.strip_suffix(b"\n").unwrap()));
    }
    let origin = name("site-a.1");
    let size = frontier.size();
    let root = frontier.root();
    let checkpoint = audit::note::Checkpoint { origin, size, root };
    let note = checkpoint.sign(&key("site-a")).unwrap();
    fs::write(folder.join(CHECKPOINT), note.to_string()).unwrap();
}

fn tampered(report: &Report) -> &Tampering {
    match &report.verdict {
        Verdict::Tampered(found) => found,
        _ => panic!("{report}"),
    }
}

fn unreadable(report: &Report) -> &Unreadable {
    match &report.verdict {
        Verdict::Unreadable(found) => found,
        _ => panic!("{report}"),
    }
}

fn open(folder: &Path) -> Result<Log, LogError> {
    let settings = settings("site-a", Role::Site);
    Log::open(folder, key("site-a"), settings, &stamp(1 << 40), &mut |_| {})
}

#[test]
fn a_torn_last_line_is_told_from_a_cut() {
    let folder = site_log(50, 3);
    let size = judge(folder.path()).records;
    append(folder.path(), b"{\"v\":1,\"se");
    let report = judge(folder.path());
    assert_eq!(unreadable(&report), &Unreadable::Torn);
    assert_eq!((report.seq, report.verdict.exit_code()), (Some(size + 1), 3));
    // A record that was signed had its end.
    let folder = site_log(50, 3);
    let path = segment(folder.path(), 1);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let truncated = Tampering::Truncated { signed: size, found: size - 1 };
    assert_eq!(tampered(&judge(folder.path())), &truncated);
    assert!(matches!(open(folder.path()), Err(LogError::Truncated { .. })));
}

#[test]
fn missing_segments_are_named() {
    let whole = site_log(1000, 1);
    let segments = audit::folder::segments(whole.path()).unwrap();
    let last = *segments.last().unwrap();
    for number in segments {
        let folder = super::harness::copy(whole.path());
        fs::remove_file(segment(folder.path(), number)).unwrap();
        let report = judge(folder.path());
        if number == last {
            assert!(matches!(tampered(&report), Tampering::Truncated { .. }), "{report}");
        } else {
            assert_eq!(tampered(&report), &Tampering::MissingSegment { segment: number });
        }
        assert!(open(folder.path()).is_err());
    }
}

#[test]
fn wrong_keys_and_other_nodes_logs_are_told_apart() {
    let folder = site_log(20, 1);
    let report = verify(folder.path(), &public("site-b"), &Options::default());
    let other = Tampering::OtherLog { found: "site-a.1".to_owned() };
    assert_eq!(tampered(&report), &other);
    // The right name with another key.
    let seed = [7; 32];
    let wrong = audit::note::SigningKey::from_seed(&name("site-a.1"), &seed).unwrap();
    let report = verify(folder.path(), wrong.verifier(), &Options::default());
    assert_eq!(tampered(&report), &Tampering::OtherKey);
    let path = folder.path().join(CHECKPOINT);
    let note = fs::read_to_string(&path).unwrap();
    fs::write(&path, note.replacen("site-a.1\n", "site-a.1\n1", 1)).unwrap();
    assert_eq!(tampered(&judge(folder.path())), &Tampering::BadSignature);
    fs::write(&path, "nothing of the kind").unwrap();
    assert!(matches!(unreadable(&judge(folder.path())), Unreadable::Note { .. }));
    fs::remove_file(&path).unwrap();
    assert_eq!(tampered(&judge(folder.path())), &Tampering::NoCheckpoint);
    let nowhere = folder.path().join("nowhere");
    assert!(matches!(unreadable(&judge(&nowhere)), Unreadable::Io { .. }));
}

#[test]
fn an_unknown_version_is_no_tampering_where_the_node_signed_it() {
    let folder = site_log(20, 1);
    let size = judge(folder.path()).records;
    let version = audit::record::VERSION + 1;
    append(folder.path(), format!("{{\"v\":{version},\"new\":\"field\"}}\n").as_bytes());
    for signed in [size, size + 1] {
        let report = judge(folder.path());
        assert_eq!(unreadable(&report), &Unreadable::Version { version });
        assert_eq!((report.seq, report.signed), (Some(size + 1), signed));
        sign(folder.path());
    }
}

#[test]
fn control_characters_in_names_are_no_record() {
    for spoil in ["\\u0007", "\\n", "\u{1b}", " ", "Ä"] {
        let folder = site_log(20, 1);
        let size = judge(folder.path()).records;
        let last = lines(folder.path()).pop().unwrap().1.pop().unwrap();
        let line = String::from_utf8(last).unwrap();
        let line = line.replace(&format!("\"seq\":{size}"), &format!("\"seq\":{}", size + 1));
        let line = line.replacen("\"daemon\"", &format!("\"dae{spoil}mon\""), 1);
        append(folder.path(), line.as_bytes());
        sign(folder.path());
        let report = judge(folder.path());
        assert_eq!(unreadable(&report), &Unreadable::Line, "{spoil:?}");
        assert_eq!(report.seq, Some(size + 1));
        assert!(matches!(open(folder.path()), Err(LogError::Line { .. })));
    }
}

#[test]
fn a_huge_line_is_not_read() {
    let folder = site_log(20, 1);
    let size = judge(folder.path()).records;
    let path = segment(folder.path(), 1);
    let file = OpenOptions::new().append(true).open(&path).unwrap();
    // A hole of 1 GB: a line of zeros that takes no space.
    file.set_len(file.metadata().unwrap().len() + (1 << 30)).unwrap();
    let report = judge(folder.path());
    assert_eq!(unreadable(&report), &Unreadable::TooLong);
    assert_eq!(report.seq, Some(size + 1));
    assert!(matches!(open(folder.path()), Err(LogError::Read(_))));
}

#[test]
fn signed_lines_that_were_zeroed_are_tampering_however_many() {
    let folder = site_log(20, 1);
    let path = segment(folder.path(), 1);
    let length = fs::metadata(&path).unwrap().len();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    // Half of the log is left, and zeros that are longer than any line.
    file.set_len(length / 2).unwrap();
    file.set_len(length + (MAX_LINE as u64) * 2).unwrap();
    let report = judge(folder.path());
    assert_eq!((tampered(&report), report.verdict.exit_code()), (&Tampering::Altered, 2));
    assert!(report.seq.is_some_and(|seq| seq > 1 && seq <= report.records + 1), "{report}");
}

#[test]
fn the_longest_line_is_read() {
    for (length, expected) in [(MAX_LINE, Unreadable::Line), (MAX_LINE + 1, Unreadable::TooLong)] {
        let folder = site_log(20, 1);
        append(folder.path(), &[vec![b'x'; length], vec![b'\n']].concat());
        assert_eq!(unreadable(&judge(folder.path())), &expected);
    }
}

#[test]
fn records_out_of_number_are_tampering_even_unsigned() {
    let folder = site_log(20, 1);
    let size = judge(folder.path()).records;
    let last = lines(folder.path()).pop().unwrap().1.pop().unwrap();
    append(folder.path(), &last);
    let report = judge(folder.path());
    assert_eq!(tampered(&report), &Tampering::Sequence { found: size });
    assert!(matches!(open(folder.path()), Err(LogError::Sequence { .. })));
}

#[test]
fn without_the_cache_an_edit_is_found_and_not_placed() {
    let folder = site_log(100, 1);
    fs::remove_file(leaves(folder.path(), 1)).unwrap();
    let path = segment(folder.path(), 1);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"boot\":\"b", "\"boot\":\"x", 1)).unwrap();
    let report = judge(folder.path());
    assert_eq!(tampered(&report), &Tampering::Altered);
}

#[test]
fn reports_read_as_one_line_and_as_one_object() {
    let folder = site_log(100, 1);
    let report = judge(folder.path());
    let count = report.records;
    assert_eq!(report.to_string(), format!("sound site-a.1: {count} records, all of them signed"));
    let last = segment(folder.path(), 1);
    let text = fs::read_to_string(&last).unwrap();
    let second = text.find('\n').unwrap() + 1;
    fs::write(&last, text.replacen("\"seq\":2,", "\"seq\":3,", 1)).unwrap();
    let report = judge(folder.path());
    assert_eq!(
        report.to_string(),
        format!(
            "tampered site-a.1: record 2 (segment 000001.jsonl, byte {second}): its records \
             are not those that its checkpoint signs"
        )
    );
    let json = report.to_json();
    assert_eq!(json["verdict"], "tampered");
    assert_eq!((&json["seq"], &json["segment"]), (&2.into(), &1.into()));
    assert_eq!(json["code"], "altered");
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.key");
    let made = audit::note::create_key(&path, &name("site-a.1")).unwrap();
    assert_eq!(audit::note::load_key(&path).unwrap().verifier(), made.verifier());
    assert!(audit::note::create_key(&path, &name("site-a.1")).is_err(), "never overwritten");
    for mode in [0o640, 0o604, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let refused = audit::note::load_key(&path);
        assert!(matches!(refused, Err(audit::note::NoteError::Exposed { .. })));
    }
    assert!(!format!("{made:?}").contains("PRIVATE"));
    let _ = Writer::new(&folder.path().join("log"), "site-a", Role::Site, 0);
}

#[test]
fn whatever_byte_is_changed_nothing_panics_and_nothing_passes() {
    let whole = site_log(300, 4);
    open(whole.path()).unwrap().archive(1, &Peers::default()).unwrap();
    let caches = ["lock", "reserve", "key.pub"];
    for file in fs::read_dir(whole.path()).unwrap().map(Result::unwrap) {
        if !file.path().is_file() || caches.iter().any(|cache| file.file_name() == *cache) {
            continue;
        }
        let text = fs::read(file.path()).unwrap();
        let cache = file.path().extension() == Some("leaves".as_ref());
        for place in (0..text.len()).step_by((text.len() / 150).max(1)) {
            for with in [0, b'\n', text[place] ^ 1, 0xff] {
                let mut spoiled = text.clone();
                spoiled[place] = with;
                fs::write(file.path(), &spoiled).unwrap();
                let verdict = judge(whole.path()).verdict;
                let sound = verdict == Verdict::Sound;
                assert_eq!(sound, cache || spoiled == text, "{:?} {place}", file.file_name());
            }
        }
        fs::write(file.path(), &text).unwrap();
    }
    assert_eq!(judge(whole.path()).verdict, Verdict::Sound);
}
