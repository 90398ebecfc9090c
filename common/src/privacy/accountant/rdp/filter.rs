//! A limit on spending that holds under adaptive choice.

use super::vector::conversion;
use super::{ORDERS, RdpVector};
use crate::privacy::accountant::rounding::{add_up, mul_up, steps_up};
use crate::privacy::accountant::{AccountantError, Budget};

/// A Rényi privacy filter: admits a release while the sum of costs stays within a budget fixed in
/// advance, and then guarantees (ε, δ) for everything, however each release was chosen in view of
/// the results of earlier ones (Feldman, Zrnic, arXiv:2008.11193, §4: the filter at a fixed order).
///
/// # Soundness
/// At a *fixed* order the filter costs nothing. A rule that admits while *some* order is within its
/// budget lets the results choose the order. With k orders the proof is a union bound: each order
/// gets δ/k, since the hockey-stick divergence is at most the sum of the parts that each order's
/// supermartingale bounds. One order, chosen for the work that is planned, is therefore the best
/// filter; every further order is insurance that costs ln(k)/(α−1).
#[derive(Debug, Clone, PartialEq)]
pub struct RdpFilter {
    /// Index into [`ORDERS`] and the most that may be spent at that order, in nats.
    limits: Vec<(usize, f64)>,
}

impl RdpFilter {
    /// A filter that watches the given orders, all taken from [`ORDERS`].
    ///
    /// # Errors
    /// [`AccountantError::FilterOrders`] for no order or one named twice,
    /// [`AccountantError::UnknownOrder`] for one that is not public.
    pub fn new(budget: Budget, orders: &[f64]) -> Result<Self, AccountantError> {
        let refuse = |why| AccountantError::FilterOrders { found: orders.len(), why };
        if orders.is_empty() {
            return Err(refuse("none is given"));
        }
        let share = orders.iter().fold(0.0, |count, _| count + 1.0);
        let delta = budget.delta.get() / share;
        let mut limits: Vec<(usize, f64)> = Vec::with_capacity(orders.len());
        for &order in orders {
            let index = ORDERS
                .iter()
                .position(|&known| known.total_cmp(&order).is_eq())
                .ok_or(AccountantError::UnknownOrder { found: order })?;
            if limits.iter().any(|&(known, _)| known == index) {
                return Err(refuse("one is named twice"));
            }
            let limit = budget.epsilon.get() - conversion(order, delta);
            // Rounded down: a limit may be too strict, never too lax.
            limits.push((index, limit - limit.abs() * 1e-14));
        }
        Ok(Self { limits })
    }

    /// A filter at the one order that suits `planned` best: the order at which the planned work
    /// may be repeated most often within the budget.
    ///
    /// The plan only sets how tight the filter is; the guarantee does not depend on it. The order
    /// must be kept for the life of the budget.
    #[must_use]
    pub fn for_plan(budget: Budget, planned: &RdpVector) -> Self {
        let limits = ORDERS
            .iter()
            .enumerate()
            .map(|(index, &order)| {
                (index, budget.epsilon.get() - conversion(order, budget.delta.get()))
            })
            .map(|(index, limit)| (index, limit - limit.abs() * 1e-14));
        let room =
            |&(index, limit): &(usize, f64)| limit / planned.values()[index].max(f64::MIN_POSITIVE);
        let best = limits.max_by(|a, b| room(a).total_cmp(&room(b)));
        Self { limits: best.into_iter().collect() }
    }

    /// The orders it watches.
    pub fn orders(&self) -> impl Iterator<Item = f64> + '_ {
        self.limits.iter().map(|&(index, _)| ORDERS[index])
    }

    /// Whether `request` may still be released after `spent`.
    #[must_use]
    pub fn admits(&self, spent: &RdpVector, request: &RdpVector) -> bool {
        self.limits
            .iter()
            .any(|&(index, limit)| add_up(spent.values()[index], request.values()[index]) <= limit)
    }

    /// How many releases that each cost `step` still fit after `spent`; `u64::MAX` for a step that
    /// costs nothing.
    #[must_use]
    pub fn steps_left(&self, spent: &RdpVector, step: &RdpVector) -> u64 {
        let fits = |steps: u64| {
            self.limits.iter().any(|&(index, limit)| {
                let more = mul_up(step.values()[index], steps_up(steps));
                add_up(spent.values()[index], more) <= limit
            })
        };
        if fits(u64::MAX) {
            return u64::MAX;
        }
        // Bisection over integers, so that the answer agrees with `admits` to the last step.
        let (mut fit, mut over) = (0, u64::MAX);
        while over - fit > 1 {
            let middle = fit + (over - fit) / 2;
            if fits(middle) {
                fit = middle;
            } else {
                over = middle;
            }
        }
        fit
    }
}
