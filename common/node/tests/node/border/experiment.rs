//! Rules that a researcher's file breaks, each named by its key, its line and a way out.

use plan::experiment::{
    DataTag, Experiment, Optimizer, PrivacyMode, ServerRule, TimeUnit, Weights,
};
use plan::model::Head;

use crate::border::config::{Expected, assert_problems};
use crate::border::sample::{FILE, changed, read};
use base::config::Choice;

/// The changed line breaks one rule, which is reported for `key` on the changed line.
fn broken(old: &str, new: &str, key: &str, what: &str, hint: &str) {
    let (text, line) = changed(old, new);
    assert_problems(&read(&text).unwrap_err(), &[(key, Some(line), what, hint)]);
}

/// The file with these texts replaced, each of which it must hold.
fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(FILE.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old:?} is not in the file");
        text.replace(old, new)
    })
}

fn good(edits: &[(&str, &str)]) -> Experiment {
    read(&edited(edits)).unwrap_or_else(|error| panic!("{error}"))
}

const PRIVATE: &str = "mode = \"site\"\nclip = 1.0\nnoise_multiplier = 4.0\ndelta = 1e-5";
const OFF: &str = "mode = \"none\"\nclip = 1.0";

#[test]
fn defaults_are_those_that_the_documentation_gives() {
    let plan = good(&[]).plan;
    assert_eq!(plan.seed, 1);
    assert_eq!((plan.training.optimizer, plan.training.epochs), (Optimizer::Adam, 1));
    assert_eq!(plan.training.batch, Some(32));
    assert_eq!(
        (plan.aggregation.rule, plan.aggregation.weights),
        (ServerRule::FedAvg, Weights::Equal)
    );
    assert!((plan.aggregation.learning_rate - 1.0).abs() < f64::EPSILON);
    assert_eq!(plan.model.head, Head::LogisticHazard { intervals: 2, proportional: false });
    assert_eq!((plan.model.inputs, plan.model.initial_hazard_ppm), (2, 20_000));
    assert_eq!((plan.outcome.unit, plan.privacy.mode), (TimeUnit::Days, PrivacyMode::Site));
    assert_eq!(
        (plan.features[1].center.to_bits(), plan.features[1].scale.to_bits()),
        (0, 1.0_f64.to_bits())
    );

    // A linear model has one log-odds ratio unless it says otherwise; adaptive rules step less.
    let linear = [("kind = \"mlp\"\nhidden = [16]", "kind = \"linear\"")];
    let head = good(&linear).plan.model.head;
    assert_eq!(head, Head::LogisticHazard { intervals: 2, proportional: true });
    for rule in ["fedadam", "fedyogi"] {
        let rule = format!("rule = \"{rule}\"\nmin_sites = 2");
        let rate = good(&[("min_sites = 2", rule.as_str())]).plan.aggregation.learning_rate;
        assert!((rate - 0.01).abs() < f64::EPSILON);
    }
    let whole = good(&[("batch = 32\n", ""), ("max_sites = 10\nwindow = \"60s\"\n", "")]).plan;
    assert_eq!((whole.training.batch, whole.aggregation.max_sites), (None, 100));
    assert_eq!(whole.aggregation.window.as_secs(), 600);
}

#[test]
fn the_time_grid_is_given_in_one_of_two_forms() {
    let even = good(&[("edges = [365, 730]", "horizon = 10.0\nintervals = 4")]).plan;
    assert_eq!(even.outcome.edges, [2.5, 5.0, 7.5, 10.0]);
    let neither = "in one of its two forms";
    let what = "give edges = [365, 730, …], or horizon";
    for bad in [
        "horizon = 10.0",
        "intervals = 4",
        "edges = [1]\nhorizon = 10.0",
        "edges = [1]\nhorizon = 10.0\nintervals = 4",
        "horizon = 0.0\nintervals = 4",
        "horizon = -1\nintervals = 4",
        "horizon = 10.0\nintervals = 0",
        "horizon = 10.0\nintervals = 10001",
    ] {
        let (text, line) = changed("edges = [365, 730]", bad);
        let line = bad.starts_with("edges").then_some(line);
        assert_problems(&read(&text).unwrap_err(), &[("outcome.edges", line, neither, what)]);
    }
}

