//! The generations of a node's log: how the first one begins, and how the next one takes its place.
//!
//! ```text
//! build    audit-next, audit-key-next      whole and signed before anything else changes
//! decide   restart                         the renames that follow, and the new key: durable
//! switch   audit → audit-1, audit-next → audit, …; register; restart removed
//! ```
//!
//! A crash before *decide* leaves the folder as it was. After it, the next process that takes the lock
//! completes the switch.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit::Name;
use audit::folder::WITNESS;
use audit::note::{Checkpoint, VerifierKey, create_key, load_key};
use audit::record::{Entry, Node, Role};
use audit::segments::{Log, LogError, Settings, log_id};
use serde::{Deserialize, Serialize};

use super::lock::StateLock;
use super::register::{self, Registered, Tracking};
use super::stamp::ClockGuard;
use super::{AuditWriterError, FOLDER, KEY, peers, told};
use base::clock::Clock;
use base::durable;

/// A log that is being built.
const NEXT: &str = "audit-next";
/// Its key.
const NEXT_KEY: &str = "audit-key-next";
/// The switch that was decided on.
const SWITCH: &str = "restart";
/// What only a node that took part leaves in its state folder.
const TRACES: [&str; 2] = ["outbox", "descriptions"];

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AuditWriterError {
    let path = path.to_owned();
    move |source| AuditWriterError::Io { doing, path, source }
}

/// What a state folder holds of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// None yet, and one may begin.
    New,
    /// The log with this key.
    Held(VerifierKey),
    /// The log with this key: the switch to it was interrupted, and the next process that writes completes it.
    Interrupted(VerifierKey),
}

/// Tells what a state folder holds, and changes nothing.
///
/// # Errors
/// A log was begun and is not there, or is another one; or none was begun and none may begin.
pub fn presence(tracking: Tracking, state: &Path) -> Result<Presence, AuditWriterError> {
    if let Some(switch) = Switch::read(state)? {
        return Ok(Presence::Interrupted(switch.key()?));
    }
    let folder = state.join(FOLDER);
    let held = audit::folder::key(&folder).ok();
    let state = state.to_owned();
    let traces = || TRACES.iter().any(|name| state.join(name).exists());
    let left = folder.exists() || state.join(KEY).exists() || !quarantined(&state)?.is_empty();
    match (register::read(tracking, &state)?, held) {
        (Registered::Log(expected), Some(found)) if expected != found => {
            let expected = expected.to_string();
            let found = found.to_string();
            Err(AuditWriterError::OtherLog { state, expected, found })
        }
        (_, Some(held)) => Ok(Presence::Held(held)),
        (Registered::Log(log), None) => {
            Err(AuditWriterError::Lost { state, log: Some(log.name().clone()) })
        }
        (Registered::New, None) if !left && !traces() => Ok(Presence::New),
        (Registered::Absent, None) if !left && !traces() => match tracking {
            Tracking::Untracked => Ok(Presence::New),
            Tracking::Registered => Err(AuditWriterError::NotBegun { state }),
        },
        _ => Err(AuditWriterError::Lost { state, log: None }),
    }
}

/// The folder of the log that a state folder holds; none where it holds none yet.
#[must_use]
pub fn folder_of(state: &Path, presence: &Presence) -> Option<PathBuf> {
    let folder = state.join(FOLDER);
    match presence {
        Presence::New => None,
        Presence::Held(_) => Some(folder),
        Presence::Interrupted(key) => {
            let moved = audit::folder::key(&folder).is_ok_and(|found| found == *key);
            Some(if moved { folder } else { state.join(NEXT) })
        }
    }
}

/// A log that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The number of its generation.
    pub generation: u32,
    /// Where it lies.
    pub folder: PathBuf,
}

/// The logs that were set aside in a state folder, oldest first.
///
/// # Errors
/// The folder cannot be listed.
pub fn quarantined(state: &Path) -> Result<Vec<Quarantined>, AuditWriterError> {
    let mut found = Vec::new();
    if !state.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(state).map_err(failed("listing", state))? {
        let folder = entry.map_err(failed("listing", state))?.path();
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let number = name.as_deref().and_then(|name| name.strip_prefix(FOLDER)?.strip_prefix('-'));
        let number = number.and_then(|number| number.split('.').next()?.parse().ok());
        if let Some(generation) = number.filter(|_| folder.is_dir()) {
            found.push(Quarantined { generation, folder });
        }
    }
    found.sort_by(|a, b| (a.generation, &a.folder).cmp(&(b.generation, &b.folder)));
    Ok(found)
}

/// The number of the generation in the id of a log.
#[must_use]
pub fn number(log: &Name) -> Option<u32> {
    log.as_str().rsplit_once('.').and_then(|(_, number)| number.parse().ok())
}

