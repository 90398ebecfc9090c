//! How long a run may train at this hospital.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{Builder, scope};
use std::time::Duration;

use base::clock::Clock;
use base::durable;
use base::ids::RunId;

use super::{DeclineReason, Rule};
use crate::cancel::{Cancel, Reason};

/// The rule by which a run that has had its time is declined.
pub(super) const RULE: Rule = Rule::Key("policy.max_time");

/// The file of the times, in the state folder: a line for each run, with its milliseconds.
const FILE: &str = "training-times";

/// Runs whose time is remembered. A coordinator that wants another one forgotten has to begin as many, each of which
/// has its own time anyway.
const MAX_RUNS: usize = 1024;

/// The longest file that is read: far more than so many lines need.
const MAX_BYTES: u64 = 256 << 10;

/// What one run has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TimeTaken {
    run: RunId,
    time: Duration,
}

/// What runs have taken, the one that trained last at the end. It outlives a lost connection, other runs, and this
/// process.
#[derive(Debug, Default)]
pub(super) struct Taken {
    runs: VecDeque<TimeTaken>,
    file: Option<PathBuf>,
}

impl Taken {
    /// What is on record in a state folder.
    ///
    /// # Errors
    /// The file is there and cannot be read, or is none of this program's.
    pub fn open(state: &Path) -> io::Result<Self> {
        let path = state.join(FILE);
        let runs = match std::fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => VecDeque::new(),
            Err(error) => return Err(error),
            Ok(about) if about.len() > MAX_BYTES => return Err(io::ErrorKind::InvalidData.into()),
            Ok(_) => read(&std::fs::read_to_string(&path)?)?,
        };
        Ok(Self { runs, file: Some(path) })
    }

    /// The time that a run has left of `most`; none where nothing is left.
    pub fn left(&self, run: &RunId, most: Duration) -> Option<Duration> {
        let known = self.runs.iter().find(|taken| taken.run == *run);
        let taken = known.map_or(Duration::ZERO, |taken| taken.time);
        most.checked_sub(taken).filter(|left| !left.is_zero())
    }

    /// Adds what a run took, and writes it down.
    pub fn add(&mut self, run: &RunId, time: Duration) {
        let place = self.runs.iter().position(|taken| taken.run == *run);
        let known = place.and_then(|place| self.runs.remove(place));
        let before = known.map_or(Duration::ZERO, |taken| taken.time);
        if self.runs.len() == MAX_RUNS {
            self.runs.pop_front();
        }
        self.runs.push_back(TimeTaken { run: run.clone(), time: before.saturating_add(time) });
        let Some(path) = &self.file else { return };
        if let Err(error) = durable::replace(path, &[self.text().as_bytes()]) {
            tracing::error!(
                file = %path.display(), %error,
                "the time that runs trained cannot be kept: a restart forgets it"
            );
        }
    }

    fn text(&self) -> String {
        let line = |taken: &TimeTaken| format!("{} {}\n", taken.run, taken.time.as_millis());
        self.runs.iter().map(line).collect()
    }
}

/// The times in a file.
fn read(text: &str) -> io::Result<VecDeque<TimeTaken>> {
    let line = |line: &str| {
        let (run, millis) = line.split_once(' ')?;
        let time = Duration::from_millis(millis.parse().ok()?);
        Some(TimeTaken { run: run.parse().ok()?, time })
    };
    let runs: Option<VecDeque<TimeTaken>> = text.lines().map(line).collect();
    runs.filter(|runs| runs.len() <= MAX_RUNS).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Why a run that has had its time is declined.
pub(super) fn spent(most: Duration) -> DeclineReason {
    let most = humantime::format_duration(most);
    DeclineReason::new(
        RULE,
        format!("the run has had the {most} of training that this hospital allows"),
    )
    .of_the_run()
}

/// Trains, and sets the flag once `left` has passed; returns how long it took besides.
///
/// # Errors
/// Nobody can watch the time.
pub(super) fn within<T>(
    left: Duration,
    clock: &dyn Clock,
    cancel: &Cancel,
    train: impl FnOnce() -> T,
) -> Result<(T, Duration), std::io::Error> {
    let begun = clock.now();
    let (done, over) = mpsc::channel::<()>();
    let trained = scope(|scope| {
        Builder::new().name("max_time".to_owned()).spawn_scoped(scope, move || {
            if over.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
                cancel.set(Reason::TimeSpent);
            }
        })?;
        let trained = train();
        // Else the scope would wait for the time to pass.
        drop(done);
        Ok::<_, std::io::Error>(trained)
    })?;
    Ok((trained, clock.now().since(begun)))
}

