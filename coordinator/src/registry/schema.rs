//! The tables, and the settings that make a commit durable.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::{Registry, RegistryError};

const FORMAT: i64 = 4;

/// How long a writer waits for the others, because every run writes through a connection of its own. A commit takes
/// milliseconds, or seconds on a busy disk.
const PATIENCE: Duration = Duration::from_secs(30);

const TABLES: &str = "
CREATE TABLE run (
    id TEXT PRIMARY KEY,
    experiment TEXT NOT NULL,
    plan TEXT NOT NULL,             -- JSON; never changed afterwards
    plan_digest TEXT NOT NULL,
    operator TEXT NOT NULL,         -- who launched it
    status TEXT NOT NULL,           -- running, interrupted, finished, failed or stopped
    reason TEXT,
    started INTEGER NOT NULL,       -- milliseconds since 1970, UTC
    ended INTEGER,
    model_sha256 TEXT
) STRICT;
CREATE TABLE round (
    run TEXT NOT NULL REFERENCES run(id),
    round INTEGER NOT NULL,
    sites INTEGER NOT NULL,
    seconds REAL NOT NULL,
    bytes INTEGER NOT NULL,         -- of its messages and transfers, both ways, all sites
    model TEXT NOT NULL,            -- hash of the model after the round
    PRIMARY KEY (run, round)
) STRICT;
CREATE TABLE metric (
    run TEXT NOT NULL REFERENCES run(id),
    round INTEGER NOT NULL,         -- of the model the round began with; rounds + 1 is the final one
    site TEXT NOT NULL,
    name TEXT NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (run, round, site, name)
) STRICT;
CREATE TABLE journal (
    run TEXT NOT NULL REFERENCES run(id),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,            -- milliseconds since 1970, UTC
    moment INTEGER NOT NULL,        -- nanoseconds since the run began
    event TEXT NOT NULL,            -- JSON of round::Event
    PRIMARY KEY (run, seq)
) STRICT;
";

pub(super) fn prepare(connection: Connection, path: &Path) -> Result<Registry, RegistryError> {
    let registry = Registry { connection, path: path.to_owned() };
    let failed = registry.sql("preparing");
    let db = &registry.connection;
    db.busy_timeout(PATIENCE).map_err(&failed)?;
    db.pragma_update(None, "journal_mode", "WAL").map_err(&failed)?;
    // FULL: a commit is on disk when it returns, also through a power cut.
    db.pragma_update(None, "synchronous", "FULL").map_err(&failed)?;
    db.pragma_update(None, "foreign_keys", true).map_err(&failed)?;
    let found: i64 =
        db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(&failed)?;
    match found {
        0 => {
            let create =
                format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {FORMAT}; COMMIT;");
            // Another process may have been first: then the tables are there.
            if let Err(error) = db.execute_batch(&create) {
                let _ = db.execute_batch("ROLLBACK");
                let now: i64 = db
                    .pragma_query_value(None, "user_version", |row| row.get(0))
                    .map_err(&failed)?;
                if now != FORMAT {
                    return Err(failed(error));
                }
            }
        }
        FORMAT => {}
        found => {
            return Err(RegistryError::Format { path: path.to_owned(), found, known: FORMAT });
        }
    }
    drop(failed);
    Ok(registry)
}
