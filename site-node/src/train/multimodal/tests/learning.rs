//! That training finds what only several modalities together show.

use plan::model::{
    Block, Ecg, Encoder, EncoderKind, Fusion, Gru, Head, Image, ModelSpec, Pool, initial_parameters,
};

use super::wave;
use crate::examples::{Code, Examples, Modality};
use crate::train::optimizer::Descent;
use crate::train::{Device, Optimizer, PrivateGradient, Training, UNITS_PER_CLIP, risks, train};

const SIDE: usize = 8;
const SAMPLES: usize = 24;

/// Twelve channels are normalised together; of channels normalised one by one, the mean over positions says
/// next to nothing.
pub(super) fn spec() -> ModelSpec {
    let block =
        |channels, stride| Block { channels, kernel: 3, stride, dilation: 1, residual: false };
    let encoder =
        |view: &str, kind| Encoder { view: view.to_owned(), kind, frozen: false, pool: Pool::Mean };
    let side = u32::try_from(SIDE).unwrap();
    let spec = ModelSpec {
        inputs: 0,
        hidden: vec![],
        fusion: Some(Fusion {
            encoders: vec![
                encoder(
                    "ecg",
                    EncoderKind::Ecg(Ecg { samples: 24, blocks: vec![block(12, 2), block(12, 1)] }),
                ),
                encoder(
                    "scan",
                    EncoderKind::Image(Image {
                        width: side,
                        height: side,
                        blocks: vec![block(12, 1), block(12, 2)],
                    }),
                ),
            ],
            width: 16,
            hidden: vec![16],
            dropout_ppm: 0,
        }),
        head: Head::LogisticHazard { intervals: 4, proportional: false },
        initial_hazard_ppm: 200_000,
    };
    assert_eq!(spec.check(), Ok(()));
    spec
}

/// The ECG has slow or fast waves, the image stripes or checks, as often each; who has both or neither dies
/// early. Neither alone says anything.
pub(super) fn examples(n: usize) -> Examples {
    let fast = |patient: usize| patient & 1 == 1;
    let checks = |patient: usize| patient >> 1 & 1 == 1;
    let ecg = |patient: usize| {
        let pace = if fast(patient) { 1.9 } else { 0.6 };
        let number = move |i: usize| {
            let sample = i / 12;
            let lead = i % 12;
            (pace * sample as f32 + lead as f32 + patient as f32).sin()
                + 0.2 * wave(i + patient * 77)
        };
        Some((0..SAMPLES * 12).map(number).collect())
    };
    let image = |patient: usize| {
        let number = move |i: usize| {
            let row = i / SIDE;
            let column = i % SIDE;
            let dark = if checks(patient) { (row + column) % 2 } else { row % 2 };
            (dark as f32 - 0.5) + 0.2 * wave(i + patient * 131)
        };
        Some((0..SIDE * SIDE).map(number).collect())
    };
    let time = |patient: usize| {
        let early = fast(patient) == checks(patient);
        (if early { 0.2 } else { 2.2 }) + f64::from(wave(patient * 3) + 1.0) * 0.9
    };
    // Somebody censored was followed to the end of an interval.
    let censored = |patient: usize| patient % 5 == 4;
    let time = |patient: usize| {
        if censored(patient) { time(patient).ceil() } else { time(patient) }
    };
    let examples = Examples::new(
        Vec::new(),
        0,
        (0..n).map(time).collect(),
        (0..n).map(|patient| !censored(patient)).collect(),
        &[1.0, 2.0, 3.0, 4.0],
    );
    let modalities = vec![
        Modality::numbers((0..n).map(ecg), SAMPLES * 12).unwrap(),
        Modality::numbers((0..n).map(image), SIDE * SIDE).unwrap(),
    ];
    examples.unwrap().with(modalities).unwrap()
}

/// Harrell's index: of the pairs that can be ordered, the share ordered right.
fn concordance(risks: &[f64], examples: &Examples) -> f64 {
    let time = examples.time();
    let event = examples.event();
    let mut right = 0.0;
    let mut pairs = 0.0;
    for i in (0..risks.len()).filter(|i| event[*i]) {
        for j in (0..risks.len()).filter(|j| time[i] < time[*j]) {
            pairs += 1.0;
            right += if risks[i] > risks[j] {
                1.0
            } else {
                0.5 * f64::from(u8::from((risks[i] - risks[j]).abs() < 1e-12))
            };
        }
    }
    right / pairs
}

