//! The policy that is in force: the hospital's file, looked at again before anything follows from it.
//!
//! ```text
//! a plan, a description, a round, an update, SIGHUP ─► the file's bytes
//!     as before ──────► the policy as before
//!     others, read ───► recorded, told by its hash and the keys that differ ─► in force
//!     others, not read ─► nothing is allowed until the file is mended
//! ```
//!
//! A file that cannot be read may have been meant to forbid what the earlier one allows. So the earlier policy
//! does not stay in force: the hospital refuses everything, with a reason that says so.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::digest::Digest;
use plan::policy::Policy;

use crate::settings_file::Content;
pub use crate::settings_file::Unreadable;

/// The key of `site-node.toml` that names the file.
const KEY: &str = "policy";

/// A policy and the hash of the file that it was read from.
#[derive(Debug, Clone)]
pub struct InForce {
    /// What is allowed.
    pub policy: Arc<Policy>,
    /// BLAKE3 of the file's bytes.
    pub hash: Digest,
}

/// What a look at the file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The same bytes as before.
    Nothing,
    /// Another policy, which is in force from now on.
    Loaded {
        /// Its hash.
        hash: Digest,
        /// The keys whose values differ from the policy before.
        keys: Vec<&'static str>,
    },
    /// A file that cannot be read, since when nothing is allowed.
    Lost(Unreadable),
}

struct Inner {
    /// The last policy that could be read.
    last: InForce,
    /// Why it is not in force.
    fault: Option<Unreadable>,
}

/// The hospital's policy, from its file where it has one.
pub struct Rules {
    place: Option<PathBuf>,
    inner: Mutex<Inner>,
}

impl Rules {
    /// A policy that never changes, of a simulated hospital.
    #[must_use]
    pub fn fixed(policy: Policy, hash: Digest) -> Self {
        let last = InForce { policy: Arc::new(policy), hash };
        Self { place: None, inner: Mutex::new(Inner { last, fault: None }) }
    }

    /// The policy in a file.
    ///
    /// # Errors
    /// It cannot be read, with every problem in it.
    pub fn open(place: &Path) -> Result<Self, Unreadable> {
        let last = parse(place, &Content::read(place, KEY)?)?;
        let inner = Mutex::new(Inner { last, fault: None });
        Ok(Self { place: Some(place.to_owned()), inner })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing is left half done under this lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last policy that could be read, whether or not the file is another one now.
    #[must_use]
    pub fn last(&self) -> InForce {
        self.lock().last.clone()
    }

    /// Puts another policy in force, as another file does.
    #[cfg(test)]
    pub(crate) fn replace(&self, policy: Policy, hash: Digest) {
        self.lock().last = InForce { policy: Arc::new(policy), hash };
    }

    /// Looks at the file, passes on what changed, and returns the policy that is in force. `record` is done before
    /// anybody is given the new policy; where it fails, the earlier one is looked at again the next time.
    ///
    /// # Errors
    /// What `record` returned.
    pub fn look<E>(
        &self,
        record: impl FnOnce(&Change) -> Result<(), E>,
    ) -> Result<Result<InForce, Unreadable>, E> {
        let mut inner = self.lock();
        let Some(place) = &self.place else { return Ok(Ok(inner.last.clone())) };
        let (change, after) = compare(place, &inner);
        if change != Change::Nothing {
            record(&change)?;
        }
        match after {
            Ok(last) => *inner = Inner { last, fault: None },
            Err(fault) => inner.fault = Some(fault),
        }
        Ok(match &inner.fault {
            None => Ok(inner.last.clone()),
            Some(fault) => Err(fault.clone()),
        })
    }
}

/// What the file says now, held against what is known of it.
fn compare(place: &Path, known: &Inner) -> (Change, Result<InForce, Unreadable>) {
    let lost = |fault: Unreadable| {
        let told = known.fault.as_ref() == Some(&fault);
        (if told { Change::Nothing } else { Change::Lost(fault.clone()) }, Err(fault))
    };
    let content = match Content::read(place, KEY) {
        Ok(content) => content,
        Err(fault) => return lost(fault),
    };
    let hash = content.hash;
    if hash == known.last.hash && known.fault.is_none() {
        return (Change::Nothing, Ok(known.last.clone()));
    }
    match parse(place, &content) {
        Err(fault) => lost(fault),
        Ok(read) => {
            let keys = read.policy.changed_from(&known.last.policy);
            (Change::Loaded { hash, keys }, Ok(read))
        }
    }
}

fn parse(place: &Path, content: &Content) -> Result<InForce, Unreadable> {
    Ok(InForce { policy: Arc::new(content.parse(place)?), hash: content.hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(rules: &Rules) -> (Change, Result<InForce, Unreadable>) {
        let mut found = Change::Nothing;
        let in_force = rules.look(|change| -> Result<(), ()> {
            found = change.clone();
            Ok(())
        });
        (found, in_force.unwrap())
    }

    #[test]
    fn a_file_is_in_force_as_it_stands_and_nothing_is_while_it_has_a_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("policy.toml");
        let text = include_str!("../../configs/policy.toml");
        std::fs::write(&place, text).unwrap();
        let rules = Rules::open(&place).unwrap();
        assert_eq!(look(&rules).0, Change::Nothing);

        let stricter = text.replace("max_rounds = 1000", "max_rounds = 7");
        std::fs::write(&place, &stricter).unwrap();
        let (change, in_force) = look(&rules);
        let hash = Digest::of(stricter.as_bytes());
        assert_eq!(change, Change::Loaded { hash, keys: vec!["max_rounds"] });
        assert_eq!(in_force.unwrap().policy.max_rounds, 7);

        std::fs::write(&place, stricter.replace("max_rounds", "most_runds")).unwrap();
        let (change, in_force) = look(&rules);
        let why = in_force.unwrap_err();
        assert!(why.to_string().contains("most_runds"), "{why}");
        assert_eq!(change, Change::Lost(why));
        // Told once.
        assert_eq!(look(&rules).0, Change::Nothing);
        std::fs::remove_file(&place).unwrap();
        assert!(matches!(look(&rules), (Change::Lost(_), Err(_))));

        // The one from before is in force again, which is told as well.
        std::fs::write(&place, &stricter).unwrap();
        let (change, in_force) = look(&rules);
        assert_eq!(change, Change::Loaded { hash, keys: Vec::new() });
        assert_eq!(in_force.unwrap().hash, hash);
    }

    #[test]
    fn a_policy_that_cannot_be_recorded_is_not_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("policy.toml");
        let text = include_str!("../../configs/policy.toml");
        std::fs::write(&place, text).unwrap();
        let rules = Rules::open(&place).unwrap();
        std::fs::write(&place, text.replace("max_rounds = 1000", "max_rounds = 2000")).unwrap();
        assert_eq!(rules.look(|_| Err("disk full")).unwrap_err(), "disk full");
        assert_eq!(rules.last().policy.max_rounds, 1000);
        assert!(matches!(look(&rules).0, Change::Loaded { .. }));
    }
}
