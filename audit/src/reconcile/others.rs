//! Logs that were not given, and who tells of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::side::{Cosigned, Side};
use super::{Source, UnknownLog};
use crate::digest::Digest;
use crate::folder::{WITNESS, read_text};
use crate::name::Name;
use crate::note::{CheckpointText, VerifierKey};

/// The longest file of a key, in bytes.
const MAX_KEY: u64 = 4096;

/// A log, by its id and its key's.
type LogKey = (Name, u32);

/// Logs of the given nodes that were not given, and who tells of them.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// The logs, for people.
    pub logs: Vec<UnknownLog>,
    tellers: BTreeMap<Name, Tellers>,
}

/// Nodes whose logs tell that another node has a log that was not given.
#[derive(Debug, Default)]
pub(super) struct Tellers {
    /// They say so, and show no more than that.
    pub said: BTreeSet<Name>,
    /// They recorded a signature of that log on a checkpoint, and hold the key that it is valid under.
    pub proven: BTreeSet<Name>,
}

impl Others {
    /// Who tells of other logs of a node; none where nobody does.
    pub fn of(&self, node: &Name) -> Option<&Tellers> {
        self.tellers.get(node)
    }

    pub fn new(sources: &[Source<'_>], sides: &[Side]) -> Self {
        let given = Given::new(sources, sides);
        let mut others = Self::default();
        let mut witnessed = BTreeSet::new();
        let mut named = BTreeSet::new();
        for (side, (folder, _)) in sides.iter().zip(sources) {
            let Some(teller) = side.node.as_ref().map(|node| &node.name) else { continue };
            for log in side.witnessed.keys() {
                let Some(node) = given.other(log) else { continue };
                witnessed.insert(UnknownLog {
                    node: node.clone(),
                    log: format!("{}+{:08x}", log.0, log.1),
                });
                others.tellers.entry(node).or_default().said.insert(teller.clone());
            }
            for log in side.witnessed.keys().chain(side.cosigned.keys()) {
                if let Some(node) = given.other(log)
                    && has_proof(side, log, folder)
                {
                    others.tellers.entry(node).or_default().proven.insert(teller.clone());
                }
            }
            for (node, fingerprint) in &side.keys {
                if given.nodes.contains(node) && !given.fingerprints.contains(fingerprint) {
                    let tellers = others.tellers.entry(node.clone()).or_default();
                    tellers.said.insert(teller.clone());
                    named.insert((node.clone(), *fingerprint));
                }
            }
        }
        // A fingerprint says less than the log's id, and one is enough.
        let mut known: BTreeSet<Name> = witnessed.iter().map(|log| log.node.clone()).collect();
        for (node, fingerprint) in named {
            if known.insert(node.clone()) {
                witnessed.insert(UnknownLog { node, log: fingerprint.to_string() });
            }
        }
        others.logs = witnessed.into_iter().collect();
        others
    }
}

/// What was given.
struct Given {
    nodes: BTreeSet<Name>,
    logs: BTreeSet<LogKey>,
    fingerprints: BTreeSet<Digest>,
}

impl Given {
    fn new(sources: &[Source<'_>], sides: &[Side]) -> Self {
        let keys = || sources.iter().map(|(_, key)| key);
        Self {
            nodes: sides.iter().filter_map(|side| Some(side.node.as_ref()?.name.clone())).collect(),
            logs: keys().map(|key| (key.name().clone(), key.id())).collect(),
            fingerprints: keys().map(|key| Digest::sha256(key.to_string().as_bytes())).collect(),
        }
    }

    /// The node that a log is of, where the node was given and this log of it was not.
    fn other(&self, log: &LogKey) -> Option<Name> {
        let node = log.0.as_str().rsplit_once('.')?.0.parse::<Name>().ok()?;
        (self.nodes.contains(&node) && !self.logs.contains(log)).then_some(node)
    }
}

/// Whether a log recorded a valid signature of another one, by the key that its node wrote down.
fn has_proof(side: &Side, log: &LogKey, folder: &Path) -> bool {
    let path = folder.join(WITNESS).join(format!("{}+{:08x}.pub", log.0, log.1));
    let key = read_text(&path, MAX_KEY).ok().and_then(|text| text.trim().parse().ok());
    let Some(key) = key.filter(|key: &VerifierKey| key.name() == &log.0 && key.id() == log.1)
    else {
        return false;
    };
    let own = side.witnessed.get(log).map(CheckpointText::note);
    let signed = |other: &Cosigned| key.verifies(other.text.as_bytes(), &other.bytes);
    own.is_some_and(|note| note.check(&key).is_ok()) || side.cosigned.get(log).is_some_and(signed)
}
