//! The Merkle tree of RFC 6962 and RFC 9162 over lines: pure, no files.
//!
//! ```text
//!            root                 leaf = SHA-256(0x00 ‖ line, without its newline)
//!          /      \               node = SHA-256(0x01 ‖ left ‖ right)
//!       n04        n46
//!      /   \      /   \           A tree of n leaves splits at the largest power of two below n,
//!    n02   n24   4     5          so that complete subtrees never change again.
//!   /  \   /  \
//!  0   1  2    3
//! ```
//!
//! [`Frontier`] holds the roots of the complete subtrees alone: enough to append and to know the
//! root. [`Tree`] holds every complete subtree, and so can prove. [`check_inclusion`] and
//! [`check_consistency`] need nothing but a proof.

mod check;
mod frontier;
mod levels;

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA256};
use base64::prelude::{BASE64_STANDARD, Engine as _};

pub use check::{check_consistency, check_inclusion};
pub use frontier::Frontier;
pub use levels::{ProofError, Subtree, Tree};

/// The largest number of leaves that anything read may state: far more than any log reaches, and few
/// enough that no sum of them overflows.
pub const MAX_SIZE: u64 = 1 << 53;

/// The hash of a leaf, a node or a whole tree; written in base64, as signed notes do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

/// A text that is not a tree's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a hash: use the 44 characters of 32 bytes in base64")]
pub struct InvalidHash;

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl FromStr for Hash {
    type Err = InvalidHash;
    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| InvalidHash)?;
        bytes.try_into().map(Self).map_err(|_| InvalidHash)
    }
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut found = [0; 32];
    found.copy_from_slice(context.finish().as_ref());
    Hash(found)
}

/// The hash of the tree without leaves.
#[must_use]
pub fn empty() -> Hash {
    hash(&[])
}

/// The hash of one line, given without its newline.
#[must_use]
pub fn leaf(line: &[u8]) -> Hash {
    hash(&[&[0], line])
}

/// The hash of two subtrees.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    hash(&[&[1], &left.0, &right.0])
}
