//! A site whose state was put back from an older copy between two runs.

use audit::record::{Event, Outcome as Ended};
use audit::verify::Verdict;
use site_node::privatize::LedgerLog;
use tests::{Federation, HOSPITALS, copy_folder, failure, records, stop, verdict};

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
    // The others go on without it, up to the quorum.
    let output = failure(federation.run(&experiment, &["aggregation.window=5s"])?)?;
    assert!(output.contains("had 2 of the 3 sites"), "{output}");
    stop(sites)?;
    stop([coordinator])
}
