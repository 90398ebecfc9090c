//! What happens in a run, as one stream, and those who are told of it.
//!
//! ```text
//!          ┌─► record   the registry: durable before anybody is told
//! driver ──┼─► log      lines for the coordinator's people
//!          ├─► steps    progress for the operators who follow
//!          └─► report::Report::from_events
//! ```
//!
//! The journal of the round's machine is no subscriber. It holds what *arrives*, is written before the machine sees it,
//! and stays in the driver's hands (docs/decisions/014). An event here is what *came* of it.

mod log;
mod record;
mod steps;

use audit::Name;
use base::clock::Timestamp;
use base::ids::{Round, SiteName};
use plan::metric::Measurement;

use crate::registry::{Ending, RoundRecord};

pub(crate) use log::log;
pub(crate) use record::record;
pub use steps::step;

/// What sites measured of one model.
pub type BySite = Vec<(SiteName, Vec<Measurement>)>;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEvent {
    /// The run has its name and asks the sites that are connected.
    Started {
        /// When.
        at: Timestamp,
        /// The operator who launched it.
        by: Name,
        /// The sites that are asked.
        asked: Vec<SiteName>,
        /// Rounds of the plan.
        rounds: u32,
    },
    /// Another process of the coordinator continues the run.
    Resumed {
        /// The round that begins anew, or whose model is evaluated.
        round: Round,
    },
    /// A site takes no part, in a round or in the whole run.
    Declined {
        /// The site.
        site: SiteName,
        /// What stopped it.
        rule: String,
        /// Its reason.
        reason: String,
    },
    /// A site's update is beyond the plan's bound: the round goes on without it.
    LeftOut {
        /// The site.
        site: SiteName,
        /// The round.
        round: Round,
        /// The bound.
        rule: String,
        /// What was found.
        reason: String,
    },
    /// Too few hospitals are connected. The run waits for more.
    Waiting {
        /// How many more it needs.
        more: u32,
        /// When it ends without them.
        until: Timestamp,
        /// Members of the federation that are not connected, the first of them by name.
        away: Vec<SiteName>,
    },
    /// A round has its model.
    RoundClosed {
        /// The round.
        record: RoundRecord,
        /// What its sites measured of the model that it began with.
        measured: BySite,
    },
    /// A site measured the final model.
    Evaluated {
        /// The site.
        site: SiteName,
        /// What it measured.
        measured: Vec<Measurement>,
    },
    /// The run is over.
    Ended(RunEnd),
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEnd {
    /// When.
    pub at: Timestamp,
    /// How, as the registry enters it.
    pub ending: Ending,
    /// How, in words.
    pub outcome: String,
    /// What sites measured of the final model; nothing if there is none.
    pub measured: BySite,
    /// Sites whose updates are in the model.
    pub sites: Vec<SiteName>,
    /// Seconds from launch to end.
    pub seconds: f64,
    /// Bytes of the run's messages and transfers from launch to end, both ways, all sites.
    pub bytes: u64,
    /// Seconds that the audit log took.
    pub audit_seconds: f64,
}

impl RunEvent {
    /// The round that closed.
    #[must_use]
    pub fn round(&self) -> Option<&RoundRecord> {
        match self {
            Self::RoundClosed { record, .. } => Some(record),
            _ => None,
        }
    }
}
