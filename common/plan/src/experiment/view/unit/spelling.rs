//! One spelling for the many that laboratories use.

/// Ways to write the standard body surface, to which a filtration rate is scaled.
const BODY_SURFACE: [&str; 14] = [
    "{1.73_m2}",
    "[1.73_m2]",
    "(1.73_m2)",
    "1.73_m2",
    "{1.73m2}",
    "[1.73m2]",
    "(1.73m2)",
    "1.73m2",
    "1.73m^2",
    "1.73m*2",
    "1.73.m2",
    "1.73sqm",
    "1,73m2",
    "(173.10*-2.m2)",
];

/// Words that stand for others, as they are written after everything else was done.
const ALIASES: [(&str, &str); 12] = [
    ("/litre", "/l"),
    ("/liter", "/l"),
    ("mcg", "ug"),
    ("x10^", "10^"),
    ("x10*", "10*"),
    ("x10e", "10^"),
    ("10**", "10^"),
    ("10*", "10^"),
    ("10e", "10^"),
    ("*10^", "10^"),
    ("cells/", "/"),
    ("cell/", "/"),
];

/// Case is all that tells these from millimetres and their like.
const MOLAR: [(&str, &str); 4] =
    [("mM", "mmol/l"), ("uM", "umol/l"), ("nM", "nmol/l"), ("pM", "pmol/l")];

/// `µmol / L` as `umol/l`, `10*3/uL` as `10^3/ul`, `mm[Hg]` as `mmhg`, `mL/min/{1.73_m2}` as
/// `ml/min/bsa`. An annotation in braces changes no unit and is left out; one alone keeps its text.
pub(super) fn spelled(unit: &str) -> String {
    let unit = unit.trim().replace(['µ', 'μ'], "u").replace(" per ", "/");
    if let Some((_, molar)) = MOLAR.iter().find(|(name, _)| *name == unit) {
        return (*molar).to_owned();
    }
    let mut unit = ascii(&unit);
    unit.make_ascii_lowercase();
    for surface in BODY_SURFACE {
        unit = unit.replace(surface, "bsa");
    }
    unit = without_annotations(&unit).replace(['[', ']'], "");
    for (written, meant) in ALIASES {
        unit = unit.replace(written, meant);
    }
    unit
}

/// Without spaces and degrees, and with exponents and signs as ASCII writes them: `10⁹` is `10^9`.
fn ascii(unit: &str) -> String {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let mut text = String::with_capacity(unit.len());
    let mut raised = false;
    for sign in unit.chars().filter(|sign| *sign != '°' && !sign.is_whitespace()) {
        let digit = ('0'..='9').zip(RAISED).find(|(_, above)| *above == sign);
        if let Some((digit, _)) = digit {
            if !raised {
                text.push('^');
            }
            text.push(digit);
        } else {
            text.push(match sign {
                '×' => 'x',
                '·' => '.',
                other => other,
            });
        }
        raised = digit.is_some();
    }
    text
}

fn without_annotations(unit: &str) -> String {
    if let Some(alone) = unit.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return alone.to_owned();
    }
    let mut kept = String::with_capacity(unit.len());
    let mut depth = 0_usize;
    for sign in unit.chars() {
        match sign {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(sign),
            _ => {}
        }
    }
    kept
}
