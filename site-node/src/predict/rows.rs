//! Rows of the table that a prediction is.

use std::borrow::Cow;
use std::io::{self, Write};

/// `KEY,risk[,survival_T…,rmst_H]`; times as they are written in the contract, in its unit.
pub(super) fn heading(
    out: &mut dyn Write,
    key: &str,
    times: &[f64],
    horizon: Option<f64>,
) -> io::Result<()> {
    write!(out, "{},risk", cell(key))?;
    for time in times {
        write!(out, ",survival_{time}")?;
    }
    match horizon {
        Some(horizon) => writeln!(out, ",rmst_{horizon}"),
        None => writeln!(out),
    }
}

/// One patient, in the model's precision.
pub(super) fn row(out: &mut dyn Write, key: &str, values: &[f64]) -> io::Result<()> {
    write!(out, "{}", cell(key))?;
    for value in values {
        #[allow(clippy::cast_possible_truncation, reason = "a model has single precision")]
        let value = *value as f32;
        write!(out, ",{value}")?;
    }
    writeln!(out)
}

/// Quoted where a comma, a quote or a line's end would be read as the table's own (RFC 4180).
fn cell(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_other_programs_read() {
        let mut out = Vec::new();
        heading(&mut out, "patient", &[1.0, 2.5], Some(10.0)).unwrap();
        row(&mut out, "a,\"b\"", &[0.25, 1.0, 0.5, 7.5]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "patient,risk,survival_1,survival_2.5,rmst_10\n\"a,\"\"b\"\"\",0.25,1,0.5,7.5\n"
        );
    }
}
