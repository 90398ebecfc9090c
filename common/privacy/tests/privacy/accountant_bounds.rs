//! The accountant against closed forms, against itself, and at the ends of its range.

use privacy::accountant::rdp::ORDERS;
use privacy::accountant::{
    AccountantError, Delta, NoiseMultiplier, RdpVector, SampledGaussian, SamplingRate, Segment, pld,
};

type Outcome = Result<(), AccountantError>;

fn mechanism(q: f64, z: f64) -> Result<SampledGaussian, AccountantError> {
    Ok(SampledGaussian { rate: SamplingRate::new(q)?, noise: NoiseMultiplier::new(z)? })
}

fn segment(q: f64, z: f64, steps: u64) -> Result<Segment, AccountantError> {
    Ok(Segment { mechanism: mechanism(q, z)?, steps })
}

fn pld_epsilon(q: f64, z: f64, steps: u64, delta: f64) -> Result<f64, AccountantError> {
    Ok(pld::epsilon(&[segment(q, z, steps)?], Delta::new(delta)?))
}

fn rdp_epsilon(q: f64, z: f64, steps: u64, delta: f64) -> Result<f64, AccountantError> {
    Ok(RdpVector::of_segments(&[segment(q, z, steps)?]).epsilon(Delta::new(delta)?))
}

/// δ of the Gaussian mechanism (Balle, Wang, arXiv:1805.06530, Theorem 8).
fn gaussian_delta(z: f64, epsilon: f64) -> f64 {
    let below = |t: f64| 0.5 * libm::erfc(-t * std::f64::consts::FRAC_1_SQRT_2);
    below(0.5 / z - epsilon * z) - epsilon.exp() * below(-0.5 / z - epsilon * z)
}

