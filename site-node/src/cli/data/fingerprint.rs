//! `site-node data fingerprint`: whether these are the data that they were.

use std::error::Error;

use serde_json::json;
use site_node::data::{Secret, fingerprint};

use super::Place;
use crate::cli::Format;

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    place: Place,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

pub(super) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let (settings, source) = args.place.load()?;
    let found = fingerprint(&source, &Secret::open(&settings.state)?)?;
    match args.format {
        Format::Table => println!("{found}"),
        Format::Json => {
            println!("{}", json!({ "data_set": settings.data_set, "fingerprint": found }));
        }
    }
    Ok(())
}
