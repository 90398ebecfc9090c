//! Models in files: opened within bounds, checked whole, written so that they survive a power cut.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base::config::{ConfigError, Problem};
use base::digest::Digest;
use base::durable;
use plan::artifact::{Card, CardError, Weights, WeightsError, header, largest, read, sha256};
use plan::experiment::{Experiment, Plan, View};
use plan::model::payload;
use plan::model::{ModelSpec, ParamLayout};

use crate::process::chain;

/// The ending of weights.
pub const WEIGHTS: &str = "safetensors";
/// The ending of cards.
pub const CARD: &str = "json";

/// A model that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct ModelStoreError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: ModelStoreFault,
}

/// What is wrong with a model's file.
#[derive(Debug, thiserror::Error)]
pub enum ModelStoreFault {
    /// It cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A folder, a pipe or a device.
    #[error("is not a file; name the .safetensors file or its card")]
    NotAFile,
    /// More than is read.
    #[error("holds {found} bytes, and at most {most} are read of this model")]
    TooLarge {
        /// Its bytes.
        found: u64,
        /// The bound.
        most: u64,
    },
    /// The weights are not the model's.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The card is none.
    #[error(transparent)]
    Card(#[from] CardError),
    /// The card is of other weights.
    #[error(
        "its {which} is not the one in its card; put the card and the weights of one run together"
    )]
    Other {
        /// Which hash.
        which: &'static str,
    },
    /// Weights that mean something else than the experiment's, by their card.
    #[error(
        "its card says {found}, and the experiment {asked}: the weights would mean something else; begin with a model of the same {which}"
    )]
    Meaning {
        /// What differs.
        which: &'static str,
        /// The card's.
        found: String,
        /// The experiment's.
        asked: String,
    },
    /// Not the weights that were read before.
    #[error("was changed while it was read; begin again")]
    Changed,
    /// Nothing can be written.
    #[error("the card cannot be written: {0}")]
    Unwritable(#[from] serde_json::Error),
}

fn at<F: Into<ModelStoreFault>>(path: &Path) -> impl Fn(F) -> ModelStoreError {
    move |fault| ModelStoreError { path: path.to_owned(), fault: fault.into() }
}

/// The bytes of a file that holds at most `most`.
fn bounded(path: &Path, most: u64) -> Result<Vec<u8>, ModelStoreFault> {
    // Asked before opening: opening a pipe would wait for its writer.
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        return Err(ModelStoreFault::NotAFile);
    }
    if about.len() > most {
        return Err(ModelStoreFault::TooLarge { found: about.len(), most });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or_default());
    // A file may grow while it is read.
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A model with its card, held against each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its card.
    pub card: Card,
    /// Its parameters, every one finite.
    pub parameters: Vec<f32>,
}

/// Reads the card of a model, which is named by its card or by its weights.
///
/// # Errors
/// It cannot be read, or contradicts itself.
pub fn card(model: &Path) -> Result<Card, ModelStoreError> {
    let path = model.with_extension(CARD);
    let text = bounded(&path, Card::MAX).map_err(at(&path))?;
    Card::read(&text).map_err(at(&path))
}

/// Reads a model whole: card and weights, which must be of one run.
///
/// # Errors
/// Either cannot be read, or they do not belong together.
pub fn open(model: &Path) -> Result<Stored, ModelStoreError> {
    let card = card(model)?;
    card.keeps_its_promise().map_err(at(&model.with_extension(CARD)))?;
    let path = model.with_extension(WEIGHTS);
    let (Weights { parameters, metadata }, hash) = weights(&path, &card.plan.model)?;
    let says = |key: &str, expected: &str| metadata.get(key).is_none_or(|found| found == expected);
    for (which, same) in [
        ("sha256", hash == card.weights.sha256),
        ("model hash", model_hash(&parameters) == card.weights.model),
        ("plan", says("plan", &card.hashes.plan.to_string())),
        ("specification", says("spec", &card.hashes.spec.to_string())),
    ] {
        if !same {
            return Err(at(&path)(ModelStoreFault::Other { which }));
        }
    }
    Ok(Stored { card, parameters })
}

/// Reads the weights of a specification, and the SHA-256 of their file.
///
/// # Errors
/// They cannot be read, or are not of this specification.
pub fn weights(path: &Path, spec: &ModelSpec) -> Result<(Weights, audit::Sha256), ModelStoreError> {
    let layout = ParamLayout::of(spec);
    let bytes = bounded(path, largest(&layout)).map_err(at(path))?;
    Ok((read(&layout, &bytes).map_err(at(path))?, sha256(&[&bytes])))
}

/// What audit logs call a model: the hash of its words.
#[must_use]
pub fn model_hash(parameters: &[f32]) -> Digest {
    Digest::of(&payload::from_parameters(parameters))
}

/// Resolves an experiment's `model.start`, a path from the folder of the experiment's file: the plan has
/// the model's hash then. Nothing to do where there is none. [`begin_of_file`] makes an error of it that names the key.
///
/// # Errors
/// The weights cannot be read, or are not of the experiment's model: other blocks or shapes, or, where a
/// card lies beside them, another head, other causes, another time grid, inputs or scales, or other views for its encoders.
pub fn begin(experiment: &mut Experiment, file: &Path) -> Result<(), ModelStoreError> {
    let Some(start) = &mut experiment.start else { return Ok(()) };
    *start = file.parent().unwrap_or(Path::new("")).join(&start);
    let (found, _) = weights(start, &experiment.plan.model)?;
    if start.with_extension(CARD).is_file() {
        let beside = start.with_extension(CARD);
        same_meaning(&card(start)?, &experiment.plan).map_err(at(&beside))?;
    }
    experiment.plan.start = Some(model_hash(&found.parameters));
    Ok(())
}

