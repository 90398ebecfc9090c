//! The one home of bincode, with the bounds that it does not set by itself.
//!
//! bincode 2.0.1 without a limit aborts the process on a hostile length, accepts non-canonical
//! integers and ignores trailing bytes. Hence: a size limit, fixed-width integers and full
//! consumption, always; message types are neither recursive nor hold elements of zero size. What
//! serde itself reads in more than one spelling (a duration's nanoseconds) is held to the one that
//! we write, so that a hash of received bytes is the hash of the message.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::text::plain;

/// The largest message, in bytes. Words travel outside of messages and are not bounded by it.
pub const MAX_MESSAGE: usize = 4 << 20;

type Config = Configuration<LittleEndian, Fixint, Limit<MAX_MESSAGE>>;

const CONFIG: Config = bincode::config::standard()
    .with_little_endian()
    .with_fixed_int_encoding()
    .with_limit::<MAX_MESSAGE>();

/// Bytes that are not the message they should be.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Longer than any message.
    #[error("wire: a message of {0} bytes; at most {MAX_MESSAGE} are read")]
    TooLong(usize),
    /// The bytes do not spell the message: cut short, of unknown kind, or with an invalid field.
    #[error("wire: not a {what}: {why}")]
    Malformed {
        /// Which message was expected.
        what: &'static str,
        /// What bincode found.
        why: String,
    },
    /// Bytes after the message.
    #[error("wire: {extra} bytes after the end of a {what}")]
    Trailing {
        /// Which message was expected.
        what: &'static str,
        /// How many bytes are left over.
        extra: usize,
    },
}

/// The bytes of a message.
///
/// # Panics
/// Never for the types of this crate: encoding to memory fails only for sequences of unknown
/// length, which none of them holds.
#[must_use]
pub fn encode<M: Serialize>(message: &M) -> Vec<u8> {
    bincode::serde::encode_to_vec(message, CONFIG).expect("our messages have known lengths")
}

/// The message that `bytes` spell, all of them.
///
/// # Errors
/// The bytes are too many, malformed, more than the message, or not its one spelling.
pub fn decode<M: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<M, CodecError> {
    let what = short_name::<M>();
    if bytes.len() > MAX_MESSAGE {
        return Err(CodecError::TooLong(bytes.len()));
    }
    let (message, used) = bincode::serde::decode_from_slice(bytes, CONFIG).map_err(|error| {
        // The decoder may quote what a peer sent: keep the first words.
        let why = plain(&error.to_string(), 200);
        CodecError::Malformed { what, why }
    })?;
    match bytes.len() - used {
        0 if encode(&message) == bytes => Ok(message),
        0 => Err(CodecError::Malformed { what, why: "another spelling than ours".to_owned() }),
        extra => Err(CodecError::Trailing { what, extra }),
    }
}

fn short_name<M>() -> &'static str {
    std::any::type_name::<M>().rsplit("::").next().unwrap_or("message")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Sample {
        Text(String),
        Numbers(Vec<u32>),
    }

    #[test]
    fn cut_long_unknown_and_hostile_bytes_are_refused() {
        let bytes = encode(&Sample::Numbers(vec![1, 2]));
        assert_eq!(decode::<Sample>(&bytes).unwrap(), Sample::Numbers(vec![1, 2]));
        for end in 0..bytes.len() {
            let cut = decode::<Sample>(&bytes[..end]);
            assert!(matches!(cut, Err(CodecError::Malformed { .. })), "cut at {end}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(matches!(decode::<Sample>(&longer), Err(CodecError::Trailing { extra: 1, .. })));
        let unknown = decode::<Sample>(&7_u32.to_le_bytes());
        assert!(matches!(unknown, Err(CodecError::Malformed { what: "Sample", .. })));
        // A vector and a text of 2^40 elements: refused before anything is allocated.
        for variant in [0_u32, 1] {
            let mut hostile = variant.to_le_bytes().to_vec();
            hostile.extend((1_u64 << 40).to_le_bytes());
            assert!(matches!(decode::<Sample>(&hostile), Err(CodecError::Malformed { .. })));
        }
        let huge = vec![0; MAX_MESSAGE + 1];
        assert!(matches!(decode::<Sample>(&huge), Err(CodecError::TooLong(_))));
    }
}
