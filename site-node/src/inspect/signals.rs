//! Whether ECGs and images can be used, in the contract's form or else in that of `cohort.toml`.

use plan::experiment::{View, ViewSource};

use super::Check;
use crate::data::cache::Cache;
use crate::data::prepare::{Form, Progress};
use crate::data::{Checked, DataError, MeaningError, Patients, Problems, Signals};

pub(super) fn check(
    asked: &Check<'_>,
    patients: &Patients,
    problems: &mut Problems,
    notes: &mut Vec<String>,
    tell: &(dyn Fn(&'static str, Progress) + Sync),
) {
    let source = asked.source;
    let views = || asked.plan.iter().flat_map(|plan| plan.views.iter());
    let mut work = Vec::new();
    if let Some(folder) = &source.ecg {
        let form = views().find_map(ecg_form);
        work.push(("ECGs", problems.take(Signals::ecgs(source, folder)), form));
    }
    if let Some(folder) = &source.images {
        let form = views().find_map(image_form);
        work.push(("images", problems.take(Signals::images(source, folder)), form));
    }
    for (what, signals, form) in work {
        let Some(mut signals) = signals else { continue };
        if let Some(form) = form {
            signals.form = form;
        }
        let Some(cache) = problems.take(Cache::open(asked.cache)) else { continue };
        let key = &source.patient;
        let Checked { usable, missing, largest } =
            signals.check(patients, key, &cache, problems, &|progress| tell(what, progress));
        let all = patients.table.len();
        notes.push(format!("{what}: {usable} of {all} patients have one that can be used"));
        if missing > 0 {
            notes.push(format!("{what}: {missing} are broken and count as missing"));
        }
        if signals.other_endings > 0 {
            let other = signals.other_endings;
            notes.push(format!("{what}: {other} files with another ending are not read"));
        }
        notes.extend(dark(&signals.form, usable, largest));
    }
    for view in views() {
        let (what, described) = match view.source {
            ViewSource::Ecg { .. } => ("the table", source.ecg.is_some()),
            ViewSource::Image { .. } => ("the table", source.images.is_some()),
            _ => continue,
        };
        if !described {
            problems.note(DataError::Meaning(MeaningError::NoSource {
                what,
                name: view.reads(),
                nearest: None,
            }));
        }
    }
}

/// A remark where all images together use a quarter of the scale at most: 12 bits are often stored in 16.
fn dark(form: &Form, usable: usize, largest: f32) -> Option<String> {
    let dark = matches!(form, Form::Image(_)) && usable > 0 && largest <= 0.25;
    dark.then(|| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 65535")]
        let steps = (largest.clamp(0.0, 1.0) * 65535.0).round() as u32;
        let bits = (u32::BITS - steps.leading_zeros()).max(8);
        format!(
            "images: all of them together use the darkest quarter of the scale alone; if they are PNG files \
             that keep fewer bits in 16, say so in [images] of cohort.toml, such as bits = {bits}"
        )
    })
}

fn ecg_form(view: &View) -> Option<Form> {
    use crate::data::ecg::EcgStandard;
    let ViewSource::Ecg { rate_hz, seconds, beats } = view.source else { return None };
    Some(Form::Ecg(EcgStandard::of(rate_hz, seconds, beats)))
}

fn image_form(view: &View) -> Option<Form> {
    use crate::data::image::ImageStandard;
    let ViewSource::Image { width, height } = view.source else { return None };
    let width = width as usize;
    let height = height as usize;
    Some(Form::Image(ImageStandard { width, height, window: None }))
}
