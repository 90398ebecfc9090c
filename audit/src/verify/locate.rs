//! Which line was altered: asked only once a root is wrong.
//!
//! The cache of leaf hashes is no evidence by itself. Where its own tree has the signed root, though,
//! its hashes are those of the signed lines, and the first line with another hash is the one.

use std::io::{BufReader, Read};
use std::path::Path;

use super::Start;
use crate::folder::{Place, Scan, leaves, open_regular, segments};
use crate::note::Checkpoint;
use crate::tree::{Hash, leaf};

/// The cached hashes of the segments from `first` on. They end where the cache does.
fn cached(folder: &Path, first: u32) -> impl Iterator<Item = Hash> {
    let files = segments(folder).unwrap_or_default().into_iter().filter(|number| *number >= first);
    let files: Vec<_> = files.map(|number| leaves(folder, number)).collect();
    files.into_iter().flat_map(|path| {
        let mut reader = open_regular(&path).ok().map(BufReader::new);
        std::iter::from_fn(move || {
            let mut hash = [0; 32];
            reader.as_mut()?.read_exact(&mut hash).ok()?;
            Some(Hash(hash))
        })
    })
}

/// The first altered record and where it stands, where the cache can tell.
pub(super) fn first_altered(
    folder: &Path,
    signed: &Checkpoint,
    start: &Start,
) -> Option<(u64, Place)> {
    let mut frontier = start.frontier.clone();
    let count = usize::try_from(signed.size.checked_sub(frontier.size())?).ok()?;
    cached(folder, start.segment).take(count).for_each(|hash| frontier.push(hash));
    if frontier.size() != signed.size || frontier.root() != signed.root {
        return None;
    }
    let mut scan = Scan::open(folder, start.segment).ok()?;
    let first = start.frontier.size() + 1;
    for (seq, hash) in (first..).zip(cached(folder, start.segment)) {
        let line = scan.next().ok()??;
        if leaf(line.bytes) != hash {
            return Some((seq, line.place));
        }
    }
    None
}
