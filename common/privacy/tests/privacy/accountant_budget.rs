//! Checked parameters, calibration, and the vector of Rényi costs.

use privacy::accountant::rdp::ORDERS;
use privacy::accountant::{
    Accountant, AccountantError, Budget, Delta, Epsilon, NoiseMultiplier, RdpVector,
    SampledGaussian, SamplingRate, Segment, largest_steps, smallest_noise_multiplier,
};

type Outcome = Result<(), AccountantError>;

fn budget(epsilon: f64, delta: f64) -> Result<Budget, AccountantError> {
    Ok(Budget { epsilon: Epsilon::new(epsilon)?, delta: Delta::new(delta)? })
}

fn mechanism(q: f64, z: f64) -> Result<SampledGaussian, AccountantError> {
    Ok(SampledGaussian { rate: SamplingRate::new(q)?, noise: NoiseMultiplier::new(z)? })
}

#[test]
fn parameters_are_checked_once() {
    for bad in [0.0, -0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert!(SamplingRate::new(bad).is_err(), "rate {bad}");
    }
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(NoiseMultiplier::new(bad).is_err(), "noise {bad}");
        assert!(Epsilon::new(bad).is_err(), "epsilon {bad}");
    }
    for bad in [0.0, 0.5, 1.0, -1e-9, f64::NAN] {
        assert!(Delta::new(bad).is_err(), "delta {bad}");
    }
    let message = SamplingRate::new(1.5).map_err(|error| error.to_string());
    assert_eq!(message, Err("sampling rate is 1.5, but must be above 0 and at most 1".to_owned()));
}

#[test]
fn the_smallest_noise_fits_and_a_little_less_does_not() -> Outcome {
    for accountant in [Accountant::Rdp, Accountant::Pld] {
        for (epsilon, delta, q, steps) in
            [(1.0, 1e-3, 1.0, 40), (3.0, 1e-6, 0.01, 1000), (0.1, 1e-9, 0.1, 10)]
        {
            let budget = budget(epsilon, delta)?;
            let rate = SamplingRate::new(q)?;
            let cost = |noise| {
                accountant.epsilon(
                    &[Segment { mechanism: SampledGaussian { rate, noise }, steps }],
                    budget.delta,
                )
            };
            let noise = smallest_noise_multiplier(accountant, budget, rate, steps)?;
            assert!(cost(noise) <= epsilon, "{accountant:?} {noise:?} costs {}", cost(noise));
            let less = NoiseMultiplier::new(noise.get() * 0.9995)?;
            assert!(cost(less) > epsilon, "{accountant:?}: {less:?} would do");
        }
    }
    Ok(())
}

#[test]
fn pld_needs_less_noise_than_rdp() -> Outcome {
    let budget = budget(2.0, 1e-5)?;
    let rate = SamplingRate::new(0.05)?;
    let pld = smallest_noise_multiplier(Accountant::Pld, budget, rate, 400)?;
    let rdp = smallest_noise_multiplier(Accountant::Rdp, budget, rate, 400)?;
    assert!(pld < rdp && pld.get() > 0.8 * rdp.get(), "{pld:?} {rdp:?}");
    Ok(())
}

#[test]
fn an_unreachable_target_says_so() -> Outcome {
    let found = smallest_noise_multiplier(
        Accountant::Rdp,
        budget(1e-9, 1e-12)?,
        SamplingRate::new(1.0)?,
        1_000_000_000,
    );
    assert!(matches!(found, Err(AccountantError::Unreachable { .. })), "{found:?}");
    Ok(())
}

#[test]
fn the_largest_number_of_steps_fits_and_one_more_does_not() -> Outcome {
    for accountant in [Accountant::Rdp, Accountant::Pld] {
        for (epsilon, q, z) in [(2.0, 0.01, 1.0), (5.0, 0.1, 2.0), (4.0, 1.0, 30.0)] {
            let budget = budget(epsilon, 1e-6)?;
            let mechanism = mechanism(q, z)?;
            let cost = |steps| accountant.epsilon(&[Segment { mechanism, steps }], budget.delta);
            let steps = largest_steps(accountant, budget, mechanism);
            assert!(steps > 0 && cost(steps) <= epsilon, "{accountant:?}: {steps}");
            assert!(cost(steps + 1) > epsilon, "{accountant:?}: {steps} is not the most");
        }
        assert_eq!(largest_steps(accountant, budget(0.1, 1e-6)?, mechanism(1.0, 1.0)?), 0);
    }
    Ok(())
}

#[test]
fn vectors_add_and_come_back_from_storage() -> Outcome {
    let delta = Delta::new(1e-6)?;
    let step = RdpVector::of_step(&mechanism(0.02, 1.0)?);
    let ten = (0..10).fold(RdpVector::zero(), |sum, _| sum.add(&step));
    let summed = ten.epsilon(delta);
    let scaled = step.times(10).epsilon(delta);
    assert!((summed / scaled - 1.0).abs() < 1e-12, "{summed} {scaled}");
    assert_eq!(step.times(0), RdpVector::zero());
    assert_eq!(RdpVector::from_values(step.values().to_vec())?, step);
    assert!(ORDERS.is_sorted_by(|a, b| a < b));
    // A Rényi divergence never falls with its order.
    assert!(step.values().is_sorted());

    assert!(matches!(RdpVector::from_values(vec![0.0]), Err(AccountantError::VectorLength { .. })));
    for bad in [f64::NAN, -1.0] {
        let refused = RdpVector::from_values(vec![bad; ORDERS.len()]);
        assert!(matches!(refused, Err(AccountantError::VectorValue { .. })), "{refused:?}");
    }
    let endless = RdpVector::from_values(vec![f64::INFINITY; ORDERS.len()])?;
    assert!(endless.add(&step).epsilon(delta).is_infinite());
    assert_eq!(endless.times(0), RdpVector::zero());
    Ok(())
}
