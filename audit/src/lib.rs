//! A log that can prove what left each hospital.
//!
//! ```text
//!  daemon                     folder                        anybody with the public key
//!    │  Entry + Stamp           │                                     │
//!    ▼                          ▼                                     ▼
//! segments::Log ─ line ─► 000001.jsonl, 000002.jsonl …  ─copy─► verify, show, prove,
//!    │   fdatasync, then        │                                check, anchor, reconcile
//!    │   the effect             │
//!    └─ tree ─ note::sign ─► checkpoint (size and root, signed)
//! ```
//!
//! - [`record`]: one JSON object a line; typed fields, no free text, no patient identifiers.
//! - [`tree`]: the Merkle tree of RFC 6962 over the exact bytes of the lines.
//! - [`note`]: checkpoints as C2SP signed notes, with their own Ed25519 key.
//! - [`history`]: what may follow what, and the ledger's arithmetic.
//! - [`folder`]: how a log lies on disk, read one line at a time.
//! - [`segments`]: the one place that writes: "no record, no release".
//! - [`verify`]: what must hold, written as the specification of the log.
//! - [`judgement`]: the one verdict that verify, reconcile and report give.
//! - [`witness`]: peers that see to it that a log only grows.
//! - [`show`], [`prove`], [`anchor`], [`reconcile`] and `report`: the other verbs of
//!   `consilium-audit`.
//!
//! Nothing here reads a clock: time and boot come with each record from whoever appends it.
//!
//! ```
//! use audit::note::SigningKey;
//! use audit::record::{Entry, Event, Node, Role, Stamp};
//! use audit::segments::{Log, Settings, log_id};
//! use audit::verify::{Options, Verdict, verify};
//! use audit::{Digest, UtcTime};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let node = Node { name: "site-a".parse()?, role: Role::Site };
//! let key = SigningKey::generate(&log_id(&node.name, 1)?)?;
//! let public = key.verifier().clone();
//! let stamp = Stamp {
//!     time: UtcTime::from_millis(1_772_354_400_000),
//!     monotonic_ms: 0,
//!     boot: "boot-1".parse()?,
//! };
//! let mut log = Log::create(folder, key, Settings::new(node), &stamp, "new".parse()?)?;
//! let start = Event::Start { version: "0.1.0".parse()?, binary: Digest::sha256(b"") };
//! log.append(&stamp, &Entry::new("daemon".parse()?, start))?;
//! log.checkpoint()?;
//!
//! let report = verify(folder, &public, &Options::default());
//! assert_eq!(report.verdict, Verdict::Sound);
//! assert_eq!(report.records, 2);
//! # Ok(())
//! # }
//! ```

pub mod anchor;
#[cfg(feature = "cli")]
pub mod cli;
pub mod digest;
pub mod epsilon;
pub mod folder;
pub mod history;
pub mod judgement;
pub mod moment;
pub mod name;
pub mod note;
pub mod prove;
pub mod reconcile;
pub mod record;
#[cfg(feature = "report")]
pub mod report;
pub mod segments;
pub mod show;
pub mod tree;
pub mod verify;
pub mod witness;

pub use digest::{Digest, Sha256};
pub use moment::UtcTime;
pub use name::{Column, Label, Name};
