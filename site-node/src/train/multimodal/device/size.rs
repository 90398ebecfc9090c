//! How many patients a pass may have, by what the model takes for each.

use crate::train::multimodal::encoders::Stack;
use crate::train::multimodal::patient::Model;

/// Bytes of a pass: a small part of a GPU's memory, and work enough for all of it.
const BYTES: usize = 2 << 30;

/// A power of two up to `most`, or none where a single patient takes more than a pass may.
pub(super) fn slots(model: &Model, most: usize) -> Option<usize> {
    let each = bytes(model.stacks().flatten());
    let fit = (BYTES / each.max(1)).min(most);
    (fit > 0).then(|| 1 << fit.ilog2())
}

/// Bytes of one patient's pass: what all encoders keep until the way back, with the gradients, and the largest of
/// what one block takes for a while.
fn bytes<'a>(stacks: impl Iterator<Item = &'a Stack>) -> usize {
    let product = |factors: &[usize]| factors.iter().fold(1_usize, |a, b| a.saturating_mul(*b));
    let mut kept = 0_usize;
    let mut most = 0_usize;
    for stack in stacks {
        for block in &stack.blocks {
            let ([down, across], channels) = (block.conv.axes(), block.conv.channels());
            let input = product(&[down.inputs, across.inputs, channels]);
            let output = product(&[down.outputs, across.outputs, block.conv.outputs()]);
            let lines = product(&[down.inputs, across.outputs, across.taps, channels]);
            let windows =
                product(&[down.outputs, across.outputs, down.taps, across.taps, channels]);
            // Windows and their gradient, each once more while it is put together; slopes on the way.
            let parts = [windows, windows, lines, lines, input, input, output, output, output];
            most = most.max(parts.iter().fold(0, |sum, part| sum.saturating_add(*part)));
            if !stack.frozen {
                // x and y, ẑ.
                kept = kept.saturating_add(input).saturating_add(output).saturating_add(output);
            }
        }
        if !stack.frozen {
            kept = kept.saturating_add(stack.range.len().saturating_mul(2));
        }
    }
    kept.saturating_add(most).saturating_mul(size_of::<f32>())
}

#[cfg(test)]
mod tests {
    use plan::model::{Block, Ecg, Encoder, EncoderKind, Fusion, Head, Image, ModelSpec, Pool};

    use super::*;

    fn block(kernel: u32, stride: u32) -> Block {
        Block { channels: 16, kernel, stride, dilation: 1, residual: false }
    }

    fn slots_for(samples: u32, frozen: bool) -> Option<usize> {
        slots_of(EncoderKind::Ecg(Ecg { samples, blocks: vec![block(7, 2); 3] }), frozen)
    }

    fn slots_of(kind: EncoderKind, frozen: bool) -> Option<usize> {
        let encoder = Encoder { view: "heart".to_owned(), kind, frozen, pool: Pool::Mean };
        let fusion = Fusion { encoders: vec![encoder], width: 8, hidden: vec![], dropout_ppm: 0 };
        let head = Head::LogisticHazard { intervals: 4, proportional: false };
        let spec = ModelSpec {
            inputs: 0,
            hidden: vec![],
            head,
            fusion: Some(fusion),
            initial_hazard_ppm: 100_000,
        };
        slots(&Model::of(&spec), 256)
    }

    #[test]
    fn larger_signals_share_a_pass_with_fewer() {
        assert_eq!(slots_for(500, false), Some(256));
        let some = slots_for(20_000, false).unwrap();
        let half = slots_for(40_000, false).unwrap();
        assert!(some < 256 && half == some / 2, "{some} {half}");
        assert!(slots_for(40_000, true).unwrap() >= half);
        assert!((1..=4).contains(&slots_for(600_000, false).unwrap()));
        // 961 windows of each pixel: a GPU is no place for that.
        let kind =
            EncoderKind::Image(Image { width: 2048, height: 2048, blocks: vec![block(31, 1)] });
        assert_eq!(slots_of(kind, false), None);
    }
}
