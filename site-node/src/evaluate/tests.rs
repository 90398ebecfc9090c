//! Patients whose risk is known: the column `x` decides it, `y` says nothing, and only group `b` is hard.

use plan::experiment::{Draft, Evaluation, Plan};

use super::*;

const PLAN: &str = r#"
name = "known"
rounds = 1
outcome = { time = "t", unit = "years", event = "e", edges = [1.0, 2.0, 3.0, 4.0] }
training = { learning_rate = 0.1 }
privacy = { mode = "none", clip = 1.0 }
aggregation = { min_sites = 1, window = "1m" }
model = { kind = "linear" }
[features]
columns = ["x", "y"]
[features.views.group]
kind = "category"
column = "g"
categories = ["a", "b", "rare/one"]
missing = "zero"
"#;

fn plan() -> Plan {
    base::config::read::<Draft>("known.toml", PLAN).unwrap().0.plan
}

/// 60 patients; x falls with time but for some of group b, y is noise, three are rare.
fn patients(shift: f64) -> Examples {
    let mut features = Vec::new();
    let mut time = Vec::new();
    let mut event = Vec::new();
    for i in 0_u16..60 {
        let at = 0.1 + f64::from(i) * 0.065 + shift;
        let in_b = i % 2 == 1;
        #[allow(clippy::cast_possible_truncation, reason = "a feature")]
        let x = if in_b && i % 4 == 3 { at as f32 } else { -at as f32 };
        let y = f32::from(i * 37 % 17);
        let rare = i >= 57;
        let member = |of: bool| f32::from(u8::from(of));
        features.extend([x, y, member(!in_b && !rare), member(in_b && !rare), member(rare)]);
        time.push(at);
        event.push(i % 5 != 0);
    }
    Examples::new(features, 5, time, event, &plan().outcome.edges).unwrap()
}

/// risk = x: weights of x, y and the three groups, then the four intervals' biases.
const MODEL: [f32; 9] = [1.0, 0.0, 0.0, 0.0, 0.0, -1.0, -1.0, -1.0, -1.0];

fn scores(asked: &Evaluation) -> Vec<Score> {
    let plan = plan();
    let training = patients(0.01);
    let test = patients(0.0);
    let held = Held { plan: &plan, model: &MODEL, training: &training, test: &test, least: 5 };
    evaluate(&held, asked).unwrap()
}

fn of(scores: &[Score], name: &str) -> Option<f64> {
    scores.iter().find(|score| score.id.to_string() == name).map(|score| score.value)
}

#[test]
fn by_itself_there_is_the_c_index_alone() {
    let found = scores(&Evaluation::default());
    assert_eq!(found.iter().map(|score| score.id.clone()).collect::<Vec<_>>(), [C_INDEX]);
}

#[test]
fn horizons_bring_discrimination_accuracy_and_calibration() {
    let asked = Evaluation { horizons: vec![1.0, 3.0], ..Evaluation::default() };
    let found = scores(&asked);
    for name in [
        "test.uno_c",
        "test.integrated_brier",
        "test.d_calibration_p",
        "test.auc/1",
        "test.brier/3",
        "test.observed_to_predicted/3",
    ] {
        let value = of(&found, name).unwrap_or_else(|| panic!("no {name} in {found:?}"));
        assert!(value.is_finite() && value >= 0.0, "{name} is {value}");
    }
    assert!(of(&found, "test.auc/3").unwrap() > 0.5);
}

#[test]
fn a_subgroup_has_its_own_c_index_unless_it_is_small() {
    let asked = Evaluation { subgroups: vec!["group".to_owned()], ..Evaluation::default() };
    let found = scores(&asked);
    let a = of(&found, "test.c_index/group.a");
    let b = of(&found, "test.c_index/group.b");
    assert!((a.unwrap() - 1.0).abs() < 1e-12 && b.unwrap() < 0.9, "{found:?}");
    assert_eq!(of(&found, "test.c_index/group.rare_one"), None);
}

#[test]
fn what_the_model_does_not_read_loses_nothing() {
    let asked = Evaluation { permutations: 4, ..Evaluation::default() };
    let found = scores(&asked);
    assert!(of(&found, "importance/x").unwrap() > 0.15, "{found:?}");
    for name in ["importance/y", "importance/group"] {
        assert!(of(&found, name).unwrap().abs() < 1e-12, "{found:?}");
    }
    // The same seed, the same permutations.
    assert_eq!(scores(&asked), found);
}

/// The first cause is early where x is high, and every second of the others has another event first.
#[test]
fn with_several_causes_the_first_is_what_is_measured() {
    let text = PLAN.replace("event = \"e\"", "event = \"e\", causes = [\"heart\", \"other\"]");
    let plan = base::config::read::<Draft>("known.toml", &text).unwrap().0.plan;
    let known = |shift| {
        let known = patients(shift);
        let cause = (0..60).map(|i| [1, 1, 2, 0][i % 4]).collect();
        let features = known.features().to_vec();
        let time = known.time().to_vec();
        Examples::of_causes(features, 5, time, cause, &plan.outcome.edges).unwrap()
    };
    // Weights of x on the first cause and of nothing on the second, then a bias a cause and interval.
    let mut model = [0.0; 18];
    model[0] = 1.0;
    model[10..].fill(-1.5);
    let training = known(0.01);
    let test = known(0.0);
    let held = Held { plan: &plan, model: &model, training: &training, test: &test, least: 5 };
    let asked = Evaluation {
        horizons: vec![1.0, 3.0],
        subgroups: vec!["group".to_owned()],
        permutations: 1,
    };
    let found = evaluate(&held, &asked).unwrap();
    let risk = risks(&plan.model, &model, &test).unwrap();
    let outcomes = Competing::new(test.time().to_vec(), test.cause().to_vec()).unwrap();
    let expected = harrell_c(&outcomes.of_interest(1).unwrap(), &risk).unwrap();
    assert!((of(&found, "test.c_index").unwrap() - expected).abs() < 1e-12);
    // As if other events ended follow-up, or were the event, it would be another number.
    let censored = test.cause().iter().map(|cause| *cause == 1).collect();
    let censored = Survival::new(test.time().to_vec(), censored).unwrap();
    assert!((harrell_c(&censored, &risk).unwrap() - expected).abs() > 1e-3);
    for name in ["test.auc/1", "test.brier/3", "test.integrated_brier"] {
        assert!((0.0..=1.0).contains(&of(&found, name).unwrap()), "{name} in {found:?}");
    }
    assert!(of(&found, "test.observed_to_predicted/3").unwrap() > 0.0, "{found:?}");
    assert!(of(&found, "test.c_index/group.a").is_some() && of(&found, "importance/x").is_some());
    for name in ["test.uno_c", "test.d_calibration_p"] {
        assert_eq!(of(&found, name), None, "{name}");
    }
}

/// Nobody with an event: nothing can be said, and that is no error.
#[test]
fn patients_who_allow_no_measure_give_none() {
    let plan = plan();
    let few = Examples::new(vec![0.0; 10], 5, vec![1.0, 2.0], vec![false; 2], &plan.outcome.edges);
    let training = patients(0.0);
    let test = few.unwrap();
    let held = Held { plan: &plan, model: &MODEL, training: &training, test: &test, least: 1 };
    let asked = Evaluation { horizons: vec![1.0], subgroups: vec![], permutations: 2 };
    let found = evaluate(&held, &asked).unwrap();
    assert!(!found.iter().any(|score| score.id == C_INDEX), "{found:?}");
}
