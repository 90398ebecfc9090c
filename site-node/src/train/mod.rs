//! The training stage: examples in, changed parameters out.
//!
//! ```text
//!  features ─► Examples ──────────────────────────────┐
//!                                                     ▼
//!  parameters ─► Network ─ forward ─► logits ─► loss, ∂loss/∂logits
//!      ▲            ▲                                 │
//!      │            └─────────── backward ◄───────────┘
//!      │                            │
//!      └──── Descent ◄── gradient ┘         risks, survival ◄─ forward alone
//! ```
//!
//! A model is one flat vector of `f32` in the order of `plan::model::ParamLayout`, from the wire
//! to the optimiser. Burn supplies the matrix products on the device that [`Device::choose`] found;
//! the layers' backward is written out here (no automatic differentiation), because it then yields
//! each layer's input and output gradient by patient: all that clipping by patient
//! ([`PrivateGradient`]) needs, at little further cost (Bu et al., arXiv:2210.00038).
//!
//! A multimodal model is trained patient by patient, in loops of its own, or with its convolutions on a
//! GPU (`multimodal`).
//!
//! Training is a function of the specification, the plan, the start, the examples and the seed. No
//! error and no log line holds a patient's value.

mod batches;
#[cfg(test)]
mod causes_tests;
mod cox;
mod dense;
mod device;
mod engine;
mod error;
#[cfg(feature = "cuda")]
mod gpu;
#[cfg(test)]
mod gradient_tests;
mod hazard;
mod heads;
mod layer;
mod local;
mod loss;
mod memory;
mod micro_batch;
mod multimodal;
mod network;
mod optimizer;
mod passes;
mod predict;
mod private;
mod vectors;

pub use device::{Device, DeviceChoice};
pub use error::TrainError;
pub use local::{Trained, train, train_until};
pub use plan::experiment::{Optimizer, Training};
pub use predict::{incidence, risk_of_each, risks, survival};
pub use private::{PrivateError, PrivateGradient, UNITS_PER_CLIP, train_privately};