#[test]
fn rules_of_the_plan_are_reported_on_the_line_that_breaks_them() {
    let edges = "edges = [365, 730]";
    broken("rounds = 10", "rounds = 0", "rounds", "0 is out of bounds", "1 to 100000");
    broken(edges, "edges = [730, 365]", "outcome.edges", "do not rise", "end of each interval");
    broken("time = \"time\"", "time = \"a\\tb\"", "outcome.time", "not a column", "printable");
    broken("batch = 32", "batch = 0", "training.batch", "0 is out", "leave the key out");
    broken("batch = 32", "epochs = 0", "training.epochs", "0 is out", "1 to 10000 passes");
    broken("batch = 32", "weight_decay = -1", "training.weight_decay", "-1 is out", "0 or more");
    broken("batch = 32", "proximal = -1", "training.proximal", "-1 is out", "0 or more");
    let rate = "learning_rate = 0.01";
    broken(rate, "learning_rate = 0", "training.learning_rate", "0 is out", "above 0");
    let columns = "columns = [\"age\", \"sex\"]";
    for (new, what) in [
        ("columns = [\"age\", \"age\"]", "\"age\" stands twice"),
        ("columns = [\"age\", \"time\"]", "\"time\" is the outcome"),
        ("columns = [\"age\", \"event\"]", "\"event\" is the outcome"),
    ] {
        broken(columns, new, "features.columns", what, "");
    }
    broken(
        "hidden = [16]",
        "hidden = [0]",
        "model.hidden",
        "a hidden layer is 0",
        "mend the field",
    );
}

#[test]
fn aggregation_and_privacy_are_reported_on_the_line_that_breaks_them() {
    let max = "aggregation.max_sites";
    broken("max_sites = 10", "max_sites = 1", max, "1 is out of bounds", "min_sites to 1000");
    let window = "window = \"60s\"";
    broken(window, "window = \"0s\"", "aggregation.window", "0s", "such as \"10m\"");
    for (new, key) in [
        ("learning_rate = 0", "aggregation.learning_rate"),
        ("beta1 = 1", "aggregation.beta1"),
        ("beta2 = 1.5", "aggregation.beta2"),
        ("tau = 0", "aggregation.tau"),
    ] {
        broken(window, new, key, "is out of bounds", "use ");
    }
    broken("clip = 1.0", "clip = 0", "privacy.clip", "0 is out of bounds", "at least 1e-30");
    let noise = "noise_multiplier = 4.0";
    let delta = "delta = 1e-5";
    let key = "privacy.noise_multiplier";
    broken(noise, "noise_multiplier = 0", key, "0 is out of bounds", "at least 0.01");
    broken(noise, "noise_multiplier = 205", key, "205 is out of bounds", "at most 204.6");
    broken(delta, "delta = 0.5", "privacy.delta", "0.5 is out of bounds", "(0, 0.5)");
}

#[test]
fn a_scale_belongs_to_a_listed_column() {
    let age = "age = { center = 60, scale = 10 }";
    let unlisted: Expected<'_> =
        ("features.scale", Some(13), "\"bmi\" is not among the columns", "remove its scale");
    let (text, _) = changed(age, "bmi = { scale = 10 }");
    assert_problems(&read(&text).unwrap_err(), &[unlisted]);
    let (text, _) = changed(age, "age = { scale = 0 }");
    let unusable = ("features.scale", Some(13), "\"age\" has no usable scale", "above 0");
    assert_problems(&read(&text).unwrap_err(), &[unusable]);
    // A column of any name can be scaled.
    let odd = [("age", "\"a.b \\\"c\\\"\""), ("\"\"a.b \\\"c\\\"\"\"", "\"a.b \\\"c\\\"\"")];
    let feature = good(&odd).plan.features.swap_remove(0);
    assert_eq!(
        (feature.column.as_str(), feature.center.to_bits()),
        ("a.b \"c\"", 60_f64.to_bits())
    );
}

