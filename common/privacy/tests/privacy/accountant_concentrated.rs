//! Steps and a ρ-zCDP release together, against the Rényi accountant and against the one release of that kind whose
//! law is known.

use privacy::accountant::pld::{self, Zcdp};
use privacy::accountant::rdp::{ORDERS, order_of_step};
use privacy::accountant::{
    AccountantError, Delta, NoiseMultiplier, SampledGaussian, SamplingRate, Segment,
};

type Outcome = Result<(), AccountantError>;

fn segment(q: f64, z: f64, steps: u64) -> Result<Segment, AccountantError> {
    let mechanism =
        SampledGaussian { rate: SamplingRate::new(q)?, noise: NoiseMultiplier::new(z)? };
    Ok(Segment { mechanism, steps })
}

/// The Rényi bound, written out: Canonne, Kamath, Steinke, arXiv:2004.00010, proposition 12, at every public order.
fn renyi(segment: &Segment, rho: f64, delta: f64) -> f64 {
    let at = |&alpha: &f64| {
        let cost = order_of_step(&segment.mechanism, alpha, segment.steps) + rho * alpha;
        cost + ((alpha - 1.0) / alpha).ln() - (delta.ln() + alpha.ln()) / (alpha - 1.0)
    };
    ORDERS.iter().map(at).fold(f64::INFINITY, f64::min).max(0.0)
}

#[test]
fn steps_with_a_release_cost_no_less_than_with_a_gaussian_and_no_more_than_renyi_says() -> Outcome {
    let mut tighter = 0;
    let mut all = 0;
    for (q, z, steps) in [
        (0.1, 4.0, 400),
        (0.1, 1.2, 100),
        (0.01, 0.8, 1000),
        (1.0, 20.0, 20),
        (1.0, 2.0, 1),
        (0.5, 6.0, 60),
    ] {
        for rho in [1e-6, 1e-3, 0.05, 0.3, 2.0] {
            for delta in [1e-3, 1e-5, 1e-9] {
                let steps = segment(q, z, steps)?;
                let beside = Zcdp::new(rho)?;
                let found = pld::epsilon_with(&[steps], beside, Delta::new(delta)?);
                // The Gaussian of this noise is one of the releases that are ρ-zCDP.
                let gaussian = segment(1.0, (2.0 * rho).sqrt().recip(), 1)?;
                let one = pld::epsilon(&[steps, gaussian], Delta::new(delta)?);
                let what =
                    format!("q={q} z={z} rho={rho} delta={delta}: {found}, a Gaussian {one}");
                assert!(found >= one * (1.0 - 2e-3), "{what}");
                let most = renyi(&steps, rho, delta);
                assert!(found <= most * (1.0 + 1e-9) + 1e-9, "{what}, Rényi {most}");
                // What the steps cost alone is part of it.
                assert!(
                    found >= pld::epsilon(&[steps], Delta::new(delta)?) * (1.0 - 2e-3),
                    "{what}"
                );
                all += 1;
                tighter += usize::from(found < most * 0.995);
            }
        }
    }
    // The numerical bound is of use: it is not the Rényi bound by another name.
    assert!(tighter * 2 > all, "{tighter} of {all}");
    Ok(())
}

/// δ of the Gaussian mechanism (Balle, Wang, arXiv:1805.06530, theorem 8).
fn gaussian_delta(z: f64, epsilon: f64) -> f64 {
    let below = |t: f64| 0.5 * libm::erfc(-t * std::f64::consts::FRAC_1_SQRT_2);
    below(0.5 / z - epsilon * z) - epsilon.exp() * below(-0.5 / z - epsilon * z)
}

#[test]
fn with_gaussian_steps_it_is_no_less_than_the_closed_form() -> Outcome {
    for z in [0.7_f64, 3.0, 30.0] {
        for rho in [1e-4, 0.05, 1.0] {
            // Gaussian steps and a Gaussian release are one Gaussian.
            let total = (1.0 / (z * z) + 2.0 * rho).sqrt().recip();
            let delta = 1e-5;
            let found =
                pld::epsilon_with(&[segment(1.0, z, 1)?], Zcdp::new(rho)?, Delta::new(delta)?);
            let left = gaussian_delta(total, found);
            assert!(left <= delta * (1.0 + 1e-9), "z={z} rho={rho}: {found} leaves {left}");
        }
    }
    Ok(())
}

#[test]
fn a_release_of_nothing_changes_nothing_and_one_without_bound_has_none() -> Outcome {
    let steps = segment(0.1, 2.0, 100)?;
    let delta = Delta::new(1e-5)?;
    let alone = pld::epsilon(&[steps], delta);
    let with = pld::epsilon_with(&[steps], Zcdp::NOTHING, delta);
    assert_eq!(with.to_bits(), alone.to_bits());
    assert!(pld::epsilon_with(&[], Zcdp::new(0.05)?, delta) > 1.0);
    assert!(pld::epsilon_with(&[], Zcdp::NOTHING, delta) == 0.0);
    let extreme = pld::epsilon_with(&[steps], Zcdp::new(1e9)?, delta);
    assert!(extreme >= 1e9, "{extreme}");
    for wrong in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(Zcdp::new(wrong).is_err(), "{wrong}");
    }
    Ok(())
}
