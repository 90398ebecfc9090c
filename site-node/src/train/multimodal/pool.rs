//! What threads take for one patient and put back for the next.

use std::sync::{Mutex, PoisonError};

/// Things that are made where there is none left.
#[derive(Debug)]
pub(super) struct Pool<T> {
    free: Mutex<Vec<T>>,
}

impl<T> Pool<T> {
    pub(super) fn new() -> Self {
        Self { free: Mutex::new(Vec::new()) }
    }

    /// Does something with one of them. One in whose hands something panicked does not come back.
    pub(super) fn with<R>(&self, make: impl FnOnce() -> T, work: impl FnOnce(&mut T) -> R) -> R {
        let taken = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut taken = taken.unwrap_or_else(make);
        let result = work(&mut taken);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(taken);
        result
    }

    /// All of them.
    pub(super) fn all(&mut self) -> &mut [T] {
        self.free.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}
