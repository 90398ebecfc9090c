//! `coordinator models list|show|verify|predict`: what runs made, and what it says of patients.

#[cfg(feature = "simulate")]
mod predict;
mod show;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use common::artifact::Card;
use common::shelf::{self, Stored};
use coordinator::registry::Registry;
use coordinator::settings::CoordinatorSettings;
use serde_json::{Value, json};

use super::Outcome;
use super::output::Format;

#[derive(Subcommand)]
pub(super) enum Verb {
    /// All models, the newest first.
    List {
        #[command(flatten)]
        place: Place,
        /// How it is printed.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// A model's card: what it predicts, from what, how good it is, what was promised, where it comes from.
    Show {
        #[command(flatten)]
        model: Model,
        /// The card as it is.
        #[arg(long)]
        json: bool,
    },
    /// Hold a model's weights against its card: hashes, tensors, finite numbers.
    Verify {
        #[command(flatten)]
        model: Model,
    },
    /// Score the patients of a cohort that lies on this machine.
    #[cfg(feature = "simulate")]
    Predict(predict::Args),
}

/// Where models lie.
#[derive(clap::Args)]
pub(super) struct Place {
    /// The coordinator's settings, which say where its state lies.
    #[arg(long, value_name = "FILE", default_value = "coordinator.toml")]
    config: PathBuf,
    /// The state folder itself, such as that of a simulation.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    state: Option<PathBuf>,
}

/// One model.
#[derive(clap::Args)]
pub(super) struct Model {
    /// Its weights or its card, or the name of its run.
    model: PathBuf,
    #[command(flatten)]
    place: Place,
}

impl Place {
    fn folder(&self) -> Result<PathBuf, Box<dyn std::error::Error>> {
        let state = match &self.state {
            Some(state) => state.clone(),
            None => CoordinatorSettings::load(&self.config)?.state,
        };
        Ok(state.join("models"))
    }
}

impl Model {
    /// Its card's path: a file that is named, or a run's.
    fn path(&self) -> Result<PathBuf, Box<dyn std::error::Error>> {
        let named = [shelf::CARD, shelf::WEIGHTS];
        let ending =
            self.model.extension().is_some_and(|ending| named.iter().any(|e| ending == *e));
        if ending {
            return Ok(self.model.clone());
        }
        let run = self.model.display();
        let folder = self.place.folder()?;
        let card = folder.join(format!("{run}.{}", shelf::CARD));
        if !card.exists() {
            return Err(missing(&run.to_string(), &folder).into());
        }
        Ok(card)
    }
}

/// Why a run has no model here.
fn missing(run: &str, folder: &Path) -> String {
    let known = folder.parent().and_then(|state| {
        let registry = Registry::read(&Registry::path(state)).ok()?;
        registry.run(run).ok()
    });
    let Some(row) = known else {
        return format!(
            "{run}: no such run and no such file; name a run that coordinator runs list shows, a .{} file or its \
             card",
            shelf::WEIGHTS
        );
    };
    match (row.status.as_str(), row.reason) {
        ("running", _) => format!("run {run}: still going on; its model is kept when it ends"),
        (status, Some(reason)) => format!("run {run}: has no model, for it {status}: {reason}"),
        (status, None) => {
            format!("run {run}: {status}, and its model's card is not in {}", folder.display())
        }
    }
}

pub(super) fn run(verb: &Verb) -> Outcome {
    match verb {
        Verb::List { place, format } => list(&place.folder()?, *format),
        Verb::Show { model, json } => {
            let card = shelf::card(&model.path()?)?;
            if *json {
                println!("{}", serde_json::to_string(&card)?);
            } else {
                show::print(&card);
            }
            Ok(())
        }
        Verb::Verify { model } => verify(&model.path()?),
        #[cfg(feature = "simulate")]
        Verb::Predict(args) => predict::run(args),
    }
}

fn list(folder: &Path, format: Format) -> Outcome {
    let mut cards: Vec<Card> = Vec::new();
    if folder.is_dir() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|ending| ending != shelf::CARD) {
                continue;
            }
            match shelf::card(&path) {
                Ok(card) => cards.push(card),
                Err(error) => eprintln!("passed over: {error}"),
            }
        }
    }
    cards.sort_by(|a, b| (&b.lineage.trained, &b.run).cmp(&(&a.lineage.trained, &a.run)));
    if format == Format::Json {
        let rows: Vec<Value> = cards.iter().map(object).collect();
        println!("{}", Value::from(rows));
        return Ok(());
    }
    println!(
        "{:<26} {:<20} {:<7} {:>10}  {:<20} MODEL",
        "RUN", "EXPERIMENT", "KIND", "PARAMETERS", "TRAINED"
    );
    for card in cards {
        let Card { run, plan, weights, lineage, .. } = &card;
        let model: String = weights.model.to_string().chars().take(12).collect();
        let (kind, parameters, trained) =
            (plan.model.kind().name(), weights.parameters, &lineage.trained);
        println!(
            "{:<26} {:<20} {kind:<7} {parameters:>10}  {trained:<20} {model}",
            run.as_str(),
            plan.name.as_str()
        );
    }
    Ok(())
}

fn object(card: &Card) -> Value {
    json!({
        "run": card.run,
        "experiment": card.plan.name,
        "kind": card.plan.model.kind().name(),
        "parameters": card.weights.parameters,
        "file_sha256": card.weights.sha256,
        "model": card.weights.model,
        "contract": card.hashes.contract,
        "trained": card.lineage.trained,
    })
}

fn verify(path: &Path) -> Outcome {
    let Stored { card, parameters } = shelf::open(path)?;
    let tensors = common::model::ParamLayout::of(&card.plan.model).blocks().len();
    println!(
        "ok  {}: {} finite parameters in {tensors} tensors\nfile sha256  {}\nmodel        {}\nplan         {}\ncontract     {}",
        card.run,
        parameters.len(),
        card.weights.sha256,
        card.weights.model,
        card.hashes.plan,
        card.hashes.contract
    );
    Ok(())
}
