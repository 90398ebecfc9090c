//! Disks that fail at any step, crashes that tear lines, and two processes on one log.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use audit::folder::segment;
use audit::record::{Entry, Event, Outcome, Record, Role};
use audit::segments::{Disk, Files, Log, LogError, Settings};
use audit::verify::Verdict;

use super::harness::{Unsynced, Writer, copy, digest, entry, judge, key, name, settings, stamp};

/// A disk that does so many things, then is full or broken for some, and leaves half of the last
/// write behind.
struct Failing {
    inner: Unsynced,
    calls: Arc<AtomicU64>,
    /// Calls that fail, counted from 0.
    fail: std::ops::Range<u64>,
    kind: io::ErrorKind,
}

impl Failing {
    fn new(fail: std::ops::Range<u64>, kind: io::ErrorKind) -> (Self, Arc<AtomicU64>) {
        let calls = Arc::new(AtomicU64::new(0));
        (Self { inner: Unsynced::default(), calls: calls.clone(), fail, kind }, calls)
    }

    fn step(&mut self) -> io::Result<()> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        if self.fail.contains(&call) { Err(self.kind.into()) } else { Ok(()) }
    }
}

impl Disk for Failing {
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.step() {
            self.inner.append(path, &bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        self.inner.append(path, bytes)
    }
    fn sync(&mut self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.inner.sync(path)
    }
    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.step() {
            self.inner.write(path, &bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        self.inner.write(path, bytes)
    }
    fn truncate(&mut self, path: &Path, length: u64) -> io::Result<()> {
        self.step()?;
        self.inner.truncate(path, length)
    }
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        self.inner.rename(from, to)
    }
    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.inner.remove(path)
    }
    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.inner.make_folder(path)
    }
    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.inner.sync_folder(path)
    }
}

/// Segments of two records or so: many steps of every kind.
fn small() -> Settings {
    Settings { segment_bytes: 700, ..settings("site-a", Role::Site) }
}

fn told(text: &str) -> Entry {
    entry(Event::KeyNew { fingerprint: digest(text) })
}

/// Writes twelve records and three checkpoints, and returns those that were said to be recorded.
fn work(disk: Failing, folder: &Path) -> Result<Vec<u64>, (Vec<u64>, LogError)> {
    let mut done = Vec::new();
    let created = Log::create_on(disk, folder, key("site-a"), small(), &stamp(0), name("new"));
    let mut log = created.map_err(|error| (Vec::new(), error))?;
    done.push(1);
    for place in 0..4 {
        let group: Vec<Entry> = (0..3).map(|number| told(&format!("{place} {number}"))).collect();
        match log.append_all(&stamp(place), &group) {
            Ok(seqs) => done.extend(seqs),
            Err(error) => {
                // No record, no release: until it is opened again, nothing more is taken.
                assert!(matches!(log.append(&stamp(9), &told("x")), Err(LogError::Poisoned)));
                assert!(matches!(log.checkpoint(), Err(LogError::Poisoned)));
                return Err((done, error));
            }
        }
        if let Err(error) = log.checkpoint() {
            assert!(matches!(log.append(&stamp(9), &told("x")), Err(LogError::Poisoned)));
            return Err((done, error));
        }
    }
    Ok(done)
}

fn reopen<D: Disk>(disk: D, folder: &Path) -> Result<(Log<D>, Vec<Record>), LogError> {
    let mut records = Vec::new();
    let replay = &mut |record: &Record| records.push(record.clone());
    let log = Log::open_on(disk, folder, key("site-a"), small(), &stamp(0), replay)?;
    Ok((log, records))
}

