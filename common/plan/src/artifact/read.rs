//! Weights from bytes that anybody may have written.

use std::collections::BTreeMap;

use base::text::plain;

use super::error::WeightsError;
use super::header::{MAX_TOLD, Tensor, split};
use crate::model::payload;
use crate::model::{Param, ParamLayout};

/// The weights of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// In the layout's order, every one finite.
    pub parameters: Vec<f32>,
    /// What the file says of itself; who wrote it may have written anything.
    pub metadata: BTreeMap<String, String>,
}

/// The weights of a model of this layout. The tensors may lie in any order, as other programs sort them.
///
/// Allocates no more than the model and a bounded header ask for, whatever the file says.
///
/// # Errors
/// The file is not one of this model's: the first tensor that is wrong, by name.
pub fn read(layout: &ParamLayout, bytes: &[u8]) -> Result<Weights, WeightsError> {
    let (mut header, data) = split(layout, bytes)?;
    let mut found = Vec::with_capacity(layout.blocks().len());
    for block in layout.blocks() {
        let missing = || WeightsError::Missing { tensor: block.name.clone() };
        let tensor = header.tensors.remove(&block.name).ok_or_else(missing)?;
        found.push((block, place(block, &tensor)?));
    }
    if let Some((tensor, _)) = header.tensors.pop_first() {
        return Err(WeightsError::Unknown { tensor: plain(&tensor, MAX_TOLD) });
    }
    let expected = layout.len() as u64 * 4;
    if data.len() as u64 != expected {
        return Err(WeightsError::Size { found: data.len() as u64, expected });
    }
    tiled(&found)?;
    let mut parameters = Vec::with_capacity(layout.len());
    for (block, (start, end)) in found {
        let tensor = || block.name.clone();
        let bytes = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let bytes = bytes.and_then(|(start, end)| data.get(start..end));
        // Tensors that tile the data lie within it.
        let bytes = bytes.ok_or_else(|| WeightsError::Overlap { tensor: tensor() })?;
        let first = parameters.len();
        let words = bytes.as_chunks::<4>().0;
        parameters.extend(words.iter().map(|word| f32::from_le_bytes(*word)));
        if let Some(index) = payload::not_finite(&parameters[first..]) {
            return Err(WeightsError::NotFinite { tensor: tensor(), index });
        }
    }
    Ok(Weights { parameters, metadata: header.metadata })
}

/// Where a block lies in the data, in bytes, as long as its shape.
fn place(block: &Param, tensor: &Tensor) -> Result<(u64, u64), WeightsError> {
    let name = || block.name.clone();
    if tensor.dtype != "F32" {
        let found = tensor.dtype.chars().take(16).collect();
        return Err(WeightsError::Type { tensor: name(), found });
    }
    // Compared and never multiplied out: a shape may say anything.
    if !tensor.shape.iter().copied().eq(block.shape.iter().map(|axis| *axis as u64)) {
        let found = tensor.shape.iter().copied().take(8).collect();
        return Err(WeightsError::Shape { tensor: name(), found, expected: block.shape.clone() });
    }
    let (start, end) = tensor.data_offsets;
    let expected = block.range.len() as u64 * 4;
    if end.checked_sub(start) != Some(expected) {
        return Err(WeightsError::Place { tensor: name(), start, end, expected });
    }
    Ok((start, end))
}

/// That the tensors cover the data, each byte once.
fn tiled(found: &[(&Param, (u64, u64))]) -> Result<(), WeightsError> {
    let mut places: Vec<_> = found.iter().map(|(block, place)| (place, &block.name)).collect();
    places.sort_unstable();
    let mut next = 0;
    for ((start, end), tensor) in places {
        let tensor = || tensor.to_owned();
        match start.cmp(&next) {
            std::cmp::Ordering::Less => return Err(WeightsError::Overlap { tensor: tensor() }),
            std::cmp::Ordering::Greater => return Err(WeightsError::Gap { tensor: tensor() }),
            std::cmp::Ordering::Equal => next = *end,
        }
    }
    Ok(())
}
