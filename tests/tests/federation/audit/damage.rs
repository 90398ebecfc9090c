//! Logs of a run that somebody changed afterwards.

use std::fs;
use std::path::Path;

use audit::folder::{CHECKPOINT, segment};
use audit::note::{Checkpoint, load_key};
use audit::tree::{Frontier, leaf};
use audit::verify::{Tampering, Verdict};
use tests::{
    Federation, HOSPITALS, Process, SetupError, copy_folder, demo, edit, failure, stop, success,
    verdict,
};

use super::{reconciled, run, start};
use crate::Outcome;

/// Lines of a log of one segment, and how to write others in their place.
fn lines(folder: &Path) -> Result<Vec<Vec<u8>>, SetupError> {
    let bytes = fs::read(segment(folder, 1))?;
    assert!(!segment(folder, 2).exists() && bytes.ends_with(b"\n"));
    let lines = bytes.strip_suffix(b"\n").unwrap_or(&bytes).split(|byte| *byte == b'\n');
    Ok(lines.map(<[u8]>::to_vec).collect())
}

fn write(folder: &Path, lines: &[Vec<u8>]) -> Outcome {
    let whole = lines.iter().flat_map(|line| [&line[..], b"\n"].concat()).collect::<Vec<u8>>();
    Ok(fs::write(segment(folder, 1), whole)?)
}

fn index(lines: &[Vec<u8>], what: &str) -> Result<usize, SetupError> {
    let holds = |line: &Vec<u8>| String::from_utf8_lossy(line).contains(what);
    lines.iter().rposition(holds).ok_or_else(|| format!("no {what}").into())
}

/// The verdict on a copy of a log after its lines were changed.
fn after(
    log: &Path,
    copy: &Path,
    change: impl FnOnce(&mut Vec<Vec<u8>>) -> Outcome,
) -> Result<Verdict, SetupError> {
    copy_folder(log, copy)?;
    let mut changed = lines(copy)?;
    change(&mut changed)?;
    write(copy, &changed)?;
    Ok(verdict(copy)?.verdict)
}

fn tampered(verdict: Verdict) -> Result<Tampering, SetupError> {
    match verdict {
        Verdict::Tampered(how) => Ok(how),
        other => Err(format!("not tampered: {other:?}").into()),
    }
}

/// Signs what a log holds now with the log's own key, as its owner could.
fn sign_again(state: &Path, folder: &Path) -> Outcome {
    let key = load_key(&state.join(node::audit_log::KEY))?;
    let mut tree = Frontier::new();
    lines(folder)?.iter().for_each(|line| tree.push(leaf(line)));
    let origin = key.verifier().name().clone();
    let size = tree.size();
    let root = tree.root();
    let note = Checkpoint { origin, size, root }.sign(&key)?;
    Ok(fs::write(folder.join(CHECKPOINT), note.to_string())?)
}

