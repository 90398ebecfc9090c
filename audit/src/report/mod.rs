//! A run told to people: one HTML file that prints well, loads nothing and runs nothing.
//!
//! ```text
//!  coordinator's folder ─┐  gather                        render
//!  site A's folder ──────┼─ verify, read, join ─► Data ─ sections and charts ─► page.html
//!  site B's folder ──────┘  (gather, story)              (html, section, chart)
//! ```
//!
//! - [`gather()`]: verifies each log, holds them against each other, and keeps what one run needs.
//! - [`Data`], [`RunHistory`]: what was found, log by log.
//! - [`Ledger`], [`epsilon`]: what the run cost each data set, and the ε of that.
//! - [`render`]: the page. It has no time of its own: the same logs give the same bytes.
//!
//! A log that does not verify is still told of, below a banner that says so.

mod chart;
mod data;
mod ended;
mod format;
mod gather;
mod html;
mod ledger;
mod round;
mod run_history;
mod section;
mod update;
mod words;

pub use crate::epsilon::{self, Epsilon};
pub use data::{Data, Log};
pub use ended::Ended;
pub use gather::{Request, UnknownRun, gather};
pub use html::render;
pub use ledger::{Budget, Charge, Ledger, Stated};
pub use round::{Aggregated, Round, Sent};
pub use run_history::RunHistory;
pub use update::{Part, Update};
