//! Units of measurement, and which convert into which.
//!
//! ```text
//! 5.5 mmol/L ─ amount/volume ─ × molar mass of the analyte ─► mass/volume ─ 99.1 mg/dL
//! ```
//!
//! What is not in the tables below is not converted: a guess would train on wrong numbers.

/// Days of a year, of which a month is a twelfth.
pub const YEAR: f64 = 365.25;

/// y = x · factor + offset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conversion {
    factor: f64,
    offset: f64,
}

impl Conversion {
    /// Nothing changes.
    pub const SAME: Self = Self { factor: 1.0, offset: 0.0 };

    /// The value in the other unit.
    #[must_use]
    pub fn apply(self, value: f64) -> f64 {
        value * self.factor + self.offset
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    MassVolume,
    AmountVolume,
    Mass,
    Length,
    Temperature,
    Pressure,
    Time,
    CountVolume,
    Rate,
    Share,
    /// mmol of glycated per mol of haemoglobin (IFCC).
    Glycated,
    ActivityVolume,
    MassArea,
}

use Dimension::{
    ActivityVolume, AmountVolume, CountVolume, Glycated, Length, Mass, MassArea, MassVolume,
    Pressure, Rate, Share, Temperature, Time,
};

/// Spelling, dimension, and the unit in that dimension's base: x · factor + offset.
const UNITS: [(&str, Dimension, f64, f64); 74] = [
    // Base: g/L.
    ("g/l", MassVolume, 1.0, 0.0),
    ("g/dl", MassVolume, 10.0, 0.0),
    ("g/ml", MassVolume, 1e3, 0.0),
    ("mg/l", MassVolume, 1e-3, 0.0),
    ("mg/dl", MassVolume, 1e-2, 0.0),
    ("mg%", MassVolume, 1e-2, 0.0),
    ("mg/ml", MassVolume, 1.0, 0.0),
    ("ug/l", MassVolume, 1e-6, 0.0),
    ("ug/dl", MassVolume, 1e-5, 0.0),
    ("ug/ml", MassVolume, 1e-3, 0.0),
    ("ng/l", MassVolume, 1e-9, 0.0),
    ("ng/dl", MassVolume, 1e-8, 0.0),
    ("ng/ml", MassVolume, 1e-6, 0.0),
    ("pg/ml", MassVolume, 1e-9, 0.0),
    // Base: mol/L.
    ("mol/l", AmountVolume, 1.0, 0.0),
    ("mmol/l", AmountVolume, 1e-3, 0.0),
    ("umol/l", AmountVolume, 1e-6, 0.0),
    ("nmol/l", AmountVolume, 1e-9, 0.0),
    ("pmol/l", AmountVolume, 1e-12, 0.0),
    // Base: kg.
    ("kg", Mass, 1.0, 0.0),
    ("g", Mass, 1e-3, 0.0),
    ("mg", Mass, 1e-6, 0.0),
    ("lb", Mass, 0.453_592_37, 0.0),
    ("lbs", Mass, 0.453_592_37, 0.0),
    ("[lb_av]", Mass, 0.453_592_37, 0.0),
    ("oz", Mass, 0.028_349_523_125, 0.0),
    // Base: m.
    ("m", Length, 1.0, 0.0),
    ("cm", Length, 1e-2, 0.0),
    ("mm", Length, 1e-3, 0.0),
    ("in", Length, 0.0254, 0.0),
    ("[in_i]", Length, 0.0254, 0.0),
    ("ft", Length, 0.3048, 0.0),
    // Base: °C.
    ("c", Temperature, 1.0, 0.0),
    ("cel", Temperature, 1.0, 0.0),
    ("f", Temperature, 5.0 / 9.0, -160.0 / 9.0),
    ("[degf]", Temperature, 5.0 / 9.0, -160.0 / 9.0),
    ("k", Temperature, 1.0, -273.15),
    // Base: mmHg.
    ("mmhg", Pressure, 1.0, 0.0),
    ("mm[hg]", Pressure, 1.0, 0.0),
    ("kpa", Pressure, 7.500_617, 0.0),
    // Base: day.
    ("h", Time, 1.0 / 24.0, 0.0),
    ("hours", Time, 1.0 / 24.0, 0.0),
    ("d", Time, 1.0, 0.0),
    ("day", Time, 1.0, 0.0),
    ("days", Time, 1.0, 0.0),
    ("week", Time, 7.0, 0.0),
    ("weeks", Time, 7.0, 0.0),
    ("month", Time, YEAR / 12.0, 0.0),
    ("months", Time, YEAR / 12.0, 0.0),
    ("a", Time, YEAR, 0.0),
    ("year", Time, YEAR, 0.0),
    ("years", Time, YEAR, 0.0),
    // Base: 10⁹/L.
    ("10^9/l", CountVolume, 1.0, 0.0),
    ("10*9/l", CountVolume, 1.0, 0.0),
    ("10^3/ul", CountVolume, 1.0, 0.0),
    ("10*3/ul", CountVolume, 1.0, 0.0),
    ("k/ul", CountVolume, 1.0, 0.0),
    ("/ul", CountVolume, 1e-3, 0.0),
    ("10^6/ul", CountVolume, 1e3, 0.0),
    ("10*6/ul", CountVolume, 1e3, 0.0),
    ("10^12/l", CountVolume, 1e3, 0.0),
    ("10*12/l", CountVolume, 1e3, 0.0),
    // Base: 1/min.
    ("bpm", Rate, 1.0, 0.0),
    ("/min", Rate, 1.0, 0.0),
    ("1/min", Rate, 1.0, 0.0),
    ("hz", Rate, 60.0, 0.0),
    // Base: 1.
    ("1", Share, 1.0, 0.0),
    ("%", Share, 1e-2, 0.0),
    ("mmol/mol", Glycated, 1.0, 0.0),
    // Base: U/L.
    ("u/l", ActivityVolume, 1.0, 0.0),
    ("iu/l", ActivityVolume, 1.0, 0.0),
    ("miu/l", ActivityVolume, 1e-3, 0.0),
    ("kg/m2", MassArea, 1.0, 0.0),
    ("kg/m^2", MassArea, 1.0, 0.0),
];

/// Molar masses in g/mol, by the analytes that a contract may name.
const MOLAR: [(&str, f64); 22] = [
    ("glucose", 180.156),
    ("cholesterol", 386.654),
    ("hdl-cholesterol", 386.654),
    ("ldl-cholesterol", 386.654),
    ("triglycerides", 885.45),
    ("creatinine", 113.118),
    ("urea", 60.056),
    // mg/dL of nitrogen, of which urea has two atoms.
    ("urea-nitrogen", 28.014),
    ("uric-acid", 168.112),
    ("bilirubin", 584.66),
    ("calcium", 40.078),
    ("magnesium", 24.305),
    ("phosphate", 30.974),
    ("sodium", 22.990),
    ("potassium", 39.098),
    ("iron", 55.845),
    ("lactate", 89.07),
    // One of the four chains, by which laboratories report mmol/L.
    ("haemoglobin", 16_114.5),
    ("hemoglobin", 16_114.5),
    ("vitamin-d", 400.64),
    ("testosterone", 288.43),
    ("cortisol", 362.46),
];

/// Whether contracts may name this analyte.
#[must_use]
pub fn analyte_known(analyte: &str) -> bool {
    analyte == "hba1c" || MOLAR.iter().any(|(name, _)| *name == analyte)
}

/// Whether a unit is in the tables.
#[must_use]
pub fn known(unit: &str) -> bool {
    find(&spelled(unit)).is_some()
}

/// How values in `from` become values in `to`; none where that is not known.
#[must_use]
pub fn convert(from: &str, to: &str, analyte: Option<&str>) -> Option<Conversion> {
    let (from, to) = (spelled(from), spelled(to));
    if from == to {
        return Some(Conversion::SAME);
    }
    let ((_, had, factor, offset), (_, wanted, over, above)) = (find(&from)?, find(&to)?);
    // By way of the two bases: base = x · factor + offset, and y = (base' − above) / over.
    let (between, shift) = bridge(*had, *wanted, analyte)?;
    Some(Conversion {
        factor: factor * between / over,
        offset: (offset * between + shift - above) / over,
    })
}

/// From one dimension's base to another's.
fn bridge(from: Dimension, to: Dimension, analyte: Option<&str>) -> Option<(f64, f64)> {
    let molar = || {
        let analyte = analyte?;
        MOLAR.iter().find(|(name, _)| *name == analyte).map(|(_, mass)| *mass)
    };
    match (from, to) {
        (a, b) if a == b => Some((1.0, 0.0)),
        (AmountVolume, MassVolume) => Some((molar()?, 0.0)),
        (MassVolume, AmountVolume) => Some((1.0 / molar()?, 0.0)),
        // The master equation of IFCC and NGSP (Hoelzel et al. 2004): % = 0.09148 · mmol/mol + 2.152.
        (Glycated, Share) if analyte == Some("hba1c") => Some((0.000_914_8, 0.021_52)),
        (Share, Glycated) if analyte == Some("hba1c") => {
            Some((1.0 / 0.000_914_8, -0.021_52 / 0.000_914_8))
        }
        _ => None,
    }
}

fn find(unit: &str) -> Option<&'static (&'static str, Dimension, f64, f64)> {
    UNITS.iter().find(|(name, ..)| *name == unit)
}

