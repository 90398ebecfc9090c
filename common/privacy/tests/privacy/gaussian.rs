//! What the Gaussian sampler promises its callers, statistics aside.

#![allow(clippy::cast_possible_wrap, reason = "a test may stop, and knows its numbers")]

use crate::gaussian_support::{draws, key, sigma};
use privacy::gaussian::{GaussianError, GaussianSampler, MAX_SIGMA, MIN_SIGMA, NoiseKey, Sigma};
use rayon::ThreadPoolBuilder;

/// Coordinates per keystream, as the sampler's documentation gives it.
const CHUNK: usize = 1 << 14;

/// σ where one word a draw does, and where the sampler takes two.
const ONE_WORD: Sigma = sigma(1000, 1);
const TWO_WORDS: Sigma = sigma(1 << 40, 1);

/// σ, the first 16 draws, the first 4 of the second chunk, and the digest of the first 5000.
type Golden = (Sigma, [i64; 16], [i64; 4], u64);

/// Golden outputs, computed by an independent program with exact rationals and its own
/// ChaCha20. The digest is a polynomial modulo 2^64; among 5000 draws are many that take the
/// slower paths.
#[test]
fn outputs_are_those_of_the_specification() {
    let cases: [Golden; 3] = [
        (
            ONE_WORD,
            [
                -546, 153, -529, 572, -803, -712, -233, -1333, -1294, -1093, 151, 1309, -2106,
                -631, 118, -858,
            ],
            [259, 1199, 1240, -966],
            0x01d7_b3f5_9d1c_ae29,
        ),
        (
            sigma(15, 2),
            [-4, 1, -4, 4, -6, -5, -2, -10, -10, -8, 1, 10, -16, -5, 1, -6],
            [2, 9, 9, -7],
            0xe0f5_dcc6_f83d_3cd0,
        ),
        (
            TWO_WORDS,
            [
                -600_355_698_537,
                -581_444_011_024,
                -882_673_254_840,
                -256_544_637_957,
                -1_422_892_013_974,
                166_269_102_576,
                -286_597_458_913,
                -2_315_850_501_966,
                129_722_639_215,
                -154_432_127_180,
                -1_317_693_147_420,
                1_749_048_103_959,
                -191_186_433_783,
                -1_464_363_860_861,
                836_944_650_559,
                -948_130_437_663,
            ],
            [284_480_365_062, 1_363_463_423_840, 1_072_553_218_464, 1_102_861_312_547],
            0xec72_53d8_566d_8af6,
        ),
    ];
    for (sigma, first, second_chunk, digest) in cases {
        let drawn = draws(sigma, 0x42, CHUNK + 4);
        assert_eq!(drawn[..16], first);
        assert_eq!(drawn[CHUNK..], second_chunk);
        let computed = drawn[..5000].iter().fold(0u64, |sum, draw| {
            sum.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(draw.cast_unsigned())
        });
        assert_eq!(computed, digest);
    }
}

#[test]
fn the_number_of_threads_does_not_matter() {
    for sigma in [ONE_WORD, TWO_WORDS] {
        let reference = draws(sigma, 9, 5 * CHUNK + 3);
        for threads in [1, 2, 3, 7] {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let drawn = pool.install(|| draws(sigma, 9, 5 * CHUNK + 3));
            assert!(drawn == reference, "{threads} threads");
        }
    }
}

#[test]
fn a_shorter_vector_is_a_prefix_of_a_longer_one() {
    let long = draws(ONE_WORD, 9, 2 * CHUNK + 100);
    for length in [0, 1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK] {
        assert!(draws(ONE_WORD, 9, length) == long[..length], "length {length}");
    }
}

#[test]
fn equal_fractions_draw_alike_and_other_keys_do_not() {
    assert_eq!(draws(sigma(15, 2), 3, 4096), draws(sigma(30, 4), 3, 4096));
    let one = draws(sigma(1 << 20, 1), 3, 4096);
    let other = draws(sigma(1 << 20, 1), 4, 4096);
    let equal = one.iter().zip(&other).filter(|(a, b)| a == b).count();
    assert!(equal < 10, "{equal} of 4096 draws agree under different keys");
}

#[test]
fn chunks_are_drawn_from_different_streams() {
    let drawn = draws(sigma(1 << 20, 1), 3, 2 * CHUNK);
    let equal = drawn[..CHUNK].iter().zip(&drawn[CHUNK..]).filter(|(a, b)| a == b).count();
    assert!(equal < 10, "{equal} draws repeat in the next chunk");
}

