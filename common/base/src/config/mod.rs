//! Reading a person's TOML: every mistake at once, each with its key, its line and a way out.
//!
//! ```text
//! text ─► Document ─► Section ─(typed getters)─► settings
//!                        └─► problems: unknown keys, wrong types, bounds ─► ConfigError
//! ```
//!
//! serde stops at the first mistake and knows no units. Here a type that implements [`Settings`]
//! asks its [`Section`] for each key; what it did not ask for is unknown, and the nearest key that
//! it did ask for is named. Getters return `None` after noting a problem, so that reading goes on
//! to the next key.

mod choice;
mod document;
mod problem;
mod section;
mod value;

pub use choice::{Choice, UnknownValue};
pub use document::{Document, Override, load, read};
pub use problem::{ConfigError, Problem};
pub use section::{Section, nearest};
pub use toml::de::DeValue as Value;
pub use value::{FromValue, ValueError, parsed};

/// Settings that a section of a file holds.
pub trait Settings: Sized {
    /// Reads the settings, noting every problem on the section; `None` if there was any that
    /// leaves a value missing.
    fn read(section: &mut Section<'_>) -> Option<Self>;
}
