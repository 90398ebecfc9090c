//! A node's audit log, as anybody who has a copy of its folder reads it.

use std::path::Path;

use audit::folder::{self, Scan};
use audit::record::Record;
use audit::verify::{Options, Report, verify};

use crate::SetupError;

/// Every record that is left of the log in a node's state folder.
///
/// # Errors
/// It cannot be read, or a line is no record.
pub fn records(state: &Path) -> Result<Vec<Record>, SetupError> {
    let log = state.join(node::audit_log::FOLDER);
    let first = folder::segments(&log)?.first().copied().unwrap_or(1);
    let mut scan = Scan::open(&log, first)?;
    let mut records = Vec::new();
    while let Some(line) = scan.next()? {
        records.push(Record::parse(line.bytes)?);
    }
    Ok(records)
}

/// What a verifier says of a log's folder, with the public key alone.
///
/// # Errors
/// There is no key.
pub fn verdict(folder: &Path) -> Result<Report, SetupError> {
    Ok(verify(folder, &folder::key(folder)?, &Options::default()))
}
