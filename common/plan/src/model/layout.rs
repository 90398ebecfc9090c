//! The order of a model's parameters in its flat vector, and where each of them starts.

use std::ops::Range;

use super::fusion::{Fusion, TABLES};
use super::head::Head;
use super::spec::ModelSpec;
use super::start::Start;

/// One block of parameters: a weight matrix or a vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Such as `dense.0.weight`.
    pub name: String,
    /// Rows are inputs, columns outputs; a bias has one dimension.
    pub shape: Vec<usize>,
    /// Where the block lies in the flat vector.
    pub range: Range<usize>,
    /// What it holds before the first round.
    pub start: Start,
    /// Whether it never changes.
    pub frozen: bool,
}

/// Where each block of a model's parameters lies in the flat vector.
///
/// Dense layers from the input on, each its weight (`[inputs, outputs]`, row by row) and then its
/// bias. The last layer of a proportional hazard has `head.bias` with one entry for each interval (with
/// several causes: of each cause, one after the other) in place of its own bias; that of a Cox model has none, since the partial likelihood does not
/// depend on it.
///
/// A fusion has before those, which then read the fused vector:
///
/// - `tables.I.weight` and `.bias`, the tables' dense layers;
/// - `encoder.VIEW.embedding` `[vocabulary, width]` and `encoder.VIEW.fading` `[width]` for codes that are summed;
/// - `encoder.VIEW.embedding` `[vocabulary, embedding]`, `.input.weight` `[embedding, 3 · width]`, `.input.bias`
///   `[3 · width]`, `.state.weight` `[width, 3 · width]`, `.state.bias` `[width]` and `.fading` `[width]` for a GRU,
///   with the columns of the reset gate, the update gate and the candidate;
/// - `encoder.VIEW.conv.I.weight` `[taps · channels in, channels out]` (taps from the first in time on; in
///   images row by row), `.gain` and `.shift` of the normalisation after it;
/// - for each modality, `tables` first, `fusion.NAME.value.weight` `[width of the encoder, width]`,
///   `.value.bias`, `.gate.weight`, `.gate.bias` and `.absent` `[width]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamLayout {
    blocks: Vec<Param>,
    len: usize,
}

impl ParamLayout {
    /// The layout of a checked specification.
    #[must_use]
    pub fn of(spec: &ModelSpec) -> Self {
        let mut layout = Self { blocks: Vec::new(), len: 0 };
        blocks(spec, |name, shape, start, frozen| layout.push(name, shape, start, frozen));
        layout
    }

    fn push(&mut self, name: String, shape: Vec<usize>, start: Start, frozen: bool) {
        let end = self.len + shape.iter().product::<usize>();
        self.blocks.push(Param { name, shape, range: self.len..end, start, frozen });
        self.len = end;
    }

    /// The blocks in order.
    #[must_use]
    pub fn blocks(&self) -> &[Param] {
        &self.blocks
    }

