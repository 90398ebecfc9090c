//! The whole model against automatic differentiation, and the promises of plain and private training.

mod autodiff;
mod device;
mod learning;
mod private;

use plan::model::{
    Block, CodeBag, Ecg, Encoder, EncoderKind, Fusion, Gru, Head, Image, ModelSpec, Pool,
    initial_parameters,
};

use crate::examples::{Code, Examples, Modality};

pub(super) const FEATURES: usize = 5;
pub(super) const SAMPLES: usize = 37;
pub(super) const IMAGE: [usize; 2] = [9, 7];

pub(super) fn wave(i: usize) -> f32 {
    (i * 7919 % 1009) as f32 / 504.0 - 1.0
}

fn block(channels: u32, kernel: u32, stride: u32) -> Block {
    Block { channels, kernel, stride, dilation: 1, residual: false }
}

fn encoder(view: &str, kind: EncoderKind) -> Encoder {
    Encoder { view: view.to_owned(), kind, frozen: false, pool: Pool::Mean }
}

/// Strides, dilation, residual blocks, one group and eight, kernels as wide as the input and of one tap.
pub(super) fn spec(ecg: Vec<Block>, image: Vec<Block>, proportional: bool) -> ModelSpec {
    let [height, width] = IMAGE.map(|side| u32::try_from(side).unwrap());
    let samples = u32::try_from(SAMPLES).unwrap();
    let spec = ModelSpec {
        inputs: u32::try_from(FEATURES).unwrap(),
        hidden: vec![7, 18],
        fusion: Some(Fusion {
            encoders: vec![
                encoder("drugs", EncoderKind::Codes(CodeBag { vocabulary: 11, width: 6 })),
                encoder("ecg", EncoderKind::Ecg(Ecg { samples, blocks: ecg })),
                encoder("scan", EncoderKind::Image(Image { width, height, blocks: image })),
            ],
            width: 19,
            hidden: vec![17],
            dropout_ppm: 0,
        }),
        head: Head::LogisticHazard { intervals: 4, proportional },
        initial_hazard_ppm: 100_000,
    };
    assert_eq!(spec.check(), Ok(()));
    spec
}

pub(super) fn specs() -> Vec<ModelSpec> {
    let residual = |block: Block| Block { residual: true, ..block };
    let dilated = |block: Block, dilation| Block { dilation, ..block };
    vec![
        spec(
            vec![block(16, 7, 2), residual(dilated(block(16, 5, 1), 3)), block(24, 3, 3)],
            vec![block(8, 3, 1), residual(block(8, 3, 1)), block(12, 5, 2)],
            false,
        ),
        // A residual block first, fewer taps than steps, more taps than positions, odd numbers of channels.
        spec(
            vec![residual(block(12, 3, 1)), block(20, 1, 2), block(9, 5, 4), block(40, 63, 1)],
            vec![residual(block(1, 3, 1)), block(33, 7, 3), block(8, 5, 1)],
            true,
        ),
        with_fusion(
            &spec(vec![block(5, 9, 5)], vec![block(48, 9, 2), block(16, 1, 3)], false),
            |f| {
                f.encoders[1].pool = Pool::Max;
                f.encoders[2].pool = Pool::Max;
            },
        ),
        // The order of codes, with another size of embeddings than of the state, neither of whole vectors.
        with_fusion(&spec(vec![block(8, 3, 2)], vec![block(8, 3, 2)], false), |f| {
            f.encoders[0].kind = EncoderKind::Gru(Gru { vocabulary: 11, embedding: 5, width: 18 });
        }),
    ]
}

/// Patients by turns with everything, nothing but tables, and each other mixture.
pub(super) fn examples(n: usize) -> Examples {
    let has =
        |patient: usize, modality: usize| patient.is_multiple_of(9) || patient >> modality & 1 == 1;
    let features = (0..n * FEATURES).map(wave).collect();
    let time = (0..n).map(|i| 0.3 + (i * 5 % 13) as f64 / 3.0).collect();
    let event = (0..n).map(|i| i % 3 != 1).collect();
    let codes = |patient: usize| {
        let code = |i: usize| {
            let age = (patient * 3 + i * 7) % 10;
            Code { word: u32::try_from((patient + i * i) % 11).unwrap(), age: age as f32 / 4.0 }
        };
        (0..if has(patient, 0) { 1 + patient % 8 } else { 0 }).map(code).collect()
    };
    let numbers = |modality: usize, size: usize| {
        let own = move |patient: usize| {
            let start = patient * size + modality * 17;
            has(patient, modality).then(|| (start..start + size).map(wave).collect())
        };
        Modality::numbers((0..n).map(own), size).unwrap()
    };
    let modalities = vec![
        Modality::codes((0..n).map(codes).collect(), 11).unwrap(),
        numbers(1, SAMPLES * 12),
        numbers(2, IMAGE[0] * IMAGE[1]),
    ];
    let examples = Examples::new(features, FEATURES, time, event, &[1.0, 2.0, 3.0, 4.0]).unwrap();
    examples.with(modalities).unwrap()
}

/// Far from the start's zeros, so that every path carries a gradient.
pub(super) fn parameters(spec: &ModelSpec) -> Vec<f32> {
    let start = initial_parameters(spec, 5);
    start.iter().enumerate().map(|(i, w)| w + 0.3 * wave(i * 31 + 11)).collect()
}

pub(super) fn with_fusion(spec: &ModelSpec, change: impl FnOnce(&mut Fusion)) -> ModelSpec {
    let mut spec = spec.clone();
    change(spec.fusion.as_mut().unwrap());
    spec
}
