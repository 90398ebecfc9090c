//! `site-node predict`: a model of a federation on this hospital's patients.

use std::error::Error;
use std::path::PathBuf;

use node::model_store;
use site_node::predict::{Asked, Chosen, into_file};
use site_node::settings::SiteSettings;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The model: RUN.safetensors or its card RUN.json, which lie together.
    model: PathBuf,
    /// The table of patients and predictions that is made: for eyes inside the hospital.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The patients of this split: all, train or test.
    #[arg(long, default_value = "all")]
    split: Chosen,
    /// Times at which survival is reported, in the model's unit. By default, the ends of its intervals.
    #[arg(long, value_name = "T,…", value_delimiter = ',')]
    times: Vec<f64>,
    #[command(flatten)]
    config: super::ConfigArg,
}

pub(super) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let settings = SiteSettings::load(&args.config.config)?;
    let source = settings.source()?;
    let cache = settings.state.join("cache");
    let model = model_store::open(&args.model)?;
    let part = args.split;
    let times = &args.times[..];
    let asked = Asked { model: &model, source: &source, cache: &cache, part, times };
    for line in into_file(asked, &args.out)?.lines() {
        eprintln!("{line}");
    }
    eprintln!("patients' data in {}: for eyes inside this hospital", args.out.display());
    Ok(())
}
