//! Rows of the table that a prediction is.

use std::borrow::Cow;
use std::io::{self, Write};

/// What columns are named after that a model with curves adds.
#[derive(Clone, Copy)]
pub(super) struct CurveColumns<'a> {
    /// The end of the curves, in the contract's unit of time.
    pub(super) horizon: f64,
    /// The competing causes; none where there is one event.
    pub(super) causes: &'a [String],
}

/// `KEY,risk[,survival_T…,rmst_H[,incidence_CAUSE_T…,rmtl_CAUSE_H]…]`; times as they are written in the
/// contract, in its unit.
pub(super) fn heading(
    out: &mut dyn Write,
    key: &str,
    times: &[f64],
    curves: Option<CurveColumns<'_>>,
) -> io::Result<()> {
    write!(out, "{},risk", cell(key))?;
    for time in times {
        write!(out, ",survival_{time}")?;
    }
    let Some(CurveColumns { horizon, causes }) = curves else { return writeln!(out) };
    write!(out, ",rmst_{horizon}")?;
    for cause in causes {
        for time in times {
            write!(out, ",incidence_{cause}_{time}")?;
        }
        write!(out, ",rmtl_{cause}_{horizon}")?;
    }
    writeln!(out)
}

/// One patient. Each number has as many digits as give it back exactly, so that metrics of the table are those
/// that `site-node evaluate` tells.
pub(super) fn row(out: &mut dyn Write, key: &str, values: &[f64]) -> io::Result<()> {
    write!(out, "{}", cell(key))?;
    for value in values {
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
        let curves = CurveColumns { horizon: 10.0, causes: &[] };
        heading(&mut out, "patient", &[1.0, 2.5], Some(curves)).unwrap();
        row(&mut out, "a,\"b\"", &[0.25, 1.0, 0.1 + 0.2, 7.5]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "patient,risk,survival_1,survival_2.5,rmst_10\n\"a,\"\"b\"\"\",0.25,1,0.30000000000000004,7.5\n"
        );
        let mut out = Vec::new();
        let causes = ["a".to_owned(), "b".to_owned()];
        let curves = CurveColumns { horizon: 2.0, causes: &causes };
        heading(&mut out, "id", &[1.0], Some(curves)).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "id,risk,survival_1,rmst_2,incidence_a_1,rmtl_a_2,incidence_b_1,rmtl_b_2\n"
        );
    }
}
