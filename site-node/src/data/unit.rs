//! Units of measurement: the table that plans are checked against too.

pub use common::experiment::unit::{Conversion, analyte_known, convert, known, writable};
