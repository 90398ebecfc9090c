//! What a model is, said without code: a specification, the order of its parameters, their start.
//!
//! The coordinator sends a [`ModelSpec`]; the site's own binary builds the model from it. No code
//! and no graph ever crosses the border, so there is nothing to deserialise into behaviour.
//!
//! Between the two, a model is one flat vector of `f32` in the order that [`ParamLayout`] fixes.

pub mod fusion;
mod init;
mod kind;
mod layout;
pub mod payload;
mod spec;

pub use fusion::{Block, Encoder, EncoderKind, Fusion, Pool};
pub use init::initial_parameters;
pub use kind::{HeadKind, ModelKind};
pub use layout::{Param, ParamLayout, Start, starts_so};
pub use spec::{Head, InvalidModel, ModelSpec, limits};