#[test]
fn a_private_mode_refuses_cox_and_weights_by_patients_with_the_reason() {
    let cox = "hidden = [16]\nhead = \"cox\"";
    let (text, line) = changed("hidden = [16]", cox);
    let coupled = ("model.head", Some(line + 1), "private mode", "couples the patients");
    assert_problems(&read(&text).unwrap_err(), &[coupled]);

    let patients = "weights = \"patients\"\npatients_per_unit = 250\nwindow = \"60s\"";
    let (text, line) = changed("window = \"60s\"", patients);
    let counted = ("aggregation.weights", Some(line), "in a private mode", "use \"equal\"");
    assert_problems(&read(&text).unwrap_err(), &[counted]);

    let plan = good(&[("hidden = [16]", cox), ("window = \"60s\"", patients), (PRIVATE, OFF)]).plan;
    assert_eq!(plan.model.head, Head::Cox);
    assert_eq!(plan.aggregation.weights, Weights::Patients { unit: 250 });
}

#[test]
fn causes_make_a_head_of_several_and_other_heads_refuse_them() {
    let two = "event = \"event\"\ncauses = [\"cardiovascular\", \"other\"]";
    let event = "event = \"event\"";
    let plan = good(&[(event, two)]).plan;
    assert_eq!(plan.outcome.causes, ["cardiovascular", "other"]);
    let head = Head::CauseHazards { intervals: 2, causes: 2, proportional: false };
    assert_eq!(plan.model.head, head);
    let linear = ("kind = \"mlp\"\nhidden = [16]", "kind = \"linear\"");
    let head = Head::CauseHazards { intervals: 2, causes: 2, proportional: true };
    assert_eq!(good(&[(event, two), linear]).plan.model.head, head);
    // One cause is one event, and has a name.
    let plan = good(&[(event, "event = \"event\"\ncauses = [\"death\"]")]).plan;
    assert_eq!(plan.model.head, Head::LogisticHazard { intervals: 2, proportional: false });
    for (causes, told) in [
        ("[]", "names no cause"),
        ("[\"a\", \"a\"]", "\"a\" stands twice"),
        ("[\"a b\", \"c\"]", "not a cause's name"),
        ("[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]", "9 causes"),
        ("[1, 2]", "outcome.causes"),
    ] {
        let text = edited(&[(event, &format!("event = \"event\"\ncauses = {causes}"))]);
        let refused = read(&text).unwrap_err().to_string();
        assert!(refused.contains(told) && refused.contains("outcome.causes"), "{refused}");
    }
    for head in ["deephit", "piecewise-hazard", "cox"] {
        let head = format!("hidden = [16]\nhead = \"{head}\"");
        let text = edited(&[(event, two), ("hidden = [16]", &head), (PRIVATE, OFF)]);
        let refused = read(&text).unwrap_err().to_string();
        assert!(refused.contains("models one event, and outcome.causes names 2"), "{refused}");
    }
}

#[test]
fn weights_and_their_unit_go_together() {
    let window = "window = \"60s\"";
    let unit = "aggregation.patients_per_unit";
    broken(window, "patients_per_unit = 9", unit, "equal weights have no unit", "remove the key");
    let (text, _) = changed(window, "weights = \"patients\"");
    let missing = (unit, None, "missing", "such as 250");
    assert_problems(&read(&text).unwrap_err(), &[missing]);
    let text = edited(&[(PRIVATE, OFF), (window, "weights = \"patients\"\npatients_per_unit = 0")]);
    let nothing = (unit, Some(28), "0 is out of bounds", "at least 1 patient");
    assert_problems(&read(&text).unwrap_err(), &[nothing]);
}

#[test]
fn noise_is_stated_in_private_modes_and_only_there() {
    let (text, _) = changed("delta = 1e-5", "");
    let missing = ("privacy.delta", None, "missing", "such as 1e-5");
    assert_problems(&read(&text).unwrap_err(), &[missing]);
    let (text, _) = changed("noise_multiplier = 4.0", "");
    let missing = ("privacy.epsilon", None, "neither epsilon nor", "epsilon = 3.0");
    assert_problems(&read(&text).unwrap_err(), &[missing]);
    let twice = "noise_multiplier = 4.0\nepsilon = 1.0";
    let (text, line) = changed("noise_multiplier = 4.0", twice);
    let both = ("privacy.epsilon", Some(line + 1), "beside noise_multiplier", "one of the two");
    assert_problems(&read(&text).unwrap_err(), &[both]);
    let (text, line) = changed("mode = \"site\"", "mode = \"none\"");
    assert_problems(
        &read(&text).unwrap_err(),
        &[
            ("privacy.noise_multiplier", Some(line + 2), "adds no noise", "remove the key"),
            ("privacy.delta", Some(line + 3), "adds no noise", "remove the key"),
        ],
    );
}

