//! The ε of what a ledger holds.
//!
//! ```text
//!   total at α₁, α₂, …  (2⁻⁴⁰ nats)          ε(α) = total + ln((α−1)/α) − (ln δ + ln α)/(α−1)
//!          └────────────────────────────►    ε    = the least of them, rounded up
//! ```
//!
//! This is Proposition 12 of Canonne, Kamath and Steinke (arXiv:2004.00010). Taking the least over
//! the orders is valid where the releases were planned in advance, as a run's plan does. An
//! accountant that knows the mechanisms may state a smaller ε, and can be passed in instead.

/// An accountant's ε of what was spent: from the ledger's orders, the total at each of them in 2⁻⁴⁰
/// nats, and δ. Nothing where it knows no better bound than [`of`].
pub type Epsilon<'a> = dyn Fn(&[f64], &[u64], f64) -> Option<f64> + 'a;

/// One unit of the ledger, in nats.
const UNIT: f64 = 1.0 / (1_u64 << 40) as f64;

/// What floating point may lose on the way, and more.
const SLACK: f64 = 1e-12;

/// The ε at δ that a total bounds. Nothing where the orders and the total do not fit together.
#[must_use]
pub fn of(orders: &[f64], total: &[u64], delta: f64) -> Option<f64> {
    if total.len() != orders.len() {
        return None;
    }
    // Nothing spent, nothing lost.
    if total.iter().all(|spent| *spent == 0) {
        return Some(0.0);
    }
    let at = |(order, spent): (&f64, &u64)| {
        let above = order - 1.0;
        *spent as f64 * UNIT + (above / order).ln() - (delta.ln() + order.ln()) / above
    };
    let least = orders.iter().zip(total).map(at).fold(f64::INFINITY, f64::min);
    least.is_finite().then(|| least.max(0.0) * (1.0 + SLACK) + SLACK)
}

/// The same to three decimals, never below.
#[must_use]
pub fn text(epsilon: f64) -> String {
    format!("{:.3}", (epsilon * 1000.0).ceil() / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gaussian_costs_what_is_known_of_it() {
        // One Gaussian release with σ = 4 has the divergence α/32 at α. At δ = 1e-5 its ε by this
        // conversion is 0.9866 at α ≈ 18 (and 0.9463 by the exact formula).
        let orders: Vec<f64> = (2..200_u32).map(f64::from).collect();
        let units = |nats: f64| format!("{:.0}", (nats / UNIT).ceil()).parse().unwrap();
        let total: Vec<u64> = orders.iter().map(|order| units(order / 32.0)).collect();
        let found = of(&orders, &total, 1e-5).unwrap();
        let by_hand = |order: f64| {
            order / 32.0
                + ((order - 1.0) / order).ln()
                + (1e5_f64.ln() - order.ln()) / (order - 1.0)
        };
        let least = orders.iter().map(|order| by_hand(*order)).fold(f64::MAX, f64::min);
        assert!(found >= least && found < least + 1e-9, "{found} {least}");
        assert!(found > 0.9463);
    }

    #[test]
    fn nothing_and_nonsense() {
        assert_eq!(of(&[2.0], &[0], 1e-5), Some(0.0));
        assert_eq!(of(&[2.0], &[1, 2], 1e-5), None);
        assert_eq!(of(&[2.0], &[], 1e-5), None);
        assert_eq!(text(1.000_1), "1.001");
        assert_eq!(text(2.0), "2.000");
    }
}
