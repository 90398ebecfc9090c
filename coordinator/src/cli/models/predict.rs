//! `coordinator models predict`: batch scoring on data that lie here. A hospital uses `site-node predict`.

use std::path::PathBuf;

use node::model_store;
use site_node::data::Source;
use site_node::predict::{Asked, Chosen, into_file, predict};

use super::{Model, Outcome};

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    model: Model,
    /// What the patients are: a cohort.toml in their folder.
    #[arg(long, value_name = "FILE")]
    cohort: PathBuf,
    /// A new file for the predictions; without it they are printed.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The patients of this split: all, train or test.
    #[arg(long, default_value = "all")]
    split: Chosen,
    /// Times at which survival is reported, in the model's unit. By default, the ends of its intervals.
    #[arg(long, value_name = "T,…", value_delimiter = ',')]
    times: Vec<f64>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let model = model_store::open(&args.model.path()?)?;
    let source = Source::load(&args.cohort)?;
    let cache = tempfile::tempdir()?;
    let part = args.split;
    let times = &args.times[..];
    let asked = Asked { model: &model, source: &source, cache: cache.path(), part, times };
    let told = match &args.out {
        Some(path) => into_file(asked, path)?,
        None => predict(asked, &mut std::io::stdout().lock())?,
    };
    for line in told.lines() {
        eprintln!("{line}");
    }
    Ok(())
}
