//! A data set's account: Rényi divergence at fixed orders, in integers of 2⁻⁴⁰ nats.

use serde::{Deserialize, Serialize};

use super::Violation;
use crate::record::{Mechanism, Reserve};

/// What a mechanism with a bound on the norm costs at each order, where the caller knows it.
pub type Cost<'a> = dyn Fn(&Mechanism, f64, &[f64]) -> Option<Vec<u64>> + 'a;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    orders: Vec<f64>,
    total: Vec<u64>,
}

impl Account {
    pub fn new(orders: Vec<f64>, carried: Vec<u64>) -> Self {
        let total = if carried.is_empty() { vec![0; orders.len()] } else { carried };
        Self { orders, total }
    }

    pub fn orders(&self) -> &Vec<f64> {
        &self.orders
    }

    pub fn total(&self) -> &[u64] {
        &self.total
    }
}

/// Redoes one charge.
pub(super) fn charge(
    account: Option<&mut Account>,
    reserve: &Reserve,
    cost: Option<&Cost<'_>>,
) -> Result<(), Violation> {
    let free = reserve.cost.iter().all(|cost| *cost == 0);
    if reserve.mechanism.noises() == free {
        return Err(Violation::Cost);
    }
    let Some(account) = account else {
        // Without noise nothing is spent, so there need be no budget.
        let nothing = free && reserve.total.iter().all(|total| *total == 0);
        return if nothing { Ok(()) } else { Err(Violation::NoBudget) };
    };
    if reserve.cost.len() != account.orders.len() {
        return Err(Violation::CostLength);
    }
    let sum = |(total, cost): (&u64, &u64)| total.checked_add(*cost);
    let total: Option<Vec<u64>> = account.total.iter().zip(&reserve.cost).map(sum).collect();
    if total.as_ref() != Some(&reserve.total) {
        return Err(Violation::Total);
    }
    if let Some(cost) = cost
        && let Some(expected) = cost(&reserve.mechanism, reserve.clip, &account.orders)
        && !is_near(&reserve.cost, &expected)
    {
        return Err(Violation::Cost);
    }
    account.total.clone_from(&reserve.total);
    Ok(())
}

/// Within 2 units and 10⁻¹² of the larger: what two machines' mathematics may differ by.
fn is_near(found: &[u64], expected: &[u64]) -> bool {
    let near = |(found, expected): (&u64, &u64)| {
        let slack = 2 + found.max(expected) / 1_000_000_000_000;
        found.abs_diff(*expected) <= slack
    };
    found.len() == expected.len() && found.iter().zip(expected).all(near)
}
