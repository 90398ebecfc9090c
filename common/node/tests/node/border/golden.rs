//! How golden bytes are written down and what is asked of every message that has them.

use std::collections::BTreeSet;
use std::fmt::Debug;

use base::codec::{CodecError, decode, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What travels and can be compared.
pub trait Message: Serialize + DeserializeOwned + PartialEq + Debug {}
impl<M: Serialize + DeserializeOwned + PartialEq + Debug> Message for M {}

/// An enum of the wire and all its variants, in the order in which they are numbered there.
pub trait Variants: Message {
    const ALL: &'static [&'static str];
    fn variant(&self) -> &'static str;
}

/// Lists an enum's variants. The match has no wildcard: a new variant does not compile until it
/// stands here, and then [`every_variant`] asks for its bytes.
macro_rules! variants {
    ($type:ident: $($variant:ident),+ $(,)?) => {
        impl $crate::border::golden::Variants for $type {
            const ALL: &'static [&'static str] = &[$(stringify!($variant)),+];
            fn variant(&self) -> &'static str {
                match self {
                    $($type::$variant { .. } => stringify!($variant),)+
                }
            }
        }
    };
}
pub(crate) use variants;

/// The bytes that a dump spells: hexadecimal, or text in single quotes, with a comment after `#`.
pub fn bytes(dump: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in dump.lines() {
        let line = line.split('#').next().unwrap();
        for (index, part) in line.split('\'').enumerate() {
            if index % 2 == 1 {
                bytes.extend(part.as_bytes());
                continue;
            }
            let digits: Vec<u8> = part.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
            let (pairs, odd) = digits.as_chunks::<2>();
            assert!(odd.is_empty(), "half a byte in {line:?}");
            let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
            bytes.extend(pairs.iter().map(|pair| byte(pair)));
        }
    }
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The message is these bytes and these bytes are the message; cut anywhere or one byte longer,
/// they are nothing.
pub fn golden<M: Message>(message: &M, dump: &str) {
    let expected = bytes(dump);
    assert_eq!(hex(&encode(message)), hex(&expected), "{message:?}");
    assert_eq!(&decode::<M>(&expected).unwrap(), message);
    for end in 0..expected.len() {
        let cut = decode::<M>(&expected[..end]);
        assert!(matches!(cut, Err(CodecError::Malformed { .. })), "{message:?} cut at {end}");
    }
    for more in [0, 1, 0xff] {
        let longer = [&expected[..], &[more]].concat();
        let refused = decode::<M>(&longer);
        assert!(matches!(refused, Err(CodecError::Trailing { extra: 1, .. })), "{message:?}");
    }
    one_spelling::<M>(&expected);
}

/// Whatever byte is changed: it is refused, or it is a message with just that spelling. Hashes of
/// received bytes and of encoded messages are therefore the same.
fn one_spelling<M: Message>(bytes: &[u8]) {
    for place in 0..bytes.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = bytes.to_vec();
            changed[place] ^= change;
            if let Ok(message) = decode::<M>(&changed) {
                assert_eq!(hex(&encode(&message)), hex(&changed), "{message:?} at byte {place}");
            }
        }
    }
}

/// Each variant has golden bytes that begin with its number, and a number beyond is refused.
pub fn every_variant<M: Variants>(cases: &[(M, impl AsRef<str>)]) {
    for (message, dump) in cases {
        golden(message, dump.as_ref());
        let number = M::ALL.iter().position(|name| *name == message.variant()).unwrap();
        assert_eq!(bytes(dump.as_ref())[..4], u32::try_from(number).unwrap().to_le_bytes());
    }
    let covered: BTreeSet<_> = cases.iter().map(|(message, _)| message.variant()).collect();
    assert_eq!(covered, M::ALL.iter().copied().collect(), "variants with golden bytes");

    let beyond = u32::try_from(M::ALL.len()).unwrap();
    for number in [beyond, 256, u32::MAX] {
        // Followed by zeros, so that the number alone is at fault.
        let unknown = [&number.to_le_bytes()[..], &[0; 64]].concat();
        assert_unknown::<M>(&unknown, number);
    }
}

fn assert_unknown<M: Message>(bytes: &[u8], number: u32) {
    match decode::<M>(bytes) {
        Err(CodecError::Malformed { why, .. }) => assert!(why.contains("variant"), "{why}"),
        other => panic!("variant {number}: {other:?}"),
    }
}