/// Every verb that says what was spent refuses a log that was changed, and says what to do.
fn verbs_refuse(federation: &Federation, log: &Path) -> Outcome {
    let whole = federation.elsewhere("whole");
    copy_folder(log, &whole)?;
    let demo = demo();
    let demo = demo.to_str().unwrap_or_default();
    let cut = |keep: usize| {
        move |folder: &Path| {
            let mut all = lines(folder)?;
            all.truncate(all.len().min(keep));
            write(folder, &all)
        }
    };
    let edited = |folder: &Path| {
        let mut all = lines(folder)?;
        let place = all.len() / 2;
        all[place] = b"{}".to_vec();
        write(folder, &all)
    };
    let last = lines(log)?.len() - 1;
    let few = cut(3);
    let all_but_one = cut(last);
    let unsigned = |folder: &Path| Ok(fs::remove_file(folder.join(CHECKPOINT))?);
    let changes: [(&str, Change<'_>); 4] = [
        ("records were cut off", &few),
        ("records were cut off", &all_but_one),
        ("its checkpoint is missing", &unsigned),
        ("record ", &edited),
    ];
    for (why, change) in changes {
        change(log)?;
        for verb in [&["check"][..], &["budget"], &["policy", "explain", demo], &["run"]] {
            let mut command = federation.site_command(HOSPITALS[0], verb)?;
            let refused = failure(Process::start(&mut command)?)?;
            assert!(refused.contains("audit restart --reason lost"), "{verb:?}: {refused}");
            assert!(refused.contains(why) || verb == ["run"], "{why}, {verb:?}: {refused}");
        }
        copy_folder(&whole, log)?;
    }
    let mut command = federation.site_command(HOSPITALS[0], &["budget"])?;
    success(Process::start(&mut command)?)?;
    // The identity of another hospital, and the log of this one.
    let own = federation.site(HOSPITALS[0]).join("identity");
    let kept = federation.elsewhere("own-identity");
    copy_folder(&own, &kept)?;
    copy_folder(&federation.site(HOSPITALS[1]).join("identity"), &own)?;
    for verb in ["check", "run"] {
        let mut command = federation.site_command(HOSPITALS[0], &[verb])?;
        let refused = failure(Process::start(&mut command)?)?;
        let named = [HOSPITALS[0], HOSPITALS[1], "the certificate is that of"];
        assert!(named.iter().all(|name| refused.contains(name)), "{verb}: {refused}");
        assert!(!refused.contains("--reason lost"), "{verb}: {refused}");
    }
    copy_folder(&kept, &own)?;
    // One of another federation.
    let policy = federation.site(HOSPITALS[0]).join("policy.toml");
    let text = fs::read_to_string(&policy)?;
    let other = format!("coordinators = [\"sha256:{}\"]", "00".repeat(32));
    let line = text.lines().find(|line| line.starts_with("coordinators")).unwrap_or_default();
    edit(&policy, line, &other)?;
    let mut command = federation.site_command(HOSPITALS[0], &["check"])?;
    let refused = failure(Process::start(&mut command)?)?;
    assert!(refused.contains("is not listed in policy.coordinators"), "{refused}");
    Ok(())
}

/// What is done to a folder.
type Change<'c> = &'c dyn Fn(&Path) -> Outcome;

#[test]
fn every_change_to_a_log_shows() -> Outcome {
    let mut federation = Federation::new()?;
    let coordinator = federation.serve()?;
    let sites = start(&federation, &HOSPITALS[..3])?;
    run(&federation, &federation.private()?, &[])?;
    stop(sites)?;
    stop([coordinator])?;

    let site = federation.log_of(HOSPITALS[0]);
    let copy = federation.elsewhere("copy");
    // The copy itself is sound.
    assert_eq!(after(&site, &copy, |_| Ok(()))?, Verdict::Sound);
    let records = lines(&site)?.len();
    for place in 0..records {
        // One bit of one byte, early or late in its line.
        let edit = after(&site, &copy, |lines| {
            let line = &mut lines[place];
            let byte = (place * 37) % line.len();
            line[byte] ^= 1;
            Ok(())
        });
        tampered(edit?)?;
        let drop_one = after(&site, &copy, |lines| {
            lines.remove(place);
            Ok(())
        });
        tampered(drop_one?)?;
    }
    let cut = tampered(after(&site, &copy, |lines| {
        lines.pop();
        Ok(())
    })?)?;
    let signed = records as u64;
    let found = records as u64 - 1;
    assert_eq!(cut, Tampering::Truncated { signed, found });

    // The coordinator's, with an update that it never received after all.
    let own = federation.log();
    let gone = after(&own, &copy, |lines| {
        let place = index(lines, "\"RECEIVED\"")?;
        lines.remove(place);
        Ok(())
    });
    tampered(gone?)?;

    // The owner of a log has its key: cut and signed again, it holds by itself, and its peers know
    // better.
    let cut = after(&site, &copy, |lines| {
        let place = index(lines, "\"SENT\"")?;
        lines.truncate(place);
        Ok(())
    });
    tampered(cut?)?;
    sign_again(&federation.site(HOSPITALS[0]).join("state"), &copy)?;
    assert_eq!(verdict(&copy)?.verdict, Verdict::Sound);
    let others = HOSPITALS[1..3].iter().map(|name| federation.log_of(name));
    let logs: Vec<_> = [copy].into_iter().chain(others).collect();
    let together = reconciled(&own, &logs)?;
    verbs_refuse(&federation, &site)?;
    let verdicts: Vec<_> = together.reports.into_iter().map(|report| report.verdict).collect();
    let [cut, second, third, coordinator] = &verdicts[..] else { return Err("four logs".into()) };
    assert_eq!([coordinator, second, third], [&Verdict::Sound; 3]);
    tampered(cut.clone())?;
    Ok(())
}
