//! A site whose state was put back from an older copy between two runs.

use audit::record::{Event, Outcome as Ended};
use audit::verify::Verdict;
use site_node::privatize::LedgerLog;
use tests::{
    Federation, HOSPITALS, Process, SetupError, copy_folder, failure, records, stop, success,
    verdict,
};

use super::{run, start};
use crate::Outcome;

const SITE: &str = HOSPITALS[0];

#[test]
fn a_site_whose_state_was_put_back_ends_with_an_error() -> Outcome {
    let mut federation = Federation::new()?;
    let coordinator = federation.serve()?;
    let mut sites = start(&federation, &HOSPITALS[..3])?;
    let experiment = federation.private()?;
    run(&federation, &experiment, &[])?;
    stop([sites.remove(0)])?;

    let state = federation.site(SITE).join("state");
    let older = federation.elsewhere("older");
    copy_folder(&state, &older)?;
    sites.push(federation.start_site(SITE)?);
    run(&federation, &experiment, &[])?;
    stop(sites.pop())?;
    let charges =
        || Ok::<_, tests::SetupError>(LedgerLog::look(&state, &"cohort".parse()?)?.entries.len());
    assert_eq!(charges()?, 6);
    let newer = federation.elsewhere("newer");
    copy_folder(&state, &newer)?;

    copy_folder(&older, &state)?;
    assert_eq!(charges()?, 3);
    // Whoever starts it again and again gets no further.
    for _ in 0..2 {
        let output = failure(federation.site_node(SITE, "run")?)?;
        assert!(output.contains("put back from an older copy"), "{output}");
        let found = records(&state)?;
        let refused = |record: &&audit::record::Record| {
            matches!(&record.event, Event::Refused { rule } if rule.as_str() == "ledger.restored")
                && record.outcome == Ended::Refused
        };
        assert!(found.iter().rev().take(2).any(|record| refused(&record)), "{found:?}");
        assert_eq!(charges()?, 3);
    }
    assert_eq!(verdict(&federation.log_of(SITE))?.verdict, Verdict::Sound);
    // From now on every verb knows it, also after the older copy is put back once more.
    copy_folder(&older, &state)?;
    for verb in [&["check"][..], &["budget"]] {
        let output = failure(Process::start(&mut federation.site_command(SITE, verb)?)?)?;
        assert!(output.contains("put back from an older copy"), "{verb:?}: {output}");
        assert!(output.contains("--spent all"), "{verb:?}: {output}");
    }
    let restart = |spent| {
        let verb = ["audit", "restart", "--reason", "restored", "--spent", spent];
        Process::start(&mut federation.site_command(SITE, &verb)?).map_err(SetupError::from)
    };
    let output = failure(restart("recorded")?)?;
    assert!(output.contains("nothing was changed") && output.contains("older copy"), "{output}");
    // The newer copy is the way back.
    copy_folder(&newer, &state)?;
    success(Process::start(&mut federation.site_command(SITE, &["check"])?)?)?;
    assert_eq!(charges()?, 6);
    copy_folder(&older, &state)?;
    // Nor is it forgotten by way of a budget that counts as spent.
    success(restart("all")?)?;
    let output = failure(restart("recorded")?)?;
    assert!(output.contains("older copy"), "{output}");
    // The others go on without it, up to the quorum.
    let output = failure(federation.run(&experiment, &["aggregation.window=5s"])?)?;
    assert!(output.contains("had 2 of the 3 sites"), "{output}");
    stop(sites)?;
    stop([coordinator])
}
