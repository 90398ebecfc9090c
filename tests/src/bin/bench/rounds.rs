//! `bench rounds`: makes a federation, starts its processes, and prints what they measured.

use std::process::Command;

use base::clock::{Clock, SystemClock};
use coordinator::enrol::init;
use serde_json::Value;
use tests::Process;

use crate::Outcome;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Sites, each a process of its own.
    #[arg(long, default_value_t = 4)]
    sites: u32,
    /// Parameters of the model.
    #[arg(long, default_value_t = 10_000)]
    params: u32,
    /// Rounds; the first is not counted in the median.
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// What carries the connections.
    #[arg(long, value_enum, default_value = "udp")]
    path: Path,
}

/// What carries a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Path {
    /// QUIC over UDP.
    Udp,
    /// The same in a TLS stream over TCP.
    Tcp,
}

impl Path {
    /// Its word on the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

pub(crate) fn run(args: &Args) -> Outcome {
    let clock = SystemClock::new();
    let folder = tempfile::tempdir()?;
    let place = folder.path().join("federation");
    let names =
        (1..=args.sites).map(|n| format!("site-{n}").parse()).collect::<Result<Vec<_>, _>>()?;
    let federation = init(&place, &names, clock.wall())?;

    let program = std::env::current_exe()?;
    let counts = [("--sites", args.sites), ("--params", args.params), ("--rounds", args.rounds)]
        .map(|(flag, count)| [flag.to_owned(), count.to_string()]);
    let begun = clock.wall().0.to_string();
    let mut coordinator = Process::start(
        Command::new(&program)
            .arg("coordinator")
            .arg("--folder")
            .arg(&place)
            .args(["--begun", &begun, "--path", args.path.word()])
            .args(counts.as_flattened()),
    )?;
    let line = coordinator.wait_for("listening on ")?;
    let address = line.trim_start_matches("listening on ").to_owned();
    let mut sites = Vec::new();
    for site in &federation.sites {
        sites.push(Process::start(
            Command::new(&program).arg("site").arg("--folder").arg(site).args([
                "--coordinator",
                &address,
                "--path",
                args.path.word(),
            ]),
        )?);
    }
    let line = coordinator.wait_for("{")?;
    let (status, output) = coordinator.finish()?;
    if !status.success() {
        return Err(format!("the coordinator failed:\n{output}").into());
    }
    let measured: Value = serde_json::from_str(&line)?;
    println!("{measured}");
    Ok(())
}
