//! Feature views: what a hospital's records are made into, said once for all hospitals.
//!
//! ```text
//! column ─ unit ─ range ──────────────────────┐
//! measurement ─ unit ─ range ─ window ─ mean ─┼─ missing? ─ transform ─ scale ─► inputs of the model
//! category ─ one input each ──────────────────┤
//! codes ─ window ─ one input each ────────────┘
//! ```
//!
//! A window holds the days up to and including the index date, and none after it. A value outside its
//! range counts as missing; where a missing value would be refused in a private mode, it is held to the
//! range: no private plan may learn from a refusal how large a patient's values are.

mod beats;
mod check;
mod read;
mod transform;
pub mod unit;

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::model::{Encoder, Input};

pub use transform::Transform;

pub use beats::{Beats, REACH_MS, RECORDING_S, ecg_samples};

/// A named view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Its name, which is also the start of its inputs' names.
    pub name: String,
    /// What is read.
    pub source: ViewSource,
}

/// What a view reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ViewSource {
    /// A numeric column.
    Number {
        /// The column.
        column: String,
        /// What is done with its values.
        values: Values,
    },
    /// A column of categories, one input each.
    Category {
        /// The column.
        column: String,
        /// The categories; any other value counts as missing.
        categories: Vec<String>,
        /// What stands for a missing one.
        missing: Missing,
    },
    /// Dated measurements.
    Measurement {
        /// The table, by its name in each `cohort.toml`.
        table: String,
        /// What was measured, as the table names it.
        item: String,
        /// Days before the index date that count.
        window: u32,
        /// One number of many.
        aggregate: Aggregate,
        /// What is done with the values.
        values: Values,
    },
    /// Dated codes, one input each.
    Codes {
        /// The table, by its name in each `cohort.toml`.
        table: String,
        /// The system that its codes must be of.
        system: String,
        /// The codes; one that ends with `*` stands for all that start so.
        vocabulary: Vec<String>,
        /// Days before the index date that count.
        window: u32,
        /// ln(1 + how often) in place of 1 for at all.
        counted: bool,
    },
    /// An ECG of 12 leads.
    Ecg {
        /// Samples a second.
        rate_hz: f64,
        /// Its length.
        seconds: f64,
        /// One beat that stands for all, in place of the recording.
        beats: Option<Beats>,
    },
    /// A grey image.
    Image {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
}

/// What is done with numbers before the model reads (t(x) − center) / scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Values {
    /// The unit that they are converted to.
    pub unit: Option<String>,
    /// What is measured, by which mass and amount convert.
    pub analyte: Option<String>,
    /// The plausible range, in that unit.
    pub range: Option<(f64, f64)>,
    /// What stands for a missing value.
    pub missing: Missing,
    /// Subtracted first, from the transformed value.
    pub center: f64,
    /// Divided by then.
    pub scale: f64,
    /// t, done before both; none reads values as they are. A value outside its domain is one outside the range.
    pub transform: Option<Transform>,
}

/// What stands for a missing value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Missing {
    /// Nothing: the site does not take part.
    Refuse,
    /// This value, in the view's unit.
    Constant(f64),
    /// 0 after scaling.
    Zero,
    /// 0 after scaling, and one more input that is 1 where the value is missing.
    Indicator,
}

/// One number of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aggregate {
    /// The mean of the last day that has one.
    Last,
    /// The mean.
    Mean,
    /// The least.
    Min,
    /// The largest.
    Max,
    /// How many; 0 where there is none.
    Count,
}

base::choice!(Aggregate { Last => "last", Mean => "mean", Min => "min", Max => "max", Count => "count" });

impl ViewSource {
    /// Whether a patient has one number of it, or none.
    #[must_use]
    pub fn is_numeric(&self) -> bool {
        matches!(self, Self::Number { .. } | Self::Measurement { .. })
    }

    /// What an encoder can read of it; none of numbers and categories.
    #[must_use]
    pub fn input(&self) -> Option<Input> {
        match self {
            Self::Codes { vocabulary, .. } => {
                let vocabulary = u32::try_from(vocabulary.len()).unwrap_or(u32::MAX);
                Some(Input::Codes { vocabulary })
            }
            Self::Ecg { rate_hz, seconds, beats } => {
                Some(Input::Ecg { samples: ecg_samples(*rate_hz, *seconds, *beats) })
            }
            Self::Image { width, height } => Some(Input::Image { width: *width, height: *height }),
            Self::Number { .. } | Self::Category { .. } | Self::Measurement { .. } => None,
        }
    }
}

