//! How a hospital's tables are written, by `cohort.toml`.

use std::sync::Arc;

use base::config::{Section, Settings};

use crate::data::date::{DateStyle, Form, Zone};
use crate::data::table::{Formats, TableFormat};

/// The forms of dates, for whoever wrote another.
const FORMS: &str = "write the parts of a date as %d, %m or %b, and %Y, such as \"%d.%m.%Y\"; \"iso\"; \"excel\" for \
                     serial numbers; or \"days since 1960-01-01\"";
/// Zones likewise.
const ZONES: &str = "write the hospital's own, such as \"Europe/Berlin\", or \"UTC\" or an offset such as \"+01:00\"";

/// What one place of the file says; none where it says nothing.
struct Stated {
    missing: Option<Vec<String>>,
    decimal_comma: Option<bool>,
    local_timestamps: Option<bool>,
    date_format: Option<Form>,
    time_zone: Option<Zone>,
}

impl Stated {
    fn over(self, base: &TableFormat) -> TableFormat {
        // Of the two words on moments the one beside the table stands for both.
        let own = self.local_timestamps.is_some() || self.time_zone.is_some();
        let form = self.date_format.unwrap_or_else(|| base.dates.form.clone());
        let zone = if own { self.time_zone } else { base.dates.zone.clone() };
        let local =
            if own { self.local_timestamps.unwrap_or(false) } else { base.local_timestamps };
        TableFormat {
            missing: self.missing.map_or_else(|| Arc::clone(&base.missing), Into::into),
            decimal_comma: self.decimal_comma.unwrap_or(base.decimal_comma),
            local_timestamps: local,
            dates: DateStyle { form, zone },
        }
    }
}

impl Settings for Stated {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let missing = section.maybe("missing");
        let decimal_comma = stated(section, "decimal", &[(".", false), (",", true)]);
        let local_timestamps = stated(section, "timestamps", &[("utc", false), ("local", true)]);
        let date_format: Option<Option<String>> = section.maybe("date_format");
        let date_format = match date_format?.map(|text| Form::parse(&text)) {
            Some(Err(what)) => {
                section.problem("date_format", what, FORMS);
                return None;
            }
            form => form.and_then(Result::ok),
        };
        let named: Option<Option<String>> = section.maybe("time_zone");
        let named = named?;
        let time_zone = named.as_deref().and_then(Zone::named);
        if let Some(name) = named.as_ref().filter(|_| time_zone.is_none()) {
            section.problem(
                "time_zone",
                format!("{} is no time zone", base::quote::quoted(name)),
                ZONES,
            );
            return None;
        }
        let local_timestamps = local_timestamps?;
        if local_timestamps == Some(true) && time_zone.is_some() {
            let what = "given beside timestamps = \"local\", by which moments have no zone";
            section.problem("time_zone", what, "leave one out");
            return None;
        }
        Some(Self {
            missing: missing?,
            decimal_comma: decimal_comma?,
            local_timestamps,
            date_format,
            time_zone,
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

/// The keys `missing`, `decimal`, `timestamps`, `date_format` and `time_zone`, and what `[formats]` says of single tables.
pub(super) fn formats(section: &mut Section<'_>) -> Option<Formats> {
    let all = Stated::read(section);
    let of: Option<Vec<(String, Stated)>> = section.named("formats");
    let all = all?.over(&TableFormat::default());
    let of = of?.into_iter().map(|(name, stated)| (name, stated.over(&all))).collect();
    Some(Formats { all, of })
}
