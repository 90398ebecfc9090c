use super::*;
use crate::experiment::Experiment;
use crate::metric::Metric;
use base::config;
use privacy::{Mechanism, Released};

const DEMO: &str = include_str!("../../../../../configs/experiments/demo.toml");

fn ask(table: &str) -> (StatisticsRequest, Vec<LeftOut>) {
    let experiment: Experiment = config::read("demo", &format!("{DEMO}\n{table}")).unwrap();
    experiment.describe.question(&experiment.plan).unwrap()
}

const TWO: &str = "[describe]\ncolumns = [\"x01\", \"x02\"]\nrho = 0.5\n\
                   [describe.bounds]\nx01 = [-3, 3]\nx02 = [-4.0, 4.0]\n";

#[test]
fn what_has_no_public_bounds_is_left_out_and_named() {
    let (question, left_out) = ask("");
    assert_eq!((question.inputs.len(), left_out.len()), (0, 12));
    assert!(left_out[0].why.contains("bounds"), "{left_out:?}");
    let (question, left_out) = ask("[describe.bounds]\nx03 = [-3, 3]");
    assert_eq!((question.inputs.len(), left_out.len()), (1, 11));
    assert_eq!((question.inputs[0].lower, question.inputs[0].upper), (-3.0, 3.0));
    let (question, left_out) = ask(TWO);
    assert_eq!((question.reads(), left_out), (vec!["x01".to_owned(), "x02".into()], vec![]));
    assert_eq!(question.check(), []);
}

#[test]
fn each_question_is_one_charge_and_together_they_cost_what_is_stated() {
    let (question, _) = ask(TWO);
    let questions = question.questions();
    assert_eq!((questions.len(), question.count()), (13, 13));
    let rounds: Vec<u32> = questions.iter().map(|(round, _)| round.0).collect();
    assert_eq!(rounds, (1..=13).collect::<Vec<_>>());
    let Mechanism::Zcdp { rho } = question.mechanism() else { panic!("not concentrated") };
    let total: f64 = questions.iter().map(|_| rho).sum();
    assert!(total <= 0.5 && total > 0.4999, "{total}");
    assert!((question.count_deviation() - 1.0 / (2.0 * rho).sqrt()).abs() < 1e-9);
    for (_, one) in questions {
        assert_eq!(Released::of_code(one.released().code()), Some(one.released()));
    }
}

#[test]
fn the_name_follows_from_the_question_and_from_all_of_it() {
    let (question, _) = ask(TWO);
    assert_eq!(question.run(), question.clone().run());
    assert!(question.run().as_str().starts_with("describe-"), "{}", question.run());
    assert!(StatisticsRequest::is_name(&question.run()));
    assert!(!StatisticsRequest::is_name(&base::ids::RunId::memorable(7)));
    let changes: [fn(&mut StatisticsRequest); 4] = [
        |q| q.rho *= 1.0 + f64::EPSILON,
        |q| q.inputs[0].upper += 1.0,
        |q| q.inputs.truncate(1),
        |q| q.outcome.edges[0] += 0.5,
    ];
    for change in changes {
        let mut other = question.clone();
        change(&mut other);
        assert_ne!(other.run(), question.run());
    }
}

