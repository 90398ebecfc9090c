//! Cox's partial likelihood, ties by Breslow, averaged over events.
//!
//! With log hazard ratios f, times t and event indicators d,
//!
//! ```text
//! L = (1/D) Σ_{i: d_i = 1} [ ln Σ_{j: t_j ≥ t_i} exp(f_j) − f_i ],  D = Σ d_i
//! ```
//!
//! (Cox, J. R. Stat. Soc. B 34:187, 1972; ties as in Breslow's discussion of it, where every tied
//! event has the whole risk set at its time). Sorted by time, the risk sets are suffixes, so that
//! running sums give the loss and the gradient in O(n log n):
//!
//! ```text
//! ∂L/∂f_j = (1/D) [ Σ_{i: d_i = 1, t_i ≤ t_j} exp(f_j − ln S_i) − d_j ],
//! S_i = Σ_{j: t_j ≥ t_i} exp(f_j)
//! ```
//!
//! Both running sums are kept as logarithms: nothing overflows, and a small risk set after large
//! ones does not vanish.

/// The loss, and optionally its gradient.
pub(super) struct Cox {
    /// Mean over events; 0 where there is none.
    pub(super) loss: f64,
    /// ∂loss/∂f, one a patient.
    pub(super) gradient: Vec<f32>,
}

/// The loss and its gradient for log hazard ratios, times and event indicators of n patients.
pub(super) fn partial_likelihood(ratios: &[f32], time: &[f64], event: &[bool]) -> Cox {
    let events = event.iter().filter(|&&event| event).count();
    if events == 0 {
        return Cox { loss: 0.0, gradient: vec![0.0; ratios.len()] };
    }
    let mut order: Vec<usize> = (0..time.len()).collect();
    order.sort_by(|&a, &b| time[a].total_cmp(&time[b]));
    let groups: Vec<&[usize]> =
        order.chunk_by(|&a, &b| time[a].total_cmp(&time[b]).is_eq()).collect();

    // Backward in time: the logarithm of each tied group's risk set.
    let mut at_risk = f64::NEG_INFINITY;
    let mut risk_sets = vec![0.0; groups.len()];
    let mut loss = 0.0;
    for (group, risk_set) in groups.iter().zip(&mut risk_sets).rev() {
        for &patient in *group {
            at_risk = log_add(at_risk, f64::from(ratios[patient]));
        }
        *risk_set = at_risk;
        for &patient in group.iter().filter(|&&patient| event[patient]) {
            loss += at_risk - f64::from(ratios[patient]);
        }
    }

    // Forward in time: the logarithm of the events so far, each over its risk set.
    let mut gradient = vec![0.0; ratios.len()];
    let mut so_far = f64::NEG_INFINITY;
    let events = events as f64;
    for (group, risk_set) in groups.iter().zip(&risk_sets) {
        let deaths = group.iter().filter(|&&patient| event[patient]).count();
        if deaths > 0 {
            so_far = log_add(so_far, (deaths as f64).ln() - risk_set);
        }
        for &patient in *group {
            let expected = (f64::from(ratios[patient]) + so_far).exp();
            let observed = f64::from(u8::from(event[patient]));
            #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
            let slope = ((expected - observed) / events) as f32;
            gradient[patient] = slope;
        }
    }
    Cox { loss: loss / events, gradient }
}

/// ln(eᵃ + eᵇ); `a` may be −∞.
fn log_add(a: f64, b: f64) -> f64 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    if small == f64::NEG_INFINITY { large } else { large + (small - large).exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formula as it stands, O(n²).
    fn direct(ratios: &[f64], time: &[f64], event: &[bool]) -> f64 {
        let events: Vec<usize> = (0..time.len()).filter(|&i| event[i]).collect();
        let terms = events.iter().map(|&i| {
            let risk_set: f64 =
                (0..time.len()).filter(|&j| time[j] >= time[i]).map(|j| ratios[j].exp()).sum();
            risk_set.ln() - ratios[i]
        });
        terms.sum::<f64>() / events.len() as f64
    }

    fn tied() -> (Vec<f32>, Vec<f64>, Vec<bool>) {
        let ratios = (0..30).map(|i| ((i * 37 % 17) as f32 - 8.0) / 5.0).collect();
        let time = (0..30).map(|i| f64::from(1 + (i * 11) % 7)).collect();
        let event = (0..30).map(|i| i % 3 != 0).collect();
        (ratios, time, event)
    }

    #[test]
    fn equals_the_direct_formula_with_ties() {
        let (ratios, time, event) = tied();
        let wide: Vec<f64> = ratios.iter().map(|&f| f64::from(f)).collect();
        let cox = partial_likelihood(&ratios, &time, &event);
        assert!((cox.loss - direct(&wide, &time, &event)).abs() < 1e-12);
        for j in 0..wide.len() {
            let at = |step: f64| {
                let mut moved = wide.clone();
                moved[j] += step;
                direct(&moved, &time, &event)
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((slope - f64::from(cox.gradient[j])).abs() < 1e-7, "{j}");
        }
    }

    #[test]
    fn extreme_ratios_stay_finite_and_the_gradient_sums_to_zero() {
        let ratios = [3e4_f32, -3e4, 0.0, 900.0];
        let cox = partial_likelihood(&ratios, &[1.0, 2.0, 3.0, 4.0], &[true; 4]);
        assert!(cox.loss.is_finite() && cox.gradient.iter().all(|g| g.is_finite()));
        assert!(cox.gradient.iter().sum::<f32>().abs() < 1e-6);
    }

    #[test]
    fn without_events_there_is_nothing_to_learn() {
        let cox = partial_likelihood(&[1.0, 2.0], &[1.0, 2.0], &[false, false]);
        assert_eq!((cox.loss, cox.gradient), (0.0, vec![0.0, 0.0]));
    }
}
