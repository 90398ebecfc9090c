//! Units of measurement, and which convert into which.
//!
//! ```text
//! "5.5 mmol/L" ─ spelling ─► mmol/l ─ parse ─► amount/volume ─ × molar mass of the analyte ─► mg/dL
//! ```
//!
//! Two units of one dimension convert by their sizes. Mass, amount and equivalents of one substance
//! convert where the contract names the analyte. A unit that is not known here is itself and converts
//! into nothing else: a guess would train on wrong numbers.

mod analyte;
mod parse;
mod spelling;

use parse::{Kind, Substance, Unit, parse};
use spelling::spelled;

/// Days of a year, of which a month is a twelfth.
pub const YEAR: f64 = 365.25;

/// The longest unit that a contract may write, in bytes.
const LONGEST: usize = 40;

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

/// Whether contracts may name this analyte.
#[must_use]
pub fn analyte_known(name: &str) -> bool {
    name == "hba1c" || analyte::named(name).is_some()
}

/// Whether a unit is known here, so that it may convert into others.
#[must_use]
pub fn known(unit: &str) -> bool {
    parse(&spelled(unit)).is_some()
}

/// Whether a contract may write this unit: one that is known, or a short text that hospitals must then
/// write alike.
#[must_use]
pub fn writable(unit: &str) -> bool {
    let sign = |c: char| c.is_alphanumeric() || "/%^*.,+-_[]{}()'#°×· ".contains(c);
    let short = (1..=LONGEST).contains(&unit.trim().len());
    known(unit) || (short && unit.chars().all(sign))
}

/// How values in `from` become values in `to`; none where that is not known.
#[must_use]
pub fn convert(from: &str, to: &str, analyte: Option<&str>) -> Option<Conversion> {
    let from = spelled(from);
    let to = spelled(to);
    if from == to && !from.is_empty() {
        return Some(Conversion::SAME);
    }
    let had = parse(&from)?;
    let wanted = parse(&to)?;
    // By way of the two bases: base = x · factor + offset, and y = (base' − above) / over.
    let between = bridge(had, wanted, analyte)?;
    Some(Conversion {
        factor: had.factor * between.factor / wanted.factor,
        offset: (had.offset * between.factor + between.offset - wanted.offset) / wanted.factor,
    })
}

/// From one unit's base to another's.
fn bridge(from: Unit, to: Unit, analyte: Option<&str>) -> Option<Conversion> {
    if from.kind == to.kind {
        return Some(Conversion::SAME);
    }
    match (from.kind, to.kind) {
        // The master equation of IFCC and NGSP (Hoelzel et al. 2004): % = 0.09148 · mmol/mol + 2.152.
        (Kind::Glycated, Kind::Product(share)) if share.is_number() && analyte == Some("hba1c") => {
            Some(Conversion { factor: 0.000_914_8, offset: 0.021_52 })
        }
        (Kind::Product(share), Kind::Glycated) if share.is_number() && analyte == Some("hba1c") => {
            Some(Conversion { factor: 1.0 / 0.000_914_8, offset: -0.021_52 / 0.000_914_8 })
        }
        (Kind::Product(had), Kind::Product(wanted)) => {
            let (had, rest) = had.substance()?;
            let (wanted, other) = wanted.substance()?;
            let factor = substance(had, wanted, analyte::named(analyte?)?)?;
            (rest == other).then_some(Conversion { factor, offset: 0.0 })
        }
        _ => None,
    }
}

