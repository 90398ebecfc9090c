//! Units of measurement: the table that plans are checked against too.

pub use plan::experiment::unit::{Conversion, analyte_known, convert, known, writable};