/// The least ε ≥ 0 at which a falling `curve` is at most `delta`.
fn solve(curve: impl Fn(f64) -> f64, delta: f64) -> f64 {
    let mut low = 0.0;
    let mut high = 600.0;
    if curve(low) <= delta {
        return low;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if curve(middle) > delta {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

fn assert_tight(found: f64, exact: f64, tolerance: f64, what: &str) {
    assert!(found >= exact * (1.0 - 1e-9), "{what}: {found} is below the true {exact}");
    assert!(found <= exact * (1.0 + tolerance) + 1e-9, "{what}: {found} is far above {exact}");
}

#[test]
fn one_plain_gaussian_step_is_the_analytic_one() -> Outcome {
    for z in [0.3, 1.0, 10.0, 100.0] {
        for delta in [1e-2, 1e-6, 1e-12] {
            let exact = solve(|epsilon| gaussian_delta(z, epsilon), delta);
            let found = pld_epsilon(1.0, z, 1, delta)?;
            assert_tight(found, exact, 1e-3, &format!("z={z} delta={delta}"));
        }
    }
    Ok(())
}

#[test]
fn many_plain_gaussian_steps_are_one_with_less_noise() -> Outcome {
    for (z, steps, root) in [(5.0, 16, 4.0), (40.0, 2500, 50.0), (300.0, 1_000_000, 1000.0)] {
        for delta in [1e-3, 1e-10] {
            let exact = solve(|epsilon| gaussian_delta(z / root, epsilon), delta);
            let found = pld_epsilon(1.0, z, steps, delta)?;
            assert_tight(found, exact, 1e-3, &format!("z={z} steps={steps} delta={delta}"));
        }
    }
    Ok(())
}

/// Sampling turns (ε, δ) into (ln(1 + q(e^ε − 1)), qδ), with equality when a patient is removed
/// (Balle, Barthe, Gaboardi, arXiv:1807.01647, Theorem 8).
#[test]
fn one_sampled_step_is_amplified_exactly() -> Outcome {
    for q in [1e-3, 0.1, 0.7] {
        for z in [0.4, 1.0, 4.0] {
            for delta in [1e-4, 1e-11] {
                let plain = |sampled: f64| (sampled.exp_m1() / q).ln_1p();
                let exact = solve(|epsilon| q * gaussian_delta(z, plain(epsilon)), delta);
                let found = pld_epsilon(q, z, 1, delta)?;
                assert_tight(found, exact, 1e-3, &format!("q={q} z={z} delta={delta}"));
            }
        }
    }
    Ok(())
}

/// The series and sums of the accountant against plain quadrature of the defining integral.
#[test]
fn rdp_values_are_the_integral() -> Outcome {
    for (q, z) in [(0.001, 0.8), (0.02, 0.5), (0.1, 1.5), (0.5, 1.0), (0.9, 3.0), (0.3, 20.0)] {
        let vector = RdpVector::of_step(&mechanism(q, z)?);
        for (&alpha, &found) in
            ORDERS.iter().zip(vector.values()).filter(|(alpha, _)| **alpha < 30.0)
        {
            let exact = renyi_by_quadrature(q, z, alpha);
            let what = format!("q={q} z={z} alpha={alpha}: {found} against {exact}");
            assert!(found >= exact - 1e-11 / (alpha - 1.0), "{what}");
            assert!(found <= exact * (1.0 + 1e-8) + 1e-11 / (alpha - 1.0), "{what}");
        }
    }
    Ok(())
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of points")]
fn renyi_by_quadrature(q: f64, z: f64, alpha: f64) -> f64 {
    let from = -14.0 * z;
    let to = alpha + 14.0 * z;
    let width = z / 100.0;
    let points = ((to - from) / width).ceil() as u32;
    let exponent = |k: u32| {
        let x = from + f64::from(k) * width;
        let ratio = (1.0 - q) + q * ((2.0 * x - 1.0) / (2.0 * z * z)).exp();
        alpha * ratio.ln() - x * x / (2.0 * z * z)
    };
    let peak = (0..=points).map(exponent).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = (0..=points).map(|k| (exponent(k) - peak).exp()).sum();
    (peak + (sum * width / (z * std::f64::consts::TAU.sqrt())).ln()) / (alpha - 1.0)
}

#[test]
fn pld_never_exceeds_rdp() -> Outcome {
    for q in [1e-5, 0.01, 0.3, 1.0] {
        for z in [0.5, 5.0] {
            for steps in [1, 2000] {
                let pld = pld_epsilon(q, z, steps, 1e-6)?;
                let rdp = rdp_epsilon(q, z, steps, 1e-6)?;
                assert!(pld < rdp, "q={q} z={z} steps={steps}: PLD {pld}, RDP {rdp}");
            }
        }
    }
    Ok(())
}

#[test]
fn cost_falls_with_noise_and_rises_with_steps_and_rate() -> Outcome {
    for epsilon in [pld_epsilon, rdp_epsilon] {
        let noises = [0.5, 0.6, 0.8, 1.0, 1.01, 1.5, 3.0, 10.0];
        let by_noise: Result<Vec<f64>, _> =
            noises.map(|z| epsilon(0.02, z, 500, 1e-6)).into_iter().collect();
        assert!(by_noise?.is_sorted_by(|a, b| a > b), "noise");
        let counts = [1, 2, 50, 51, 20_000];
        let by_steps: Result<Vec<f64>, _> =
            counts.map(|t| epsilon(0.02, 1.0, t, 1e-6)).into_iter().collect();
        assert!(by_steps?.is_sorted_by(|a, b| a < b), "steps");
        let rates = [1e-3, 0.01, 0.0101, 0.1, 0.5, 0.9, 1.0];
        let by_rate: Result<Vec<f64>, _> =
            rates.map(|q| epsilon(q, 1.0, 100, 1e-6)).into_iter().collect();
        assert!(by_rate?.is_sorted_by(|a, b| a < b), "rate");
    }
    Ok(())
}

#[test]
fn segments_add_up() -> Outcome {
    let delta = Delta::new(1e-6)?;
    let whole = [segment(0.02, 1.0, 700)?];
    let parts = [segment(0.02, 1.0, 300)?, segment(0.02, 1.0, 0)?, segment(0.02, 1.0, 400)?];
    assert_eq!(pld::epsilon(&whole, delta).to_bits(), pld::epsilon(&parts, delta).to_bits());

    // A mechanism that differs by a hair takes the path of two spectra.
    let nearly = [segment(0.02, 1.0, 300)?, segment(0.02, 1.0 + 1e-12, 400)?];
    let one = pld::epsilon(&whole, delta);
    let two = pld::epsilon(&nearly, delta);
    assert!((two / one - 1.0).abs() < 1e-6, "{one} against {two}");

    // Two different Gaussians compose to one with 1/z² = 1/z₁² + 1/z₂².
    let both = [segment(1.0, 3.0, 1)?, segment(1.0, 4.0, 1)?];
    let exact = solve(|epsilon| gaussian_delta(2.4, epsilon), delta.get());
    assert_tight(pld::epsilon(&both, delta), exact, 1e-3, "3 and 4");

    // A second mechanism costs something, and less than the sum of both ε.
    let other = [segment(0.1, 3.0, 100)?];
    let mixed = pld::epsilon(&[whole[0], other[0]], delta);
    assert!(mixed > one && mixed < one + pld::epsilon(&other, delta), "{mixed}");
    assert!(mixed < RdpVector::of_segments(&[whole[0], other[0]]).epsilon(delta));
    Ok(())
}

#[test]
fn nothing_costs_nothing() -> Outcome {
    let delta = Delta::new(1e-6)?;
    assert!(pld::epsilon(&[], delta) <= 0.0);
    assert!(pld::epsilon(&[segment(0.5, 1.0, 0)?], delta) <= 0.0);
    assert!(RdpVector::zero().epsilon(delta) <= 0.0);
    Ok(())
}

#[test]
fn the_ends_of_the_range_give_numbers() -> Outcome {
    let corners = [
        (1e-7, 0.3),
        (1e-7, 100.0),
        (0.5, 0.3),
        (1.0, 100.0),
        (1.0, NoiseMultiplier::SMALLEST),
        (1e-300, NoiseMultiplier::LARGEST),
    ];
    for (q, z) in corners {
        for (steps, delta) in [(1, 1e-12), (1_000_000, 1e-2), (u64::MAX, 1e-300)] {
            let pld = pld_epsilon(q, z, steps, delta)?;
            let rdp = rdp_epsilon(q, z, steps, delta)?;
            let what = format!("q={q} z={z} steps={steps} delta={delta}: PLD {pld}, RDP {rdp}");
            assert!(pld >= 0.0 && rdp >= 0.0, "{what}");
            assert!(pld <= rdp && rdp.is_finite(), "{what}");
        }
    }
    Ok(())
}
