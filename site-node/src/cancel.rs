//! How training hears, between two steps, that its run is over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use common::ids::RunId;

/// A flag that is set once. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Sets the flag.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the flag is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

#[derive(Debug, Default)]
struct State {
    /// The run that ended last: its end may be read before its training begins.
    over: Option<RunId>,
    training: Option<(RunId, Cancel)>,
}

/// The training of one session, as the part sees it that reads what the coordinator says.
#[derive(Debug, Default)]
pub(crate) struct Training(Mutex<State>);

impl Training {
    /// A run trains now; the flag that its end sets.
    pub fn begin(&self, run: &RunId) -> Cancel {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cancel = Cancel::default();
        if state.over.as_ref() == Some(run) {
            cancel.set();
        }
        state.training = Some((run.clone(), cancel.clone()));
        cancel
    }

    /// A run is over: its training, if there is any, ends after the step that it is in.
    pub fn end(&self, run: &RunId) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cancel)) = state.training.take_if(|(training, _)| training == run) {
            cancel.set();
        }
        state.over = Some(run.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_run_ends_its_own_training_whichever_is_read_first() {
        let run = |name: &str| name.parse::<RunId>().unwrap();
        let training = Training::default();
        let first = training.begin(&run("run-a"));
        training.end(&run("run-b"));
        assert!(!first.is_set());
        training.end(&run("run-a"));
        assert!(first.is_set());
        assert!(training.begin(&run("run-a")).is_set());
        assert!(!training.begin(&run("run-c")).is_set());
    }
}
