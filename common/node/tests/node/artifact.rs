//! Weights and cards as others read and write them: the safetensors crate is the reference of the format.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::fs;
use std::path::Path;

use base::config;
use base::digest::Digest;
use node::model_store::{self, ModelStoreFault};
use plan::artifact::{
    CARD_FORMAT, Card, CardError, Hashes, Lineage, Metrics, Promise, Start, WeightsRecord, header,
    read,
};
use plan::experiment::{Experiment, PrivacyMode};
use plan::model::payload;
use plan::model::{ParamLayout, initial_parameters};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

fn experiment() -> Experiment {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/experiments/demo.toml");
    config::load(&path, &[]).unwrap()
}

fn card() -> (Card, Vec<f32>) {
    let plan = experiment().plan;
    let parameters = initial_parameters(&plan.model, 5);
    let card = Card {
        format: CARD_FORMAT,
        run: "run-a".parse().unwrap(),
        weights: WeightsRecord {
            sha256: audit::Sha256::of(b""),
            model: model_store::model_hash(&parameters),
            parameters: plan.model.parameters(),
        },
        hashes: Hashes::of(&plan),
        inputs: plan.input_names(),
        metrics: Metrics::default(),
        privacy: Promise::of(&plan),
        lineage: Lineage {
            start: Start::of(&plan),
            rounds: 20,
            sites: [("site-a".parse().unwrap(), 20)].into(),
            log: None,
            program: "consilium 0.1.0".to_owned(),
            trained: "2026-01-01T00:00:00Z".to_owned(),
        },
        plan,
    };
    (card, parameters)
}

/// Card and weights in a folder, as a coordinator keeps them.
fn kept(folder: &Path) -> (Card, Vec<f32>) {
    let (mut card, parameters) = card();
    let words = payload::from_parameters(&parameters);
    card.weights.sha256 =
        model_store::keep_weights(folder, card.run.as_str(), &card.plan, &words).unwrap();
    model_store::keep_card(folder, &card).unwrap();
    (card, parameters)
}

#[test]
fn the_reference_reads_what_is_written_here() {
    let (card, parameters) = card();
    let spec = &card.plan.model;
    let mut bytes = header(spec, card.hashes.plan);
    bytes.extend(payload::from_parameters(&parameters));
    let read = SafeTensors::deserialize(&bytes).unwrap();
    let layout = ParamLayout::of(spec);
    assert_eq!(read.len(), layout.blocks().len());
    for block in layout.blocks() {
        let tensor = read.tensor(&block.name).unwrap();
        assert_eq!((tensor.dtype(), tensor.shape()), (Dtype::F32, &block.shape[..]));
        let expected = payload::from_parameters(&parameters[block.range.clone()]);
        assert_eq!(tensor.data(), &expected[..], "{}", block.name);
    }
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(metadata.metadata().as_ref().unwrap()["plan"], card.hashes.plan.to_string());
}

#[test]
fn what_the_reference_writes_is_read_here() {
    let (card, parameters) = card();
    let layout = ParamLayout::of(&card.plan.model);
    let blocks = layout.blocks().iter();
    let words: Vec<_> =
        blocks.map(|block| payload::from_parameters(&parameters[block.range.clone()])).collect();
    let tensors = layout.blocks().iter().zip(&words).map(|(block, words)| {
        (block.name.clone(), TensorView::new(Dtype::F32, block.shape.clone(), words).unwrap())
    });
    let tensors: Vec<_> = tensors.collect();
    let about = [("format".to_owned(), "pt".to_owned())];
    for metadata in [None, Some(about.into_iter().collect())] {
        let bytes = serialize(tensors.clone(), metadata).unwrap();
        assert_eq!(read(&layout, &bytes).unwrap().parameters, parameters);
    }
}

#[test]
fn a_card_comes_back_and_one_that_was_changed_does_not() {
    let (card, _) = card();
    let text = card.text().unwrap();
    assert_eq!(Card::read(text.as_bytes()).unwrap(), card);
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        Card::read(text.replacen(from, to, 1).as_bytes()).unwrap_err()
    };
    let plan = changed("\"seed\": 1,\n    \"rounds\": 20", "\"seed\": 2,\n    \"rounds\": 20");
    assert_eq!(plan, CardError::Hash { which: "plan" });
    assert_eq!(changed("\"format\": 1", "\"format\": 2"), CardError::Format { found: 2 });
    let rule = changed("\"rounds\": 20,\n    \"outcome\"", "\"rounds\": 0,\n    \"outcome\"");
    assert!(matches!(rule, CardError::Plan { .. }), "{rule}");
    let spec = card.hashes.spec.to_string();
    let other = changed(&spec, &Digest::of(b"other").to_string());
    assert_eq!(other, CardError::Hash { which: "spec" });
    // What no plan decides is shown to people all the same.
    let program = format!("\"program\": \"{}", card.lineage.program);
    for bad in ["\\u001b[2J", "\\n", &"x".repeat(201)] {
        let told = changed(&program, &format!("\"program\": \"{bad}"));
        assert_eq!(told, CardError::Text { which: "lineage.program" });
    }
    for broken in ["", "{}", "[1]", "{\"format\":1}", &"[".repeat(100_000), &text[..600]] {
        let error = Card::read(broken.as_bytes()).unwrap_err();
        assert!(matches!(error, CardError::Json { .. }), "{error}");
    }
}

