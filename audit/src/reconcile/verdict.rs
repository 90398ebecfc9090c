//! From what was found to the one verdict.

use std::collections::BTreeMap;

use super::{Class, Reconciliation};
use crate::judgement::{Judgement, Level, Reason};
use crate::name::Name;
use crate::verify::Report;

/// The verdict on some logs and on what they say of each other.
pub(super) fn judge(found: &Reconciliation) -> Judgement {
    let mut reasons: Vec<Reason> = found.reports.iter().filter_map(Report::reason).collect();
    let mut grouped: BTreeMap<(Class, &Name, &Name), Vec<u32>> = BTreeMap::new();
    for one in &found.discrepancies {
        grouped.entry((one.class, &one.run, &one.site)).or_default().push(one.round);
    }
    for ((class, run, site), rounds) in grouped {
        let sent = if found.requests.contains(run) {
            format!("what {site} answered to statistics request {run}")
        } else {
            format!("what {site} sent in run {run} ({})", told(&rounds))
        };
        let what = format!("{sent} {}", class.meaning());
        let level = class.level();
        let code = class.name().to_owned();
        reasons.push(Reason { level, code, text: what, run: Some(run.clone()) });
    }
    for site in &found.absent {
        let text = format!("the coordinator names {site}, and its log was not given");
        reasons.push(attention("absent", text));
    }
    for log in &found.unknown {
        let text = format!(
            "others have seen another log of {}, {}, and it was not given",
            log.node, log.log
        );
        reasons.push(attention("unknown", text));
    }
    for log in &found.forgetful {
        let text = format!(
            "{log} says that less was spent before it than an earlier log of the node records"
        );
        reasons.push(attention("forgetful", text));
    }
    for (log, run) in &found.invented {
        let text = format!(
            "{log} carries on numbers of {} {run} that no earlier log of the node told: they were never charged",
            if found.requests.contains(run) { "statistics request" } else { "run" }
        );
        let level = Level::Violation;
        let code = "invented".to_owned();
        let run = Some(run.clone());
        reasons.push(Reason { level, code, text, run });
    }
    for log in &found.second {
        let text = format!("{log} is a second log of its node with the same number");
        let level = Level::Explained;
        let code = "second-log".to_owned();
        reasons.push(Reason { level, code, text, run: None });
    }
    Judgement::of(reasons)
}

fn attention(code: &str, text: String) -> Reason {
    Reason { level: Level::Attention, code: code.to_owned(), text, run: None }
}

/// `round 3`, `7 rounds, 3 to 12`.
fn told(rounds: &[u32]) -> String {
    match (rounds.iter().min(), rounds.iter().max()) {
        (Some(0), Some(0)) => "noised numbers".to_owned(),
        (Some(first), Some(last)) if first == last => format!("round {first}"),
        (Some(first), Some(last)) => format!("{} rounds, {first} to {last}", rounds.len()),
        _ => String::new(),
    }
}
