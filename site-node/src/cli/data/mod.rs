//! `site-node data`: what a hospital's data engineer asks before anybody trains.

mod check;
mod describe;
mod fingerprint;
mod preview;

use std::error::Error;
use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Subcommand;
use site_node::data::Source;
use site_node::settings::SiteSettings;

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Read everything that cohort.toml names, and report every problem with its fix.
    Check(check::Args),
    /// Show counts, missing cells and ranges, for eyes inside the hospital.
    Describe(describe::Args),
    /// Show the first rows, for eyes inside the hospital.
    Preview(preview::Args),
    /// Print a fingerprint of all data: 32 bytes that tell nothing without this site's own key.
    Fingerprint(fingerprint::Args),
}

#[derive(clap::Args)]
struct Place {
    /// The site's settings; the paths in it are relative to its folder.
    #[arg(long, value_name = "FILE", default_value = "site-node.toml")]
    config: PathBuf,
}

impl Place {
    fn load(&self) -> Result<(SiteSettings, Source), Box<dyn Error>> {
        let settings = SiteSettings::load(&self.config)?;
        let source = settings.source()?;
        Ok((settings, source))
    }
}

pub(super) fn run(verb: &Verb) -> Result<(), Box<dyn Error>> {
    match verb {
        Verb::Check(args) => check::run(args),
        Verb::Describe(args) => describe::run(args),
        Verb::Preview(args) => preview::run(args),
        Verb::Fingerprint(args) => fingerprint::run(args),
    }
}

/// Says that what follows is of patients, and refuses to write it into a file unless that was asked for.
fn inside_only(anywhere: bool) -> Result<(), Box<dyn Error>> {
    if !std::io::stdout().is_terminal() && !anywhere {
        return Err(
            "this shows what is known of patients and is for a terminal inside the hospital; \
                    --anywhere writes it elsewhere"
                .into(),
        );
    }
    eprintln!("patients' data: for eyes inside this hospital, not for a report or a message\n");
    Ok(())
}