#[test]
fn a_disk_that_fails_at_any_step_loses_nothing_that_was_recorded() {
    let whole = tempfile::tempdir().unwrap();
    let (disk, calls) = Failing::new(0..0, io::ErrorKind::Other);
    assert_eq!(work(disk, whole.path()).unwrap().len(), 13);
    let steps = calls.load(Ordering::Relaxed);
    assert!(steps > 40, "{steps} steps");
    let mut begun = 0;
    let mut torn = 0;
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
        for fail in 0..steps {
            let folder = tempfile::tempdir().unwrap();
            let (disk, _) = Failing::new(fail..u64::MAX, kind);
            let (done, error) = work(disk, folder.path()).unwrap_err();
            assert!(matches!(error, LogError::Io { .. }), "{fail}: {error}");
            if done.is_empty() {
                // Nothing was promised. Before its last step the folder is no log, after it a whole one.
                begun += 1;
                if reopen(Unsynced::default(), folder.path()).is_ok() {
                    assert_eq!(judge(folder.path()).verdict, Verdict::Sound);
                }
                continue;
            }
            let (mut log, records) = reopen(Unsynced::default(), folder.path()).unwrap();
            let seqs: BTreeSet<u64> = records.iter().map(|record| record.seq).collect();
            assert!(done.iter().all(|seq| seqs.contains(seq)), "{fail}");
            torn += u64::from(log.size() > records.len() as u64);
            log.append(&stamp(0), &entry(super::harness::start())).unwrap();
            log.checkpoint().unwrap();
            let report = judge(folder.path());
            assert_eq!(report.verdict, Verdict::Sound, "{fail}: {report}");
        }
    }
    assert!(begun > 10 && torn > 5, "{begun} logs not begun, {torn} torn");
}

#[test]
fn opening_that_fails_at_any_step_can_be_done_again() {
    let whole = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(whole.path(), "site-a", Role::Site, 1).site(30);
    writer.tell(Event::KeyNew { fingerprint: digest("after") });
    drop(writer);
    let path = segment(whole.path(), 1);
    let text = fs::read(&path).unwrap();
    fs::write(&path, &text[..text.len() - 20]).unwrap();
    let mut steps = 0;
    for fail in 0.. {
        let folder = copy(whole.path());
        let (disk, _) = Failing::new(fail..fail + 1, io::ErrorKind::Other);
        let opened = reopen(disk, folder.path()).map(|_| ());
        let Err(error) = opened else {
            steps = fail;
            break;
        };
        assert!(matches!(error, LogError::Io { .. }), "{fail}: {error}");
        reopen(Unsynced::default(), folder.path()).unwrap();
        // However often it was tried, the torn line is owned up to once. Where the record that says
        // so was torn in its turn, that is owned up to as well.
        let mut recovered = Vec::new();
        audit::show::show(folder.path(), &audit::show::Filter::default(), &mut |found| {
            if let Event::Recovered { file, bytes, .. } = &found.record.event {
                recovered.push((file.clone(), *bytes));
            }
        })
        .unwrap();
        let read = |file: &audit::Name| fs::read(folder.path().join(file.as_str())).unwrap();
        let aside: Vec<_> = recovered.iter().map(|(file, _)| read(file)).collect();
        assert!(recovered.iter().zip(&aside).all(|((_, bytes), text)| text.len() as u64 == *bytes));
        let torn =
            aside.iter().filter(|aside| text.windows(aside.len()).any(|found| found == **aside));
        assert_eq!(torn.count(), 1, "{fail}");
        assert!(aside.len() <= 2, "{fail}");
        assert_eq!(judge(folder.path()).verdict, Verdict::Sound);
    }
    assert!(steps > 8, "{steps} steps");
}