/// Grams, moles or equivalents of an analyte as another of them.
fn substance(from: Substance, to: Substance, analyte: &analyte::Analyte) -> Option<f64> {
    let moles = |measure: Substance| match measure {
        Substance::Mass => Some(1.0 / analyte.molar_mass),
        Substance::Amount => Some(1.0),
        Substance::Equivalent => analyte.valence.map(|valence| 1.0 / valence),
    };
    Some(moles(from)? / moles(to)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value and its unit, as laboratories write them: `5.5 mmol/L`.
    fn quantity(text: &str) -> (f64, &str) {
        let (value, unit) = text.split_once(' ').unwrap();
        (value.parse().unwrap(), unit)
    }

    /// Asserts that the two quantities are one, to 0.2 %, and that the conversion can be undone.
    fn close(one: &str, other: &str, analyte: Option<&str>) {
        let (value, from) = quantity(one);
        let (expected, to) = quantity(other);
        let there = convert(from, to, analyte).unwrap_or_else(|| panic!("{one} {other}"));
        let back = convert(to, from, analyte).unwrap();
        let close = |found: f64, wanted: f64| (found - wanted).abs() <= 2e-3 * wanted.abs();
        let found = there.apply(value);
        assert!(close(found, expected), "{one} {other}: {found}");
        assert!(close(back.apply(found), value));
    }

    #[test]
    fn what_laboratories_report_converts() {
        close("5.5 mmol/L", "99.1 mg/dL", Some("glucose"));
        close("5.0 mmol/L", "193.3 mg/dL", Some("cholesterol"));
        close("2.0 mmol/L", "177.1 mg/dL", Some("triglycerides"));
        close("88.42 µmol/L", "1.0 mg/dL", Some("creatinine"));
        close("14.0 g/dL", "8.69 mmol/L", Some("haemoglobin"));
        close("14.0 g/dL", "140.0 g/L", None);
        close("53.0 mmol/mol", "7.0 %", Some("hba1c"));
        close("98.6 °F", "37.0 C", None);
        close("180.0 cm", "1.8 m", None);
        close("150.0 lb", "68.04 kg", None);
        close("16.0 kPa", "120.0 mmHg", None);
        close("2.0 years", "730.5 days", None);
        close("250.0 10^3/uL", "250.0 10^9/L", None);
        close("250.0 K/uL", "250000.0 /mm3", None);
        close("4.5 10*12/L", "4.5 x10E6/µL", None);
        close("2.5 µIU/mL", "2.5 mIU/L", None);
        close("1.0 µkat/L", "60.0 U/L", None);
        close("30.0 pg", "0.03 ng", None);
        close("1200.0 mg/24h", "1.2 g/d", None);
        close("100.0 mL/min", "6.0 L/h", None);
        close("12.0 s", "0.2 min", None);
        close("20.0 mm/h", "2.0 cm/hr", None);
    }

    /// An equivalent is a mole of charges: potassium has one, calcium two.
    #[test]
    fn equivalents_convert_by_the_charge_of_the_analyte() {
        for analyte in ["sodium", "potassium", "chloride", "bicarbonate"] {
            close("4.0 mEq/L", "4.0 mmol/L", Some(analyte));
        }
        close("4.0 mval/l", "4.0 mmol/L", Some("potassium"));
        close("5.0 mEq/L", "2.5 mmol/L", Some("calcium"));
        close("1.64 mEq/L", "0.82 mmol/L", Some("magnesium"));
        close("5.0 mEq/L", "10.02 mg/dL", Some("calcium"));
        for (from, to, analyte) in [
            ("mEq/L", "mmol/L", None),
            ("mEq/L", "mmol/L", Some("glucose")),
            ("mEq/L", "mmol/L", Some("phosphate")),
            ("mEq/L", "mmol", Some("potassium")),
            ("mEq/L", "%", Some("potassium")),
        ] {
            assert_eq!(convert(from, to, analyte), None, "{from} {to} {analyte:?}");
        }
    }

    /// UCUM, the many ways of laboratories, and units that convert into nothing else.
    #[test]
    fn one_unit_is_one_unit_however_it_is_written() {
        for (one, other) in [
            ("mL/min/{1.73_m2}", "ml/min/1.73m2"),
            ("mL/min/1.73 m²", "mL/min/(173.10*-2.m2)"),
            ("mL/min/1,73m2", "ML/MIN/1.73.M2"),
            ("mm[Hg]", "mmHg"),
            ("u[IU]/mL", "µIU/ml"),
            ("10*3/uL", "x10^3/µL"),
            ("%{HbA1c}", "%"),
            ("10*9/L", "10⁹/l"),
            ("mg per dL", "mg/dl"),
            ("mM", "mmol/L"),
            ("{INR}", "inr"),
            ("fL", "fl"),
            ("Score", "score"),
        ] {
            assert_eq!(convert(one, other, None), Some(Conversion::SAME), "{one} {other}");
        }
        // A filtration rate that was scaled to a body surface is another than one that was not.
        assert_eq!(convert("mL/min", "mL/min/1.73m2", None), None);
        assert_eq!(convert("mm", "mM", None), None);
        assert!(known("mL/min/1.73m2") && known("mosm/kg") && !known("INR") && !known("10^999/L"));
        assert!(writable("INR") && !writable("") && !writable("a;b") && !writable(&"x".repeat(41)));
        assert!(!writable("m\u{7}"));
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
            ("", "", None),
            ("/", "/l", None),
        ] {
            assert_eq!(convert(from, to, analyte), None, "{from} {to} {analyte:?}");
        }
        // A unit that nobody knows is still itself.
        assert_eq!(convert("Score", "score", None), Some(Conversion::SAME));
        assert!(analyte_known("glucose") && !analyte_known("glucosee"));
    }
}
