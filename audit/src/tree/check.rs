//! Proofs checked by whoever holds the roots alone.

use super::{Hash, empty, node};

/// Whether `path` proves that `leaf` is leaf `index`, from 0, of the tree with this size and root
/// (RFC 9162, section 2.1.3.2).
#[must_use]
pub fn check_inclusion(leaf: Hash, index: u64, size: u64, root: &Hash, path: &[Hash]) -> bool {
    if index >= size {
        return false;
    }
    let mut place = index;
    let mut last = size - 1;
    let mut found = leaf;
    for sibling in path {
        if last == 0 {
            return false;
        }
        if place % 2 == 1 || place == last {
            found = node(sibling, &found);
            // Where this subtree is the last of its level, levels without a sibling are left out.
            while place.is_multiple_of(2) && place != 0 {
                (place, last) = (place / 2, last / 2);
            }
        } else {
            found = node(&found, sibling);
        }
        (place, last) = (place / 2, last / 2);
    }
    last == 0 && found == *root
}

/// Whether `path` proves that the tree with size `new` goes on from the one with size `old`
/// (RFC 9162, section 2.1.4.2).
#[must_use]
pub fn check_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    path: &[Hash],
) -> bool {
    if old > new {
        return false;
    }
    if old == new || old == 0 {
        // Nothing needs proof; the roots must still be what they say.
        let rooted = if old == 0 { *old_root == empty() } else { old_root == new_root };
        return rooted && path.is_empty();
    }
    let whole = old.is_power_of_two().then_some(old_root);
    let mut hashes = whole.into_iter().chain(path);
    let Some(first) = hashes.next() else {
        return false;
    };
    let mut place = old - 1;
    let mut last = new - 1;
    while place % 2 == 1 {
        (place, last) = (place / 2, last / 2);
    }
    let mut of_old = *first;
    let mut of_new = *first;
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if place % 2 == 1 || place == last {
            of_old = node(hash, &of_old);
            of_new = node(hash, &of_new);
            while place.is_multiple_of(2) && place != 0 {
                (place, last) = (place / 2, last / 2);
            }
        } else {
            of_new = node(&of_new, hash);
        }
        (place, last) = (place / 2, last / 2);
    }
    last == 0 && of_old == *old_root && of_new == *new_root
}
