//! The header of a safetensors file, read within bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base::text::plain;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::error::WeightsError;
use crate::model::ParamLayout;

/// The key of what is no tensor.
pub(super) const METADATA: &str = "__metadata__";

/// Room for metadata, and for padding.
const METADATA_ROOM: u64 = 8 << 10;
/// Room for a tensor beside its name: type, shape and place.
const TENSOR_ROOM: u64 = 256;
/// The longest reason that is repeated, in characters: it may hold what the file holds.
pub(super) const MAX_TOLD: usize = 200;

/// The longest header of a model, in bytes: its names, each character escaped, and what goes with them.
pub(super) fn longest(layout: &ParamLayout) -> u64 {
    let each = |name: &str| (name.len() as u64).saturating_mul(6).saturating_add(TENSOR_ROOM);
    layout.blocks().iter().fold(METADATA_ROOM, |sum, block| sum.saturating_add(each(&block.name)))
}

/// The largest file of a model's weights, in bytes: nothing beyond is read.
#[must_use]
pub fn largest(layout: &ParamLayout) -> u64 {
    8 + longest(layout) + layout.len() as u64 * 4
}

/// One tensor, as the header has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tensor {
    pub(super) dtype: String,
    pub(super) shape: Vec<u64>,
    pub(super) data_offsets: (u64, u64),
}

/// The whole header; names that stand twice beside it.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) tensors: BTreeMap<String, Tensor>,
    twice: Option<String>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Header, M::Error> {
        let mut header = Header::default();
        let mut seen = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            let at = |error: M::Error| {
                M::Error::custom(format!("tensor {}: {error}", base::quote::quoted(&name)))
            };
            if !seen.insert(name.clone()) {
                header.twice.get_or_insert_with(|| name.clone());
            }
            if name == METADATA {
                header.metadata = map.next_value().map_err(at)?;
            } else {
                let tensor = map.next_value().map_err(at)?;
                header.tensors.insert(name, tensor);
            }
        }
        Ok(header)
    }
}

/// The header of a file, and the bytes after it.
pub(super) fn split<'b>(
    layout: &ParamLayout,
    bytes: &'b [u8],
) -> Result<(Header, &'b [u8]), WeightsError> {
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or(WeightsError::Truncated)?;
    let found = u64::from_le_bytes(*length);
    let most = longest(layout);
    if found > most {
        return Err(WeightsError::HeaderLength { found, most });
    }
    let length = usize::try_from(found).map_err(|_| WeightsError::Truncated)?;
    let (text, data) = rest.split_at_checked(length).ok_or(WeightsError::Truncated)?;
    let header: Header = serde_json::from_slice(text).map_err(|error| {
        let why = plain(&error.to_string(), MAX_TOLD);
        WeightsError::Header { why }
    })?;
    match header.twice {
        Some(tensor) => Err(WeightsError::Twice { tensor: plain(&tensor, MAX_TOLD) }),
        None => Ok((header, data)),
    }
}
