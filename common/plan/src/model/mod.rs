//! What a model is, said without code: a specification, the order of its parameters, their start.
//!
//! The coordinator sends a [`ModelSpec`]; the site's own binary builds the model from it. No code
//! and no graph ever crosses the border, so there is nothing to deserialise into behaviour.
//!
//! Between the two, a model is one flat vector of `f32` in the order that [`ParamLayout`] fixes.

pub mod encoder;
mod error;
pub mod fusion;
mod head;
mod init;
mod kind;
mod layout;
pub mod limits;
pub mod payload;
mod spec;
mod start;

pub use encoder::{Block, CodeBag, Ecg, Encoder, EncoderKind, Gru, Image, Input, LEADS, Pool};
pub use error::InvalidModel;
pub use fusion::Fusion;
pub use head::Head;
pub use init::initial_parameters;
pub use kind::{HeadKind, ModelKind};
pub use layout::{Param, ParamLayout, starts_so};
pub use spec::ModelSpec;
pub use start::Start;
