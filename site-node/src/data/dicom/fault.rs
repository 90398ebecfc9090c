//! What can be wrong with a DICOM file, by attribute and byte offset: never by value.

use super::tags::Tag;

/// A DICOM file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DicomFault {
    /// No preamble and file meta information.
    #[error("has no DICOM file header (PS3.10); export it again as a DICOM file (Part 10)")]
    NoMeta,
    /// The header names no transfer syntax.
    #[error("its header names no transfer syntax; export it again as a DICOM file (Part 10)")]
    NoTransferSyntax,
    /// The transfer syntax is not read.
    #[error(
        "transfer syntax {uid} ({name}) is not read; convert it to Explicit VR Little Endian, for \
         example with dcmconv, dcmdjpeg or gdcmconv"
    )]
    TransferSyntax {
        /// Its UID, cut to digits and dots.
        uid: String,
        /// Its name in PS3.6, as far as known.
        name: &'static str,
    },
    /// The file ends inside an element.
    #[error("{tag} at byte {at} needs {needs} bytes and {left} are left; copy the file again")]
    Truncated {
        /// The element.
        tag: Tag,
        /// Where its value starts.
        at: usize,
        /// Its length by the file.
        needs: u64,
        /// What is left of the file, or of the sequence around it.
        left: u64,
    },
    /// The file ends where an element should start.
    #[error("ends inside an element's header at byte {at}; copy the file again")]
    TruncatedHeader {
        /// Where.
        at: usize,
    },
    /// An element of a type that the standard does not know.
    #[error("{tag} at byte {at} is of an unknown type (VR); repair the file or export it again")]
    UnknownVr {
        /// The element.
        tag: Tag,
        /// Where its type stands.
        at: usize,
    },
    /// An element may not be of undefined length, or a delimiter is out of place.
    #[error("{tag} at byte {at} is out of place; repair the file or export it again")]
    Structure {
        /// The element.
        tag: Tag,
        /// Where.
        at: usize,
    },
    /// Sequences within sequences.
    #[error("nests sequences more than {most} deep at byte {at}; export it again without them")]
    TooDeep {
        /// Where.
        at: usize,
        /// The limit.
        most: usize,
    },
    /// More elements than any image or ECG has.
    #[error("holds more than {most} elements; export a single image or ECG")]
    TooManyElements {
        /// The limit.
        most: usize,
    },
    /// A needed element is absent.
    #[error("{0} is missing; export the file again with all its attributes")]
    Missing(Tag),
    /// An element's value is not what its attribute must hold.
    #[error("{tag} {what}; correct it at the source and export the file again")]
    Value {
        /// The element.
        tag: Tag,
        /// What is wrong, without the value.
        what: &'static str,
    },
}
