//! A run's progress on stderr.

use common::wire::{Metric, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A progress bar that follows a run.
pub(super) struct Follow {
    bar: ProgressBar,
    quiet: bool,
}

impl Follow {
    pub(super) fn new(rounds: u32, quiet: bool) -> Self {
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(u64::from(rounds)), target);
        let style = ProgressStyle::with_template("{prefix:>12} [{bar:30}] {pos}/{len} {msg}")
            .map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> "));
        Self { bar: bar.with_style(style).with_prefix("Connecting"), quiet }
    }

    pub(super) fn take(&self, progress: &Progress) {
        match progress {
            Progress::Started { sites, .. } => {
                self.bar.set_prefix("Training");
                self.bar.set_message(format!("{} sites", sites.len()));
            }
            Progress::Declined { .. } if self.quiet => {}
            Progress::Declined { site, rule, reason } => {
                self.bar.suspend(|| eprintln!("    Declined {site}: {rule}: {reason}"));
            }
            Progress::Round { round, sites, seconds, metrics, .. } => {
                self.bar.set_position(u64::from(round.0));
                let shown = shown(metrics);
                self.bar.set_message(format!("{sites} sites, {seconds:.3} s{shown}"));
            }
            Progress::Finished { .. } => {
                self.bar.set_prefix("Finished");
                self.bar.finish();
            }
            Progress::Failed { .. } => self.bar.abandon(),
        }
    }
}

fn shown(metrics: &[Metric]) -> String {
    let one = |metric: &Metric| format!(", {} {:.4}", metric.name, metric.value);
    metrics.iter().map(one).collect::<Vec<_>>().concat()
}