#[cfg(test)]
mod tests {
    use base::clock::SystemClock;

    use super::*;

    fn run(name: &str) -> RunId {
        name.parse().unwrap()
    }

    #[test]
    fn the_time_of_all_rounds_of_a_run_adds_up() {
        let mut taken = Taken::default();
        let most = Duration::from_secs(10);
        assert_eq!(taken.left(&run("run-a"), most), Some(most));
        taken.add(&run("run-a"), Duration::from_secs(4));
        taken.add(&run("run-a"), Duration::from_secs(4));
        assert_eq!(taken.left(&run("run-a"), most), Some(Duration::from_secs(2)));
        assert_eq!(taken.left(&run("run-b"), most), Some(most));
        taken.add(&run("run-a"), Duration::from_secs(2));
        assert_eq!(taken.left(&run("run-a"), most), None);
    }

    /// A coordinator that goes to and fro between runs gives none of them more time, nor does a restart.
    #[test]
    fn the_time_of_a_run_outlives_other_runs_and_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let most = Duration::from_secs(10);
        let second = Duration::from_secs(1);
        let mut taken = Taken::open(folder.path()).unwrap();
        for _ in 0..10 {
            taken.add(&run("run-a"), second);
            taken.add(&run("run-b"), second / 2);
        }
        for taken in [taken, Taken::open(folder.path()).unwrap()] {
            assert_eq!(taken.left(&run("run-a"), most), None);
            assert_eq!(taken.left(&run("run-b"), most), Some(Duration::from_secs(5)));
        }
        std::fs::write(folder.path().join(FILE), "run-a soon\n").unwrap();
        assert!(Taken::open(folder.path()).is_err());
    }

    #[test]
    fn what_is_remembered_of_runs_is_bounded_and_the_oldest_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let most = Duration::from_secs(10);
        let mut taken = Taken { file: None, ..Taken::open(folder.path()).unwrap() };
        taken.add(&run("old"), most);
        for number in 0..MAX_RUNS - 1 {
            taken.add(&run(&format!("run-{number}")), most);
        }
        taken.add(&run("run-0"), most);
        assert_eq!(taken.left(&run("old"), most), None);
        taken.file = Some(folder.path().join(FILE));
        taken.add(&run("new"), most);
        assert_eq!(taken.left(&run("old"), most), Some(most));
        let again = Taken::open(folder.path()).unwrap();
        assert_eq!((again.runs.len(), again.left(&run("run-0"), most)), (MAX_RUNS, None));
    }

    #[test]
    fn training_that_takes_too_long_is_told_to_stop_and_other_is_not() {
        let clock = SystemClock::new();
        let soon = Duration::from_millis(1);
        let cancel = Cancel::default();
        let train = || {
            while !cancel.is_set() {
                std::hint::spin_loop();
            }
        };
        let ((), took) = within(soon, &clock, &cancel, train).unwrap();
        assert!(took >= soon, "{took:?}");
        assert_eq!(cancel.reason(), Some(Reason::TimeSpent));
        let cancel = Cancel::default();
        let (made, _) = within(Duration::from_secs(3600), &clock, &cancel, || 7).unwrap();
        assert!(made == 7 && !cancel.is_set());
    }
}
