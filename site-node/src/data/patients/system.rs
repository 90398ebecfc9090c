//! Code systems, and what their codes look like.

use std::borrow::Cow;

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

    /// A code as it is compared: of the ICD in capitals, without the dot and without the marks after
    /// it, since hospitals write `I21.4`, `I214` and `I21.4+` alike.
    #[must_use]
    pub fn plain<'c>(&self, code: &'c str) -> Cow<'c, str> {
        if !self.0.starts_with("icd9") && !self.0.starts_with("icd10") {
            return Cow::Borrowed(code);
        }
        let code = code.trim_end_matches(['+', '*', '!', '-']);
        Cow::Owned(code.replace('.', "").to_ascii_uppercase())
    }

    /// Whether a code looks like one of the system; any does where the system is not known.
    #[must_use]
    pub fn fits(&self, code: &str) -> bool {
        let upper =
            if self.0.starts_with("icd") { code.to_ascii_uppercase() } else { code.to_owned() };
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
                let marks = |c: char| c.is_ascii_alphanumeric() || "+*!-".contains(c);
                is(0, u8::is_ascii_uppercase)
                    && is(1, u8::is_ascii_digit)
                    && is(2, u8::is_ascii_alphanumeric)
                    && tail.len() <= 5
                    && tail.chars().all(marks)
                    // An ATC code goes on with letters and has no dot.
                    && !rest.starts_with(|c: char| c.is_ascii_alphabetic() && c != 'X')
            }
            // Three digits, or V and two, or E and three; then up to two.
            "icd9" | "icd9cm" => {
                let body = code.strip_prefix(['V', 'E']).unwrap_or(code);
                let (start, tail) = body.split_once('.').unwrap_or((body, "0"));
                digits(start) && (2..=5).contains(&start.len()) && digits(tail) && tail.len() <= 2
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
    fn codes_are_compared_however_they_are_written() {
        let icd = System::named("ICD-10-CM");
        for code in ["I21.4", "I214", "i21.4", "I21.4+", "I21.4-"] {
            assert_eq!(icd.plain(code), "I214");
        }
        assert_eq!(System::named("icd9").plain("410.71"), "41071");
        assert_eq!(System::named("loinc").plain("2345-7"), "2345-7");
    }
}
