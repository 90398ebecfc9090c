//! A plan that keeps the rules: what everything else is built from.

use std::ops::Deref;

use super::{Plan, PlanError};

/// A plan that was checked. Whoever is given one need not check it again.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedPlan(Plan);

impl CheckedPlan {
    /// Checks a plan by all rules.
    ///
    /// # Errors
    /// Every rule that it breaks.
    pub fn new(plan: Plan) -> Result<Self, Vec<PlanError>> {
        let plan_errors = plan.check();
        if plan_errors.is_empty() { Ok(Self(plan)) } else { Err(plan_errors) }
    }

    /// The plan itself, to be sent or changed.
    #[must_use]
    pub fn into_plan(self) -> Plan {
        self.0
    }
}

impl Deref for CheckedPlan {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.0
    }
}