impl View {
    /// What a policy lists to let a plan read it: a column by its name, `measurement:ITEM`,
    /// `codes:TABLE`, `ecg` or `images`.
    #[must_use]
    pub fn reads(&self) -> String {
        match &self.source {
            ViewSource::Number { column, .. } | ViewSource::Category { column, .. } => {
                column.clone()
            }
            ViewSource::Measurement { item, .. } => format!("measurement:{item}"),
            ViewSource::Codes { table, .. } => format!("codes:{table}"),
            ViewSource::Ecg { .. } => "ecg".to_owned(),
            ViewSource::Image { .. } => "images".to_owned(),
        }
    }

    /// The same with a measurement's table, `measurement:TABLE:ITEM`: what a policy lists where a hospital
    /// has several tables of measurements, each of which may hold the item.
    #[must_use]
    pub fn reads_exactly(&self) -> String {
        match &self.source {
            ViewSource::Measurement { table, item, .. } => format!("measurement:{table}:{item}"),
            _ => self.reads(),
        }
    }

    /// What stands for a missing value, where the view has any such thing.
    #[must_use]
    pub fn missing(&self) -> Option<Missing> {
        match &self.source {
            ViewSource::Number { values, .. } | ViewSource::Measurement { values, .. } => {
                Some(values.missing)
            }
            ViewSource::Category { missing, .. } => Some(*missing),
            ViewSource::Codes { .. } | ViewSource::Ecg { .. } | ViewSource::Image { .. } => None,
        }
    }

    /// The names of the model's inputs that it becomes.
    #[must_use]
    pub fn inputs(&self) -> Vec<String> {
        let each = |words: &[String]| {
            words.iter().map(|word| format!("{}={word}", self.name)).collect::<Vec<_>>()
        };
        let mut names = match &self.source {
            ViewSource::Number { .. } | ViewSource::Measurement { .. } => vec![self.name.clone()],
            ViewSource::Category { categories, .. } => each(categories),
            ViewSource::Codes { vocabulary, .. } => each(vocabulary),
            ViewSource::Ecg { .. } | ViewSource::Image { .. } => Vec::new(),
        };
        if self.missing() == Some(Missing::Indicator) {
            names.push(format!("{} is missing", self.name));
        }
        names
    }
}

impl Plan {
    /// The encoder of a view, where the model has one for it.
    #[must_use]
    pub fn encoder(&self, view: &str) -> Option<&Encoder> {
        let fusion = self.model.fusion.as_ref()?;
        fusion.encoders.iter().find(|encoder| encoder.view == view)
    }

    /// Views that become inputs of the tables' layers: all that no encoder reads.
    fn tabled(&self) -> impl Iterator<Item = &View> {
        self.views.iter().filter(|view| self.encoder(&view.name).is_none())
    }

    /// The names of the inputs of the tables' layers, in order: the columns, then what the views become.
    #[must_use]
    pub fn input_names(&self) -> Vec<String> {
        let columns = self.features.iter().map(|feature| feature.column.clone());
        columns.chain(self.tabled().flat_map(View::inputs)).collect()
    }

    /// The inputs of the tables' layers that belong together, in order: each column and each view by its
    /// name, with the places of its inputs.
    #[must_use]
    pub fn input_groups(&self) -> Vec<(String, std::ops::Range<usize>)> {
        let columns = self.features.iter().map(|feature| (feature.column.clone(), 1));
        let views = self.tabled().map(|view| (view.name.clone(), view.inputs().len()));
        let mut start = 0;
        let place = |(name, width)| {
            let range = start..start + width;
            start = range.end;
            (name, range)
        };
        columns.chain(views).map(place).collect()
    }

    /// How many inputs the tables' layers have.
    #[must_use]
    pub fn inputs(&self) -> usize {
        let views = self.tabled().map(|view| {
            let listed = match &view.source {
                ViewSource::Number { .. } | ViewSource::Measurement { .. } => 1,
                ViewSource::Category { categories: words, .. }
                | ViewSource::Codes { vocabulary: words, .. } => words.len(),
                ViewSource::Ecg { .. } | ViewSource::Image { .. } => 0,
            };
            listed + usize::from(view.missing() == Some(Missing::Indicator))
        });
        self.features.len() + views.sum::<usize>()
    }

    /// What the plan reads, by the words that a policy lists.
    #[must_use]
    pub fn reads(&self) -> Vec<String> {
        let columns = self.features.iter().map(|feature| feature.column.clone());
        columns.chain(self.views.iter().map(View::reads)).collect()
    }
}
