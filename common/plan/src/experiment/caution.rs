//! What is allowed in a plan and seldom meant: told to people beside the plan, and no reason to refuse it.

use super::Plan;

impl Plan {
    /// Warnings on values that are valid and promise little, each with its key and the remedy.
    #[must_use]
    pub fn cautions(&self) -> Vec<String> {
        self.delta_of_one_patient().into_iter().collect()
    }

    /// δ at or above 1/N: a mechanism that publishes one patient's whole record in N draws keeps it (Dwork and
    /// Roth, *The Algorithmic Foundations of Differential Privacy*, 2014, section 2.3).
    fn delta_of_one_patient(&self) -> Option<String> {
        let patients = self.privacy.dp_sgd.as_ref()?.expected_patients;
        let delta = self.privacy.delta;
        let whole = 1.0 / f64::from(patients);
        (delta >= whole).then(|| {
            format!(
                "privacy.delta: {delta:e} is not below 1/{patients} = {whole:.2e}, one over \
                 privacy.expected_patients; at such a δ a release may publish a whole patient and still keep \
                 its promise; use a δ well below it, such as {:.0e}",
                0.1 * whole
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::experiment::Draft;

    const PLAN: &str = r#"
name = "small"
rounds = 1
outcome = { time = "t", unit = "years", event = "e", edges = [1.0, 2.0] }
training = { learning_rate = 0.1 }
privacy = { mode = "patient", clip = 1.0, epsilon = 1.0, delta = DELTA, expected_patients = 22, sampling_rate = 0.3, steps = 1 }
aggregation = { min_sites = 1, window = "1m" }
model = { kind = "linear" }
features = { columns = ["x"] }
"#;

    fn cautions(delta: &str) -> Vec<String> {
        let text = PLAN.replace("DELTA", delta);
        base::config::read::<Draft>("small.toml", &text).unwrap().0.plan.cautions()
    }

    #[test]
    fn a_delta_of_one_over_the_patients_or_more_is_told() {
        assert_eq!(cautions("1e-3"), Vec::<String>::new());
        assert_eq!(cautions("0.045"), Vec::<String>::new());
        for delta in ["0.046", "0.2"] {
            let told = cautions(delta);
            assert!(told[0].starts_with("privacy.delta: ") && told[0].contains("1/22"), "{told:?}");
        }
    }
}