/// The rule's key, and what breaks it.
type Break = (&'static str, fn(&mut StatisticsRequest));

#[test]
fn every_rule_is_held_by_name() {
    let breaks: [Break; 16] = [
        ("describe.rho", |q| q.rho = 0.0),
        ("describe.rho", |q| q.rho = f64::NAN),
        ("describe.rho", |q| q.rho = f64::INFINITY),
        ("outcome.time", |q| q.outcome.time = String::new()),
        ("outcome.event", |q| q.outcome.event = q.outcome.time.clone()),
        ("outcome.causes", |q| q.outcome.causes = vec!["one".to_owned(), "one".to_owned()]),
        ("outcome.causes", |q| q.outcome.causes = vec![String::new()]),
        ("outcome.edges", |q| q.outcome.edges = Vec::new()),
        ("outcome.edges", |q| q.outcome.edges = vec![1.0, 1.0]),
        ("outcome.edges", |q| q.outcome.edges = (1..=1025).map(f64::from).collect()),
        ("describe.columns", |q| q.inputs = vec![q.inputs[0].clone(); 129]),
        ("describe.columns", |q| q.inputs[1] = q.inputs[0].clone()),
        ("describe.columns", |q| q.inputs[0].view.name = "a\n".to_owned()),
        ("describe.bounds", |q| q.inputs[0].upper = -3.0),
        ("describe.bounds", |q| q.inputs[0].lower = f64::NAN),
        ("describe.bounds", |q| q.inputs[0].upper = 1e300),
    ];
    for (number, (key, change)) in breaks.into_iter().enumerate() {
        let (mut question, _) = ask(TWO);
        change(&mut question);
        let plan_errors = question.check();
        assert!(
            plan_errors.iter().any(|plan_error| plan_error.key == key),
            "{number}: {plan_errors:?}"
        );
    }
    // The outcome is not for a description of inputs.
    let (mut question, _) = ask(TWO);
    question.outcome.event = "x01".to_owned();
    assert!(question.check().iter().any(|plan_error| plan_error.what.contains("outcome")));
}

#[test]
fn a_file_that_asks_for_what_there_is_not_is_told_so() {
    for (table, word) in [
        ("[describe]\ncolumns = [\"nobody\"]", "no input of this experiment"),
        ("[describe.bounds]\nnobody = [0, 1]", "no input of this experiment"),
        ("[describe]\ncolumns = [\"x01\"]", "cannot be described"),
        ("[describe.bounds]\nx01 = [1]", "not two numbers"),
        ("[describe.bounds]\nx01 = [1, 0]", "no usable bounds"),
        ("[describe]\nrho = 0.0", "out of bounds"),
        ("[describe]\nrow = 1.0", "unknown key"),
    ] {
        let text = format!("{DEMO}\n{table}");
        let error = config::read::<Experiment>("demo", &text).unwrap_err().to_string();
        assert!(error.contains(word), "{table}: {error}");
    }
}

#[test]
fn numbers_are_those_that_were_asked_for() {
    let (question, _) = ask(TWO);
    let names: Vec<String> =
        question.questions().iter().flat_map(|(_, question)| question.names()).collect();
    // Two counts, ten intervals and beyond, and for each input two counts, a mean and its deviation,
    // and three quartiles.
    assert_eq!(names.len(), 2 + 21 + 2 * 7);
    let all = |names: &[String]| -> Vec<Metric> {
        names.iter().map(|name| Metric { name: name.clone(), value: 1.0 }).collect()
    };
    let numbers = all(&names);
    assert_eq!(question.accepts(&numbers), Ok(()));
    // A mean may be unknown, as a whole.
    let open = |name: &String| !name.starts_with("input.x01.mean");
    let without: Vec<String> = names.iter().filter(|name| open(name)).cloned().collect();
    assert_eq!(question.accepts(&all(&without)), Ok(()));
    for lacking in ["input.x01.mean", "input.x01.mean_deviation", "events", "input.x02.q75"] {
        let some: Vec<String> = names.iter().filter(|name| *name != lacking).cloned().collect();
        assert!(question.accepts(&all(&some)).is_err(), "{lacking}");
    }
    assert!(question.accepts(&[]).is_err());
    assert!(question.accepts(&numbers[1..]).is_err());
    let more = [&numbers[..], &numbers[..1]].concat();
    assert!(question.accepts(&more).is_err());
    let mut wild = numbers.clone();
    wild[0].value = f64::NAN;
    assert!(question.accepts(&wild).is_err());
    let mut swapped = numbers;
    swapped.swap(0, 1);
    assert!(question.accepts(&swapped).is_err());
}
