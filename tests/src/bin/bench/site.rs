//! A site's process: the product's own daemon, connection and gate, with nothing to train.

use std::net::SocketAddr;
use std::path::PathBuf;

use node::transport::{Cap, Route, TcpSetting};
use tests::Puppet;

use crate::rounds::Path;
use crate::{Outcome, plan};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    coordinator: SocketAddr,
    #[arg(long, value_enum)]
    path: Path,
    #[arg(long)]
    cap: Option<u32>,
}

/// Takes part until the benchmark ends this process.
pub(crate) fn run(args: &Args) -> Outcome {
    let route = match args.path {
        Path::Udp => Route::new(args.coordinator.into(), TcpSetting::Off, None),
        // Nothing can be sent to port 0, so that TCP is tried at once.
        Path::Tcp => {
            let nowhere = SocketAddr::new(args.coordinator.ip(), 0);
            Route::new(nowhere.into(), TcpSetting::At(args.coordinator.into()), None)
        }
    };
    // Moves every parameter a little.
    let answer = |model: &[f32]| model.iter().map(|parameter| parameter + 1e-6).collect();
    let puppet =
        Puppet { weight: 1, answer: Box::new(answer), cap: args.cap.map(Cap::of_megabits) };
    plan::runtime()?.block_on(puppet.run(&args.folder, route, std::future::pending()))
}
