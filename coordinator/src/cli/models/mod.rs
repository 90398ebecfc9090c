//! `coordinator models list|show|fetch|verify|predict`: what runs made, and what it says of patients.

mod fetch;
#[cfg(feature = "simulate")]
mod predict;
mod show;

use std::error::Error;
use std::path::{Path, PathBuf};

use base::ids::RunPrefix;
use clap::Subcommand;
use coordinator::archive::{ArchiveError, IncomingCard};
use node::model_store::{self, Stored};
use node::wire::{Answer, ModelSummary, Query};
use plan::artifact::Card;
use serde_json::{Value, json};

use super::Outcome;
use super::output::Format;
use super::place::{Most, Place, Source};

#[derive(Subcommand)]
pub(super) enum Verb {
    /// List models, the newest first.
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        most: Most,
        /// How it is printed.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Show a model's card: outcome, inputs, metrics, promised privacy, and lineage.
    Show {
        #[command(flatten)]
        model: Model,
        /// The card as it is.
        #[arg(long)]
        json: bool,
    },
    /// Fetch a run's model and its card into a folder, after verifying both.
    Fetch(fetch::Args),
    /// Verify a model's weights against its card, and the card against its plan: hashes, tensors, finite numbers, and
    /// the promised privacy.
    Verify {
        #[command(flatten)]
        model: Model,
    },
    /// Predict risk and survival for the patients of a cohort on this machine.
    #[cfg(feature = "simulate")]
    Predict(predict::Args),
}

/// One model.
#[derive(clap::Args)]
pub(super) struct Model {
    /// Its weights or its card, or the name of its run or the beginning of that.
    model: PathBuf,
    #[command(flatten)]
    place: Place,
}

impl Model {
    /// The file that is named, if one is.
    fn file(&self) -> Option<&Path> {
        let named = [model_store::CARD, model_store::WEIGHTS];
        let ending = self.model.extension()?;
        named.iter().any(|known| ending == *known).then_some(&self.model)
    }

    /// The run that is named.
    fn run(&self) -> Result<RunPrefix, Box<dyn Error>> {
        self.model.to_str().and_then(|text| text.parse().ok()).ok_or_else(|| unknown(&self.model))
    }

    /// Its card.
    fn card(&self) -> Result<Card, Box<dyn Error>> {
        if let Some(file) = self.file() {
            return Ok(model_store::card(file)?);
        }
        let mut incoming = IncomingCard::default();
        let query = Query::Card { run: self.run()? };
        let heard = self.place.ask(query, |answer| Ok(incoming.take(&answer)?));
        heard.map_err(|error| self.explained(error))?;
        Ok(incoming.finish()?)
    }

    /// Its card's path on this machine: a file that is named, or a run's.
    fn path(&self) -> Result<PathBuf, Box<dyn Error>> {
        if let Some(file) = self.file() {
            return Ok(file.to_owned());
        }
        let Source::Here(archive) = self.place.source()? else {
            let run = self.model.display();
            return Err(format!(
                "{run}: lies at the coordinator; coordinator models fetch {run} brings its files here, which this \
                 command takes"
            )
            .into());
        };
        let run = archive.model(&self.run()?).map_err(|error| self.explained(error.into()))?;
        Ok(archive.models().join(format!("{run}.{}", model_store::CARD)))
    }

    /// What is typed may be a run or a file.
    fn explained(&self, error: Box<dyn Error>) -> Box<dyn Error> {
        match error.downcast_ref() {
            Some(ArchiveError::Unknown(_)) => unknown(&self.model),
            _ => error,
        }
    }
}

fn unknown(named: &Path) -> Box<dyn Error> {
    format!(
        "{}: no such run and no such file; name a run that coordinator runs list shows, a .{} file or its card",
        named.display(),
        model_store::WEIGHTS
    )
    .into()
}

pub(super) fn run(verb: &Verb) -> Outcome {
    match verb {
        Verb::List { place, most, format } => list(place, most, *format),
        Verb::Show { model, json } => {
            let card = model.card()?;
            card.keeps_its_promise()?;
            if *json {
                println!("{}", serde_json::to_string(&card)?);
            } else {
                show::print(&card);
            }
            Ok(())
        }
        Verb::Fetch(args) => fetch::run(args),
        Verb::Verify { model } => verify(&model.path()?),
        #[cfg(feature = "simulate")]
        Verb::Predict(args) => predict::run(args),
    }
}

fn list(place: &Place, most: &Most, format: Format) -> Outcome {
    let mut models: Vec<ModelSummary> = Vec::new();
    let mut cut = false;
    place.ask(Query::Models { most: most.limit }, |answer| {
        match answer {
            Answer::Models(page) => models.extend(page),
            Answer::PassedOver { file, why } => eprintln!("passed over: {file}: {why}"),
            Answer::End { more } => cut = more,
            _ => {}
        }
        Ok(())
    })?;
    if format == Format::Json {
        let rows: Vec<Value> = models.iter().map(object).collect();
        println!("{}", Value::from(rows));
    } else {
        println!(
            "{:<26} {:<20} {:<7} {:>10}  {:<20} MODEL",
            "RUN", "EXPERIMENT", "KIND", "PARAMETERS", "TRAINED"
        );
        for ModelSummary { run, experiment, kind, parameters, trained, model, .. } in models {
            let model: String = model.chars().take(12).collect();
            println!(
                "{run:<26} {experiment:<20} {kind:<7} {parameters:>10}  {trained:<20} {model}"
            );
        }
    }
    most.note(cut);
    Ok(())
}

fn object(model: &ModelSummary) -> Value {
    json!({
        "run": model.run,
        "experiment": model.experiment,
        "kind": model.kind,
        "parameters": model.parameters,
        "file_sha256": model.file_sha256,
        "model": model.model,
        "contract": model.contract,
        "trained": model.trained,
    })
}

fn verify(path: &Path) -> Outcome {
    let Stored { card, parameters } = model_store::open(path)?;
    let tensors = plan::model::ParamLayout::of(&card.plan.model).blocks().len();
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
