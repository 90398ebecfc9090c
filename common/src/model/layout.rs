//! The order of a model's parameters in its flat vector.

use std::ops::Range;

use super::spec::{Head, ModelSpec};

/// One block of parameters: a weight matrix or a bias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Such as `dense.0.weight`.
    pub name: String,
    /// Rows are inputs, columns outputs; a bias has one dimension.
    pub shape: Vec<usize>,
    /// Where the block lies in the flat vector.
    pub range: Range<usize>,
}

/// Where each block of a model's parameters lies in the flat vector.
///
/// Dense layers from the input on, each its weight (`[inputs, outputs]`, row by row) and then its
/// bias. The last layer of a proportional hazard has `head.bias` with one entry for each interval
/// in place of its own bias; that of a Cox model has none, since the partial likelihood does not
/// depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamLayout {
    blocks: Vec<Param>,
    len: usize,
}

impl ParamLayout {
    /// The layout of a checked specification.
    #[must_use]
    pub fn of(spec: &ModelSpec) -> Self {
        let mut layout = Self { blocks: Vec::new(), len: 0 };
        let last = spec.hidden.len();
        for (index, (inputs, outputs)) in spec.widths().zip(spec.widths().skip(1)).enumerate() {
            let (inputs, outputs) = (inputs as usize, outputs as usize);
            layout.push(format!("dense.{index}.weight"), vec![inputs, outputs]);
            match spec.head {
                Head::LogisticHazard { intervals, proportional: true } if index == last => {
                    layout.push("head.bias".to_owned(), vec![intervals as usize]);
                }
                Head::Cox if index == last => {}
                _ => layout.push(format!("dense.{index}.bias"), vec![outputs]),
            }
        }
        layout
    }

    fn push(&mut self, name: String, shape: Vec<usize>) {
        let end = self.len + shape.iter().product::<usize>();
        self.blocks.push(Param { name, shape, range: self.len..end });
        self.len = end;
    }

    /// The blocks in order.
    #[must_use]
    pub fn blocks(&self) -> &[Param] {
        &self.blocks
    }

    /// Length of the flat vector.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never for a checked specification, which has at least one parameter.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_tile_the_vector_and_match_the_count() {
        let heads = [
            Head::Cox,
            Head::LogisticHazard { intervals: 7, proportional: false },
            Head::LogisticHazard { intervals: 7, proportional: true },
        ];
        for head in heads {
            for hidden in [vec![], vec![5], vec![5, 3]] {
                let spec = ModelSpec { inputs: 4, hidden, head, initial_hazard_ppm: 1 };
                let layout = ParamLayout::of(&spec);
                assert_eq!(layout.len() as u64, spec.parameters(), "{spec:?}");
                let mut next = 0;
                for block in layout.blocks() {
                    assert_eq!(block.range.start, next);
                    assert_eq!(block.range.len(), block.shape.iter().product::<usize>());
                    next = block.range.end;
                }
                assert_eq!(next, layout.len());
            }
        }
    }
}