#[test]
fn a_line_torn_anywhere_is_kept_aside_and_owned_up_to() {
    let whole = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(whole.path(), "site-a", Role::Site, 1).site(30);
    let signed = writer.log.size();
    writer.tell(Event::KeyNew { fingerprint: digest("after") });
    drop(writer);
    let path = segment(whole.path(), 1);
    let text = fs::read(&path).unwrap();
    let last = text[..text.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for cut in last..text.len() {
        let folder = copy(whole.path());
        fs::write(segment(folder.path(), 1), &text[..cut]).unwrap();
        let (log, _) = reopen(Unsynced::default(), folder.path()).unwrap();
        assert_eq!(log.size(), signed + u64::from(cut > last), "cut {cut}");
        assert_eq!(judge(folder.path()).verdict, Verdict::Sound);
    }
    // Whatever the checkpoint signed is not mended.
    for cut in (0..last).step_by(97) {
        let folder = copy(whole.path());
        fs::write(segment(folder.path(), 1), &text[..cut]).unwrap();
        let opened = reopen(Unsynced::default(), folder.path()).map(|_| ());
        assert!(matches!(opened, Err(LogError::Truncated { .. })), "cut {cut}");
        assert_eq!(
            fs::read(segment(folder.path(), 1)).unwrap(),
            &text[..cut],
            "nothing is changed"
        );
    }
}

#[test]
fn a_torn_line_kept_aside_is_evidence() {
    let folder = tempfile::tempdir().unwrap();
    drop(Writer::new(folder.path(), "site-a", Role::Site, 1));
    let path = segment(folder.path(), 1);
    fs::write(&path, [fs::read(&path).unwrap(), b"{\"v\":1".to_vec()].concat()).unwrap();
    reopen(Unsynced::default(), folder.path()).unwrap();
    assert_eq!(judge(folder.path()).verdict, Verdict::Sound);
    let aside = folder.path().join("torn-00000002");
    fs::write(&aside, "{\"v\":2").unwrap();
    assert_eq!(judge(folder.path()).verdict.exit_code(), 2);
    // A copy may lack it.
    fs::remove_file(&aside).unwrap();
    assert_eq!(judge(folder.path()).verdict, Verdict::Sound);
}

#[test]
fn a_full_disk_takes_a_last_record() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, calls) = Failing::new(0..0, io::ErrorKind::StorageFull);
    drop(Log::create_on(disk, folder.path(), key("site-a"), small(), &stamp(0), name("new")));
    let created = calls.load(Ordering::Relaxed);
    let folder = tempfile::tempdir().unwrap();
    let (disk, _) = Failing::new(created..created + 1, io::ErrorKind::StorageFull);
    let mut log =
        Log::create_on(disk, folder.path(), key("site-a"), small(), &stamp(0), name("new"))
            .unwrap();
    assert!(log.append(&stamp(1), &told("x")).is_err());
    assert!(folder.path().join("reserve").metadata().unwrap().len() > 0);
    let event = Event::Stop { version: name("0.1.0"), binary: digest("binary") };
    let stop = entry(event).ended(Outcome::Failed, name("disk-full"));
    assert_eq!(log.last_words(&stamp(2), &stop).unwrap(), 2);
    assert!(!folder.path().join("reserve").exists());
    assert!(matches!(log.last_words(&stamp(2), &stop), Err(LogError::Poisoned)));
    assert!(matches!(log.append(&stamp(3), &told("y")), Err(LogError::Poisoned)));
    drop(log);
    let report = judge(folder.path());
    assert_eq!((report.verdict, report.signed), (Verdict::Sound, 2));
    let (_log, records) = reopen(Files::default(), folder.path()).unwrap();
    assert_eq!(records[1].reason, Some(name("disk-full")));
    assert!(folder.path().join("reserve").exists(), "held back again");
}

#[test]
fn two_processes_never_share_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let first = Writer::new(folder.path(), "site-a", Role::Site, 1);
    let error = reopen(Files::default(), folder.path()).map(|_| ()).unwrap_err();
    assert!(matches!(error, LogError::Held { .. }));
    assert!(error.to_string().contains("another process"));
    drop(first);
    assert!(reopen(Files::default(), folder.path()).is_ok());
}

#[test]
fn a_log_is_opened_by_its_own_node_and_key_only() {
    let folder = tempfile::tempdir().unwrap();
    drop(Writer::new(folder.path(), "site-a", Role::Site, 1));
    let open = |key, settings| {
        Log::open(folder.path(), key, settings, &stamp(1), &mut |_| {}).map(|_| ()).unwrap_err()
    };
    let other = |error| matches!(error, LogError::OtherKey { .. });
    assert!(other(open(key("site-b"), settings("site-b", Role::Site))));
    assert!(other(open(key("site-a"), settings("site-b", Role::Site))));
    assert!(other(open(key("site-a"), settings("site-a", Role::Coordinator))));
    let wrong = audit::note::SigningKey::from_seed(&name("site-a.1"), &[9; 32]).unwrap();
    assert!(other(open(wrong, settings("site-a", Role::Site))));
    let again =
        Log::create(folder.path(), key("site-a"), small(), &stamp(0), name("new")).map(|_| ());
    assert!(matches!(again, Err(LogError::Exists { .. })));
}

#[test]
fn what_is_no_record_is_refused_and_poisons_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(folder.path(), "site-a", Role::Site, 1);
    let update = digest("u");
    let roundless = entry(Event::Sent { update, bytes: 1 });
    assert!(matches!(writer.log.append(&stamp(1), &roundless), Err(LogError::Record(_))));
    writer.tell(Event::KeyNew { fingerprint: digest("key") });
}
