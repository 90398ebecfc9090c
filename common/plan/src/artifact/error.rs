//! Why a file is not a model's weights.

use base::quote::quoted;

/// Bytes that are not the weights of a model. Tensors are named as the model or the file names them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    /// No room for the header's length, or for the header that it announces.
    #[error("the file ends within its header; copy it again from its source")]
    Truncated,
    /// A header that no model of this size needs.
    #[error(
        "the header is {found} bytes long, and this model's at most {most}; use a safetensors file of this \
         model"
    )]
    HeaderLength {
        /// What the file says, in bytes.
        found: u64,
        /// The bound, in bytes.
        most: u64,
    },
    /// The header is not the JSON object that it must be.
    #[error("the header cannot be read: {why}; save the model again as safetensors")]
    Header {
        /// The place and the reason.
        why: String,
    },
    /// A name that stands twice.
    #[error("tensor {} stands twice in the header; save the model again", quoted(tensor))]
    Twice {
        /// Its name.
        tensor: String,
    },
    /// A tensor that the model does not have.
    #[error(
        "tensor {} is none of this model's; use the weights of the same specification",
        quoted(tensor)
    )]
    Unknown {
        /// Its name.
        tensor: String,
    },
    /// A tensor that the model has and the file does not.
    #[error("tensor {} is missing; use the weights of the same specification", quoted(tensor))]
    Missing {
        /// Its name.
        tensor: String,
    },
    /// Another type of number.
    #[error("tensor {} is of type {}; convert it to F32", quoted(tensor), quoted(found))]
    Type {
        /// Its name.
        tensor: String,
        /// What the file says.
        found: String,
    },
    /// Another shape.
    #[error(
        "tensor {} has the shape {found:?} and not {expected:?}; use the weights of the same \
         specification",
        quoted(tensor)
    )]
    Shape {
        /// Its name.
        tensor: String,
        /// What the file says.
        found: Vec<u64>,
        /// The model's.
        expected: Vec<usize>,
    },
    /// A place that is not as long as the shape asks for.
    #[error(
        "tensor {} lies at bytes {start} to {end}, which is not its {expected} bytes; save the \
         model again",
        quoted(tensor)
    )]
    Place {
        /// Its name.
        tensor: String,
        /// Its first byte.
        start: u64,
        /// The byte after its last.
        end: u64,
        /// Bytes of its shape.
        expected: u64,
    },
    /// A tensor that lies upon another.
    #[error("tensor {} begins within another one; save the model again", quoted(tensor))]
    Overlap {
        /// Its name.
        tensor: String,
    },
    /// Bytes that belong to no tensor.
    #[error("before tensor {} lie bytes of no tensor; save the model again", quoted(tensor))]
    Gap {
        /// Its name.
        tensor: String,
    },
    /// More or fewer bytes than the tensors have.
    #[error("{found} bytes of tensors, and this model has {expected}; copy the file again")]
    Size {
        /// Bytes after the header.
        found: u64,
        /// Bytes of the model.
        expected: u64,
    },
    /// NaN or infinite.
    #[error("tensor {}: entry {index} is no finite number; the training diverged", quoted(tensor))]
    NotFinite {
        /// Its name.
        tensor: String,
        /// The entry's place in the tensor.
        index: usize,
    },
}
