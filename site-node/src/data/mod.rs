//! Records as the hospital keeps them, and as `cohort.toml` describes them.
//!
//! ```text
//! cohort.toml ─► source ─┬─► table: CSV, Parquet ─► join ─┐
//!                        ├─► omop ────────────────────────┼─► patients ─► Patients
//!                        │      dated codes, measurements ┘
//!                        ├─► signals ─► ecg, image ─► standard form ─► cache ─► Array
//!                        └─► fingerprint: all of it in 32 bytes
//! ```

pub mod cache;
mod date;
mod dicom;
pub mod ecg;
mod error;
mod fault;
mod file_hashes;
mod fingerprint;
pub mod image;
mod losses;
mod omop;
mod open;
mod path;
pub mod patients;
pub mod prepare;
mod problems;
mod signals;
pub mod source;
mod table;
pub mod unit;

pub use date::{DateStyle, Day, Zone};
pub use dicom::{DicomFault, Tag};
pub use error::{
    CellFault, CodeFault, DataError, LeftOutBy, MeaningError, PatientRow, TableError, Wanted,
};
pub use file_hashes::{FileHashCache, Stamp, table_stamps, withdrawal_stamps};
pub use fingerprint::{Secret, fingerprint, fingerprint_again};
pub use losses::{Counted, Loss, Losses};
pub use open::{FileError, OpenFault};
pub use path::resolve_within;
pub use patients::{Patients, load};
pub use problems::{Problems, Repeats};
pub use signals::{Checked, Signals};
pub use source::{Source, tables as table_files};
pub(crate) use table::number;
pub use table::{
    Cell, Column, Formats, MISSING, Request, Table, TableFormat, Unusable, Words, join, join_some,
    read, read_as,
};
