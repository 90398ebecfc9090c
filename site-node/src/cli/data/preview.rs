//! `site-node data preview`: the first rows.

use std::error::Error;

use site_node::data::load;

use super::{Place, inside_only};

/// Cells longer than this are cut.
const WIDTH: usize = 16;

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    place: Place,
    /// How many patients.
    #[arg(long, default_value_t = 5)]
    rows: usize,
    /// Write to a file or a pipe too.
    #[arg(long)]
    anywhere: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    inside_only(args.anywhere)?;
    let (_, source) = args.place.load()?;
    let table = load(&source)?.table;
    let cut = |text: &str| text.chars().take(WIDTH).collect::<String>();
    let line = |cells: Vec<String>| {
        let cells = cells.into_iter().map(|cell| format!("{cell:<WIDTH$}"));
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    };
    line(table.columns().iter().map(|column| cut(column.name())).collect());
    for row in 0..table.len().min(args.rows) {
        line(table.columns().iter().map(|column| cut(&column.text(row))).collect());
    }
    Ok(())
}
