//! Files that people write: experiments, policies, settings of both programs, and descriptions of patients.

use std::fs;
use std::path::Path;

use base::config;
use coordinator::settings::CoordinatorSettings;
use plan::experiment::Experiment;
use plan::policy::Policy;
use site_node::data::Source;
use site_node::settings::SiteSettings;

use crate::{Outcome, fuzz, refused};

const WORDS: [&str; 24] = [
    "[privacy]",
    "[model]",
    "[[steps]]",
    "mode = \"patient\"",
    "mode = \"site\"",
    "mode = \"none\"",
    "epsilon = 1.0",
    "combine = \"multi-krum\"",
    "hostile = 1",
    "trim = 0.5",
    "edges = []",
    "columns = []",
    "intervals = 0",
    "true",
    "\"\"",
    "\u{202E}",
    "\"\\u0000\"",
    "{ a = 1 }",
    "kind = \"gru\"",
    "hidden = [65536, 65536]",
    "rounds = 4294967295",
    "window = \"100000000000h\"",
    "1979-05-27T07:32:00Z",
    "'''",
];

/// The files of this ending in a folder of the repository, and those in folders within it.
fn files(folder: &Path, seeds: &mut Vec<Vec<u8>>) -> Outcome {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, seeds)?;
        } else if path.extension().is_some_and(|ending| ending == "toml") {
            seeds.push(fs::read(&path)?);
        }
    }
    Ok(())
}

/// Every file of settings in the repository, and those that a new federation has.
fn seeds() -> Result<Vec<Vec<u8>>, tests::SetupError> {
    let mut seeds = Vec::new();
    files(&tests::root().join("configs"), &mut seeds)?;
    let federation = tests::Federation::new()?;
    files(&federation.place(""), &mut seeds)?;
    assert!(seeds.len() > 5, "{} files", seeds.len());
    Ok(seeds)
}

#[test]
fn experiments() -> Outcome {
    fuzz("experiments", &seeds()?, &WORDS, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        match config::read::<Experiment>("experiment.toml", text) {
            Ok(experiment) => {
                let plan = experiment.plan;
                let faults = plan.check();
                for fault in &faults {
                    refused(fault);
                }
                // A plan travels, and is the same where it arrives.
                let sent = base::codec::encode(&plan);
                let arrived: plan::experiment::Plan = base::codec::decode(&sent).unwrap();
                assert_eq!(arrived.digest(), plan.digest());
                assert_eq!(arrived.check().len(), faults.len());
            }
            Err(error) => refused(&error),
        }
    })
}

#[test]
fn settings() -> Outcome {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("settings.toml");
    fuzz("settings", &seeds()?, &WORDS, |bytes| {
        fs::write(&file, bytes).unwrap();
        let failures = [
            CoordinatorSettings::load(&file).err().map(|error| error.to_string()),
            SiteSettings::load(&file).err().map(|error| error.to_string()),
            Policy::load(&file).err().map(|error| error.to_string()),
            Source::load(&file).err().map(|error| error.to_string()),
        ];
        failures.iter().flatten().for_each(refused);
    })
}
