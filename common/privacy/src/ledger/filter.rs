//! The limit on spending that holds under adaptive choice.

use super::cost::{Cost, ORDERS, UNITS_PER_NAT};
use crate::accountant::rdp::conversion;

/// What may be spent on one data set, over its life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// ε in all.
    pub epsilon: f64,
    /// The δ at which it is stated.
    pub delta: f64,
}

/// A Rényi privacy filter: admits a release while the sum of costs stays within a limit fixed in
/// advance, and then guarantees (ε, δ) for everything, however each release was chosen in view of
/// the results of earlier ones (Feldman and Zrnic, arXiv:2008.11193, §4: the filter at a fixed
/// order).
///
/// # Soundness
/// At a *fixed* order the filter costs nothing. A rule that admits while *some* order is within its
/// limit lets the results choose the order. With k orders the proof is a union bound: each gets
/// δ/k, since the hockey-stick divergence is at most the sum of the parts that each order's
/// supermartingale bounds.
///
/// # Which orders
/// They follow from ε and δ alone, so that neither data nor a coordinator's plan can choose them:
/// the order α at which most plain Gaussian noise is allowed, and those a half and a quarter as far
/// above 1, for sampled mechanisms, whose cost explodes at high orders. Three orders instead of one
/// cost ln 3/(α − 1): some five percent of ε.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    budget: Budget,
    /// Place in [`ORDERS`], and the most units that may be spent there.
    limits: Vec<(usize, u64)>,
    /// δ of each order.
    share: f64,
}

