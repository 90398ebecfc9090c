//! The coordinator's process: the product's own server and driver, and a look at the clock.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use base::clock::{Clock, SystemClock};
use coordinator::server::{Server, entropy};
use node::audit_log::AuditSettings;
use node::pki::Identity;
use node::transport::{Listen, TcpPort};
use node::wire::Progress;
use privacy::{NormMeter, UpdateBound};
use serde_json::json;

use crate::rounds::Path;
use crate::{Outcome, plan};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    sites: u32,
    #[arg(long)]
    params: u32,
    #[arg(long)]
    rounds: u32,
    /// When the benchmark began, in milliseconds since 1970.
    #[arg(long)]
    begun: u64,
    #[arg(long, value_enum)]
    path: Path,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let identity = Identity::load(&args.folder.join("identity"))?;
    let plan = plan::of(args.params, args.sites, args.rounds)?;
    plan::runtime()?.block_on(async {
        let clock = Arc::new(SystemClock::new());
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let state = args.folder.join("state");
        let tcp = match args.path {
            Path::Udp => TcpPort::Off,
            Path::Tcp => TcpPort::Same,
        };
        let listen = Listen { udp: vec![any_port], tcp };
        let audit = AuditSettings::untracked();
        let server = Server::bind_with(&audit, listen, identity, state, clock.clone())?;
        println!("listening on {}", server.address()?);
        let launcher = server.launcher();
        let floor = server.floor();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(server.serve(async move { drop(stopped.await) }));
        floor.await_sites(args.sites as usize).await;

        let plan_bound = plan.update_bound();
        let mut launched = launcher.launch(plan, entropy(), "bench")?;
        let opened = clock.wall();
        // A round lasts from one model to the next, journal, registry and all.
        let mut last = clock.now();
        let mut seconds = Vec::new();
        let mut bytes = Vec::new();
        let mut early = None;
        while let Some(progress) = launched.progress.recv().await {
            if let Progress::Round { bytes: moved, .. } = progress {
                let now = clock.now();
                seconds.push(now.since(last).as_secs_f64());
                // Whoever waits for the result hears that there is progress.
                println!("round {} closed", seconds.len());
                bytes.push(moved);
                if seconds.len() == args.rounds.div_ceil(10) as usize {
                    early = Some(Held::now()?);
                }
                last = now;
            }
        }
        launched.outcome.await??;
        let peak = memory("VmHWM:")?;
        let end = Held::now()?;
        let early = early.unwrap_or(end);
        let cpu = cpu_seconds()?;
        let _ = stop.send(());
        serving.await??;
        let median = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        let counted = seconds.get(1..).unwrap_or_default().to_vec();
        let moved = bytes.get(1..).unwrap_or_default().iter().map(|&bytes| bytes as f64).collect();
        println!(
            "{}",
            json!({
                "bench": "rounds",
                "path": args.path.word(),
                "sites": args.sites,
                "params": args.params,
                "rounds": args.rounds,
                "round_s_median": median(counted.clone()),
                "round_s_min": counted.iter().copied().fold(f64::INFINITY, f64::min),
                "round_s_max": counted.iter().copied().fold(0.0, f64::max),
                "first_round_s": seconds.first(),
                "norm_check_s_per_round": norm_check(args, plan_bound)?,
                "bytes_per_round": median(moved),
                "coordinator_peak_rss_bytes": peak,
                "coordinator_rss_after_a_tenth_bytes": early.memory,
                "coordinator_rss_bytes": end.memory,
                "coordinator_files_after_a_tenth": early.files,
                "coordinator_files": end.files,
                "coordinator_cpu_s": cpu,
                "cold_start_s": opened.0.saturating_sub(args.begun) as f64 / 1e3,
            })
        );
        Ok(())
    })
}

/// Seconds that the coordinator takes to hold one round's updates against the plan's bound.
fn norm_check(args: &Args, bound: UpdateBound) -> Result<f64, Box<dyn std::error::Error>> {
    // Of the length that arrives at a time.
    let words: Vec<u8> = (0..64 << 10).flat_map(|word: i32| (word % 3).to_le_bytes()).collect();
    let clock = SystemClock::new();
    let begun = clock.now();
    for _ in 0..args.sites {
        let mut meter = NormMeter::default();
        let mut left = 4 * args.params as usize;
        while left > 0 {
            let piece = left.min(words.len());
            meter.add(&words[..piece]);
            left -= piece;
        }
        meter.check(bound)?;
    }
    Ok(clock.now().since(begun).as_secs_f64())
}

/// Seconds of processor time that this process has used.
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let schedstat = std::fs::read_dir("/proc/self/task")?.map(|task| {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let nanoseconds = text.split_whitespace().next().unwrap_or_default().parse::<u64>();
        nanoseconds.map_err(std::io::Error::other)
    });
    let nanoseconds: u64 = schedstat.sum::<Result<_, _>>()?;
    Ok(nanoseconds as f64 / 1e9)
}

/// What this process holds at a moment.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// Bytes of memory.
    memory: u64,
    /// Open files and sockets.
    files: usize,
}

impl Held {
    fn now() -> Result<Self, Box<dyn std::error::Error>> {
        let files = std::fs::read_dir("/proc/self/fd")?.count();
        Ok(Self { memory: memory("VmRSS:")?, files })
    }
}

/// Bytes of this process's memory, as Linux counts it under this name.
fn memory(name: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib: u64 = line.ok_or(name)?.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024)
}