    /// The block of this name.
    #[must_use]
    pub fn block(&self, name: &str) -> Option<&Param> {
        self.blocks.iter().find(|block| block.name == name)
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

/// Whether a block's name is `start` or goes on after it with a dot: `dense.1` is no start of `dense.10.bias`.
#[must_use]
pub fn starts_so(name: &str, start: &str) -> bool {
    name.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// How many parameters a specification has, which need not be checked.
pub(super) fn parameters(spec: &ModelSpec) -> u64 {
    let mut count = 0_u64;
    blocks(spec, |_, shape, _, _| {
        let size = shape.iter().fold(1_u64, |size, axis| size.saturating_mul(*axis as u64));
        count = count.saturating_add(size);
    });
    count
}

/// Names every block in order, with its shape, start, and whether it is frozen.
fn blocks(spec: &ModelSpec, mut each: impl FnMut(String, Vec<usize>, Start, bool)) {
    let hidden: Vec<usize> = spec.hidden.iter().map(|units| *units as usize).collect();
    let (inputs, after) = match &spec.fusion {
        None => (spec.inputs as usize, hidden),
        Some(fusion) => {
            let width = fused(spec.inputs as usize, &hidden, fusion, &mut each);
            (width, fusion.hidden.iter().map(|units| *units as usize).collect())
        }
    };
    let widths = dense("dense", inputs, &after, &mut each);
    let weight = vec![widths, spec.head.outputs() as usize];
    let last = after.len();
    // The last layer's weight is zero: every patient starts with the same public hazard.
    each(format!("dense.{last}.weight"), weight, Start::ZERO, false);
    let Some(intervals) = spec.head.intervals() else { return };
    let name = match spec.head {
        Head::LogisticHazard { proportional: true, .. }
        | Head::CauseHazards { proportional: true, .. } => "head.bias".to_owned(),
        _ => format!("dense.{last}.bias"),
    };
    each(name, vec![spec.head.logits()], Start::Constant(public_bias(spec, intervals)), false);
}

/// The bias with which every interval has the specification's hazard.
fn public_bias(spec: &ModelSpec, intervals: u32) -> f64 {
    let hazard = f64::from(spec.initial_hazard_ppm) / 1e6;
    match spec.head {
        // For hazards constant in an interval as well: softplus(b) = −ln(1 − h).
        Head::LogisticHazard { .. } | Head::PiecewiseHazard { .. } | Head::Cox => {
            (hazard / (1.0 - hazard)).ln()
        }
        // The same share of it for every cause: K·e^b / (1 + K·e^b) = h.
        Head::CauseHazards { causes, .. } => {
            (hazard / (1.0 - hazard) / f64::from(causes.max(1))).ln()
        }
        // The same mass everywhere, such that as many survive the grid: K·e^b = (1 − h)^{−K} − 1.
        Head::DeepHit { .. } => {
            let intervals = f64::from(intervals);
            let odds = (-intervals * (1.0 - hazard).ln()).exp_m1();
            // A survival that no f32 holds is as good as none.
            (odds.min(f64::from(f32::MAX)) / intervals).ln()
        }
    }
}

/// A stack of dense layers; the width of its last.
fn dense(
    name: &str,
    inputs: usize,
    layers: &[usize],
    each: &mut impl FnMut(String, Vec<usize>, Start, bool),
) -> usize {
    let mut inputs = inputs;
    for (index, &units) in layers.iter().enumerate() {
        each(format!("{name}.{index}.weight"), vec![inputs, units], Start::he(inputs), false);
        each(format!("{name}.{index}.bias"), vec![units], Start::ZERO, false);
        inputs = units;
    }
    inputs
}

/// Encoders, then gates; the width of the fused vector.
fn fused(
    inputs: usize,
    hidden: &[usize],
    fusion: &Fusion,
    each: &mut impl FnMut(String, Vec<usize>, Start, bool),
) -> usize {
    let mut modalities = Vec::new();
    if inputs > 0 {
        modalities.push((TABLES.to_owned(), dense(TABLES, inputs, hidden, each)));
    }
    for encoder in &fusion.encoders {
        encoder.parameters(|name, shape, start| each(name, shape, start, encoder.frozen));
        modalities.push((encoder.view.clone(), encoder.width() as usize));
    }
    let width = fusion.width as usize;
    for (name, inputs) in modalities {
        for part in ["value", "gate"] {
            let weight = vec![inputs, width];
            // Inputs are sums over few units or means over many: smaller than a layer's, so that all
            // modalities together start with about unit variance.
            each(format!("fusion.{name}.{part}.weight"), weight, Start::he(inputs), false);
            each(format!("fusion.{name}.{part}.bias"), vec![width], Start::ZERO, false);
        }
        each(format!("fusion.{name}.absent"), vec![width], Start::ZERO, false);
    }
    width
}

#[cfg(test)]
mod tests {
    use super::super::encoder::{Block, CodeBag, Ecg, Encoder, EncoderKind, Gru, Image, Pool};
    use super::*;

    fn tiles(spec: &ModelSpec) -> ParamLayout {
        let layout = ParamLayout::of(spec);
        assert_eq!(layout.len() as u64, spec.parameters(), "{spec:?}");
        let mut next = 0;
        for block in layout.blocks() {
            assert_eq!(block.range.start, next);
            assert_eq!(block.range.len(), block.shape.iter().product::<usize>());
            next = block.range.end;
        }
        assert_eq!(next, layout.len());
        layout
    }

    #[test]
    fn blocks_tile_the_vector_and_match_the_count() {
        let heads = [
            Head::Cox,
            Head::LogisticHazard { intervals: 7, proportional: false },
            Head::LogisticHazard { intervals: 7, proportional: true },
            Head::PiecewiseHazard { intervals: 7 },
            Head::DeepHit { intervals: 7 },
        ];
        for head in heads {
            for hidden in [vec![], vec![5], vec![5, 3]] {
                let spec =
                    ModelSpec { inputs: 4, hidden, fusion: None, head, initial_hazard_ppm: 1 };
                tiles(&spec);
            }
        }
    }

    #[test]
    fn a_fusion_has_its_encoders_before_the_gates_and_the_head_last() {
        let block = Block { channels: 8, kernel: 7, stride: 2, dilation: 1, residual: false };
        let view = |view: &str, kind| Encoder {
            view: view.to_owned(),
            kind,
            frozen: false,
            pool: Pool::Mean,
        };
        let spec = ModelSpec {
            inputs: 4,
            hidden: vec![6],
            fusion: Some(Fusion {
                encoders: vec![
                    view("drugs", EncoderKind::Codes(CodeBag { vocabulary: 30, width: 5 })),
                    view("stays", EncoderKind::Gru(Gru { vocabulary: 9, embedding: 3, width: 4 })),
                    view("ecg", EncoderKind::Ecg(Ecg { samples: 100, blocks: vec![block] })),
                    view(
                        "scan",
                        EncoderKind::Image(Image {
                            width: 9,
                            height: 7,
                            blocks: vec![Block { kernel: 3, ..block }],
                        }),
                    ),
                ],
                width: 10,
                hidden: vec![3],
                dropout_ppm: 0,
            }),
            head: Head::LogisticHazard { intervals: 2, proportional: false },
            initial_hazard_ppm: 100_000,
        };
        let layout = tiles(&spec);
        let shape = |name: &str| layout.block(name).map(|block| block.shape.clone());
        assert_eq!(shape("tables.0.weight"), Some(vec![4, 6]));
        assert_eq!(shape("encoder.drugs.embedding"), Some(vec![30, 5]));
        assert_eq!(shape("encoder.stays.input.weight"), Some(vec![3, 12]));
        assert_eq!(shape("encoder.stays.state.weight"), Some(vec![4, 12]));
        assert_eq!(shape("fusion.stays.value.weight"), Some(vec![4, 10]));
        assert_eq!(shape("encoder.ecg.conv.0.weight"), Some(vec![84, 8]));
        assert_eq!(shape("encoder.scan.conv.0.weight"), Some(vec![9, 8]));
        assert_eq!(shape("fusion.scan.gate.weight"), Some(vec![8, 10]));
        assert_eq!(shape("fusion.tables.absent"), Some(vec![10]));
        assert_eq!(shape("dense.0.weight"), Some(vec![10, 3]));
        assert_eq!(layout.blocks().last().unwrap().name, "dense.1.bias");
    }
}
