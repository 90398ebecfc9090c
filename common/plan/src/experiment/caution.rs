//! What is allowed in a plan and seldom meant: told to people beside the plan, and no reason to refuse it.

use super::Plan;
use crate::model::HeadKind;

impl Plan {
    /// Warnings on values that are valid and promise little, each with its key and the remedy.
    #[must_use]
    pub fn cautions(&self) -> Vec<String> {
        let all = [self.delta_of_one_patient(), self.clipped_events(), self.lost_in_noise()];
        all.into_iter().flatten().collect()
    }

    /// A bound that every patient with the event exceeds. In the interval of the event the derivative of a hazard's
    /// logit is 1 − λ, and the bias alone has that; without the event it is λ in each interval. So what is clipped is
    /// nearly all events, and predicted risks end far below the observed ones.
    fn clipped_events(&self) -> Option<String> {
        let clip = self.privacy.dp_sgd.as_ref()?.patient_clip;
        if !matches!(self.model.head.kind(), HeadKind::LogisticHazard) {
            return None;
        }
        let hazard = f64::from(self.model.initial_hazard_ppm) / 1e6;
        let event = 1.0 - hazard;
        (clip < event).then(|| {
            format!(
                "privacy.patient_clip: {clip} is below {event:.2}, the smallest gradient of a patient with the event \
                 at the initial hazard; events are clipped and other patients are not, so predicted risks come out \
                 several times too low; use some {:.0} to {:.0}, and compare observed with predicted events by \
                 site-node evaluate --horizons",
                (3.0 * event).ceil(),
                (5.0 * event).ceil()
            )
        })
    }

    /// Concordances that noise leaves little of.
    fn lost_in_noise(&self) -> Option<String> {
        let training = self.privacy.dp_sgd.as_ref()?.expected_patients;
        self.privacy.evaluation.as_ref()?.caution(training, self.aggregation.min_sites)
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
    fn a_bound_below_every_event_is_told() {
        let with = |clip: &str, hazard: &str| {
            let text = PLAN
                .replace("DELTA", "1e-3")
                .replace("steps = 1 }", &format!("steps = 1, patient_clip = {clip} }}"))
                .replace(
                    "kind = \"linear\"",
                    &format!("kind = \"linear\", initial_hazard = {hazard}"),
                );
            base::config::read::<Draft>("small.toml", &text).unwrap().0.plan.cautions()
        };
        let told = with("0.5", "0.05");
        assert!(told[0].starts_with("privacy.patient_clip: 0.5 is below 0.95"), "{told:?}");
        assert_eq!(with("1.5", "0.05"), Vec::<String>::new());
        assert_eq!(with("0.5", "0.6"), Vec::<String>::new());
    }

    #[test]
    fn noise_that_leaves_nothing_of_a_concordance_is_told_with_values_that_would_do() {
        let with = |patients: u32, evaluation: &str| {
            let text = PLAN
                .replace("DELTA", "1e-5")
                .replace("epsilon = 1.0", "epsilon = 40.0")
                .replace("expected_patients = 22", &format!("expected_patients = {patients}"))
                .replace("steps = 1 }", &format!("steps = 1, evaluation = {{ {evaluation} }} }}"));
            base::config::read::<Draft>("small.toml", &text).unwrap().0.plan.cautions()
        };
        let told = with(300, "rho = 0.05");
        assert!(told[0].contains("75 test patients"), "{told:?}");
        let remedy = told[0].split("± 0.1 ").nth(1).unwrap().replace(" would do", "");
        let remedy = remedy.replace(" with ", ", ");
        // What is proposed is without a warning, up to its own rounding.
        let (_, rho) = remedy.rsplit_once("rho = ").unwrap();
        let rho = rho.parse::<f64>().unwrap() + 0.01;
        assert_eq!(with(300, &format!("max_patients = 75, rho = {rho}")), Vec::<String>::new());
        assert_eq!(with(20_000, "rho = 0.05, max_patients = 5000"), Vec::<String>::new());
        assert!(with(2, "rho = 0.05")[0].contains("too few test patients"));
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
