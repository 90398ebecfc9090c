//! How training hears, between two steps, that it should stop, and why.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Why training stops before its last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its run is over.
    RunOver,
    /// The run has had all the time that the policy allows it.
    TimeSpent,
    /// The policy that is in force now does not allow the run.
    PolicyChanged,
    /// The data are described otherwise, or somebody withdrew.
    DataChanged,
    /// The program ends.
    Stopping,
}

/// A flag that is set once, with the reason. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<OnceLock<Reason>>);

impl Cancel {
    /// Sets the flag. The first reason stands.
    pub fn set(&self, reason: Reason) {
        let _ = self.0.set(reason);
    }

    /// Whether the flag is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.get().is_some()
    }

    /// Whether both are clones of one flag.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Why it was set.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.0.get().copied()
    }
}

#[derive(Debug, Default)]
struct State {
    /// Whether the run is over, which may be known before its training begins.
    over: bool,
    training: Option<Cancel>,
}

/// The training of one run, as the session sees it.
#[derive(Debug, Default)]
pub(crate) struct Training(Mutex<State>);

impl Training {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins training, and returns the flag that the end of the run sets.
    pub fn begin(&self) -> Cancel {
        let mut state = self.state();
        let cancel = Cancel::default();
        if state.over {
            cancel.set(Reason::RunOver);
        }
        state.training = Some(cancel.clone());
        cancel
    }

    /// Ends the run. Its training, if there is any, stops after the current step.
    pub fn end(&self) {
        let mut state = self.state();
        state.over = true;
        if let Some(cancel) = state.training.take() {
            cancel.set(Reason::RunOver);
        }
    }

    /// Whether the run is over.
    pub fn is_over(&self) -> bool {
        self.state().over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_run_ends_its_training_whichever_is_read_first() {
        let training = Training::default();
        let first = training.begin();
        assert!(!first.is_set() && !training.is_over());
        training.end();
        assert_eq!(first.reason(), Some(Reason::RunOver));
        assert!(training.is_over() && training.begin().is_set());
    }

    #[test]
    fn the_first_reason_stands() {
        let cancel = Cancel::default();
        cancel.set(Reason::TimeSpent);
        cancel.clone().set(Reason::Stopping);
        assert_eq!(cancel.reason(), Some(Reason::TimeSpent));
    }
}
