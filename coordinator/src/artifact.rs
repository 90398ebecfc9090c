//! A run's final model on disk: its words, and a card that says what they are.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use common::experiment::Plan;
use common::ids::RunId;
use common::model::ParamLayout;
use serde_json::json;

/// A model that could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("model {}: {source}", path.display())]
pub struct ArtifactError {
    path: PathBuf,
    source: std::io::Error,
}

/// Writes `RUN.f32` (little-endian words, in the layout's order) and `RUN.json`, and returns the
/// SHA-256 of the words in hexadecimal: what `sha256sum RUN.f32` prints.
///
/// # Errors
/// A file cannot be written.
pub fn keep(
    folder: &Path,
    run: &RunId,
    plan: &Plan,
    words: &[u8],
) -> Result<String, ArtifactError> {
    let hex = |byte: &u8| [byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16));
    let sha256: String = digest(&SHA256, words).as_ref().iter().flat_map(hex).flatten().collect();
    let parameters: Vec<_> = ParamLayout::of(&plan.model)
        .blocks()
        .iter()
        .map(
            |block| json!({ "name": block.name, "shape": block.shape, "start": block.range.start }),
        )
        .collect();
    let card = json!({
        "run": run.as_str(),
        "experiment": plan.name.as_str(),
        "plan": plan.digest().to_string(),
        "sha256": sha256,
        "encoding": "f32, little-endian",
        "parameters": parameters,
        "model": plan.model,
        "features": plan.features,
        "views": plan.views,
        "inputs": plan.input_names(),
        "outcome": plan.outcome,
    });
    let write = |name: String, bytes: &[u8]| {
        let path = folder.join(name);
        let part = path.with_extension("part");
        // Whole and on disk before the registry says that it is there.
        let put = || -> std::io::Result<()> {
            std::fs::create_dir_all(folder)?;
            let mut file = File::create(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&part, &path)?;
            File::open(folder)?.sync_all()
        };
        put().map_err(|source| ArtifactError { path: path.clone(), source })
    };
    write(format!("{run}.f32"), words)?;
    write(format!("{run}.json"), format!("{card:#}\n").as_bytes())?;
    Ok(sha256)
}
