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
//!
//! What part of a budget is used is another question, since a ledger admits releases that are chosen in view of
//! earlier ones: see [`Limit`].

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

/// A part of a budget in percent with one decimal, never below: `10.6 %`. Beyond ten times the budget it is not
/// told how far.
#[must_use]
pub fn percent(part: f64) -> String {
    let percent = (part * 1e3).ceil() / 10.0;
    if percent <= 1000.0 { format!("{percent:.1} %") } else { "over 1000 %".to_owned() }
}

/// What a ledger may spend in all: a Rényi privacy filter (Feldman and Zrnic, arXiv:2008.11193), which bounds
/// releases that are chosen in view of earlier ones.
///
/// ```text
///   α*      the order of most (ε − c(α, δ)) / α          c(α, δ) = ln((α−1)/α) − (ln δ + ln α)/(α−1)
///   orders  those nearest to α*, 1 + (α*−1)/2, 1 + (α*−1)/4;   k of them differ
///   limit   ε − c(α, δ/k) nats at each of them           used = the least of total / limit
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// The place of each of its orders, and what may be spent there, in the ledger's units.
    at: Vec<(usize, f64)>,
}

impl Limit {
    /// That of a budget, at a ledger's orders, each above 1.
    #[must_use]
    pub fn new(epsilon: f64, delta: f64, orders: &[f64]) -> Self {
        let room = |order: f64| (epsilon - conversion(order, delta)) / order;
        let best = orders.iter().copied().max_by(|a, b| room(*a).total_cmp(&room(*b)));
        let aims = best.map(|best| [1.0, 0.5, 0.25].map(|part| 1.0 + (best - 1.0) * part));
        let mut places: Vec<usize> =
            aims.into_iter().flatten().filter_map(|aim| nearest(orders, aim)).collect();
        places.dedup();
        let share = delta / places.len() as f64;
        let limit = |place: usize| (place, (epsilon - conversion(orders[place], share)) / UNIT);
        Self { at: places.into_iter().map(limit).collect() }
    }

    /// The part of the budget that a total takes, from 0 up; over 1 where it passes the budget. Nothing where
    /// orders and total do not fit together.
    #[must_use]
    pub fn used(&self, total: &[u64]) -> Option<f64> {
        if total.iter().all(|spent| *spent == 0) {
            return Some(0.0);
        }
        let part = |&(place, limit): &(usize, f64)| {
            Some(*total.get(place)? as f64 / limit.floor().max(1.0))
        };
        let parts: Option<Vec<f64>> = self.at.iter().map(part).collect();
        parts?.into_iter().min_by(f64::total_cmp)
    }
}

/// The place of the order nearest to one; the first of two that are as near.
fn nearest(orders: &[f64], aim: f64) -> Option<usize> {
    let distance = |place: &usize| (orders[*place] - aim).abs();
    (0..orders.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// What the conversion to (ε, δ) adds to the divergence at an order, in nats.
fn conversion(order: f64, delta: f64) -> f64 {
    (-1.0 / order).ln_1p() - (delta.ln() + order.ln()) / (order - 1.0)
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
    fn a_part_of_a_budget_is_linear_and_reaches_the_whole() {
        let orders = [1.5, 2.0, 4.0, 8.0, 16.0, 32.0];
        let limit = Limit::new(8.0, 1e-5, &orders);
        let gaussian = |nats: f64| -> Vec<u64> {
            let units = |order: &f64| format!("{:.0}", order * nats / UNIT).parse().unwrap();
            orders.iter().map(units).collect()
        };
        let one = limit.used(&gaussian(0.01)).unwrap();
        assert!((limit.used(&gaussian(0.1)).unwrap() / one - 10.0).abs() < 1e-6);
        // By hand: the best order for plain noise is 4, where (8 − 3.0879) / 4 is largest; 2.5 is nearest to 2 and
        // 1.75 to 1.5, so that three orders share δ. At the lower two no limit is left.
        let by_hand = 8.0 - (0.75_f64.ln() - ((1e-5_f64 / 3.0).ln() + 4_f64.ln()) / 3.0);
        assert!((one - 0.04 / by_hand).abs() < 1e-6, "{one} {}", 0.04 / by_hand);
        assert_eq!(limit.used(&[0; 6]), Some(0.0));
        assert_eq!(limit.used(&[1]), None);
        assert_eq!(Limit::new(8.0, 1e-5, &[]).used(&[1]), None);
        assert_eq!((percent(0.105_01), percent(1.0)), ("10.6 %".to_owned(), "100.0 %".to_owned()));
        assert_eq!(percent(1e30), "over 1000 %");
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
