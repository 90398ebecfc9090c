//! A unit as a product of powers, after the grammar of UCUM.
//!
//! ```text
//! mmol/l ─► m · mol · l⁻¹ ─► 1 · amount · length⁻³        (base: g, mol, Eq, m, day, mmHg, U, osm)
//! ```

use super::YEAR;

/// The exponents of the bases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Dimension([i8; 9]);

/// What a unit measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A product of powers.
    Product(Dimension),
    /// A temperature, in °C.
    Temperature,
    /// mmol of glycated per mol of haemoglobin (IFCC).
    Glycated,
}

/// A unit: base = x · factor + offset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unit {
    pub(super) kind: Kind,
    pub(super) factor: f64,
    pub(super) offset: f64,
}

const MASS: usize = 0;
const AMOUNT: usize = 1;
const EQUIVALENT: usize = 2;
const LENGTH: usize = 3;
const TIME: usize = 4;
const PRESSURE: usize = 5;
const ACTIVITY: usize = 6;
const OSMOLES: usize = 7;
const BODY_SURFACE: usize = 8;

/// How much of a substance, by one of the three measures of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Substance {
    Mass,
    Amount,
    Equivalent,
}

impl Dimension {
    /// The one measure of a substance that stands in it once, and what is left without it.
    pub(super) fn substance(self) -> Option<(Substance, Self)> {
        let mut rest = self.0;
        let found = match (self.0[MASS], self.0[AMOUNT], self.0[EQUIVALENT]) {
            (1, 0, 0) => (MASS, Substance::Mass),
            (0, 1, 0) => (AMOUNT, Substance::Amount),
            (0, 0, 1) => (EQUIVALENT, Substance::Equivalent),
            _ => return None,
        };
        rest[found.0] = 0;
        Some((found.1, Self(rest)))
    }

    /// A plain number.
    pub(super) fn is_number(self) -> bool {
        self == Self::default()
    }
}

/// A named unit: its base, the exponent of it, and its size there.
struct Atom {
    name: &'static str,
    base: Option<usize>,
    exponent: i8,
    size: f64,
    prefixes: bool,
}

const fn atom(name: &'static str, base: usize, size: f64) -> Atom {
    Atom { name, base: Some(base), exponent: 1, size, prefixes: false }
}

const fn prefixed(name: &'static str, base: usize, size: f64) -> Atom {
    Atom { name, base: Some(base), exponent: 1, size, prefixes: true }
}

const fn volume(name: &'static str, cubic_metres: f64) -> Atom {
    let prefixes = name.len() == 1;
    Atom { name, base: Some(LENGTH), exponent: 3, size: cubic_metres, prefixes }
}

const fn number(name: &'static str, size: f64) -> Atom {
    Atom { name, base: None, exponent: 0, size, prefixes: false }
}

const POUND: f64 = 453.592_37;
const INCH: f64 = 0.0254;

const ATOMS: [Atom; 57] = [
    prefixed("g", MASS, 1.0),
    atom("lb", MASS, POUND),
    atom("lbs", MASS, POUND),
    atom("lb_av", MASS, POUND),
    atom("oz", MASS, POUND / 16.0),
    prefixed("mol", AMOUNT, 1.0),
    prefixed("eq", EQUIVALENT, 1.0),
    prefixed("val", EQUIVALENT, 1.0),
    prefixed("m", LENGTH, 1.0),
    atom("in", LENGTH, INCH),
    atom("in_i", LENGTH, INCH),
    atom("ft", LENGTH, 12.0 * INCH),
    volume("l", 1e-3),
    volume("cc", 1e-6),
    volume("cmm", 1e-9),
    volume("cumm", 1e-9),
    prefixed("s", TIME, 1.0 / 86_400.0),
    atom("sec", TIME, 1.0 / 86_400.0),
    atom("seconds", TIME, 1.0 / 86_400.0),
    atom("min", TIME, 1.0 / 1440.0),
    atom("minutes", TIME, 1.0 / 1440.0),
    atom("h", TIME, 1.0 / 24.0),
    atom("hr", TIME, 1.0 / 24.0),
    atom("hour", TIME, 1.0 / 24.0),
    atom("hours", TIME, 1.0 / 24.0),
    atom("d", TIME, 1.0),
    atom("day", TIME, 1.0),
    atom("days", TIME, 1.0),
    atom("wk", TIME, 7.0),
    atom("week", TIME, 7.0),
    atom("weeks", TIME, 7.0),
    atom("mo", TIME, YEAR / 12.0),
    atom("month", TIME, YEAR / 12.0),
    atom("months", TIME, YEAR / 12.0),
    atom("a", TIME, YEAR),
    atom("yr", TIME, YEAR),
    atom("year", TIME, YEAR),
    atom("years", TIME, YEAR),
    Atom { name: "hz", base: Some(TIME), exponent: -1, size: 86_400.0, prefixes: false },
    Atom { name: "bpm", base: Some(TIME), exponent: -1, size: 1440.0, prefixes: false },
    atom("mmhg", PRESSURE, 1.0),
    atom("cmh2o", PRESSURE, 0.735_559),
    prefixed("pa", PRESSURE, 7.500_617e-3),
    prefixed("bar", PRESSURE, 750.0617),
    // Enzymes and hormones: laboratories write U and IU alike.
    prefixed("u", ACTIVITY, 1.0),
    prefixed("iu", ACTIVITY, 1.0),
    prefixed("ui", ACTIVITY, 1.0),
    prefixed("kat", ACTIVITY, 6e7),
    prefixed("osm", OSMOLES, 1.0),
    atom("bsa", BODY_SURFACE, 1.0),
    number("%", 1e-2),
    number("k", 1e3),
    number("thou", 1e3),
    number("thousand", 1e3),
    number("mill", 1e6),
    number("million", 1e6),
    number("gpt", 1e9),
];

