//! `site-node data describe`: a line a column.

use std::error::Error;

use site_node::data::load;
use site_node::inspect::{Summary, summaries};

use super::{Place, inside_only};

#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    place: Place,
    /// Write to a file or a pipe too.
    #[arg(long)]
    anywhere: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    inside_only(args.anywhere)?;
    let (_, source) = args.place.load()?;
    let patients = load(&source)?;
    println!("{} patients\n", patients.table.len());
    println!("{:<32}{:<16}{:>10}{:>10}  holds", "column", "kind", "cells", "missing");
    for Summary { name, kind, count, missing, holds } in summaries(&patients) {
        let missing = 100.0 * missing as f64 / count.max(1) as f64;
        println!("{name:<32}{kind:<16}{count:>10}{missing:>8.1} %  {holds}");
    }
    if let Some(outcome) = &source.outcome
        && let Ok(column) = patients.table.column(&outcome.event)
    {
        let mut had = vec![0_usize; outcome.causes.len().max(1)];
        for row in 0..column.len() {
            let cause = column.cause(row, had.len());
            let cause = cause.map_err(|fault| column.bad_cell(row, fault))?;
            if let Some(had) = usize::from(cause).checked_sub(1).and_then(|at| had.get_mut(at)) {
                *had += 1;
            }
        }
        println!("\n{} patients had the event", had.iter().sum::<usize>());
        for (cause, patients) in outcome.causes.iter().zip(&had) {
            println!("{patients} of them: {cause}");
        }
    }
    Ok(())
}
