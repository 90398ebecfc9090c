//! How training fails.

use crate::examples::ExamplesError;

/// Why there are no trained parameters. Holds no patient's value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// The patients are not examples of the model.
    #[error(transparent)]
    Examples(#[from] ExamplesError),
    /// Nobody to train on.
    #[error("there are no patients to train on")]
    NoPatients,
    /// A setting of local training outside its range.
    #[error("{setting} is {found}; use {range}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// Its value.
        found: f64,
        /// What it may be.
        range: &'static str,
    },
    /// A parameter of the start that is not a finite number.
    #[error("the parameters to start from are not all finite")]
    Start,
    /// Training ran off to values that are not finite.
    #[error(
        "training diverged: {what} is not finite in epoch {epoch}, step {step} (counted from 1); \
         use a smaller learning rate"
    )]
    Diverged {
        /// The loss, or the parameters.
        what: &'static str,
        /// Epoch, counted from 1.
        epoch: u32,
        /// Step in all epochs, counted from 1.
        step: u64,
    },
    /// The loss over all patients is not a finite number.
    #[error("the loss {when} training is not finite")]
    Loss {
        /// Before or after.
        when: &'static str,
    },
    /// A prediction that is not a finite number.
    #[error("the model's outputs are not all finite")]
    Outputs,
    /// The loss couples patients, so that no patient's part of it can be bounded.
    #[error("the loss of head {head} is not a sum over patients; no private training")]
    NotSeparable {
        /// The head's name.
        head: &'static str,
    },
    /// A survival curve from a model without a baseline hazard.
    #[error("a model with head {head} has no baseline hazard, hence no survival curve")]
    NoCurve {
        /// The head's name.
        head: &'static str,
    },
    /// A sample that names patients twice, out of order, or beyond the last.
    #[error("the sampled patients are not each named once, in order, among those there are")]
    Sample,
    /// The device fails however few patients share a pass.
    #[error(
        "the GPU failed in passes of {tried} patients and of every half of that down to one, as it does \
         without enough memory; set device = \"cpu\" in the site's settings, or use a smaller model"
    )]
    DeviceMemory {
        /// Patients in the first pass that failed.
        tried: usize,
    },
    /// The device failed to hand back a result.
    #[error("the device did not return a result: {0}")]
    Device(String),
}
