//! Code systems, and what their codes look like.

use std::borrow::Cow;

use crate::data::error::CodeFault;

/// Signs after a code of the ICD: dagger and asterisk of a cause and its manifestation, codes that stand beside
/// others, and unfinished ones.
const MARKS: [char; 7] = ['+', '*', '!', '-', '†', '#', ' '];
/// Letters of certainty in the ICD-10-GM: certain, suspected, excluded and past.
const CERTAINTIES: [char; 4] = ['G', 'V', 'A', 'Z'];

/// What a text in a column of codes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading<'c> {
    /// A code.
    Code(&'c str),
    /// A code and the letter of its certainty: G (certain), V (suspected), A (excluded) or Z (past).
    Marked {
        /// The code.
        code: &'c str,
        /// The letter.
        mark: char,
    },
    /// No code of the system.
    Wrong(CodeFault),
}

/// A code of the ICD-10-GM whose letters at the end are taken off.
struct Marked<'c> {
    code: &'c str,
    certainty: Option<char>,
    /// Whether no code of the ICD-10-CM is written so.
    sure: bool,
}

impl<'c> Marked<'c> {
    /// A letter, two digits and at most two more, which a letter for the side (R, L or B), one for the certainty or
    /// both follow; none where neither does.
    fn of(text: &'c str) -> Option<Self> {
        let tail = |text: &'c str, letters: &[char]| -> Option<(&'c str, char)> {
            let text = text.trim_end_matches(MARKS);
            let last = text.chars().next_back()?.to_ascii_uppercase();
            let rest = text.get(..text.len() - 1)?;
            letters.contains(&last).then_some((rest, last))
        };
        let (rest, certainty) = match tail(text, &CERTAINTIES) {
            Some((rest, mark)) => (rest, Some(mark)),
            None => (text, None),
        };
        let (code, side) = match tail(rest, &['R', 'L', 'B']) {
            Some((code, _)) => (code, true),
            None => (rest, false),
        };
        let code = code.trim_end_matches(MARKS);
        let digits = match code.split_once('.') {
            Some((start, end)) if start.len() == 3 && !end.is_empty() => [start, end].concat(),
            Some(_) => return None,
            None => code.to_owned(),
        };
        let mut bytes = digits.bytes();
        let sound = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && bytes.all(|byte| byte.is_ascii_digit())
            && (3..=5).contains(&digits.len());
        // "F32A" may be F32.A of the ICD-10-CM, or a group of ATC codes.
        let sure = certainty.is_some_and(|mark| digits.len() > 3 || mark != 'A');
        (sound && (certainty.is_some() || side)).then_some(Self { code, certainty, sure })
    }
}

/// A code system by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System(String);

