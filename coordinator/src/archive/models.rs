//! Models, as their folder holds them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base::ids::{RunId, RunPrefix};
use node::model_store;
use node::wire::{Answer, FileKind, MAX_LISTED, ModelSummary, PIECE};
use plan::artifact::{Card, largest};
use plan::model::ParamLayout;

use super::pages::pages;
use super::{ArchiveError, Hear};
use crate::registry::{INTERRUPTED, RUNNING};

fn at(path: &Path) -> impl Fn(io::Error) -> ArchiveError {
    move |source| ArchiveError::Io { path: path.to_owned(), source }
}

/// The cards in the folder; none where there is no folder.
fn cards(folder: &Path) -> Result<Vec<PathBuf>, ArchiveError> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in std::fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        if path.extension().is_some_and(|ending| ending == model_store::CARD) {
            found.push(path);
        }
    }
    Ok(found)
}

/// The newest models.
pub(super) fn list(folder: &Path, most: u32, hear: Hear<'_>) -> Result<(), ArchiveError> {
    let most = most.min(MAX_LISTED) as usize;
    let mut models = Vec::new();
    for path in cards(folder)? {
        match model_store::card(&path) {
            Ok(card) => models.push(summary(&card)),
            Err(error) => {
                let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let why = error.fault.to_string();
                if hear(Answer::PassedOver { file, why }).is_break() {
                    return Ok(());
                }
            }
        }
    }
    models.sort_by(|a, b| (&b.trained, &b.run).cmp(&(&a.trained, &a.run)));
    let more = models.len() > most;
    models.truncate(most);
    if pages(models.into_iter(), |page| hear(Answer::Models(page))).is_continue() {
        let _ = hear(Answer::End { more });
    }
    Ok(())
}

fn summary(card: &Card) -> ModelSummary {
    ModelSummary {
        run: card.run.to_string(),
        experiment: card.plan.name.to_string(),
        kind: card.plan.model.kind().name().to_owned(),
        parameters: card.weights.parameters,
        file_sha256: card.weights.sha256.to_string(),
        model: card.weights.model.to_string(),
        contract: card.hashes.contract.to_string(),
        trained: card.lineage.trained.clone(),
    }
}

/// Runs whose card lies in the folder and whose name begins so.
pub(super) fn named(folder: &Path, prefix: &RunPrefix) -> Result<Vec<RunId>, ArchiveError> {
    let runs = cards(folder)?.into_iter().filter_map(|path| {
        let run: RunId = path.file_stem()?.to_str()?.parse().ok()?;
        run.as_str().starts_with(prefix.as_str()).then_some(run)
    });
    Ok(runs.collect())
}

/// Why a run that is registered has no model here.
pub(super) fn missing(status: &str, reason: Option<&str>, folder: &Path) -> String {
    match (status, reason) {
        (RUNNING, _) => "still going on; its model is kept when it ends".to_owned(),
        (INTERRUPTED, _) => {
            "interrupted; it continues when coordinator serve runs again, and its model is kept when it ends".to_owned()
        }
        // The reason says so itself.
        ("stopped", Some(reason)) => format!("has no model: {reason}"),
        (status, Some(reason)) => format!("has no model, for it {status}: {reason}"),
        (status, None) => {
            format!("{status}, and its model's card is not in {}", folder.display())
        }
    }
}

/// The card, and with `weights` the weights too, in pieces.
pub(super) fn send(
    folder: &Path,
    run: &RunId,
    weights: bool,
    hear: Hear<'_>,
) -> Result<(), ArchiveError> {
    let path = |ending: &str| folder.join(format!("{run}.{ending}"));
    let card = path(model_store::CARD);
    // Read as a card before anything is sent: a file that is none is no answer.
    let most = largest(&ParamLayout::of(&model_store::card(&card)?.plan.model));
    if !file(&card, FileKind::Card, run, Card::MAX, hear)? {
        return Ok(());
    }
    let values = path(model_store::WEIGHTS);
    if weights && !file(&values, FileKind::Weights, run, most, hear)? {
        return Ok(());
    }
    let _ = hear(Answer::End { more: false });
    Ok(())
}

/// A whole file; whether more is wanted.
fn file(
    path: &Path,
    kind: FileKind,
    run: &RunId,
    most: u64,
    hear: Hear<'_>,
) -> Result<bool, ArchiveError> {
    let failed = at(path);
    let about = std::fs::metadata(path).map_err(&failed)?;
    if !about.is_file() || about.len() > most {
        let why = format!("is not a file of at most {most} bytes");
        return Err(failed(io::Error::other(why)));
    }
    let bytes = about.len();
    let mut left = bytes;
    let mut reader = File::open(path).map_err(&failed)?;
    if hear(Answer::File { run: run.to_string(), kind, bytes }).is_break() {
        return Ok(false);
    }
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
        let mut piece = vec![0; size];
        reader.read_exact(&mut piece).map_err(&failed)?;
        left -= size as u64;
        if hear(Answer::Piece(piece)).is_break() {
            return Ok(false);
        }
    }
    Ok(true)
}