/// `µmol / L` as `umol/l`.
fn spelled(unit: &str) -> String {
    let unit = unit.trim().replace(['µ', 'μ'], "u").replace(['°', ' '], "").replace('×', "x");
    let unit = unit.to_lowercase().replace("mcg", "ug").replace("x10^", "10^");
    unit.strip_suffix("/litre").map_or(unit.clone(), |start| format!("{start}/l"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(from: (f64, &str), to: (f64, &str), analyte: Option<&str>) {
        let there = convert(from.1, to.1, analyte).unwrap_or_else(|| panic!("{from:?} {to:?}"));
        let back = convert(to.1, from.1, analyte).unwrap();
        let close = |found: f64, wanted: f64| (found - wanted).abs() <= 2e-3 * wanted.abs();
        assert!(close(there.apply(from.0), to.0), "{from:?} {to:?}: {}", there.apply(from.0));
        assert!(close(back.apply(there.apply(from.0)), from.0));
    }

    #[test]
    fn what_laboratories_report_converts() {
        close((5.5, "mmol/L"), (99.1, "mg/dL"), Some("glucose"));
        close((5.0, "mmol/L"), (193.3, "mg/dL"), Some("cholesterol"));
        close((2.0, "mmol/L"), (177.1, "mg/dL"), Some("triglycerides"));
        close((88.42, "µmol/L"), (1.0, "mg/dL"), Some("creatinine"));
        close((14.0, "g/dL"), (8.69, "mmol/L"), Some("haemoglobin"));
        close((14.0, "g/dL"), (140.0, "g/L"), None);
        close((53.0, "mmol/mol"), (7.0, "%"), Some("hba1c"));
        close((98.6, "°F"), (37.0, "C"), None);
        close((180.0, "cm"), (1.8, "m"), None);
        close((150.0, "lb"), (68.04, "kg"), None);
        close((16.0, "kPa"), (120.0, "mmHg"), None);
        close((2.0, "years"), (730.5, "days"), None);
        close((250.0, "10^3/uL"), (250.0, "10^9/L"), None);
    }

    #[test]
    fn what_is_not_known_is_not_converted() {
        for (from, to, analyte) in [
            ("mmol/L", "mg/dL", None),
            ("mmol/L", "mg/dL", Some("ferritin")),
            ("kg", "m", None),
            ("furlong", "m", None),
            ("mmol/mol", "%", None),
            ("", "m", None),
        ] {
            assert_eq!(convert(from, to, analyte), None, "{from} {to} {analyte:?}");
        }
        // A unit that nobody knows is still itself.
        assert_eq!(convert("Score", "score", None), Some(Conversion::SAME));
        assert!(analyte_known("glucose") && !analyte_known("glucosee"));
    }
}
