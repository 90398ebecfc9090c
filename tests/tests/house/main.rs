//! The house rules that the compiler does not hold: who imports whom, one home for each library, files in `configs/`
//! that load, and no tuples as parameters.

#![allow(clippy::unwrap_used, reason = "a test may stop, and knows its numbers")]

mod documents;
mod tuples;

use std::fs;
use std::path::{Path, PathBuf};

use base::config;
use coordinator::settings::CoordinatorSettings;
use plan::experiment::Experiment;
use plan::policy::Policy;
use site_node::data::Source;
use site_node::settings::SiteSettings;
use tests::root;

/// Our crates, each of which may depend only on those before it.
const CRATES: [&str; 10] = [
    "audit",
    "common/base",
    "common/survival",
    "common/privacy",
    "common/plan",
    "common/node",
    "common/command",
    "site-node",
    "coordinator",
    "tests",
];

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) && !test(&path) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Whether a file holds a module's unit tests alone.
fn test(path: &Path) -> bool {
    let only_tests = |name: &str| name.ends_with("tests") || name == "testing";
    path.file_stem().is_some_and(|name| only_tests(&name.to_string_lossy()))
}

/// A source file's code before its unit tests, without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let kept = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    kept.collect::<Vec<_>>().join("\n")
}

/// Sources of a crate whose path within it starts with `place`.
fn sources(krate: &str, place: &str) -> Vec<PathBuf> {
    let source = root().join(krate).join("src");
    let within = |path: &PathBuf| {
        path.strip_prefix(&source).is_ok_and(|path| path.to_string_lossy().starts_with(place))
    };
    files(&source, "rs").into_iter().filter(within).collect()
}

fn nowhere(krate: &str, place: &str, forbidden: &[&str], why: &str) {
    let sources = sources(krate, place);
    assert!(!sources.is_empty(), "no sources at {krate}/src/{place}: has it moved?");
    for path in sources {
        let code = code(&path);
        for word in forbidden {
            assert!(!code.contains(word), "{}: {word}: {why}", path.display());
        }
    }
}

#[test]
fn the_pure_parts_touch_no_file_no_clock_and_no_network() {
    let edges = [
        "tokio",
        "std::fs",
        "std::net",
        "std::time::Instant",
        "SystemTime",
        "quinn",
        "rusqlite",
        "getrandom",
        "rand::fill",
    ];
    for (krate, place) in [
        ("coordinator", "round/"),
        ("coordinator", "aggregate/"),
        ("common/privacy", ""),
        ("common/survival", ""),
        ("common/plan", "artifact/"),
        ("common/plan", "model/"),
        ("common/plan", "experiment/"),
        ("common/plan", "policy/"),
        ("common/plan", "metric/"),
        ("common/node", "wire/"),
    ] {
        nowhere(krate, place, &edges, "a pure part is passed what it needs");
    }
}

#[test]
fn the_policy_that_hospitals_get_names_every_kind_and_head() {
    use base::config::Choice;
    use plan::model::{HeadKind, ModelKind};
    let text = fs::read_to_string(root().join("configs/policy.toml")).unwrap();
    let kinds = ModelKind::ALL.iter().map(|kind| kind.name());
    for word in kinds.chain(HeadKind::ALL.iter().map(|head| head.name())) {
        assert!(text.contains(&format!("{word:?}")), "configs/policy.toml does not name {word:?}");
    }
}

