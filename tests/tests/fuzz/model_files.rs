//! Files of models: weights with their header, and the cards beside them.

use std::fs;

use plan::artifact::{Card, read};
use plan::model::ParamLayout;

use crate::{Outcome, fuzz, refused};

const WORDS: [&str; 9] = [
    "\"data_offsets\":[0,18446744073709551615]",
    "\"shape\":[4294967296,4294967296]",
    "\"F32\"",
    "\"F64\"",
    "__metadata__",
    "{}",
    "null",
    "\"format\":",
    "\u{202E}",
];

#[test]
fn weights_and_cards() -> Outcome {
    let folder = tempfile::tempdir()?;
    let federation = tests::Federation::new()?;
    let mut simulate = std::process::Command::new(tests::binary("coordinator")?);
    simulate.arg("simulate").arg(tests::demo()).args([
        "--quiet",
        "--no-baselines",
        "--set",
        "rounds=1",
    ]);
    simulate.arg("--data").arg(federation.data()).arg("--out").arg(folder.path());
    tests::success(tests::Process::start(&mut simulate)?)?;
    let files = tests::files(&folder.path().join("models"))?;
    let ending = |ending: &str| {
        files.iter().find(|file| file.extension().is_some_and(|found| found == ending))
    };
    let weights = fs::read(ending("safetensors").ok_or("no weights")?)?;
    let card = fs::read(ending("json").ok_or("no card")?)?;
    let layout = ParamLayout::of(&Card::read(&card)?.plan.model);
    fuzz("weights", &[weights], &WORDS, |bytes| match read(&layout, bytes) {
        Ok(weights) => assert!(weights.parameters.iter().all(|parameter| parameter.is_finite())),
        Err(error) => refused(&error),
    })?;
    fuzz("cards", &[card], &WORDS, |bytes| {
        if let Err(error) = Card::read(bytes) {
            refused(&error);
        }
    })
}
