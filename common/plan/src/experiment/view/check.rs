//! The rules that views keep.

use std::collections::HashSet;

use super::{
    Aggregate, Beats, Missing, REACH_MS, RECORDING_S, Transform, Values, View, ViewSource, unit,
};
use crate::experiment::{Outcome, Plan};
use crate::model::Encoder;
use base::quote::quoted;

/// The most views of a plan, and codes or categories of one.
const VIEWS: usize = 10_000;
const WORDS: usize = 50_000;
const WORD: usize = 256;
/// A century.
const WINDOW: u32 = 36_525;

/// What is wrong and how to mend it.
type Found = (String, &'static str);

impl Plan {
    /// Every rule that the views break, whether or not a model reads them.
    #[must_use]
    pub fn check_views(&self) -> Vec<(String, &'static str)> {
        let mut found = Vec::new();
        if self.views.len() > VIEWS {
            found.push((format!("{} views", self.views.len()), "use at most 10000"));
            return found;
        }
        let mut names: HashSet<&str> =
            self.features.iter().map(|feature| feature.column.as_str()).collect();
        for view in &self.views {
            if !names.insert(&view.name) {
                found.push((
                    format!("{} stands twice", quoted(&view.name)),
                    "give each its own name",
                ));
            }
            if !word(&view.name) {
                let hint = "use 1 to 256 printable characters";
                found.push(("a view's name is not printable".to_owned(), hint));
                continue;
            }
            let protected = self.privacy.mode.protects_patients();
            found.extend(view.plan_errors(&self.outcome, protected));
        }
        found
    }

    /// ECGs and images that the model has no encoder for.
    #[must_use]
    pub fn unread_views(&self) -> Vec<&View> {
        let signal =
            |view: &&View| matches!(view.source, ViewSource::Ecg { .. } | ViewSource::Image { .. });
        self.views.iter().filter(signal).filter(|view| self.encoder(&view.name).is_none()).collect()
    }

    /// Every encoder that does not fit the view that it reads: a plan from a peer says both.
    #[must_use]
    pub fn misfits(&self) -> Vec<(String, &'static str)> {
        let encoders = self.model.fusion.as_ref().map_or(&[][..], |fusion| &fusion.encoders);
        let misfit = |encoder: &Encoder| {
            let found = self.views.iter().find(|view| view.name == encoder.view);
            let Some(view) = found else {
                let what = format!("{} is no view", quoted(&encoder.view));
                return Some((what, "name the view that the encoder reads"));
            };
            if matches!(view.source, ViewSource::Codes { counted: true, .. }) {
                let what =
                    format!("{} counts its codes, which no encoder reads", quoted(&view.name));
                return Some((what, "leave out values = \"log-count\", or the encoder"));
            }
            let fits = view.source.input() == Some(encoder.kind.input());
            let what = format!("encoder {} does not fit its view", quoted(&encoder.view));
            (!fits).then_some((what, "make kind and sizes those of the view"))
        };
        encoders.iter().filter_map(misfit).collect()
    }
}

fn word(text: &str) -> bool {
    !text.is_empty() && text.len() <= WORD && !text.contains(char::is_control)
}

impl View {
    /// Every rule that it breaks beside an outcome. Where patients are protected, no plan may choose what is refused
    /// for a patient's value.
    pub(in crate::experiment) fn plan_errors(
        &self,
        outcome: &Outcome,
        protected: bool,
    ) -> Vec<Found> {
        let mut found = Vec::new();
        let mut note = |kept: bool, what: &str, hint: &'static str| {
            if !kept {
                found.push((format!("{}: {what}", quoted(&self.name)), hint));
            }
        };
        let outcome = |column: &String| *column == outcome.time || *column == outcome.event;
        match &self.source {
            ViewSource::Number { column, .. } | ViewSource::Category { column, .. } => {
                note(word(column), "not a column's name", "use 1 to 256 printable characters");
                note(
                    !outcome(column),
                    "reads the outcome",
                    "a model that reads its outcome has nothing to learn",
                );
            }
            ViewSource::Measurement { table, item, window, aggregate, values } => {
                note(
                    values.unit.is_some() || *aggregate == Aggregate::Count,
                    "has no unit",
                    "state the unit, such as \"mg/dL\": laboratories differ",
                );
                let named = word(table) && word(item);
                note(named, "table or item is no name", "use 1 to 256 printable characters");
                note((1..=WINDOW).contains(window), "window out of bounds", "use 1 to 36525 days");
            }
            ViewSource::Codes { table, system, window, .. } => {
                let named = word(table) && word(system);
                note(named, "table or system is no name", "use 1 to 256 printable characters");
                note((1..=WINDOW).contains(window), "window out of bounds", "use 1 to 36525 days");
            }
            ViewSource::Ecg { rate_hz, seconds, beats } => {
                let rate = (50.0..=1000.0).contains(rate_hz);
                note(rate, "rate_hz out of bounds", "use 50 to 1000 Hz");
                note((1.0..=600.0).contains(seconds), "seconds out of bounds", "use 1 to 600");
                if let Some(Beats { before_ms, after_ms }) = beats {
                    let reach = REACH_MS.contains(before_ms) && REACH_MS.contains(after_ms);
                    note(reach, "beat_ms out of bounds", "use 50 to 1000 ms on either side");
                    let long = RECORDING_S.contains(seconds);
                    note(long, "seconds out of bounds for beats", "use 5 to 60 with beats");
                }
            }
            ViewSource::Image { width, height } => {
                let sides = (1..=4096).contains(width) && (1..=4096).contains(height);
                note(sides, "pixels out of bounds", "use 1 to 4096 on a side");
            }
        }
        let listed = match &self.source {
            ViewSource::Category { categories: words, .. }
            | ViewSource::Codes { vocabulary: words, .. } => Some(words),
            _ => None,
        };
        if let Some(words) = listed {
            let distinct: HashSet<&String> = words.iter().collect();
            let sound = distinct.len() == words.len() && words.iter().all(|text| word(text));
            note(sound, "a listed word is empty, too long or listed twice", "list each word once");
            let count = (1..=WORDS).contains(&words.len());
            note(count, "the list is empty or too long", "list 1 to 50000 words");
        }
        if let ViewSource::Number { values, .. } | ViewSource::Measurement { values, .. } =
            &self.source
        {
            values.check(&mut note);
            let counted =
                matches!(self.source, ViewSource::Measurement { aggregate: Aggregate::Count, .. });
            note(
                !(counted && values.transform == Some(Transform::Log)),
                "the logarithm of a count, which may be 0",
                "use transform = \"log1p\"",
            );
            // A plan chooses the transform: a refusal would tell whether anybody is outside its domain.
            let held = values
                .transform
                .is_none_or(|transform| values.range.is_some_and(|(low, _)| transform.admits(low)));
            note(
                held || !protected || values.missing != Missing::Refuse,
                "a value outside the transform's domain is refused in a private mode",
                "give a range within the domain, such as [0.1, 100.0], or use missing = \"zero\", \
                 \"indicator\" or \"constant\"",
            );
        }
        if let Some(Missing::Constant(fill)) = self.missing() {
            let number = fill.is_finite() && !matches!(self.source, ViewSource::Category { .. });
            note(number, "no constant stands for this", "use a finite number for a number");
        }
        // A window and a list of categories are the plan's own choice: a refusal would tell whether
        // every patient has a value there.
        let chosen =
            matches!(self.source, ViewSource::Measurement { .. } | ViewSource::Category { .. });
        note(
            !(chosen && protected && self.missing() == Some(Missing::Refuse)),
            "a missing value is refused in a private mode",
            "a refusal would be an exact answer about patients: use missing = \"zero\", \
             \"indicator\" or \"constant\"",
        );
        found
    }
}

impl Values {
    fn check(&self, note: &mut impl FnMut(bool, &str, &'static str)) {
        note(
            self.unit.as_deref().is_none_or(unit::writable),
            "the unit is none",
            "write a unit such as \"mg/dL\", in at most 40 letters, digits and signs",
        );
        note(
            self.analyte.as_deref().is_none_or(unit::analyte_known),
            "the analyte is not known",
            "name one whose molar mass is known, such as \"glucose\", or leave it out",
        );
        let scale = self.center.is_finite() && self.scale.is_finite() && self.scale > 0.0;
        note(scale, "has no usable scale", "use a finite center and a scale above 0");
        let fill = match (self.missing, self.transform) {
            (Missing::Constant(fill), Some(transform)) => transform.admits(fill),
            _ => true,
        };
        note(
            fill,
            "the transform has no value at fill",
            "give a fill that it has one at: above 0 for \"log\", above -1 for \"log1p\", 0 or more for \"sqrt\"",
        );
        let range =
            self.range.is_none_or(|(low, high)| low.is_finite() && high.is_finite() && low < high);
        note(range, "the range is none", "write [lowest, highest], rising and finite");
    }
}
