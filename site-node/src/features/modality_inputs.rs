//! What patients bring to the model's encoders: codes with their age, ECGs and images, or nothing.

use std::collections::BTreeMap;
use std::path::Path;

use plan::experiment::{Plan, View, ViewSource};
use plan::model::{Encoder, LEADS};
use rayon::prelude::*;

use super::lookup::Lookup;
use super::{FeatureError, codes};
use crate::cohort::Part;
use crate::data::cache::Cache;
use crate::data::ecg::EcgStandard;
use crate::data::image::ImageStandard;
use crate::data::prepare::{Form, PrepareError};
use crate::data::{DataError, PatientRow, Signals, Source};
use crate::examples::Modality;

/// The most numbers of one patient's signals: by the plan alone, as for inputs.
const MAX_NUMBERS: usize = 1 << 20;

/// Where a site's ECGs and images lie.
#[derive(Debug, Clone, Copy)]
pub struct SignalStore<'s> {
    /// What `cohort.toml` says of them.
    pub source: &'s Source,
    /// The folder that keeps them in the contract's form.
    pub cache: &'s Path,
    /// The most bytes that the folder may hold.
    pub cache_bytes: u64,
}

/// What each encoder of the plan reads, in its order.
pub(super) fn modalities(
    part: &Part<'_>,
    lookup: &mut Lookup<'_>,
    plan: &Plan,
    studies: Option<SignalStore<'_>>,
) -> Result<Vec<Modality>, FeatureError> {
    let encoders = plan.model.fusion.as_ref().map_or(&[][..], |fusion| &fusion.encoders);
    let view = |name: &str| {
        let found = plan.views.iter().find(|view| view.name == *name);
        found.ok_or_else(|| FeatureError::NoEncoder { view: name.to_owned() })
    };
    let protected = plan.privacy.mode.protects_patients();
    let of = |encoder: &Encoder| modality(protected, part, lookup, view(&encoder.view)?, studies);
    encoders.iter().map(of).collect()
}

/// Where patients are protected, a signal that cannot be used is missing, whatever `cohort.toml` says: the plan chooses
/// how long an ECG must be, and a refusal would tell whether every patient's is.
fn modality(
    protected: bool,
    part: &Part<'_>,
    lookup: &mut Lookup<'_>,
    view: &View,
    studies: Option<SignalStore<'_>>,
) -> Result<Modality, FeatureError> {
    let (form, each) = match &view.source {
        ViewSource::Codes { vocabulary, .. } => {
            return Ok(Modality::codes(codes::dated(part, lookup, view)?, vocabulary.len())?);
        }
        ViewSource::Ecg { rate_hz, seconds, beats } => {
            let form = EcgStandard::of(*rate_hz, *seconds, *beats);
            let each = form.length() * LEADS as usize;
            (Form::Ecg(form), each)
        }
        ViewSource::Image { width, height } => {
            let width = *width as usize;
            let height = *height as usize;
            (Form::Image(ImageStandard { width, height, window: None }), width * height)
        }
        _ => return Err(FeatureError::NoEncoder { view: view.name.clone() }),
    };
    if each > MAX_NUMBERS {
        let view = view.name.clone();
        return Err(FeatureError::TooLong { view, found: each, most: MAX_NUMBERS });
    }
    let files = match studies {
        Some(studies) => files(&studies, &form)?,
        None => None,
    };
    let Some((studies, files)) = studies.zip(files) else {
        // A hospital without such a folder takes part: its patients lack the modality.
        return Ok(Modality::numbers(part.rows.iter().map(|_| None), each)?);
    };
    let cache = Cache::open_within(studies.cache, studies.cache_bytes).map_err(DataError::Cache)?;
    let names = part.patients.table.column(&studies.source.patient)?;
    let read = |&row: &usize| match files.files.get(names.text(row).as_ref()) {
        None => Ok(None),
        Some(path) => match form.load(path, files.export, &cache) {
            Ok((array, _)) => Ok(Some(channels_last(&form, array.values))),
            Err(PrepareError::Ecg(_) | PrepareError::Image(_))
                if files.broken_is_missing || protected =>
            {
                Ok(None)
            }
            Err(error) => {
                let patient = PatientRow { file: names.file().to_owned(), row: names.row(row) };
                Err(DataError::unprepared(Some(patient), error))
            }
        },
    };
    let read = part.rows.par_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Modality::numbers(read, each)?)
}

/// The files of a form's kind, where `cohort.toml` names a folder of them.
fn files(studies: &SignalStore<'_>, form: &Form) -> Result<Option<Signals>, FeatureError> {
    let source = studies.source;
    let found = match form {
        Form::Ecg(_) => source.ecg.as_ref().map(|folder| Signals::ecgs(source, folder)),
        Form::Image(_) => source.images.as_ref().map(|folder| Signals::images(source, folder)),
    };
    Ok(found.transpose()?)
}

/// Leads one after the other, as an ECG is kept, to samples one after the other.
fn channels_last(form: &Form, values: Vec<f32>) -> Vec<f32> {
    let Form::Ecg(form) = form else { return values };
    let samples = form.length();
    (0..samples).flat_map(|t| values.iter().skip(t).step_by(samples).copied()).collect()
}

/// The places of some patients among all rows of a table.
pub(super) fn places(part: &Part<'_>) -> BTreeMap<usize, usize> {
    part.rows.iter().enumerate().map(|(patient, &row)| (row, patient)).collect()
}
