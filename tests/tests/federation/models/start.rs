//! Runs that begin with the model of an earlier one.

use std::path::Path;

use audit::record::Event;
use base::digest::Digest;
use base::ids::{Round, RunId};
use node::audit_log::hash;
use node::model_store;
use plan::artifact::Start;
use serde_json::Value;
use tests::{Federation, HOSPITALS, Process, demo, edit, failure, stop, success};

use super::{demo_cohort, models, name, report, simulate};
use crate::Outcome;

/// The hash of the model that a run's first round was offered with, by the coordinator's audit log.
fn began_with(state: &Path, run: &str) -> Result<Option<audit::Digest>, tests::SetupError> {
    let run: RunId = run.parse()?;
    let offered = tests::records(state)?.into_iter().find_map(|record| {
        let first = record.round == Some(Round(1).0)
            && record.run.as_ref().is_some_and(|of| of.as_str() == run.as_str());
        match record.event {
            Event::RoundOffer { model, .. } if first => Some(model),
            _ => None,
        }
    });
    Ok(offered)
}

#[test]
fn a_warm_start_goes_on_where_the_first_run_ended() -> Outcome {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let out = folder.path().join("runs");
    demo_cohort(&data)?;
    // Whole batches and no state: a round is a function of its model alone, but for rounding.
    let common = ["training.batch=100000", "training.optimizer=sgd", "training.learning_rate=0.2"];
    let run = |more: &[&str]| simulate(&demo(), &data, &out, &[&common, more].concat());
    let stored = |report: &Value| {
        model_store::open(&out.join("models").join(format!("{}.json", name(report))))
    };
    let first = report(run(&["rounds=2"])?)?;
    let parent = stored(&first)?;
    let path = out.join("models").join(format!("{}.safetensors", name(&first)));
    let begin = format!("model.start={}", path.display());
    let second = report(run(&["rounds=1", &begin])?)?;
    let child = stored(&second)?;
    assert_eq!(child.card.lineage.start, Start::Model(parent.card.weights.model));
    assert_eq!(child.card.plan.start, Some(parent.card.weights.model));
    // The log has it twice: the last sum of one run is the first offer of the next.
    let offered = began_with(&out, name(&second))?;
    assert_eq!(offered, Some(hash(parent.card.weights.model)));

    let whole = stored(&report(run(&["rounds=3"])?)?)?;
    let apart =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0_f32, f32::max);
    let moved = apart(&whole.parameters, &parent.parameters);
    let differs = apart(&whole.parameters, &child.parameters);
    assert!(moved > 1e-3 && differs < 1e-5, "moved by {moved}, apart by {differs}");

    // Another layer, and a file that is none.
    let told = failure(run(&["rounds=1", &begin, "model.hidden=[8]"])?)?;
    assert!(told.contains("tensor \"dense.0.weight\" has the shape [12, 16]"), "{told}");
    let told = failure(run(&["rounds=1", "model.start=nowhere.safetensors"])?)?;
    assert!(told.contains("nowhere.safetensors"), "{told}");
    Ok(())
}

#[test]
fn hospitals_begin_with_a_model_that_their_policy_lists_and_with_no_other() -> Outcome {
    let mut federation = Federation::new()?;
    let start = |federation: &Federation| {
        let sites = HOSPITALS.iter().map(|name| federation.start_site(name));
        sites.collect::<Result<Vec<Process>, _>>()
    };
    let _coordinator = federation.serve()?;
    let sites = start(&federation)?;
    let first = report(federation.run(&demo(), &["rounds=2"])?)?;
    let state = federation.place("state");
    let path = state.join("models").join(format!("{}.safetensors", name(&first)));
    let parent: Digest = model_store::card(&path)?.weights.model;
    let begin = format!("model.start={}", path.display());
    let sets = ["rounds=2", "aggregation.window=2s", begin.as_str()];
    // The refusal names a command that prints what a policy lists, whole.
    let told = failure(federation.run(&demo(), &sets)?)?;
    assert!(told.contains("the line \"model\" of coordinator models show RUN"), "{told}");
    let shown = success(models(&["show", name(&first)], &state)?)?;
    let listed = shown.lines().find_map(|line| line.strip_prefix("model  "));
    let listed = listed.ok_or("no line \"model\"")?.trim().to_owned();
    assert_eq!(listed, parent.to_string());
    for site in HOSPITALS {
        let declined = tests::records(&federation.site(site).join("state"))?
            .into_iter()
            .any(|record| matches!(&record.event, Event::Declined { rule } if rule.as_str() == "policy.start_models"));
        assert!(declined, "{site}");
    }
    stop(sites)?;
    for site in HOSPITALS {
        let policy = federation.site(site).join("policy.toml");
        edit(&policy, "start_models = []", &format!("start_models = [\"{listed}\"]"))?;
    }
    let _sites = start(&federation)?;
    let second = report(federation.run(&demo(), &["rounds=2", begin.as_str()])?)?;
    assert_eq!(began_with(&state, name(&second))?, Some(hash(parent)));
    let shown = success(models(&["show", name(&second)], &state)?)?;
    assert!(shown.contains(&format!("began with  model {parent}")), "{shown}");
    Ok(())
}
