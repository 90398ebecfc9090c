//! How one policy differs from another, by its keys alone.

use super::Policy;

impl Policy {
    /// The keys whose values differ from those of `before`, in the order of the file.
    #[must_use]
    pub fn changed_from(&self, before: &Self) -> Vec<&'static str> {
        // Taken apart, so that a key that is added later cannot be forgotten here.
        let Self {
            coordinators,
            modes,
            models,
            heads,
            min_patients,
            min_events,
            largest_clip,
            least_noise,
            most_rounds,
            most_steps,
            most_epochs,
            most_time,
            min_sites,
            largest_model,
            start_models,
            columns,
            outcomes,
            describe,
            limits,
        } = self;
        #[allow(clippy::float_cmp, reason = "whether the same number stands in the file")]
        let differs = [
            ("coordinators", *coordinators != before.coordinators),
            ("modes", *modes != before.modes),
            ("models", *models != before.models),
            ("heads", *heads != before.heads),
            ("min_patients", *min_patients != before.min_patients),
            ("min_events", *min_events != before.min_events),
            ("largest_clip", *largest_clip != before.largest_clip),
            ("least_noise", *least_noise != before.least_noise),
            ("most_rounds", *most_rounds != before.most_rounds),
            ("most_steps", *most_steps != before.most_steps),
            ("most_epochs", *most_epochs != before.most_epochs),
            ("most_time", *most_time != before.most_time),
            ("largest_model", *largest_model != before.largest_model),
            ("min_sites", *min_sites != before.min_sites),
            ("start_models", *start_models != before.start_models),
            ("columns", *columns != before.columns),
            ("outcomes", *outcomes != before.outcomes),
            ("describe", *describe != before.describe),
            ("budget", *limits != before.limits),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn keys_that_differ_are_named_and_their_values_are_not() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/policy.toml");
        let before = Policy::load(&path).unwrap();
        assert!(before.changed_from(&before).is_empty());
        let mut after = before.clone();
        after.most_rounds -= 1;
        after.limits.epsilon_per_run = None;
        after.columns = None;
        assert_eq!(after.changed_from(&before), ["most_rounds", "columns", "budget"]);
    }
}
