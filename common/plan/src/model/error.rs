//! What a specification may not say.

use super::limits;
use base::quote::quoted;

/// A specification that no site builds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidModel {
    /// A width of zero, or one over the limit.
    #[error("{part} is {found}; use 1 to {}", limits::WIDTH)]
    Width {
        /// Which width.
        part: &'static str,
        /// What the specification says.
        found: u32,
    },
    /// Too many hidden layers.
    #[error("{found} hidden layers; use at most {}", limits::DEPTH)]
    Depth {
        /// What the specification says.
        found: usize,
    },
    /// Too many parameters.
    #[error("{found} parameters; use at most {}", limits::PARAMETERS)]
    Size {
        /// What the specification adds up to.
        found: u64,
    },
    /// A number of an encoder that is out of bounds.
    #[error("{found} {part}; use 1 to {most}")]
    Bound {
        /// Which.
        part: &'static str,
        /// What the specification says.
        found: u32,
        /// The most.
        most: u32,
    },
    /// A fused vector of no number, or of too many.
    #[error("a fused vector of {0} numbers; use 1 to {most}", most = limits::CHANNELS)]
    FusedWidth(u32),
    /// A convolution that no site computes.
    #[error("encoder of kind {part}: {found} {what}")]
    Block {
        /// The kind of encoder.
        part: &'static str,
        /// Which of its numbers, and what to use.
        what: &'static str,
        /// What the specification says.
        found: u32,
    },
    /// Codes have no positions.
    #[error(
        "encoder {} reads codes, which have no positions to pool; leave pool out",
        quoted(view)
    )]
    Pool {
        /// The view.
        view: String,
    },
    /// One patient would take too much memory or time.
    #[error(
        "encoder of kind {part}: too much work per patient; use fewer channels, a stride, or a smaller width"
    )]
    Work {
        /// The kind of encoder.
        part: &'static str,
    },
    /// A fusion of nothing, or of too much.
    #[error("{found} encoders beside the tables'; use 1 to {}", limits::ENCODERS)]
    Encoders {
        /// What the specification says.
        found: usize,
    },
    /// Two encoders of one view.
    #[error("view {} has the name of another encoder or of the tables; rename it", quoted(view))]
    TwoEncoders {
        /// The view.
        view: String,
    },
    /// Two blocks of parameters of one name, which names of views make.
    #[error("two blocks of parameters are called {}; rename the view", quoted(name))]
    TwoBlocks {
        /// The name.
        name: String,
    },
    /// Hidden layers without inputs, or the other way round.
    #[error(
        "{inputs} inputs from tables and {layers} layers for them; a fusion needs both or neither"
    )]
    Tables {
        /// Inputs from tables.
        inputs: u32,
        /// Layers for them.
        layers: usize,
    },
    /// A chance outside [0, 1).
    #[error("modality dropout of {found} parts per million; use 0 to 999999")]
    Dropout {
        /// What the specification says.
        found: u32,
    },
    /// One cause, or too many, in a head of several.
    #[error("{found} causes in a head of several; use 2 to {}", crate::experiment::CAUSES)]
    Causes {
        /// What the specification says.
        found: u32,
    },
    /// An initial hazard outside (0, 1).
    #[error("initial hazard of {0} parts per million; use 1 to 999999")]
    InitialHazard(u32),
}