const PREFIXES: [(char, f64); 9] = [
    ('k', 1e3),
    ('h', 1e2),
    ('d', 1e-1),
    ('c', 1e-2),
    ('m', 1e-3),
    ('u', 1e-6),
    ('n', 1e-9),
    ('p', 1e-12),
    ('f', 1e-15),
];

/// Whole units that are no products of powers, or that the grammar would read in another way.
const WHOLE: [(&str, Kind, f64, f64); 10] = [
    ("c", Kind::Temperature, 1.0, 0.0),
    ("cel", Kind::Temperature, 1.0, 0.0),
    ("degc", Kind::Temperature, 1.0, 0.0),
    ("f", Kind::Temperature, 5.0 / 9.0, -160.0 / 9.0),
    ("degf", Kind::Temperature, 5.0 / 9.0, -160.0 / 9.0),
    ("k", Kind::Temperature, 1.0, -273.15),
    ("mmol/mol", Kind::Glycated, 1.0, 0.0),
    // Of 100 mL.
    ("g%", Kind::Product(MASS_PER_VOLUME), 1e4, 0.0),
    ("mg%", Kind::Product(MASS_PER_VOLUME), 1e1, 0.0),
    ("ug%", Kind::Product(MASS_PER_VOLUME), 1e-2, 0.0),
];

const MASS_PER_VOLUME: Dimension = Dimension([1, 0, 0, -3, 0, 0, 0, 0, 0]);

/// A unit in the one spelling of [`spelled`](super::spelling::spelled); none where it is not known.
pub(super) fn parse(unit: &str) -> Option<Unit> {
    if let Some((_, kind, factor, offset)) = WHOLE.iter().find(|(name, ..)| *name == unit) {
        return Some(Unit { kind: *kind, factor: *factor, offset: *offset });
    }
    let mut made = Product { dimension: Dimension::default(), factor: 1.0 };
    let mut parts = unit.split('/');
    let first = parts.next()?;
    if !first.is_empty() {
        made.multiply(first, 1)?;
    }
    let mut below = 0;
    for part in parts {
        made.multiply(part, -1)?;
        below += 1;
    }
    // "/uL" is a unit, and nothing at all is none.
    let named = !first.is_empty() || below > 0;
    let Product { dimension, factor } = made;
    let finite = factor.is_finite() && factor > 0.0;
    (named && finite).then_some(Unit { kind: Kind::Product(dimension), factor, offset: 0.0 })
}

/// A product of powers while its factors are read.
struct Product {
    dimension: Dimension,
    /// The size of the unit in its bases.
    factor: f64,
}

impl Product {
    /// Multiplies by the factors of `text`, or divides by them where `sign` is -1.
    fn multiply(&mut self, text: &str, sign: i8) -> Option<()> {
        text.split('.').try_for_each(|part| self.multiply_one(part, sign))
    }

    fn multiply_one(&mut self, text: &str, sign: i8) -> Option<()> {
        if let Some(power) = text.strip_prefix("10^") {
            let power: i32 = power.parse().ok().filter(|power| (-24..=24).contains(power))?;
            self.factor *= 10_f64.powi(power * i32::from(sign));
            return Some(());
        }
        // `24h`, `100ml`, `1`.
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (count, name) = text.split_at_checked(digits)?;
        if !count.is_empty() {
            let count = f64::from(count.parse::<u16>().ok()?);
            self.factor *= count.powi(i32::from(sign));
            if name.is_empty() {
                return Some(());
            }
        }
        let (name, power) = exponent(name)?;
        let (atom, size) = find(name)?;
        let times = atom.exponent.checked_mul(power)?.checked_mul(sign)?;
        if let Some(base) = atom.base {
            let exponent = self.dimension.0.get_mut(base)?;
            *exponent = exponent.checked_add(times)?;
        }
        self.factor *= size.powi(i32::from(power) * i32::from(sign));
        Some(())
    }
}

/// `m2`, `m^2` and `m-1` as the name and the exponent.
fn exponent(text: &str) -> Option<(&str, i8)> {
    if text == "cmh2o" || !text.ends_with(|c: char| c.is_ascii_digit()) {
        return Some((text, 1));
    }
    let start = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = text.get(start.len()..)?;
    let below = start.ends_with('-');
    let name = start.trim_end_matches(['-', '^']);
    let power: i8 = digits.parse().ok().filter(|power| (1..=6).contains(power))?;
    (!name.is_empty()).then_some((name, if below { -power } else { power }))
}

/// An atom by its name, which may have a prefix, and its size with it.
fn find(name: &str) -> Option<(&'static Atom, f64)> {
    if let Some(atom) = ATOMS.iter().find(|atom| atom.name == name) {
        return Some((atom, atom.size));
    }
    let (prefix, scale) = PREFIXES.iter().find(|(prefix, _)| name.starts_with(*prefix))?;
    let rest = name.strip_prefix(*prefix)?;
    let atom = ATOMS.iter().find(|atom| atom.prefixes && atom.name == rest)?;
    Some((atom, atom.size * scale))
}
