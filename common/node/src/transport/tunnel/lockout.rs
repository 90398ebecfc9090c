//! A password that a proxy refused is not tried again and again: many directories lock an account after a few failures.

use std::fs::Metadata;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// How long a refused password is not tried, unless its file changes.
const PAUSE: Duration = Duration::from_secs(3600);

/// A file as it stood, as far as its metadata tell.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let about: Metadata = std::fs::metadata(path).ok()?;
        Some(Self { modified: about.modified().ok(), bytes: about.len() })
    }
}

#[derive(Debug)]
struct Refusal {
    stamp: Option<Stamp>,
    until: Instant,
    why: String,
}

/// The last refusal of a user and a password.
#[derive(Debug, Default)]
pub(super) struct Lockout(Mutex<Option<Refusal>>);

impl Lockout {
    fn last(&self) -> MutexGuard<'_, Option<Refusal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the proxy is not asked now, if it is not.
    pub fn why(&self, credentials: &Path, now: Instant) -> Option<String> {
        let last = self.last();
        let refusal = last.as_ref().filter(|refusal| now < refusal.until)?;
        (refusal.stamp == Stamp::of(credentials)).then(|| refusal.why.clone())
    }

    /// The proxy has refused what is in this file.
    pub fn refused(&self, credentials: &Path, why: &str, now: Instant) {
        *self.last() = Some(Refusal {
            stamp: Stamp::of(credentials),
            until: now + PAUSE,
            why: format!("{why}; it is not asked again for an hour, or before the file changes"),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_password_waits_for_an_hour_or_for_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proxy.txt");
        std::fs::write(&file, "hospital:old\n").unwrap();
        let lockout = Lockout::default();
        let now = Instant::now();
        assert_eq!(lockout.why(&file, now), None);
        lockout.refused(&file, "it refuses them", now);
        let why = lockout.why(&file, now + PAUSE - Duration::from_secs(1)).unwrap();
        assert!(why.starts_with("it refuses them; it is not asked again"), "{why}");
        assert_eq!(lockout.why(&file, now + PAUSE), None);
        std::fs::write(&file, "hospital:newer\n").unwrap();
        assert_eq!(lockout.why(&file, now), None);
    }
}
