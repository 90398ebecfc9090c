//! A run as a pure state machine: what happened goes in, what to do comes out.
//!
//! ```text
//!                 quorum consented                 updates in, or window over with quorum
//! AwaitQuorum ───────────────────► AwaitUpdates ─────────────────────────► AwaitModel
//!      ▲  │                            │                                       │
//!      │  │ window over                │ window over without quorum            │ aggregated
//!      │  ▼                            ▼                                       │
//!      │ Over ◄────────────────────── Over                                     │
//!      │                                                                       ▼
//!      └──────── fewer sites left than a quorum ─────────── next round, or AwaitEvaluations ─► Over
//! ```
//!
//! A round is k-of-n: it closes as soon as every site that can still answer has answered, or when
//! its window ends, and counts if at least `min_sites` updates are in. A dead or slow site fails no
//! round that has its quorum. Every update that is not taken is refused by its own name.
//!
//! Nothing here reads a clock, a file or a socket. The driver makes each event durable before it
//! carries out the effects, and in the order in which the machine sees them, so that a run can be replayed from its
//! journal ([`Machine::replay`]). A coordinator that was killed continues its runs from there ([`Event::Resumed`]).

mod event;
mod machine;
mod missing;
mod replay;
#[cfg(test)]
mod replay_tests;
mod resume;
#[cfg(test)]
mod resume_tests;
mod rules;
#[cfg(test)]
mod tests;

pub use event::{Effect, Event, Offer, Outcome};
pub use machine::Machine;
pub use missing::Missing;
pub use replay::{ClosedRound, Replayed};
pub use rules::Rules;