impl Filter {
    /// The filter of a budget.
    #[must_use]
    pub fn new(budget: Budget) -> Self {
        // Gaussian noise costs in proportion to the order.
        let room = |order: f64| (budget.epsilon - conversion(order, budget.delta)) / order;
        let best = ORDERS.into_iter().max_by(|a, b| room(*a).total_cmp(&room(*b))).unwrap_or(2.0);
        let nearest = |aim: f64| {
            let distance = |place: &usize| (ORDERS[*place] - aim).abs();
            (0..ORDERS.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(0)
        };
        let mut places: Vec<usize> =
            [1.0, 0.5, 0.25].into_iter().map(|part| nearest(1.0 + (best - 1.0) * part)).collect();
        places.dedup();
        let share = budget.delta / places.len() as f64;
        let limit = |place: usize| {
            let nats = budget.epsilon - conversion(ORDERS[place], share);
            // Rounded down: a limit may be too strict, never too lax.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
            let units = ((nats - nats.abs() * 1e-14) * UNITS_PER_NAT).next_down().floor() as u64;
            (place, units)
        };
        Self { budget, limits: places.into_iter().map(limit).collect(), share }
    }

    /// The budget that it keeps.
    #[must_use]
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// Whether this much may be spent in all.
    #[must_use]
    pub fn admits(&self, total: &Cost) -> bool {
        total.is_zero() || self.limits.iter().any(|&(place, limit)| total.at(place) <= limit)
    }

    /// ε of what was spent, by the rule that admits it; 0 for nothing, infinite beyond all bounds.
    #[must_use]
    pub fn epsilon(&self, total: &Cost) -> f64 {
        if total.is_zero() {
            return 0.0;
        }
        let at = |&(place, _): &(usize, u64)| match total.at(place) {
            u64::MAX => f64::INFINITY,
            units => {
                let nats = (units as f64).next_up() / UNITS_PER_NAT;
                (nats + conversion(ORDERS[place], self.share)).next_up().max(0.0)
            }
        };
        self.limits.iter().map(at).fold(f64::INFINITY, f64::min)
    }

    /// The part of the budget that was spent, from 0 up; over 1 where it was passed.
    #[must_use]
    pub fn used(&self, total: &Cost) -> f64 {
        let part = |&(place, limit): &(usize, u64)| total.at(place) as f64 / limit.max(1) as f64;
        self.limits.iter().map(part).fold(f64::INFINITY, f64::min)
    }

    /// How many more releases that cost `each` fit after `spent`; `u32::MAX` for any number.
    #[must_use]
    pub fn fits(&self, spent: &Cost, each: &Cost) -> u32 {
        let allowed = |count: u32| self.admits(&spent.add(&each.times(u64::from(count))));
        if allowed(u32::MAX) {
            return u32::MAX;
        }
        // The cost rises with the count: find the largest count that fits by halving.
        let mut fits = 0_u32;
        let mut over = u32::MAX;
        while over - fits > 1 {
            let middle = fits + (over - fits) / 2;
            if allowed(middle) { fits = middle } else { over = middle }
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mechanism;
    use crate::accountant::{
        Accountant, Delta, NoiseMultiplier, SampledGaussian, SamplingRate, largest_steps,
    };

    fn steps(sampling_rate: f64, noise_multiplier: f64) -> Cost {
        Cost::of(Mechanism::DpSgd { sampling_rate, noise_multiplier, steps: 1 })
    }

    #[test]
    fn what_it_admits_is_never_more_than_a_fixed_plan_may_spend() {
        for (epsilon, delta) in [(8.0, 1e-5), (1.0, 1e-6), (3.0, 1e-3), (0.3, 1e-7)] {
            let filter = Filter::new(Budget { epsilon, delta });
            for (q, z) in [(1.0, 8.0), (1.0, 60.0), (0.05, 1.5), (0.01, 1.0)] {
                let fits = u64::from(filter.fits(&Cost::zero(), &steps(q, z)));
                let budget = crate::accountant::Budget {
                    epsilon: crate::accountant::Epsilon::new(epsilon).unwrap(),
                    delta: Delta::new(delta).unwrap(),
                };
                let mechanism = SampledGaussian {
                    rate: SamplingRate::new(q).unwrap(),
                    noise: NoiseMultiplier::new(z).unwrap(),
                };
                let best = largest_steps(Accountant::Rdp, budget, mechanism);
                assert!(fits <= best, "ε {epsilon}, q {q}, z {z}: {fits} of {best}");
                // Where a plan has use for it, most of the budget can be spent.
                if best > 20 {
                    assert!(fits * 10 > best * 6, "ε {epsilon}, q {q}, z {z}: {fits} of {best}");
                }
            }
        }
    }

    #[test]
    fn what_fits_is_the_largest_count_that_is_admitted() {
        let filter = Filter::new(Budget { epsilon: 8.0, delta: 1e-5 });
        let each = steps(1.0, 4.0);
        let fits = filter.fits(&Cost::zero(), &each);
        assert!(fits > 10);
        let spent = each.times(u64::from(fits));
        assert!(filter.admits(&spent) && !filter.admits(&spent.add(&each)));
        assert_eq!(filter.fits(&spent, &each), 0);
        assert!(filter.epsilon(&spent) <= 8.0 && filter.epsilon(&spent.add(&each)) > 8.0);
        assert!(filter.used(&spent) <= 1.0 && filter.used(&spent.add(&each)) > 1.0);
        assert_eq!(filter.fits(&spent, &Cost::zero()), u32::MAX);
    }

    /// Whoever has a log alone works out the same part of the budget.
    #[test]
    fn the_used_part_is_that_of_the_audit_crate() {
        for (epsilon, delta) in [(8.0, 1e-5), (1.0, 1e-6), (3.0, 1e-3), (0.3, 1e-7), (1e-6, 1e-9)] {
            let filter = Filter::new(Budget { epsilon, delta });
            let limit = audit::epsilon::Limit::new(epsilon, delta, &ORDERS);
            for (q, z, times) in [(1.0, 8.0, 1), (1.0, 60.0, 7), (0.05, 1.5, 300), (0.01, 1.0, 9)] {
                let spent = steps(q, z).times(times);
                let ours = filter.used(&spent);
                let theirs = limit.used(spent.units()).unwrap();
                assert!((ours / theirs - 1.0).abs() < 1e-9, "ε {epsilon}: {ours} {theirs}");
            }
            assert_eq!(limit.used(Cost::zero().units()), Some(0.0));
        }
    }

    #[test]
    fn a_budget_too_small_for_any_noise_admits_nothing() {
        let filter = Filter::new(Budget { epsilon: 1e-6, delta: 1e-9 });
        assert_eq!(filter.fits(&Cost::zero(), &steps(1.0, 100.0)), 0);
        assert!(filter.admits(&Cost::zero()));
        let endless = Cost::of(Mechanism::GaussianUpdate { noise_multiplier: f64::NAN });
        assert!(!filter.admits(&endless) && filter.epsilon(&endless).is_infinite());
        assert!(Filter::new(Budget { epsilon: f64::MAX, delta: 1e-5 }).admits(&endless));
    }
}
