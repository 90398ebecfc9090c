//! `bench rounds`: makes a federation, starts its processes, and prints what they measured.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use base::clock::{Clock, SystemClock};
use coordinator::enrol::init;
use serde_json::Value;
use tests::{Faults, Line, Process};

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
    /// Megabits a second, in each direction, that each site keeps to by itself.
    #[arg(long)]
    cap: Option<u32>,
    #[command(flatten)]
    line: LineArgs,
}

/// The line of each site; without any of these, none is between it and the coordinator.
#[derive(clap::Args)]
#[command(next_help_heading = "Line of each site (UDP)")]
struct LineArgs {
    /// Probability that a datagram is lost.
    #[arg(long, default_value_t = 0.0, value_parser = probability)]
    loss: f64,
    /// Probability that a datagram arrives twice.
    #[arg(long, default_value_t = 0.0, value_parser = probability)]
    duplicated: f64,
    /// Milliseconds that a datagram travels.
    #[arg(long, default_value_t = 0)]
    delay: u64,
    /// Milliseconds that it may travel longer, so that later ones overtake it.
    #[arg(long, default_value_t = 0)]
    spread: u64,
    /// Megabits a second in each direction; 0 for no limit.
    #[arg(long, default_value_t = 0)]
    rate: u64,
    /// Decides which datagrams are hit.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn probability(text: &str) -> Result<f64, String> {
    let value = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err("not from 0 to 1".to_owned()) }
}

impl LineArgs {
    /// The line of the site of this number, if there is one.
    fn open(&self, coordinator: SocketAddr, site: u64) -> Result<Option<Line>, tests::SetupError> {
        let &Self { loss, duplicated, delay, spread, rate, seed } = self;
        if loss == 0.0 && duplicated == 0.0 && delay == 0 && spread == 0 && rate == 0 {
            return Ok(None);
        }
        let faults = Faults {
            loss,
            duplicated,
            delay: Duration::from_millis(delay),
            spread: Duration::from_millis(spread),
            rate: rate.saturating_mul(1_000_000),
            seed: seed.wrapping_add(site),
        };
        Line::open(coordinator, faults).map(Some)
    }
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
    let address: SocketAddr = line.trim_start_matches("listening on ").parse()?;
    let mut sites = Vec::new();
    for (number, site) in (0..).zip(&federation.sites) {
        let line = args.line.open(address, number)?;
        let reached = line.as_ref().map_or(address, |line| line.address);
        let mut command = Command::new(&program);
        command.arg("site").arg("--folder").arg(site);
        command.args(["--coordinator", &reached.to_string(), "--path", args.path.word()]);
        command.args(args.cap.iter().flat_map(|cap| ["--cap".to_owned(), cap.to_string()]));
        let process = Process::start(&mut command)?;
        sites.push((process, line));
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
