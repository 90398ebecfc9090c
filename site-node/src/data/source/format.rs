//! How a hospital's tables are written, by `cohort.toml`.

use std::sync::Arc;

use common::config::{Section, Settings};

use crate::data::table::{Formats, TableFormat};

/// What one place of the file says; none where it says nothing.
struct Stated {
    missing: Option<Vec<String>>,
    decimal_comma: Option<bool>,
    local_timestamps: Option<bool>,
}

impl Stated {
    fn over(self, base: &TableFormat) -> TableFormat {
        TableFormat {
            missing: self.missing.map_or_else(|| Arc::clone(&base.missing), Into::into),
            decimal_comma: self.decimal_comma.unwrap_or(base.decimal_comma),
            local_timestamps: self.local_timestamps.unwrap_or(base.local_timestamps),
        }
    }
}

impl Settings for Stated {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let missing = section.maybe("missing");
        let decimal_comma = stated(section, "decimal", &[(".", false), (",", true)]);
        let local_timestamps = stated(section, "timestamps", &[("utc", false), ("local", true)]);
        Some(Self {
            missing: missing?,
            decimal_comma: decimal_comma?,
            local_timestamps: local_timestamps?,
        })
    }
}

/// One of two words, where there is one.
#[allow(clippy::option_option, reason = "wrong, missing and present differ")]
fn stated(
    section: &mut Section<'_>,
    key: &'static str,
    choices: &[(&str, bool)],
) -> Option<Option<bool>> {
    if section.has(key) {
        return section.choice(key, None, choices).map(Some);
    }
    section.maybe::<String>(key).map(|_| None)
}

/// The keys `missing`, `decimal` and `timestamps`, and what `[formats]` says of single tables.
pub(super) fn formats(section: &mut Section<'_>) -> Option<Formats> {
    let all = Stated::read(section);
    let of: Option<Vec<(String, Stated)>> = section.named("formats");
    let all = all?.over(&TableFormat::default());
    let of = of?.into_iter().map(|(name, stated)| (name, stated.over(&all))).collect();
    Some(Formats { all, of })
}