/// A GRU over two codes, and nothing else.
fn order_spec() -> ModelSpec {
    let kind = EncoderKind::Gru(Gru { vocabulary: 2, embedding: 4, width: 16 });
    let codes = Encoder { view: "codes".to_owned(), kind, frozen: false, pool: Pool::Mean };
    let fusion = Fusion { encoders: vec![codes], width: 16, hidden: vec![16], dropout_ppm: 0 };
    let spec = ModelSpec { inputs: 0, hidden: vec![], fusion: Some(fusion), ..spec() };
    assert_eq!(spec.check(), Ok(()));
    spec
}

/// Everybody has three codes of each of two kinds, at the same six ages. Who has the second right after the first more
/// than once dies early: which codes there are says nothing. Both cohorts hold all twenty sequences.
fn in_order(n: usize) -> Examples {
    // Which of six places have the first code: all ways to choose three of them.
    let ways: Vec<u32> = (0..64).filter(|way: &u32| way.count_ones() == 3).collect();
    let way = |patient: usize| ways[patient * 7 % ways.len()];
    let word = |patient: usize, place: usize| 1 - (way(patient) >> place & 1);
    let codes = |patient: usize| {
        let code =
            |place: usize| Code { word: word(patient, place), age: (6 - place) as f32 / 12.0 };
        (0..6).map(code).collect()
    };
    let time = |patient: usize| {
        let follows = |place: &usize| word(patient, *place) < word(patient, place + 1);
        let early = (0..5).filter(follows).count() > 1;
        (if early { 0.2 } else { 2.2 }) + f64::from(wave(patient * 3) + 1.0) * 0.9
    };
    let times = (0..n).map(time).collect();
    let examples = Examples::new(Vec::new(), 0, times, vec![true; n], &[1.0, 2.0, 3.0, 4.0]);
    examples.unwrap().with(vec![Modality::codes((0..n).map(codes).collect(), 2).unwrap()]).unwrap()
}

#[test]
fn plain_and_private_training_find_an_interaction_of_two_modalities() {
    learns(&spec(), &examples(96), &examples(160));
}

#[test]
fn plain_and_private_training_find_what_the_order_of_codes_shows() {
    learns(&order_spec(), &in_order(240), &in_order(160));
}

/// That training finds the two groups, of which nothing is known at the start.
fn learns(spec: &ModelSpec, examples: &Examples, unseen: &Examples) {
    let start = initial_parameters(spec, 4);
    // Who knows the two groups and nothing else orders three pairs of four.
    let index = |parameters: &[f32]| {
        let risks = risks(spec, parameters, unseen).unwrap();
        concordance(&risks, unseen)
    };
    assert!((index(&start) - 0.5).abs() < 1e-9);
    let plan = Training {
        optimizer: Optimizer::Adam,
        learning_rate: 0.01,
        epochs: 100,
        batch: Some(32),
        weight_decay: 0.0,
        proximal: 0.0,
        rates: Vec::new(),
        decays: Vec::new(),
    };
    let trained = train(spec, &plan, &start, examples, 1, &Device::cpu()).unwrap();
    assert!(trained.loss_after < 0.9 * trained.loss_before);
    let plain = index(&trained.parameters);
    assert!(plain > 0.7, "{plain}");

    let mut sums = PrivateGradient::new(spec, &Device::cpu()).unwrap();
    let everyone: Vec<usize> = (0..examples.len()).collect();
    let clip = 2.0_f32;
    let mut parameters = start.clone();
    let mut optimizer = Descent::new(spec, &plan, [0.01, 0.0, 0.0], &start);
    for step in 0..200 {
        let words = sums.clipped_sum(&parameters, examples, &everyone, f64::from(clip)).unwrap();
        let unit = clip / UNITS_PER_CLIP as f32 / everyone.len() as f32;
        // A little noise, a thousandth of the bound.
        let noise = |i: usize| wave(i * 97 + step * 7877) * clip / 1000.0 / everyone.len() as f32;
        let gradient = words.iter().enumerate().map(|(i, word)| unit * *word as f32 + noise(i));
        optimizer.step(&mut parameters, gradient.collect());
    }
    let private = index(&parameters);
    assert!(private > 0.7, "{private}");
}