impl System {
    /// Any name, however it is spelled: `ICD-10` is `icd10`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(name.to_lowercase().replace(['-', '_', ' '], ""))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// What a text in a column of codes is. Of the ICD-10-GM a letter for the side is left out, and one for the
    /// certainty is told apart.
    #[must_use]
    pub fn read<'c>(&self, text: &'c str) -> Reading<'c> {
        let icd10 = self.0.starts_with("icd10");
        match (icd10.then(|| Marked::of(text)).flatten(), self.0.as_str()) {
            (Some(Marked { code, certainty: Some(mark), .. }), "icd10gm") => {
                Reading::Marked { code, mark }
            }
            (Some(Marked { code, certainty: None, .. }), "icd10gm") => Reading::Code(code),
            // Codes of the ICD-10-CM may end with letters of their own.
            (Some(Marked { sure: true, .. }), "icd10") => Reading::Wrong(CodeFault::Certainty),
            _ if self.fits(text) => Reading::Code(text),
            _ if self.is_short(text) => Reading::Wrong(CodeFault::Zeros),
            _ => Reading::Wrong(CodeFault::Form),
        }
    }

    /// Whether a code of the ICD-9 has fewer digits than any has.
    fn is_short(&self, code: &str) -> bool {
        let diagnoses = ["icd9", "icd9cm"].contains(&self.0.as_str());
        diagnoses
            && code.len() < 3
            && !code.is_empty()
            && code.bytes().all(|it| it.is_ascii_digit())
    }

    /// A code as it is compared: of the ICD in capitals, without the dot and without the marks after
    /// it, since hospitals write `I21.4`, `I214` and `I21.4+` alike. A code of the ICD-9 with a dot has three
    /// digits before it: `8.45` is `008.45`.
    #[must_use]
    pub fn plain<'c>(&self, code: &'c str) -> Cow<'c, str> {
        if self.0 == "atc" {
            return Cow::Owned(code.to_ascii_uppercase());
        }
        if !self.0.starts_with("icd9") && !self.0.starts_with("icd10") {
            return Cow::Borrowed(code);
        }
        let code = code.trim_end_matches(MARKS);
        let zeros = match code.split_once('.') {
            Some((start, _)) if ["icd9", "icd9cm"].contains(&self.0.as_str()) => {
                let digits = start.bytes().all(|byte| byte.is_ascii_digit());
                if digits && !start.is_empty() { 3_usize.saturating_sub(start.len()) } else { 0 }
            }
            _ => 0,
        };
        let code: String = code.chars().filter(|c| !['.', ' '].contains(c)).collect();
        Cow::Owned("0".repeat(zeros) + &code.to_ascii_uppercase())
    }

    /// Whether a code looks like one of the system; any does where the system is not known.
    #[must_use]
    pub fn fits(&self, code: &str) -> bool {
        let any_case = self.0.starts_with("icd") || self.0 == "atc";
        let upper = if any_case { code.to_ascii_uppercase() } else { code.to_owned() };
        let code = upper.as_str();
        let bytes = code.as_bytes();
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is = |place: usize, kind: fn(&u8) -> bool| bytes.get(place).is_some_and(kind);
        match self.0.as_str() {
            // A letter, a digit, a letter or digit; then up to four, after a dot or not.
            "icd10" | "icd10cm" | "icd10gm" => {
                let rest: String = code.chars().skip(3).collect();
                let tail = rest.strip_prefix('.').unwrap_or(&rest);
                let marks = |c: char| c.is_ascii_alphanumeric() || MARKS.contains(&c);
                is(0, u8::is_ascii_uppercase)
                    && is(1, u8::is_ascii_digit)
                    && is(2, u8::is_ascii_alphanumeric)
                    && tail.chars().count() <= 5
                    && tail.chars().all(marks)
                    // An ATC code goes on with letters and has no dot.
                    && !rest.starts_with(|c: char| c.is_ascii_alphabetic() && c != 'X')
            }
            // Three digits, or V and two, or E and three; then up to two. Before a dot leading zeros may be lost.
            "icd9" | "icd9cm" => {
                let (body, least) = match code.strip_prefix(['V', 'E']) {
                    Some(body) => (body, 2),
                    None => (code, 3),
                };
                match body.split_once('.') {
                    Some((start, tail)) => {
                        let sound = digits(start) && start.len() <= 3;
                        sound && digits(tail) && tail.len() <= 2
                    }
                    None => digits(body) && (least..=5).contains(&body.len()),
                }
            }
            // C07AB02 and its groups.
            "atc" => {
                let kinds: [fn(&u8) -> bool; 7] = [
                    u8::is_ascii_uppercase,
                    u8::is_ascii_digit,
                    u8::is_ascii_digit,
                    u8::is_ascii_uppercase,
                    u8::is_ascii_uppercase,
                    u8::is_ascii_digit,
                    u8::is_ascii_digit,
                ];
                let fit = bytes.iter().zip(kinds).all(|(byte, kind)| kind(byte));
                fit && [1, 3, 4, 5, 7].contains(&bytes.len())
            }
            "loinc" => code.split_once('-').is_some_and(|(number, check)| {
                digits(number) && number.len() <= 7 && digits(check) && check.len() == 1
            }),
            "snomed" | "snomedct" => digits(code) && (6..=18).contains(&code.len()),
            "omop" => digits(code) && code.len() <= 10,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_one_system_are_none_of_another() {
        let fits = |system: &str, codes: &[&str]| {
            let system = System::named(system);
            codes.iter().map(|code| system.fits(code)).collect::<Vec<_>>()
        };
        let codes =
            ["I21.4", "I214", "C50", "410.71", "V45", "C07AB02", "2345-7", "22298006", "é1"];
        let t = true;
        let f = false;
        assert_eq!(fits("ICD-10", &codes), [t, t, t, f, t, f, f, f, f]);
        assert_eq!(fits("icd9", &codes), [f, f, f, t, t, f, f, f, f]);
        assert_eq!(fits("atc", &codes), [f, f, t, f, t, t, f, f, f]);
        assert_eq!(fits("loinc", &codes), [f, f, f, f, f, f, t, f, f]);
        assert_eq!(fits("snomed", &codes), [f, f, f, f, f, f, f, t, f]);
        assert_eq!(fits("our own", &codes), [t; 9]);
        assert_eq!(fits("icd10cm", &["E88.A", "Z91.A10", "O35.AXX0", "i21.4+"]), [t; 4]);
    }

    #[test]
    fn letters_for_side_and_certainty_are_taken_off_in_the_german_modification() {
        let gm = System::named("ICD-10-GM");
        for (text, wanted, mark) in [
            ("I21.4G", "I214", 'G'),
            ("I21.4 G", "I214", 'G'),
            ("i214g", "I214", 'G'),
            ("M17.1RG", "M171", 'G'),
            ("M17.1 L V", "M171", 'V'),
            ("F32A", "F32", 'A'),
            ("G20.10+G", "G2010", 'G'),
            ("J45.99Z", "J4599", 'Z'),
        ] {
            let Reading::Marked { code, mark: found } = gm.read(text) else { panic!("{text}") };
            assert_eq!((gm.plain(code).as_ref(), found), (wanted, mark), "{text}");
        }
        for text in ["I21.4", "I21.-", "U07.1!", "G20.10†", "M17.1R"] {
            assert!(matches!(gm.read(text), Reading::Code(_)), "{text}");
        }
        assert_eq!(gm.read("M17.1R"), Reading::Code("M17.1"));
        // Codes of the ICD-10-CM end with letters of their own.
        for system in ["icd10", "icd10cm"] {
            for text in ["F32.A", "S72.001G", "O35.AXX0", "I21.4", "Z91.A10"] {
                assert_eq!(
                    System::named(system).read(text),
                    Reading::Code(text),
                    "{system} {text}"
                );
            }
        }
        let told = System::named("icd10").read("I21.4V");
        assert_eq!(told, Reading::Wrong(CodeFault::Certainty));
        assert_eq!(gm.read("410.71"), Reading::Wrong(CodeFault::Form));
    }

    #[test]
    fn lost_zeros_are_put_back_where_a_dot_tells_and_named_where_not() {
        let icd = System::named("icd9");
        for (text, wanted) in [
            ("8.45", "00845"),
            ("38.9", "0389"),
            ("410.71", "41071"),
            ("V45.81", "V4581"),
            ("0389", "0389"),
        ] {
            assert!(matches!(icd.read(text), Reading::Code(_)), "{text}");
            assert_eq!(icd.plain(text), wanted);
        }
        for text in ["1", "38"] {
            assert_eq!(icd.read(text), Reading::Wrong(CodeFault::Zeros), "{text}");
        }
        assert_eq!(System::named("atc").plain("c07ab02"), "C07AB02");
    }

    #[test]
    fn codes_are_compared_however_they_are_written() {
        let icd = System::named("ICD-10-CM");
        for code in ["I21.4", "I214", "i21.4", "I21.4+", "I21.4-", "I21.4†", "I21 .4"] {
            assert_eq!(icd.plain(code), "I214");
        }
        assert_eq!(System::named("icd9").plain("410.71"), "41071");
        assert_eq!(System::named("loinc").plain("2345-7"), "2345-7");
    }
}