const LOCAL: &str = "mode = \"patient\"\nclip = 2.0\nepsilon = 3.0\ndelta = 1e-5\n\
                     expected_patients = 200\nsampling_rate = 0.25\nsteps = 4";

/// A file whose mode is `local`, with these lines of it replaced.
fn local(edits: &[(&str, &str)]) -> String {
    let text = edited(&[(PRIVATE, LOCAL), ("batch = 32\n", "")]);
    edits.iter().fold(text, |text, (old, new)| {
        assert!(text.contains(old), "{old:?} is not in the file");
        text.replace(old, new)
    })
}

#[test]
fn noise_is_found_for_the_epsilon_that_is_asked_for() {
    for epsilon in [1.0, 3.0, 8.0] {
        let line = format!("epsilon = {epsilon}");
        let plan = read(&local(&[("epsilon = 3.0", &line)])).unwrap().plan;
        let local = plan.privacy.dp_sgd.clone().unwrap();
        assert_eq!((plan.privacy.mode, local.steps), (PrivacyMode::Patient, 4));
        assert!((local.patient_clip - 1.0).abs() < f64::EPSILON);
        let spent = plan.privacy.epsilon(plan.rounds).unwrap().unwrap();
        assert!(spent <= epsilon && spent > 0.99 * epsilon, "{spent} of {epsilon}");
    }
    // The whole update of a hospital whose data are replaced.
    let site = [("noise_multiplier = 4.0", "epsilon = 2.0")];
    let privacy = good(&site).plan.privacy;
    let spent = privacy.epsilon(10).unwrap().unwrap();
    assert!(spent <= 2.0 && spent > 1.98, "{spent}");
}

#[test]
fn local_is_the_default_and_its_numbers_are_checked() {
    let privacy = read(&local(&[("mode = \"patient\"\n", "")])).unwrap().plan.privacy;
    assert_eq!(privacy.mode, PrivacyMode::Patient);
    let at = |text: &str, key: &str| {
        text.lines().position(|line| line.starts_with(key)).map(|line| line + 1)
    };
    for (old, new, key, what, hint) in [
        ("epsilon = 3.0", "epsilon = 0", "epsilon", "epsilon is 0", "larger epsilon"),
        ("epsilon = 3.0", "epsilon = -1.0", "epsilon", "epsilon is -1", "above 0"),
        ("epsilon = 3.0", "epsilon = 1e-9", "epsilon", "needs noise of", "fewer rounds"),
        ("delta = 1e-5", "delta = 0.5", "delta", "delta is 0.5", "well below one over"),
        ("sampling_rate = 0.25", "sampling_rate = 0", "sampling_rate", "is 0", "at most 1"),
        ("sampling_rate = 0.25", "sampling_rate = 1.5", "sampling_rate", "is 1.5", "chance of a"),
        ("steps = 4", "steps = 100000000", "steps", "out of bounds", "1 to 100000"),
        ("steps = 4", "steps = 0", "steps", "0 is out of bounds", "1 to 100000"),
        ("patients = 200", "patients = 0", "expected_patients", "0 is out", "at least 1"),
        ("clip = 2.0", "clip = inf", "clip", "inf", "finite number"),
        ("steps = 4", "patient_clip = 0", "patient_clip", "0 is out", "at least 1e-30"),
    ] {
        let text = local(&[(old, new)]);
        let error = read(&text).unwrap_err();
        let dotted = format!("privacy.{key}");
        let [problem] = &error.problems[..] else { panic!("{new}: {error}") };
        let said = problem.to_string();
        assert!(said.contains(&dotted) && said.contains(what) && said.contains(hint), "{said}");
        assert_eq!(problem.line, at(&text, key), "{said}");
    }
    let text = local(&[("learning_rate = 0.01", "learning_rate = 0.01\nbatch = 32")]);
    let shuffled = ("training.batch", at(&text, "batch"), "epochs and batches", "Poisson sampling");
    assert_problems(&read(&text).unwrap_err(), &[shuffled]);
    let steps = "noise_multiplier = 4.0\nsteps = 2";
    let (text, line) = changed("noise_multiplier = 4.0", steps);
    let alone = ("privacy.steps", Some(line + 1), "mode \"patient\" alone", "remove the key");
    assert_problems(&read(&text).unwrap_err(), &[alone]);
}

