//! All kinds of CPU against each other.

use super::*;

/// All operations, chained.
struct All([Lanes; 3]);

impl Task for All {
    type Output = Lanes;

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) -> Lanes {
        let [a, b, c] = self.0.each_ref().map(|lanes| cpu.load(lanes));
        let sum = cpu.fma(a, b, cpu.splat(1.0 / 3.0));
        let relu = cpu.relu(cpu.sub(sum, cpu.mul(c, c)));
        cpu.store(cpu.add(cpu.where_positive(c, relu), cpu.relu(a)))
    }
}

/// Integers at a scale, and their squares.
struct Rounded([Lanes; 2]);

impl Task for Rounded {
    type Output = ([i32; LANES], i64);

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) -> Self::Output {
        let [a, b] = self.0.each_ref().map(|lanes| cpu.load(lanes));
        let integers = cpu.integers(a, b);
        let sums = cpu.store_sums(cpu.add_squares(cpu.no_sums(), integers));
        (cpu.store_integers(integers), sums.iter().sum())
    }
}

#[test]
fn integers_are_rounded_or_far_too_large() {
    let most = MAX as f32;
    let values = [
        0.0,
        0.4,
        -0.6,
        1.5,
        1e5 + 0.3,
        -most,
        most,
        2.0 * most,
        -2.0 * most,
        4.1e6,
        -6e6,
        -1.3e7,
        1e9,
        -1e38,
        f32::INFINITY,
        f32::NAN,
    ];
    let far = MAX;
    let near = 100_000;
    let expected = [0, 0, -1, 2, near, -far, far, far, -far, far, -far, -far, far, -far, far, far];
    let squares: i64 = expected.iter().map(|i| i64::from(*i).pow(2)).sum();
    let task = || Rounded([values, [1.0; LANES]]);
    let plain = task().run(Plain);
    assert_eq!(widest(task()), plain);
    // Which side a huge negative one is cut to does not matter.
    assert_eq!(plain.0.map(i32::abs), expected.map(i32::abs));
    assert_eq!(plain.0[..11], expected[..11]);
    assert_eq!(plain.1, squares);
    let negative = Rounded([
        [
            -f32::NAN,
            f32::NEG_INFINITY,
            -2e7,
            -1.5e7,
            -1.26e7,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
        ],
        [1.0; LANES],
    ]);
    assert!(negative.run(Plain).0[..5].iter().all(|i| i.abs() == MAX));
    #[cfg(target_arch = "x86_64")]
    if let Some(cpu) = pulp::x86::V3::try_new() {
        assert_eq!(pulp::Simd::vectorize(cpu, On(task(), x86::Avx2(cpu))), plain);
    }
}

#[test]
fn every_kind_of_cpu_gives_the_same_bits() {
    let wave = |at: usize| std::array::from_fn(|i| ((i * 37 + at * 11) % 23) as f32 / 7.0 - 1.5);
    let mut numbers = [wave(0), wave(5), wave(9)];
    numbers[0][3] = f32::NAN;
    numbers[0][4] = -0.0;
    numbers[2][5] = f32::NAN;
    let bits = |lanes: Lanes| lanes.map(|x| if x.is_nan() { 1 } else { x.to_bits() });
    let expected = bits(All(numbers).run(Plain));
    assert_eq!(bits(widest(All(numbers))), expected);
    #[cfg(target_arch = "x86_64")]
    if let Some(cpu) = pulp::x86::V3::try_new() {
        let narrower = pulp::Simd::vectorize(cpu, On(All(numbers), x86::Avx2(cpu)));
        assert_eq!(bits(narrower), expected);
    }
}