#[test]
fn adding_is_filling_plus_the_values() {
    let length = 2 * CHUNK + 5;
    let values: Vec<i64> = (0..length as i64).map(|index| index * 1_000_003 - 7).collect();
    let noise = draws(ONE_WORD, 5, length);
    let mut noised = values.clone();
    GaussianSampler::new(ONE_WORD).add_to(key(5), &mut noised).unwrap();
    for ((noised, value), noise) in noised.iter().zip(&values).zip(&noise) {
        assert_eq!(*noised, value + noise);
    }
}

#[test]
fn an_overflow_is_reported_and_leaves_nothing_behind() {
    let length = 3 * CHUNK;
    let noise = draws(ONE_WORD, 5, length);
    for from in [0, CHUNK + 17, 3 * CHUNK - 100] {
        let mut values = vec![1; length];
        values[from..].fill(i64::MAX);
        let first = (from..length).find(|index| noise[*index] > 0).unwrap();
        let error = GaussianSampler::new(ONE_WORD).add_to(key(5), &mut values).unwrap_err();
        assert_eq!(error, GaussianError::SumOverflow { index: first });
        assert!(values.iter().all(|value| *value == 0));
    }
}

#[test]
fn zero_length_is_nothing_to_do() {
    GaussianSampler::new(ONE_WORD).fill(key(1), &mut []);
    assert_eq!(GaussianSampler::new(ONE_WORD).add_to(key(1), &mut []), Ok(()));
}

#[test]
fn sigma_is_checked() {
    for (numerator, denominator) in [
        (0, 1),
        (1, 2),
        (MIN_SIGMA * 7 - 1, 7),
        (MAX_SIGMA + 1, 1),
        (MAX_SIGMA * 3 + 1, 3),
        (u64::MAX, 1),
        (u64::MAX - 1, u64::MAX),
    ] {
        let error = Sigma::from_ratio(numerator, denominator).unwrap_err();
        assert_eq!(error, GaussianError::SigmaOutOfRange { numerator, denominator });
    }
    let error = Sigma::from_integer(0).unwrap_err().to_string();
    assert_eq!(error, "sigma: 0/1 grid units is outside the allowed range 1..=281474976710656");
    assert_eq!(Sigma::from_ratio(4, 0), Err(GaussianError::SigmaDenominatorZero));
    for (numerator, denominator) in [(MIN_SIGMA, 1), (MAX_SIGMA, 1), (u64::MAX, 1 << 16)] {
        Sigma::from_ratio(numerator, denominator).unwrap();
    }
    let sigma = Sigma::from_ratio(30, 4).unwrap();
    assert_eq!((sigma.numerator(), sigma.denominator()), (15, 2));
    assert_eq!(
        (sigma.to_string(), Sigma::from_integer(8).unwrap().to_string()),
        ("15/2".into(), "8".into())
    );
}

#[test]
fn a_key_wipes_its_source_and_cannot_be_made_twice() {
    let mut bytes = [0xab; 32];
    NoiseKey::from_bytes(&mut bytes).unwrap();
    assert_eq!(bytes, [0; 32]);
    assert_eq!(NoiseKey::from_bytes(&mut bytes).err(), Some(GaussianError::KeyAllZero));
}

#[test]
fn draws_stay_within_the_stated_bound() {
    for sigma in [
        sigma(1, 1),
        sigma(4, 1),
        sigma(15, 2),
        ONE_WORD,
        TWO_WORDS,
        sigma(MAX_SIGMA, 1),
        sigma(u64::MAX, 65537),
    ] {
        let sampler = GaussianSampler::new(sigma);
        let most = sampler.max_magnitude();
        let edge = u128::from(sigma.numerator()) * 13 / u128::from(sigma.denominator());
        assert!(u128::from(most.cast_unsigned()) <= edge + 1 && most < 1 << 52);
        assert!(u128::from(most.cast_unsigned()) >= edge);
        let drawn = draws(sigma, 77, 200_000);
        assert!(drawn.iter().all(|draw| draw.abs() <= most));
        // And the bound is not vacuous: 200,000 draws reach 4 σ.
        assert!(drawn.iter().any(|draw| draw.abs() > most / 13 * 4));
    }
}
