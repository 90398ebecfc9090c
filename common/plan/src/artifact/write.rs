//! The header of a file of weights.

use serde_json::{Map, Value, json};

use super::WEIGHTS_FORMAT;
use super::header::METADATA;
use crate::model::{ModelSpec, ParamLayout};
use base::digest::Digest;

/// All of a file but its words, which follow in the layout's order as 32-bit floats, little endian: the
/// length, and the header padded with spaces so that the words lie at a multiple of 8.
///
/// `plan` is the hash of the plan that they came of. The run is not named: one plan that comes to the same
/// weights twice makes the same file, and its SHA-256 says so. The card names the run.
#[must_use]
pub fn header(spec: &ModelSpec, plan: Digest) -> Vec<u8> {
    let mut object = Map::new();
    let metadata = json!({
        "consilium": WEIGHTS_FORMAT,
        "plan": plan.to_string(),
        "spec": spec.digest().to_string(),
    });
    object.insert(METADATA.to_owned(), metadata);
    for block in ParamLayout::of(spec).blocks() {
        let offsets = [block.range.start * 4, block.range.end * 4];
        let tensor = json!({ "dtype": "F32", "shape": block.shape, "data_offsets": offsets });
        object.insert(block.name.clone(), tensor);
    }
    let mut text = Value::Object(object).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.append(&mut text);
    bytes
}
