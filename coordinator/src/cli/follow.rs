//! A run's progress on stderr.

use std::io::IsTerminal;

use base::ids::{RunId, SiteName};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use node::wire::Progress;
use plan::metric::Metric;

/// A progress bar that follows a run.
pub(super) struct Follow {
    bar: ProgressBar,
    quiet: bool,
    /// Without a terminal there is no bar: a line tells of each step.
    lines: bool,
}

impl Follow {
    pub(super) fn new(rounds: u32, quiet: bool) -> Self {
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(u64::from(rounds)), target);
        let style = ProgressStyle::with_template("{prefix:>12} [{bar:30}] {pos}/{len} {msg}")
            .map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> "));
        let lines = !quiet && !std::io::stderr().is_terminal();
        Self { bar: bar.with_style(style).with_prefix("Connecting"), quiet, lines }
    }

    /// A step of a live run, whose name is the first line.
    pub(super) fn take_of(&self, run: &RunId, progress: &Progress) {
        if let Progress::Started { sites, .. } = progress
            && !self.quiet
        {
            let asked = if sites.is_empty() { "no hospital yet".to_owned() } else { names(sites) };
            self.say(&format!("         Run {run}\n       Asked {asked}"));
        }
        self.take(progress);
    }

    fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    pub(super) fn take(&self, progress: &Progress) {
        match progress {
            Progress::Started { sites, rounds } => {
                self.bar.set_length(u64::from(*rounds));
                self.bar.set_prefix("Training");
                self.bar.set_message(format!("{} sites", sites.len()));
            }
            Progress::Declined { .. } | Progress::Waiting { .. } if self.quiet => {}
            Progress::Declined { site, rule, reason } => {
                self.say(&format!("    Declined {site}: {rule}: {reason}"));
            }
            Progress::Waiting { more, until, away } => {
                let hospitals = if *more == 1 { "hospital" } else { "hospitals" };
                let away = match &away[..] {
                    [] => String::new(),
                    away => format!("; not connected: {}", names(away)),
                };
                self.say(&format!("     Waiting for {more} more {hospitals} until {until}{away}"));
            }
            Progress::Round { round, sites, seconds, metrics, .. } => {
                self.bar.set_position(u64::from(round.0));
                let shown = shown(metrics);
                if self.lines {
                    self.say(&format!(
                        "       Round {round}: {sites} sites, {seconds:.3} s{shown}"
                    ));
                }
                self.bar.set_message(format!("{sites} sites, {seconds:.3} s{shown}"));
            }
            Progress::Finished { .. } => {
                self.bar.set_prefix("Finished");
                self.bar.finish();
            }
            Progress::Failed { .. } | Progress::Stopped { .. } | Progress::Interrupted { .. } => {
                self.bar.abandon();
            }
        }
    }
}

fn names(sites: &[SiteName]) -> String {
    sites.iter().map(SiteName::as_str).collect::<Vec<_>>().join(", ")
}

fn shown(metrics: &[Metric]) -> String {
    let one = |metric: &Metric| format!(", {} {:.4}", metric.name, metric.value);
    metrics.iter().map(one).collect::<Vec<_>>().concat()
}