/// What is left of a log that is to be set aside, whatever state it is in.
#[derive(Debug, Clone)]
pub struct Remains {
    /// The number of its generation, as far as anything tells it.
    pub generation: u32,
    /// The key that it must verify with, where anything tells it.
    pub key: Option<VerifierKey>,
    /// Its folder, where there is one.
    pub folder: Option<PathBuf>,
}

impl Remains {
    /// Looks for what is left in a state folder.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn of(tracking: Tracking, state: &Path) -> Result<Self, AuditWriterError> {
        let folder = state.join(FOLDER);
        let registered = match register::read(tracking, state) {
            Ok(Registered::Log(key)) => Some(key),
            _ => None,
        };
        let own = load_key(&state.join(KEY)).ok().map(|key| key.verifier().clone());
        let public = audit::folder::key(&folder).ok();
        let signed = audit::folder::checkpoint_note(&folder).ok();
        let signed = signed.and_then(|note| Checkpoint::parse(note.text()).ok());
        let keys = [&registered, &own, &public];
        let aside = quarantined(state)?;
        let numbers = keys.into_iter().flatten().filter_map(|key| number(key.name()));
        let numbers = numbers.chain(signed.and_then(|checkpoint| number(&checkpoint.origin)));
        let generation = numbers.chain(aside.iter().map(|old| old.generation)).max();
        Ok(Self {
            generation: generation.unwrap_or(1).clamp(1, u32::MAX - 1),
            key: registered.or(public).or(own),
            folder: folder.is_dir().then_some(folder),
        })
    }
}

/// A log that takes the place of what is in the state folder.
pub struct LogGeneration {
    /// Whose log it is.
    pub node: Node,
    /// Its number, from 1.
    pub number: u32,
    /// Why it begins, as a code for its first record.
    pub reason: Name,
    /// What it records at once after that, before the numbers that earlier logs told.
    pub entries: Vec<Entry>,
}

impl LogGeneration {
    /// Begins the log, sets aside what was there, and returns the new key. One step: after a crash either
    /// nothing changed, or the next process that takes the lock completes it.
    ///
    /// # Errors
    /// The disk fails.
    pub fn begin(
        self,
        lock: &StateLock,
        tracking: Tracking,
        clock: &dyn Clock,
    ) -> Result<VerifierKey, AuditWriterError> {
        let state = lock.state();
        complete(lock, tracking)?;
        clear(state)?;
        let key = self.build(state, tracking, clock)?;
        let old = self.number.saturating_sub(1);
        let mut moves = Vec::new();
        for name in [KEY, FOLDER, "outbox"] {
            if state.join(name).exists() {
                let to = free_name(state, &format!("{name}-{old}"));
                moves.push(Move { from: name.to_owned(), to });
            }
        }
        for (from, to) in [(NEXT_KEY, KEY), (NEXT, FOLDER)] {
            moves.push(Move { from: from.to_owned(), to: to.to_owned() });
        }
        Switch { moves, key: key.to_string() }.write(state)?;
        complete(lock, tracking)?;
        Ok(key)
    }

    fn build(
        &self,
        state: &Path,
        tracking: Tracking,
        clock: &dyn Clock,
    ) -> Result<VerifierKey, AuditWriterError> {
        let folder = state.join(NEXT);
        let key = state.join(NEXT_KEY);
        durable::make_folder(&folder).map_err(failed("making", &folder))?;
        let key = create_key(&key, &log_id(&self.node.name, self.number)?)?;
        let public = key.verifier().clone();
        let (stamp, _) = ClockGuard::new().stamp(clock);
        let settings = Settings::new(self.node.clone());
        let reason = self.reason.clone();
        let mut log = Log::create(&folder, key, settings, &stamp, reason)?;
        let mut entries = self.entries.clone();
        if self.number > 1 {
            entries.extend(told::carried(tracking, state)?);
        }
        if !entries.is_empty() {
            log.append_all(&stamp, &entries)?;
        }
        log.checkpoint()?;
        // Peers that the old log knew stay known: they are not taken anew on trust.
        peers::copy(&state.join(FOLDER).join(WITNESS), &folder.join(WITNESS))?;
        durable::sync_folder(state).map_err(failed("syncing", state))?;
        Ok(public)
    }
}

/// Removes what an interrupted building left: nothing that it signed was ever shown.
fn clear(state: &Path) -> Result<(), AuditWriterError> {
    let folder = state.join(NEXT);
    let key = state.join(NEXT_KEY);
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(failed("removing", &folder))?;
    }
    for path in [key.with_extension("new"), key] {
        if path.exists() {
            fs::remove_file(&path).map_err(failed("removing", &path))?;
        }
    }
    Ok(())
}