/// The same as [`begin`]. What is wrong is a mistake in the experiment's file, which names the weights.
///
/// # Errors
/// As [`begin`].
pub fn begin_of_file(experiment: &mut Experiment, file: &Path) -> Result<(), ConfigError> {
    begin(experiment, file).map_err(|error| ConfigError {
        source: file.display().to_string(),
        problems: vec![Problem {
            key: "model.start".to_owned(),
            line: None,
            what: chain(&error),
            hint: "name the weights of a model like this one, or leave the key out".to_owned(),
        }],
    })
}

/// That weights of the same shapes mean the same: shapes do not say which head, causes, time grid or inputs.
fn same_meaning(card: &Card, plan: &Plan) -> Result<(), ModelStoreFault> {
    let causes = &card.plan.outcome.causes;
    let asked = &plan.outcome.causes;
    if causes != asked {
        let found = format!("causes {causes:?}");
        let asked = format!("{asked:?}");
        return Err(ModelStoreFault::Meaning { which: "causes", found, asked });
    }
    let head = card.plan.model.head;
    let asked = plan.model.head;
    if head != asked {
        let found = head.name().to_owned();
        let asked = asked.name().to_owned();
        return Err(ModelStoreFault::Meaning { which: "head", found, asked });
    }
    let inputs = card.plan.input_names();
    let asked = plan.input_names();
    if let Some((found, asked)) = inputs.iter().zip(&asked).find(|(found, asked)| found != asked) {
        let found = format!("input {found:?}");
        let asked = format!("{asked:?}");
        return Err(ModelStoreFault::Meaning { which: "inputs", found, asked });
    }
    let grid = |plan: &Plan| (plan.outcome.unit, plan.outcome.edges.clone());
    let encoded = |plan: &Plan| -> Vec<View> {
        let read = plan.views.iter().filter(|view| plan.encoder(&view.name).is_some());
        read.cloned().collect()
    };
    for (which, same) in [
        ("time grid", grid(&card.plan) == grid(plan)),
        ("scale of columns", card.plan.features == plan.features),
        ("view of an encoder", encoded(&card.plan) == encoded(plan)),
    ] {
        if !same {
            let (found, asked) = (format!("one {which}"), "another".to_owned());
            return Err(ModelStoreFault::Meaning { which, found, asked });
        }
    }
    Ok(())
}

/// The parameters of a folder's model that a plan begins with; none where the folder has none of that
/// hash. Files that are no such model are passed over.
///
/// # Errors
/// The folder cannot be listed.
pub fn find(folder: &Path, plan: &Plan, start: Digest) -> io::Result<Option<Vec<f32>>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|ending| ending != WEIGHTS) {
            continue;
        }
        if let Ok((found, _)) = weights(&path, &plan.model)
            && model_hash(&found.parameters) == start
        {
            return Ok(Some(found.parameters));
        }
    }
    Ok(None)
}

/// Takes over the weights that a plan begins with from wherever they lie, as `start-HASH.safetensors`.
///
/// # Errors
/// They cannot be read, are not of the plan's model or no longer those that it names, or the disk fails.
pub fn take_over(
    folder: &Path,
    plan: &Plan,
    start: Digest,
    from: &Path,
) -> Result<(), ModelStoreError> {
    let layout = ParamLayout::of(&plan.model);
    let bytes = bounded(from, largest(&layout)).map_err(at(from))?;
    let found = read(&layout, &bytes).map_err(at(from))?;
    if model_hash(&found.parameters) != start {
        return Err(at(from)(ModelStoreFault::Changed));
    }
    put(folder, &format!("start-{start}.{WEIGHTS}"), &[&bytes])
}

/// Writes `NAME.safetensors` into a folder and returns its SHA-256. `words` are the parameters
/// of the plan's model as 32-bit floats, little endian, in the layout's order.
///
/// # Errors
/// The disk fails.
pub fn keep_weights(
    folder: &Path,
    name: &str,
    plan: &Plan,
    words: &[u8],
) -> Result<audit::Sha256, ModelStoreError> {
    let header = header(&plan.model, plan.digest());
    put(folder, &format!("{name}.{WEIGHTS}"), &[&header, words])?;
    Ok(sha256(&[&header, words]))
}

/// Writes a card beside its weights, in the place of an earlier one.
///
/// # Errors
/// The disk fails.
pub fn keep_card(folder: &Path, card: &Card) -> Result<(), ModelStoreError> {
    let name = format!("{}.{CARD}", card.run);
    let text = card.text().map_err(at(&folder.join(&name)))?;
    put(folder, &name, &[text.as_bytes()])
}

/// Whole and on disk before anything says that it is there.
fn put(folder: &Path, name: &str, parts: &[&[u8]]) -> Result<(), ModelStoreError> {
    let path = folder.join(name);
    let write = || {
        durable::make_folder(folder)?;
        durable::replace(&path, parts)?;
        durable::sync_folder(folder)
    };
    write().map_err(at(&path))
}