/// Everything beside the plan that the plan decides or bounds.
#[test]
fn a_card_that_says_something_else_than_its_plan_is_refused() {
    let mut card = private_card();
    assert_eq!(card.keeps_its_promise(), Ok(()));
    let honest = card.privacy.epsilon;
    for epsilon in [Some(0.1), Some(2.1), Some(0.0), Some(-1.0), Some(f64::MAX)] {
        card.privacy.epsilon = epsilon;
        let wrong = CardError::Contradiction { which: "privacy.epsilon" };
        assert_eq!(card.keeps_its_promise(), Err(wrong), "{epsilon:?}");
    }
    card.privacy.epsilon = honest;
    let edits: [(&str, Edit); 12] = [
        ("privacy", |card| card.privacy.mode = PrivacyMode::Site),
        ("privacy", |card| card.privacy.delta = Some(1e-9)),
        ("privacy", |card| card.privacy.noise_multiplier *= 2.0),
        ("privacy", |card| card.privacy.clip += 1.0),
        ("privacy", |card| card.privacy.patient_clip = None),
        ("privacy", |card| card.privacy.unit = None),
        ("privacy.epsilon", |card| card.privacy.epsilon = None),
        ("lineage.start", |card| card.lineage.start = Start::Seed(99)),
        ("lineage.rounds", |card| card.lineage.rounds = 21),
        ("lineage.sites", |card| {
            card.lineage.sites.insert("site-b".parse().unwrap(), 21);
        }),
        ("metrics.released", |card| {
            card.metrics.released.insert("test.auc/5".to_owned(), 0.9);
        }),
        ("metrics.released", |card| {
            card.metrics.released.insert("ablated/e1".to_owned(), 0.1);
        }),
    ];
    for (which, edit) in edits {
        let mut edited = card.clone();
        edit(&mut edited);
        let read = Card::read(edited.text().unwrap().as_bytes());
        assert_eq!(read.unwrap_err(), CardError::Contradiction { which });
    }
    card.metrics.released.insert("test.c_index".to_owned(), 0.7);
    card.metrics.released.insert("deviation/test.c_index".to_owned(), 0.1);
    assert_eq!(Card::read(card.text().unwrap().as_bytes()).unwrap(), card);
}

/// Whoever opens a model learns that its promise was changed.
#[test]
fn a_model_whose_promise_was_edited_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let mut card = private_card();
    let parameters = initial_parameters(&card.plan.model, 5);
    let words = payload::from_parameters(&parameters);
    card.weights.sha256 =
        model_store::keep_weights(folder.path(), card.run.as_str(), &card.plan, &words).unwrap();
    model_store::keep_card(folder.path(), &card).unwrap();
    let path = folder.path().join(format!("{}.{}", card.run, model_store::CARD));
    model_store::open(&path).unwrap();
    card.privacy.epsilon = Some(0.1);
    model_store::keep_card(folder.path(), &card).unwrap();
    let error = model_store::open(&path).unwrap_err().to_string();
    assert!(error.contains("privacy.epsilon is not what its plan says"), "{error}");
}

/// A change that somebody makes to a card.
type Edit = fn(&mut Card);

/// The card of a private run with an evaluation.
fn private_card() -> Card {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../configs/experiments/synthetic-private.toml");
    let asked = "privacy.evaluation.rho=0.01".parse().unwrap();
    let plan = config::load::<Experiment>(&path, &[asked]).unwrap().plan;
    let parameters = initial_parameters(&plan.model, 5);
    let mut card = card().0;
    card.weights.model = model_store::model_hash(&parameters);
    card.weights.parameters = plan.model.parameters();
    card.hashes = Hashes::of(&plan);
    card.inputs = plan.input_names();
    card.privacy = Promise::of(&plan);
    card.lineage.start = Start::of(&plan);
    card.plan = plan;
    card
}

#[test]
fn a_contract_is_what_a_model_predicts_from_what() {
    let plan = experiment().plan;
    let mut other = plan.clone();
    (other.seed, other.rounds, other.privacy.clip) = (9, 3, 1.0);
    assert_eq!(plan.contract(), other.contract());
    assert_ne!(plan.digest(), other.digest());
    other.outcome.edges[0] = 0.5;
    assert_ne!(plan.contract(), other.contract());
    let mut started = plan.clone();
    started.start = Some(Digest::of(b"parent"));
    assert_ne!(plan.digest(), started.digest());
}

