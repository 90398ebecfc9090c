//! `site-node evaluate`: how good a model of a federation is on this hospital's own patients.

use std::error::Error;
use std::path::PathBuf;

use node::model_store;
use plan::experiment::Evaluation;
use site_node::cohort::Cohort;
use site_node::data::load;
use site_node::evaluate::{Held, evaluate};
use site_node::features::{SignalStore, examples};
use site_node::settings::SiteSettings;

use super::Format;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The model: RUN.safetensors or its card RUN.json, which lie together.
    model: PathBuf,
    /// Times at which discrimination and calibration are measured, in the model's unit.
    #[arg(long, value_name = "T,…", value_delimiter = ',')]
    horizons: Vec<f64>,
    /// Views whose categories or codes are groups, each with its own C-index.
    #[arg(long, value_name = "VIEW,…", value_delimiter = ',')]
    subgroups: Vec<String>,
    /// How often each feature and modality is permuted, for its importance; 0 for not at all.
    #[arg(long, default_value_t = 0)]
    permutations: u32,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    #[command(flatten)]
    config: super::ConfigArg,
}

pub(super) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let settings = SiteSettings::load(&args.config.config)?;
    let source = settings.source()?;
    let cache = settings.state.join("cache");
    let model = model_store::open(&args.model)?;
    let plan = &model.card.plan;
    let asked = Evaluation {
        horizons: args.horizons.clone(),
        subgroups: args.subgroups.clone(),
        permutations: args.permutations,
    };
    // What an experiment may ask for, a hospital may: by the same rules but for the mode.
    if let Some((_, what, hint)) = asked.unfit(plan).into_iter().next() {
        return Err(format!("{what}; {hint}").into());
    }
    let Some(split) = source.split.as_deref() else {
        let message = "cohort.toml names no split column: without test patients there is nobody to \
                       evaluate on; name a column that is 1 for training and 0 for test patients";
        return Err(message.into());
    };
    let cohort = Cohort::new(load(&source)?, &plan.outcome, Some(split))?;
    let cache_bytes = settings.cache_bytes;
    let studies = SignalStore { source: &source, cache: &cache, cache_bytes };
    let training = examples(&cohort.part(true), plan, Some(studies))?;
    let test = examples(&cohort.part(false), plan, Some(studies))?;
    let held = Held { plan, model: &model.parameters, training: &training, test: &test, least: 0 };
    let scores = evaluate(&held, &asked)?;
    match args.format {
        Format::Json => {
            let named = scores.into_iter().map(|score| (score.id.to_string(), score.value.into()));
            println!("{}", serde_json::Value::Object(named.collect()));
        }
        Format::Table => {
            for score in scores {
                println!("{:<48}{:>10.4}", score.id, score.value);
            }
        }
    }
    eprintln!("exact numbers of {} test patients: for eyes inside this hospital", test.len());
    Ok(())
}
