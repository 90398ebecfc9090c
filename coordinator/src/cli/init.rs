//! `coordinator init`: a federation's certificates and settings.

use std::path::PathBuf;

use base::clock::{Clock, SystemClock};
use base::ids::SiteName;
use coordinator::enrol::init;

use super::Outcome;

#[derive(clap::Args)]
pub(super) struct Args {
    /// A new folder for the federation.
    dir: PathBuf,
    /// A site to make a certificate and settings for; may be given many times.
    #[arg(long = "site", value_name = "NAME")]
    sites: Vec<SiteName>,
}

pub(super) fn run(args: &Args) -> Outcome {
    let made = init(&args.dir, &args.sites, SystemClock::new().wall())?;
    println!("authority    {}", args.dir.join("authority").display());
    println!("coordinator  {}", made.coordinator.display());
    for site in &made.sites {
        println!("site         {}", site.display());
    }
    eprintln!(
        "\nKeep {} offline: whoever has it decides who belongs.",
        args.dir.join("authority").display()
    );
    eprintln!("Next: coordinator serve --config {}", made.coordinator.display());
    if !made.sites.is_empty() {
        eprintln!(
            "Then carry each site's folder to its hospital, and there: site-node check, site-node run"
        );
    }
    Ok(())
}