#[test]
fn a_model_is_opened_whole_or_refused_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (card, parameters) = kept(folder.path());
    let weights = folder.path().join("run-a.safetensors");
    let json = folder.path().join("run-a.json");
    for path in [&weights, &json] {
        let stored = model_store::open(path).unwrap();
        assert_eq!((&stored.card, &stored.parameters), (&card, &parameters));
    }
    let good = fs::read(&weights).unwrap();
    // One bit of one weight: the tensors are fine, and the hash is not.
    let mut bytes = good.clone();
    let last = bytes.len() - 4;
    bytes[last] ^= 1;
    fs::write(&weights, &bytes).unwrap();
    let error = model_store::open(&weights).unwrap_err();
    assert!(matches!(error.fault, ModelStoreFault::Other { which: "sha256" }), "{error}");
    assert!(error.to_string().contains("run-a.safetensors"), "{error}");
    fs::write(&weights, [good.as_slice(), &vec![0; 1 << 17]].concat()).unwrap();
    let error = model_store::open(&weights).unwrap_err();
    assert!(matches!(error.fault, ModelStoreFault::TooLarge { .. }), "{error}");
    fs::remove_file(&weights).unwrap();
    assert!(matches!(model_store::open(&weights).unwrap_err().fault, ModelStoreFault::Io(_)));
    fs::create_dir(&weights).unwrap();
    assert!(matches!(model_store::open(&weights).unwrap_err().fault, ModelStoreFault::NotAFile));
}

#[test]
fn an_experiment_begins_with_weights_that_mean_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (card, parameters) = kept(folder.path());
    let file = folder.path().join("next.toml");
    let begin = |change: &dyn Fn(&mut Experiment)| {
        let mut next = experiment();
        next.start = Some("run-a.safetensors".into());
        change(&mut next);
        model_store::begin(&mut next, &file).map(|()| next.plan)
    };
    let plan = begin(&|_| ()).unwrap();
    assert_eq!(plan.start, Some(card.weights.model));
    let found = model_store::find(folder.path(), &plan, card.weights.model).unwrap();
    assert_eq!(found, Some(parameters));
    assert_eq!(model_store::find(folder.path(), &plan, Digest::of(b"other")).unwrap(), None);

    let other = begin(&|next| next.plan.model.hidden = vec![8]).unwrap_err().to_string();
    assert!(other.contains("\"dense.0.weight\" has the shape [12, 16]"), "{other}");
    // Of the file, it is a mistake at its key.
    let mut next = experiment();
    next.start = Some("nobody.safetensors".into());
    let absent = model_store::begin_of_file(&mut next, &file).unwrap_err();
    assert_eq!(absent.problems.len(), 1);
    assert_eq!(absent.problems[0].key, "model.start");
    assert!(absent.to_string().contains("nobody.safetensors"), "{absent}");
    let renamed = begin(&|next| next.plan.features[3].column = "y04".to_owned()).unwrap_err();
    assert!(matches!(renamed.fault, ModelStoreFault::Meaning { which: "inputs", .. }), "{renamed}");
    // Of one shape with a logistic hazard, and another meaning.
    let head = begin(&|next| {
        next.plan.model.head = plan::model::Head::DeepHit { intervals: 10 };
    });
    let head = head.unwrap_err();
    assert!(matches!(head.fault, ModelStoreFault::Meaning { which: "head", .. }), "{head}");
    let cause = begin(&|next| next.plan.outcome.causes = vec!["death".to_owned()]).unwrap_err();
    assert!(matches!(cause.fault, ModelStoreFault::Meaning { which: "causes", .. }), "{cause}");
    let grid = begin(&|next| next.plan.outcome.edges[9] += 1.0).unwrap_err();
    assert!(matches!(grid.fault, ModelStoreFault::Meaning { which: "time grid", .. }), "{grid}");
    let scale = begin(&|next| next.plan.features[0].scale = 3.0).unwrap_err();
    assert!(
        matches!(scale.fault, ModelStoreFault::Meaning { which: "scale of columns", .. }),
        "{scale}"
    );
}

#[test]
fn weights_are_taken_over_whole_and_only_those_that_a_plan_names() {
    let folder = tempfile::tempdir().unwrap();
    let (card, parameters) = kept(folder.path());
    let from = folder.path().join("run-a.safetensors");
    let models = folder.path().join("models");
    let start = model_store::model_hash(&parameters);
    model_store::take_over(&models, &card.plan, start, &from).unwrap();
    let taken = model_store::find(&models, &card.plan, start).unwrap();
    assert_eq!(taken, Some(parameters));
    let other = Digest::of(b"another model");
    let refused = model_store::take_over(&models, &card.plan, other, &from).unwrap_err();
    assert!(matches!(refused.fault, ModelStoreFault::Changed), "{refused}");
    assert_eq!(fs::read_dir(&models).unwrap().count(), 1);
}