/// A name that nothing in the folder bears.
fn free_name(state: &Path, name: &str) -> String {
    let numbered = (2..).map(|number: u32| format!("{name}.{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !state.join(name).exists()).unwrap_or_else(|| name.to_owned())
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    from: String,
    to: String,
}

/// A switch to another log that was decided on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    /// Names in the state folder, in this order.
    moves: Vec<Move>,
    /// The public key of the log that the folder holds afterwards.
    key: String,
}

impl Switch {
    fn read(state: &Path) -> Result<Option<Self>, AuditWriterError> {
        let path = state.join(SWITCH);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| failed("reading", &path)(io::Error::other(error))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("reading", &path)(error)),
        }
    }

    fn write(&self, state: &Path) -> Result<(), AuditWriterError> {
        let path = state.join(SWITCH);
        let bytes = serde_json::to_vec(self);
        let bytes = bytes.map_err(|error| failed("writing", &path)(io::Error::other(error)))?;
        durable::replace_synced(&path, &bytes).map_err(failed("writing", &path))
    }

    fn key(&self) -> Result<VerifierKey, AuditWriterError> {
        Ok(self.key.parse()?)
    }
}

/// Completes a switch that was decided on, and returns the key of the log that the folder holds since;
/// none where none was.
///
/// # Errors
/// The disk fails.
pub fn complete(
    lock: &StateLock,
    tracking: Tracking,
) -> Result<Option<VerifierKey>, AuditWriterError> {
    let state = lock.state();
    let Some(switch) = Switch::read(state)? else { return Ok(None) };
    let key = switch.key()?;
    for Move { from, to } in &switch.moves {
        let from = state.join(from);
        let to = state.join(to);
        // What bears its new name already was moved before the crash.
        if from.exists() && !to.exists() {
            fs::rename(&from, &to).map_err(failed("renaming", &from))?;
        }
    }
    durable::sync_folder(state).map_err(failed("syncing", state))?;
    let held = audit::folder::key(&state.join(FOLDER)).map_err(LogError::from)?;
    if held != key {
        let expected = key.to_string();
        let found = held.to_string();
        return Err(AuditWriterError::OtherLog { state: state.to_owned(), expected, found });
    }
    register::enter(tracking, state, &switch.key)?;
    let path = state.join(SWITCH);
    fs::remove_file(&path).map_err(failed("removing", &path))?;
    durable::sync_folder(state).map_err(failed("syncing", state))?;
    Ok(Some(key))
}

/// Makes sure that the folder holds a log: completes a switch, begins the first log where it may begin, and
/// enters one in the register that is not there yet.
pub(super) fn ensure(
    lock: &StateLock,
    tracking: Tracking,
    node: &Node,
    clock: &Arc<dyn Clock>,
) -> Result<(), AuditWriterError> {
    let state = lock.state();
    if complete(lock, tracking)?.is_none() {
        clear(state)?;
    }
    match presence(tracking, state)? {
        Presence::Held(key) => {
            if tracking == Tracking::Registered
                && register::read(tracking, state)? != Registered::Log(key.clone())
                && let Err(error) = register::enter(tracking, state, &key.to_string())
            {
                tracing::warn!(%error, "which log this node holds cannot be kept beside its state");
            }
            Ok(())
        }
        Presence::New | Presence::Interrupted(_) => {
            if tracking == Tracking::Registered {
                // The register must be writable before anything begins.
                permitted(state)?;
            }
            let reason = "new".parse()?;
            let first =
                LogGeneration { node: node.clone(), number: 1, reason, entries: Vec::new() };
            first.begin(lock, tracking, clock.as_ref()).map(drop)
        }
    }
}

fn permitted(state: &Path) -> Result<(), AuditWriterError> {
    let path = register::register(state);
    register::permit_first(state).map_err(failed("writing", &path))
}

/// Permits the first log of a state folder that holds nothing, for the verb `audit begin`.
///
/// # Errors
/// The folder holds anything, a log was begun before, or the register cannot be written.
pub fn permit_in_empty(lock: &StateLock) -> Result<(), AuditWriterError> {
    let state = lock.state();
    match register::read(Tracking::Registered, state)? {
        Registered::Log(log) => {
            return Err(AuditWriterError::BegunBefore { register: register::register(state), log });
        }
        Registered::New | Registered::Absent => {}
    }
    for entry in fs::read_dir(state).map_err(failed("listing", state))? {
        let name = entry.map_err(failed("listing", state))?.file_name();
        // What an interrupted beginning leaves is no trace of an earlier log.
        let own = [super::lock::LOCK, NEXT, NEXT_KEY, "audit-key-next.new", "fingerprint.key"];
        if !own.iter().any(|own| name == *own) {
            let found = name.to_string_lossy().into_owned();
            return Err(AuditWriterError::NotEmpty { state: state.to_owned(), found });
        }
    }
    permitted(state)
}

/// Whose log it is.
///
/// # Errors
/// The name is none.
pub fn node(name: &str, role: Role) -> Result<Node, AuditWriterError> {
    Ok(Node { name: name.parse()?, role })
}
