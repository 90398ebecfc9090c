//! `[features.views.NAME]`.

use super::{Aggregate, Beats, Missing, Transform, Values, ViewSource};
use base::config::{Choice, Section, Settings};

/// The word and its number: `missing = "constant"` with `fill = 5.5`.
fn missing(section: &mut Section<'_>) -> Option<Missing> {
    let choices = [("refuse", 0), ("constant", 1), ("zero", 2), ("indicator", 3)];
    let word = section.choice("missing", Some("refuse"), &choices);
    let fill = section.maybe::<f64>("fill");
    match (word?, fill?) {
        (1, Some(fill)) => Some(Missing::Constant(fill)),
        (1, None) => {
            section.problem("fill", "missing", "give the value that stands for a missing one");
            None
        }
        (_, Some(_)) => {
            let hint = "write missing = \"constant\", or leave it out";
            section.problem("fill", "given where no constant is asked for", hint);
            None
        }
        (0, None) => Some(Missing::Refuse),
        (2, None) => Some(Missing::Zero),
        _ => Some(Missing::Indicator),
    }
}

/// `beats = "median"` with `beat_ms = [before, after]`; none where the whole recording is read.
#[expect(clippy::option_option, reason = "the outer one is whether the keys could be read")]
fn beats(section: &mut Section<'_>) -> Option<Option<Beats>> {
    let median = section.choice("beats", Some("all"), &[("all", false), ("median", true)]);
    let reach = section.maybe::<Vec<u32>>("beat_ms");
    match (median?, reach?.as_deref()) {
        (false, None) => Some(None),
        (true, None) => Some(Some(Beats::default())),
        (true, Some(&[before_ms, after_ms])) => Some(Some(Beats { before_ms, after_ms })),
        (true, Some(_)) => {
            let hint = "write [milliseconds before the QRS complex, milliseconds after]";
            section.problem("beat_ms", "not two numbers", hint);
            None
        }
        (false, Some(_)) => {
            let hint = "write beats = \"median\", or leave it out";
            section.problem("beat_ms", "given where the whole recording is read", hint);
            None
        }
    }
}

impl Settings for Values {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let unit = section.maybe("unit");
        let analyte = section.maybe("analyte");
        let range = section.maybe::<Vec<f64>>("range");
        let missing = missing(section);
        let center = section.or("center", 0.0);
        let scale = section.or("scale", 1.0);
        let mut transforms = vec![("none", None)];
        transforms
            .extend(Transform::ALL.iter().map(|transform| (transform.name(), Some(*transform))));
        let transform = section.choice("transform", Some("none"), &transforms);
        let range = match range?.as_deref() {
            None => None,
            Some(&[low, high]) => Some((low, high)),
            Some(_) => {
                section.problem("range", "not two numbers", "write [lowest, highest]");
                return None;
            }
        };
        Some(Self {
            unit: unit?,
            analyte: analyte?,
            range,
            missing: missing?,
            center: center?,
            scale: scale?,
            transform: transform?,
        })
    }
}

impl Settings for ViewSource {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let kinds = [
            ("number", 0),
            ("category", 1),
            ("measurement", 2),
            ("codes", 3),
            ("ecg", 4),
            ("image", 5),
        ];
        match section.choice("kind", None, &kinds)? {
            0 => {
                let column = section.required("column", "the column, the same at every site");
                let values = Values::read(section);
                Some(Self::Number { column: column?, values: values? })
            }
            1 => {
                let column = section.required("column", "the column, the same at every site");
                let categories = section.required("categories", "list the values that count");
                let missing = missing(section);
                Some(Self::Category { column: column?, categories: categories?, missing: missing? })
            }
            2 => {
                let table =
                    section.required("table", "the name that each cohort.toml has the table under");
                let item = section.required("item", "what was measured, as the table names it");
                let window = section.required("window", "days before the index date, such as 365");
                let aggregate = section.one_of("aggregate", Some(Aggregate::Last));
                let values = Values::read(section);
                Some(Self::Measurement {
                    table: table?,
                    item: item?,
                    window: window?,
                    aggregate: aggregate?,
                    values: values?,
                })
            }
            3 => {
                let table =
                    section.required("table", "the name that each cohort.toml has the table under");
                let system = section.required("system", "what the codes are of, such as \"icd10\"");
                let vocabulary =
                    section.required("vocabulary", "list the codes: [\"I21*\", \"I50*\"]");
                let window = section.required("window", "days before the index date, such as 3650");
                let counted =
                    section.choice("values", Some("any"), &[("any", false), ("log-count", true)]);
                Some(Self::Codes {
                    table: table?,
                    system: system?,
                    vocabulary: vocabulary?,
                    window: window?,
                    counted: counted?,
                })
            }
            4 => {
                let rate_hz = section.or("rate_hz", 500.0);
                let seconds = section.or("seconds", 10.0);
                let leads = section.or("leads", 12_u32);
                section.within("leads", leads, 12..=12, "12 leads are read")?;
                let beats = beats(section);
                Some(Self::Ecg { rate_hz: rate_hz?, seconds: seconds?, beats: beats? })
            }
            _ => {
                let pixels = section.or("pixels", vec![224_u32, 224])?;
                let &[width, height] = pixels.as_slice() else {
                    section.problem("pixels", "not a size", "write [width, height]");
                    return None;
                };
                Some(Self::Image { width, height })
            }
        }
    }
}
