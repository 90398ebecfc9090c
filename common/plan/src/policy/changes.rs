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
            max_clip,
            min_noise,
            max_rounds,
            max_steps,
            max_epochs,
            max_time,
            min_sites,
            max_parameters,
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
            ("max_clip", *max_clip != before.max_clip),
            ("min_noise", *min_noise != before.min_noise),
            ("max_rounds", *max_rounds != before.max_rounds),
            ("max_steps", *max_steps != before.max_steps),
            ("max_epochs", *max_epochs != before.max_epochs),
            ("max_time", *max_time != before.max_time),
            ("max_parameters", *max_parameters != before.max_parameters),
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
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/policy.toml");
        let before = Policy::load(&path).unwrap();
        assert!(before.changed_from(&before).is_empty());
        let mut after = before.clone();
        after.max_rounds -= 1;
        after.limits.epsilon_per_run = None;
        after.columns = None;
        assert_eq!(after.changed_from(&before), ["max_rounds", "columns", "budget"]);
    }
}
