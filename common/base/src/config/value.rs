//! Single values: numbers, words, durations ("30s"), sizes ("64MiB"), paths and lists.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use toml::de::DeValue;

use crate::ids::{ExperimentName, SiteName};

/// A value of the wrong kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    /// What was found.
    pub what: String,
    /// What is expected.
    pub hint: String,
}

impl ValueError {
    fn expected(found: &DeValue<'_>, hint: &str) -> Self {
        Self { what: format!("{} is found", shown(found)), hint: hint.to_owned() }
    }
}

/// A type that stands in a file as one TOML value.
pub trait FromValue: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// What was found and what is expected.
    fn from_value(value: &DeValue<'_>) -> Result<Self, ValueError>;
}

/// What kind of value it is, in words.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{:?}", text.chars().take(80).collect::<String>()),
        DeValue::Integer(number) => number.to_string().chars().take(80).collect(),
        DeValue::Float(number) => number.to_string().chars().take(80).collect(),
        DeValue::Boolean(value) => value.to_string(),
        other => kind(other).to_owned(),
    }
}

fn whole(value: &DeValue<'_>) -> Option<i128> {
    match value {
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    }
}

macro_rules! whole_numbers {
    ($($type:ty),*) => {$(
        impl FromValue for $type {
            fn from_value(value: &DeValue<'_>) -> Result<Self, ValueError> {
                whole(value).and_then(|number| number.try_into().ok()).ok_or_else(|| {
                    let hint = format!("use a whole number from {} to {}", <$type>::MIN, <$type>::MAX);
                    ValueError::expected(value, &hint)
                })
            }
        }
    )*};
}
whole_numbers!(u32, u64);

impl FromValue for f64 {
    fn from_value(value: &DeValue<'_>) -> Result<Self, ValueError> {
        let number = match value {
            DeValue::Float(number) => number.as_str().parse().ok(),
            #[allow(clippy::cast_precision_loss, reason = "a person's number")]
            _ => whole(value).map(|number| number as f64),
        };
        number
            .filter(|number: &f64| number.is_finite())
            .ok_or_else(|| ValueError::expected(value, "use a finite number such as 0.1"))
    }
}

impl FromValue for bool {
    fn from_value(value: &DeValue<'_>) -> Result<Self, ValueError> {
        match value {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(ValueError::expected(value, "use true or false")),
        }
    }
}

impl FromValue for String {
    fn from_value(value: &DeValue<'_>) -> Result<Self, ValueError> {
        match value {
            DeValue::String(text) if !text.is_empty() => Ok(text.clone().into_owned()),
            _ => Err(ValueError::expected(value, "use text in double quotes")),
        }
    }
}

impl FromValue for PathBuf {
    fn from_value(value: &DeValue<'_>) -> Result<Self, ValueError> {
        String::from_value(value).map(PathBuf::from)
    }
}

/// Reads a type that has a text form.
///
/// # Errors
/// The value is no text, or not of that form: the hint says what is.
pub fn parsed<T: FromStr>(value: &DeValue<'_>, hint: &str) -> Result<T, ValueError> {
    match value {
        DeValue::String(text) => text.parse().map_err(|_| ValueError::expected(value, hint)),
        _ => Err(ValueError::expected(value, hint)),
    }
}

impl FromValue for SocketAddr {
    fn from_value(value: &DeValue<'_>) -> Result<Self, ValueError> {
        parsed(value, "use an address and a port such as \"127.0.0.1:7443\"")
    }
}

impl FromValue for SiteName {
    fn from_value(value: &DeValue<'_>) -> Result<Self, ValueError> {
        parsed(value, "use a-z, 0-9 and '-', such as \"hospital-a\"")
    }
}

impl FromValue for ExperimentName {
    fn from_value(value: &DeValue<'_>) -> Result<Self, ValueError> {
        parsed(value, "use a-z, 0-9 and '-', such as \"tcga-brca\"")
    }
}

impl FromValue for Duration {
    fn from_value(value: &DeValue<'_>) -> Result<Self, ValueError> {
        let hint = "use a duration with its unit, such as \"30s\", \"5m\" or \"250ms\"";
        match value {
            DeValue::String(text) => {
                humantime::parse_duration(text).map_err(|_| ValueError::expected(value, hint))
            }
            _ => Err(ValueError::expected(value, hint)),
        }
    }
}

impl FromValue for ByteSize {
    fn from_value(value: &DeValue<'_>) -> Result<Self, ValueError> {
        let hint = "use a size with its unit, such as \"64MiB\"";
        match value {
            // The parser would take a bare number for bytes; a file says its units.
            DeValue::String(text) if text.ends_with('B') => parsed(value, hint),
            _ => Err(ValueError::expected(value, hint)),
        }
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: &DeValue<'_>) -> Result<Self, ValueError> {
        let DeValue::Array(items) = value else {
            return Err(ValueError::expected(value, "use a list in square brackets"));
        };
        let read = |(index, item): (usize, &toml::Spanned<DeValue<'_>>)| {
            T::from_value(item.get_ref()).map_err(|error| ValueError {
                what: format!("entry {}: {}", index + 1, error.what),
                hint: error.hint,
            })
        };
        items.iter().enumerate().map(read).collect()
    }
}