#[test]
fn a_private_mode_lets_out_concordances_and_only_if_asked() {
    let evaluation = "\n[privacy.evaluation]\nrho = 0.05\nmax_patients = 300\n";
    let privacy = read(&(local(&[]) + evaluation)).unwrap().plan.privacy;
    let Some(asked) = privacy.evaluation else { panic!("not read") };
    assert_eq!((asked.rho.to_bits(), asked.max_patients), (0.05_f64.to_bits(), 300));
    assert_eq!(asked.ablated, Vec::<String>::new());
    // It is part of the ε that was asked for.
    let with = read(&(local(&[]) + evaluation)).unwrap().plan;
    let without = read(&local(&[])).unwrap().plan;
    assert!(with.privacy.noise_multiplier > without.privacy.noise_multiplier * 1.05);
    let spent = with.privacy.epsilon(with.rounds).unwrap().unwrap();
    assert!(spent <= 3.0 && spent > 2.97, "{spent}");
    for (old, new, key) in [
        ("rho = 0.05", "rho = 0", "privacy.evaluation.rho"),
        ("rho = 0.05", "rho = 5", "the evaluation alone costs"),
        ("rho = 0.05", "rho = 1e9", "privacy.evaluation.rho"),
        ("max_patients = 300", "max_patients = 1", "privacy.evaluation.max_patients"),
        ("rho = 0.05", "rho = 0.05\nablated = [\"agee\"]", "name some of age, "),
        ("rho = 0.05", "rho = 0.05\nablated = [\"age\", \"age\"]", "ablated twice"),
    ] {
        let error = read(&(local(&[]) + &evaluation.replace(old, new))).unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
    }
}

#[test]
fn a_model_has_the_layers_that_its_kind_has() {
    let (text, line) = changed("kind = \"mlp\"", "kind = \"linear\"");
    let hidden = ("model.hidden", Some(line + 1), "no hidden layers", "remove the key");
    assert_problems(&read(&text).unwrap_err(), &[hidden]);
    broken("hidden = [16]", "hidden = []", "model.hidden", "missing", "units of each hidden");
    let (text, _) = changed("hidden = [16]", "");
    let missing = ("model.hidden", None, "missing", "units of each hidden layer");
    assert_problems(&read(&text).unwrap_err(), &[missing]);
    for bad in ["0", "1", "-0.5", "0.9995", "1e-7"] {
        let new = format!("initial_hazard = {bad}\nhidden = [16]");
        let bounds = "0.000001 to 0.999";
        broken("hidden = [16]", &new, "model.initial_hazard", "is out of bounds", bounds);
    }
}

#[test]
fn a_simulations_tables_are_read_and_checked() {
    let table = "[data]\ntables = [\"a.csv\"]\npatient = \"p\"\nsite = \"s\"\nsplit = \"r\"\n";
    for &tag in DataTag::ALL {
        let word = tag.name();
        let data = read(&format!("{FILE}{table}tag = \"{word}\"")).unwrap().data.unwrap();
        assert_eq!(data.tag, tag);
    }
    let error = read(&format!("{FILE}[data]\ntables = []\ntagg = \"public\"")).unwrap_err();
    assert_problems(
        &error,
        &[
            ("data.tables", Some(35), "the list is empty", "at least one CSV file"),
            ("data.tagg", Some(36), "unknown key", "did you mean \"tag\"?"),
            ("data.patient", None, "missing", "names a patient"),
            ("data.site", None, "missing", "whose values are the sites"),
            ("data.split", None, "missing", "1 for training"),
            ("data.tag", None, "missing", r#""private", "public", "synthetic""#),
        ],
    );
}