#[test]
fn a_stage_imports_only_the_stages_before_it() {
    let stages = ["data", "cohort", "examples", "features", "train", "evaluate", "privatize"];
    for (place, stage) in stages.iter().enumerate() {
        let later = stages.iter().skip(place + 1);
        let words: Vec<String> = later.map(|other| format!("crate::{other}")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        nowhere("site-node", &format!("{stage}/"), &words, "data flows one way");
    }
}

#[test]
fn what_touches_the_network_cannot_reach_a_record() {
    let records = [
        "crate::data",
        "crate::cohort",
        "crate::features",
        "crate::inspect",
        "crate::predict",
        "crate::train",
        "crate::evaluate",
    ];
    for place in ["session.rs", "session/", "daemon.rs", "send.rs"] {
        nowhere("site-node", place, &records, "only a PrivatizedUpdate leaves");
    }
}

#[test]
fn the_coordinator_sees_a_site_only_in_simulation() {
    let source = root().join("coordinator/src");
    for path in files(&source, "rs") {
        let place = path.strip_prefix(&source).unwrap().to_string_lossy().into_owned();
        let allowed = place.starts_with("simulate/")
            || ["cli/simulate.rs", "cli/demo.rs", "cli/models/predict.rs"]
                .contains(&place.as_str());
        assert!(allowed || !code(&path).contains("site_node"), "{place} imports site_node");
    }
}

#[test]
fn receipts_come_from_the_ledger_on_disk() {
    // Whoever implements the ledger's storage can make receipts: the file, and the baselines of a
    // simulation, whose updates leave nowhere.
    let homes = ["site-node/src/privatize/ledger_log.rs", "coordinator/src/simulate/baselines.rs"];
    for krate in CRATES {
        for path in files(&root().join(krate).join("src"), "rs") {
            let place = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            let home = homes.contains(&place.as_str());
            assert!(home || !code(&path).contains("LedgerStore for"), "{place} keeps a ledger");
        }
    }
}

#[test]
fn a_privacy_mode_is_named_in_the_tables_of_modes_alone() {
    use base::config::Choice;
    use plan::experiment::PrivacyMode;
    let tables = [
        "common/plan/src/experiment/privacy/mod.rs",
        "site-node/src/participant/protection/mod.rs",
    ];
    let variants = PrivacyMode::ALL.iter().map(|mode| format!("PrivacyMode::{mode:?}"));
    // Variants that are imported could be named without their type, and words could be compared.
    let ways = ["PrivacyMode::{", "PrivacyMode::*", "mode.name() ==", "mode.name() !="];
    let forbidden: Vec<String> = variants.chain(ways.map(str::to_owned)).collect();
    for krate in CRATES {
        for path in files(&root().join(krate).join("src"), "rs") {
            let place = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            // Tests name the modes that they are of.
            if tables.contains(&place.as_str()) || place.contains("/tests/") {
                continue;
            }
            let code = code(&path);
            let found = forbidden.iter().find(|words| code.contains(words.as_str()));
            assert!(
                found.is_none(),
                "{place}: {found:?}: ask for the property that is meant, such as mode.adds_noise()"
            );
        }
    }
    for table in tables {
        assert!(root().join(table).exists(), "{table}: has it moved?");
    }
}

#[test]
fn each_library_has_one_home() {
    let homes: [(&str, &[&str]); 19] = [
        ("burn", &["site-node/src/train/"]),
        ("opendp", &["common/privacy/src/"]),
        ("quinn", &["common/node/src/transport/"]),
        ("tokio_rustls", &["common/node/src/transport/tunnel/"]),
        ("rcgen", &["coordinator/src/enrol/"]),
        ("bincode", &["common/base/src/codec.rs"]),
        ("rusqlite", &["coordinator/src/registry/"]),
        (
            "clap",
            &[
                "audit/src/cli/",
                "common/command/src/",
                "coordinator/src/cli/",
                "site-node/src/cli/",
                "tests/src/bin/",
            ],
        ),
        ("maud", &["audit/src/report/"]),
        ("csv", &["site-node/src/data/table/"]),
        ("parquet", &["site-node/src/data/table/"]),
        ("flate2", &["site-node/src/data/table/"]),
        ("brotli_decompressor", &["site-node/src/data/table/"]),
        ("jiff", &["site-node/src/data/date/"]),
        ("claxon", &["site-node/src/data/ecg/wfdb/"]),
        ("zune_jpeg", &["site-node/src/data/image/"]),
        ("toml", &["common/base/src/config/"]),
        ("png", &["coordinator/src/synth/write/", "site-node/src/data/image/"]),
        ("indicatif", &["coordinator/src/cli/", "site-node/src/cli/"]),
    ];
    let all: Vec<PathBuf> =
        CRATES.iter().flat_map(|krate| files(&root().join(krate).join("src"), "rs")).collect();
    for (library, homes) in homes {
        let mut used = false;
        for path in &all {
            let uses = code(path).lines().any(|line| {
                let line = line.trim_start();
                line.starts_with(&format!("use {library}::"))
                    || line.contains(&format!(" {library}::"))
                    || line.contains(&format!("({library}::"))
            });
            let place = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            let home = homes.iter().any(|home| place.starts_with(home));
            assert!(!uses || home, "{place} uses {library}, whose home is {homes:?}");
            used |= uses;
        }
        assert!(used, "{library} is used nowhere: has its home moved?");
    }
}

#[test]
fn every_file_in_configs_loads() {
    let configs = root().join("configs");
    for path in files(&configs, "toml") {
        let name = path.strip_prefix(&configs).unwrap().to_string_lossy().into_owned();
        let loaded = match name.as_str() {
            "coordinator.toml" => CoordinatorSettings::load(&path).map(|_| ()),
            "site-node.toml" => SiteSettings::load(&path).map(|_| ()),
            "cohort.toml" => Source::load(&path).map(|_| ()),
            "policy.toml" => Policy::load(&path).map(|_| ()),
            _ if name.starts_with("experiments/") => {
                config::load::<Experiment>(&path, &[]).map(|_| ())
            }
            _ => panic!("{name}: no test says what this file is"),
        };
        loaded.unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn a_crate_depends_only_on_the_crates_before_it() {
    let manifest = |krate: &str| fs::read_to_string(root().join(krate).join("Cargo.toml")).unwrap();
    let name = |krate: &'static str| krate.rsplit('/').next().unwrap_or(krate);
    for (place, krate) in CRATES.iter().enumerate() {
        let text = manifest(krate);
        let depends = |other: &str| {
            let starts = [format!("{other}.workspace"), format!("{other} = ")];
            text.lines().any(|line| starts.iter().any(|start| line.starts_with(start)))
        };
        for later in &CRATES[place..] {
            assert!(!depends(name(later)), "{krate} depends on {later}");
        }
    }
    // Whoever verifies a log, or the metrics, needs nothing else of ours.
    assert!(!manifest("common/survival").contains("base"));
    assert!(!manifest("common/base").contains("audit"));
    assert!(manifest("coordinator").contains("site-node = { workspace = true, optional = true }"));
}

#[test]
fn a_gpu_picks_its_programs_by_shapes_alone() {
    // Private sums rest on it: a search for the fastest program, or fusing by what came before, could give two
    // patients of one step different programs.
    for manifest in ["Cargo.toml", "site-node/Cargo.toml"] {
        let text = fs::read_to_string(root().join(manifest)).unwrap();
        let burn = text.lines().filter(|line| !line.starts_with('#') && line.contains("burn"));
        for line in burn {
            for feature in ["autotune", "fusion"] {
                assert!(!line.contains(feature), "{manifest}: {line}");
            }
            let version = line.contains("version");
            assert!(!version || line.contains("default-features = false"), "{manifest}: {line}");
        }
    }
}

#[test]
fn a_driver_tells_of_a_run_by_its_events_alone() {
    let by_hand = [
        "wire::Progress",
        "registry.start(",
        "registry.round(",
        "registry.evaluations(",
        "registry.end(",
    ];
    nowhere("coordinator", "driver/", &by_hand, "those who are told of a run are in run_event/");
}

/// A name that is spelled in one place cannot be misspelled in another.
#[test]
fn metrics_are_spelled_in_one_table() {
    use base::config::Choice;
    use plan::metric::{AtHorizon, Importance, Overall, Quantity};
    let overall = Overall::ALL.iter().map(|measure| measure.name());
    let at_horizon = AtHorizon::ALL.iter().map(|measure| measure.name());
    let deviation = Quantity::Deviation(plan::metric::C_INDEX).to_string();
    let (deviation, _) = deviation.split_once('/').unwrap();
    // A key of an experiment is called as an importance is. The name of a metric has a part behind it.
    let with_part = Importance::ALL.iter().map(|kind| kind.name()).chain([deviation]);
    let names: Vec<String> = overall
        .chain(at_horizon)
        .map(str::to_owned)
        .chain(with_part.map(|name| format!("{name}/")))
        .collect();
    for path in CRATES.iter().flat_map(|krate| files(&root().join(krate).join("src"), "rs")) {
        let place = path.strip_prefix(root()).unwrap();
        if place.starts_with("common/plan/src/metric") {
            continue;
        }
        let code = code(&path);
        for name in &names {
            let why = "use plan::metric::MetricId";
            assert!(!code.contains(name.as_str()), "{}: {name}: {why}", place.display());
        }
        assert!(!code.contains("\"test."), "{}: a name of a metric", place.display());
    }
}

/// Words that were replaced, each with the one that is used (docs/glossary.md).
const REPLACED: [(&str, &str); 22] = [
    ("ActiveRun", "JobHandle"),
    ("Concentrated", "Zcdp"),
    ("Flaw", "PlanError"),
    ("Fold", "Accumulate"),
    ("Heed", "RecordEvaluation"),
    ("LocalTraining", "Training"),
    ("Logbook", "AuditWriter"),
    ("Objection", "Decline"),
    ("PrivateSteps", "DpSgd"),
    ("Ruling", "PolicyDecision"),
    ("Sighting", "SignedState"),
    ("Silence", "Decline"),
    ("Story", "RunHistory"),
    ("WholeUpdateGaussian", "GaussianUpdate"),
    ("Withheld", "ablated"),
    ("logbook", "audit log"),
    ("outlook", "preview"),
    ("own_up", "record_recovery"),
    ("set_aside", "quarantine"),
    ("shelf", "model_store"),
    ("site-node epoch", "site-node audit restart"),
    ("withheld", "ablated"),
];

/// A private language is learnt by nobody. Words of the field took its place, and it does not come back.
#[test]
fn words_that_were_replaced_stay_out() {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let holds = |text: &str, word: &str| {
        text.match_indices(word).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    };
    assert!(holds("a shelf.", "shelf") && !holds("bookshelf", "shelf"));
    let folders = CRATES
        .iter()
        .map(|krate| root().join(krate))
        .chain(["configs", "docs"].map(|name| root().join(name)));
    let mut read = 0;
    for path in folders
        .flat_map(|folder| ["rs", "toml", "md"].map(|ending| (folder.clone(), ending)))
        .flat_map(|(folder, ending)| files(&folder, ending))
    {
        // This list itself, and records of what was decided when.
        if path.ends_with("house/main.rs")
            || path.components().any(|part| part.as_os_str() == "decisions")
        {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        read += 1;
        for (old, new) in REPLACED {
            assert!(!holds(&text, old), "{}: {old} was replaced by {new}", path.display());
        }
    }
    assert!(read > 500, "{read} files: have they moved?");
}
