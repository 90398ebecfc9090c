//! Where runs and models are read: in a state folder of this machine, or at the coordinator. This is the one place
//! that decides it.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;

use coordinator::archive::Archive;
use coordinator::client;
use coordinator::settings::CoordinatorSettings;
use node::pki::Identity;
use node::transport::{Address, Route};
use node::wire::{Answer, Query};

use super::{Outcome, log, runtime};

#[derive(clap::Args)]
pub(super) struct Place {
    /// The coordinator's settings. If their state folder or the coordinator's identity is on this machine, the folder
    /// is read. Otherwise the coordinator is asked, with the operator's certificate.
    #[arg(long, value_name = "FILE", default_value = "coordinator.toml")]
    config: PathBuf,
    /// Read this state folder, such as that of a simulation.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "coordinator"])]
    state: Option<PathBuf>,
    /// Ask the coordinator at this host name or address, even if its state folder is on this machine.
    #[arg(long, value_name = "ADDRESS")]
    coordinator: Option<Address>,
}

/// What is read.
pub(super) enum Source {
    /// A state folder of this machine.
    Here(Archive),
    /// A coordinator, over the network.
    There {
        /// The operator's.
        identity: Identity,
        /// Where it is reached.
        coordinator: Box<Route>,
    },
}

impl Place {
    pub(super) fn source(&self) -> Result<Source, Box<dyn Error>> {
        if let Some(state) = &self.state {
            return Ok(Source::Here(Archive::from_folder(state)));
        }
        let settings = CoordinatorSettings::load(&self.config)?;
        let here = settings.state.exists() || settings.identity.exists();
        if here && self.coordinator.is_none() {
            return Ok(Source::Here(Archive::from_folder(&settings.state)));
        }
        let (identity, coordinator) = super::operator(&self.config, self.coordinator.as_ref())?;
        Ok(Source::There { identity, coordinator: Box::new(coordinator) })
    }

    /// What is read, and the answer to a query, part by part.
    pub(super) fn ask(&self, query: Query, hear: impl FnMut(Answer) -> Outcome) -> Outcome {
        self.source()?.ask(query, hear)
    }
}

impl Source {
    fn ask(self, query: Query, mut hear: impl FnMut(Answer) -> Outcome) -> Outcome {
        let mut failed = Ok(());
        let mut heard = |answer| match hear(answer) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Err(error);
                ControlFlow::Break(())
            }
        };
        match self {
            Self::Here(archive) => archive.answer(&query, &mut heard)?,
            Self::There { identity, coordinator } => {
                log("warn");
                let asked = client::query(identity, &coordinator, query, &mut heard);
                runtime()?.block_on(asked)?;
            }
        }
        failed
    }
}

/// How long lists are.
#[derive(clap::Args)]
pub(super) struct Most {
    /// The most rows, the newest first; at most 10000.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
}

impl Most {
    /// Says on stderr that a list was cut off, where it was.
    pub(super) fn note(&self, more: bool) {
        if more {
            eprintln!(
                "older ones than these {} are left out; --limit takes up to 10000",
                self.limit
            );
        }
    }
}
