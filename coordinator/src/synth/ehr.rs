//! The hospital's table: twelve numbers a patient.
//!
//! Columns 1–8 show z_e through noise, ever more weakly; 9–12 show nothing. Odd sites report column
//! 3 in another unit. Cells are missing at random, except in column 5, which is the more often
//! missing the higher z_e.

use super::draw::{Draw, sigmoid};
use super::sites::Site;

/// Columns of the table, `e1` to `e12`.
pub(super) const COLUMNS: usize = 12;
/// The first that show z_e.
const INFORMATIVE: usize = 8;
/// Weight of z_e in the first column and in the eighth; the others lie evenly between.
const WEIGHTS: [f64; 2] = [0.9, 0.3];
/// Standard deviation of what else is in an informative column.
const NOISE: f64 = 0.6;
/// The column with two units, from 0.
const SHIFTED: usize = 2;
/// mg/dL in one mmol/L, as for glucose.
const MG_DL: f64 = 18.0;
/// Chance of a cell to be missing.
const MISSING: f64 = 0.05;
/// The column that is missing by z_e instead, from 0.
const SELECTIVE: usize = 4;

/// A patient's row; `None` is missing.
pub(super) type Row = [Option<f64>; COLUMNS];

/// Draws a row.
pub(super) fn row(z_e: f64, site: &Site, draw: &mut Draw) -> Row {
    std::array::from_fn(|column| {
        let value = weight(column) * z_e + noise(column) * draw.normal();
        let missing = if column == SELECTIVE { sigmoid(z_e - 1.5) } else { MISSING };
        let value = if column == SHIFTED && site.odd() { MG_DL * value } else { value };
        (!draw.chance(missing)).then_some(value)
    })
}

/// A column's unit at a site; `1` has none.
pub(super) fn unit(column: usize, site: &Site) -> &'static str {
    match (column == SHIFTED, site.odd()) {
        (false, _) => "1",
        (true, false) => "mmol/L",
        (true, true) => "mg/dL",
    }
}

fn weight(column: usize) -> f64 {
    let step = (WEIGHTS[1] - WEIGHTS[0]) / (INFORMATIVE - 1) as f64;
    if column < INFORMATIVE { WEIGHTS[0] + step * column as f64 } else { 0.0 }
}

fn noise(column: usize) -> f64 {
    if column < INFORMATIVE { NOISE } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::super::draw::Purpose;
    use super::*;

    /// Mean, share missing, of a column over many patients of one z_e.
    fn column(site: &Site, z_e: f64, column: usize) -> (f64, f64) {
        let mut draw = Draw::new(1, site.number, 1, Purpose::Ehr);
        let n = 20_000;
        let cells: Vec<Option<f64>> = (0..n).map(|_| row(z_e, site, &mut draw)[column]).collect();
        let values: Vec<f64> = cells.iter().flatten().copied().collect();
        let there = values.len() as f64;
        (values.iter().sum::<f64>() / there, 1.0 - there / f64::from(n))
    }

    #[test]
    fn weights_units_and_missing_cells_are_the_specified_ones() {
        let odd = Site::draw(1, 1, 6);
        let even = Site::draw(1, 2, 6);
        for (index, expected) in
            [(0, 0.9), (1, 0.9 - 0.6 / 7.0), (2, 0.9 - 1.2 / 7.0), (7, 0.3), (8, 0.0), (11, 0.0)]
        {
            let (mean, missing) = column(&even, 2.0, index);
            assert!((mean - 2.0 * expected).abs() < 0.05, "column {index}: {mean}");
            assert!((missing - 0.05).abs() < 0.01, "column {index}: {missing}");
        }
        let ratio = column(&odd, 2.0, SHIFTED).0 / column(&even, 2.0, SHIFTED).0;
        assert!((ratio / 18.0 - 1.0).abs() < 0.05, "{ratio}");
        assert_eq!((unit(SHIFTED, &odd), unit(SHIFTED, &even)), ("mg/dL", "mmol/L"));
        for z_e in [-1.0, 0.0, 1.5] {
            let (_, missing) = column(&odd, z_e, SELECTIVE);
            let expected = 1.0 / (1.0 + (1.5 - z_e).exp());
            // Six standard errors at most.
            assert!((missing - expected).abs() < 0.022, "{z_e}: {missing}");
        }
    }
}
