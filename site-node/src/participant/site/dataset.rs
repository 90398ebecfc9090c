//! A hospital's patients as a plan sees them, and which runs may share them.

use base::codec::encode;
use base::digest::Digest;
use plan::experiment::{Plan, PrivacyPlan};
use plan::model::ModelSpec;

use super::super::records::Mark;
use crate::data::Stamp;
use crate::examples::Examples;

/// How many patients train.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::participant) struct Counts {
    /// All of them.
    pub(in crate::participant) patients: usize,
    /// Those of them with the event.
    pub(in crate::participant) events: usize,
}

/// A hospital's patients as plans with one key see them, read once and shared by the runs.
pub(in crate::participant) struct Dataset {
    /// The training patients.
    pub(in crate::participant) training: Examples,
    /// The test patients, if there are any.
    pub(in crate::participant) test: Option<Examples>,
    /// The key of the plans that it serves ([`data_key`]).
    pub(super) key: Digest,
    /// What decided whose records these are.
    pub(super) mark: Mark,
    pub(super) counts: Counts,
    /// The fingerprint of the data, if the patients are in files.
    pub(super) fingerprint: Option<Digest>,
    /// Stamps of the files before they were read; `None` if stamps cannot show whether the files changed.
    pub(super) stamps: Option<Vec<Option<Stamp>>>,
}

impl Dataset {
    /// Whether reading the patients again would give the same data.
    pub(super) fn serves(
        &self,
        key: Digest,
        mark: &Mark,
        stamps: Option<&Vec<Option<Stamp>>>,
    ) -> bool {
        let unchanged = stamps.is_some() && self.stamps.as_ref() == stamps;
        self.key == key && self.mark == *mark && unchanged
    }
}

/// A hash of the parts of a plan that decide which examples are read: plans with one key have the same examples.
///
/// The list follows from `SiteParticipant::patients`. A cohort is made from the outcome, and needs an event if the head
/// needs one. Examples are made from the outcome, the columns and the views, by the rules of the mode. Every encoder
/// adds what its view holds. The layers of the model, its training, aggregation, noise and evaluation have no
/// influence. Every field of a plan is named here, so that a new field requires a decision.
pub(super) fn data_key(plan: &Plan) -> Digest {
    let Plan {
        name: _,
        seed: _,
        rounds: _,
        outcome,
        features,
        views,
        model,
        training: _,
        aggregation: _,
        privacy,
        evaluation: _,
        start: _,
    } = plan;
    let ModelSpec { inputs: _, hidden: _, fusion, head, initial_hazard_ppm: _ } = model;
    let PrivacyPlan { mode, clip: _, noise_multiplier: _, delta: _, dp_sgd: _, evaluation: _ } =
        privacy;
    let encoders = fusion.as_ref().map_or(&[][..], |fusion| &fusion.encoders);
    let encoded: Vec<&str> = encoders.iter().map(|encoder| encoder.view.as_str()).collect();
    let needs_event = !head.separable_by_patient();
    Digest::of(&encode(&(outcome, features, views, encoded, needs_event, mode)))
}

#[cfg(test)]
mod tests {
    use plan::experiment::{DpSgd, Evaluation, PrivacyMode, PrivateEvaluation, Weights};
    use plan::model::Head;
    use plan::model::{CodeBag, Encoder, EncoderKind, Fusion, Pool};

    use super::super::tests::plan;
    use super::*;

    /// A change of a plan.
    type Change = fn(&mut Plan);

    fn changed(base: &Plan, change: Change) -> Plan {
        let mut plan = base.clone();
        change(&mut plan);
        assert_ne!(plan, *base);
        plan
    }

    fn encode_view(plan: &mut Plan, view: &str, width: u32) {
        let kind = EncoderKind::Codes(CodeBag { vocabulary: 2, width });
        let encoder = Encoder { view: view.to_owned(), kind, frozen: false, pool: Pool::Mean };
        let encoders = vec![encoder];
        let hidden = Vec::new();
        plan.model.fusion = Some(Fusion { encoders, width, hidden, dropout_ppm: 0 });
    }

    #[test]
    fn what_is_done_with_examples_keeps_the_key() {
        let base = plan(PrivacyMode::Patient);
        let keep: [Change; 16] = [
            |plan| plan.name = "another".parse().unwrap(),
            |plan| plan.seed += 1,
            |plan| plan.rounds += 1,
            |plan| plan.training.epochs += 1,
            |plan| plan.training.learning_rate /= 2.0,
            |plan| plan.aggregation.min_sites += 1,
            |plan| plan.aggregation.weights = Weights::Patients { unit: 7 },
            |plan| plan.privacy.clip /= 2.0,
            |plan| plan.privacy.noise_multiplier *= 2.0,
            |plan| plan.privacy.delta /= 2.0,
            |plan| plan.privacy.dp_sgd.as_mut().unwrap().steps += 1,
            |plan| {
                let ablated = Vec::new();
                let asked = PrivateEvaluation { rho: 0.1, max_patients: 9, ablated };
                plan.privacy.evaluation = Some(asked);
            },
            |plan| plan.evaluation = Evaluation { permutations: 3, ..Evaluation::default() },
            |plan| plan.start = Some(Digest::of(b"a model")),
            |plan| plan.model.hidden.push(4),
            |plan| plan.model.initial_hazard_ppm += 1,
        ];
        for (which, change) in keep.into_iter().enumerate() {
            assert_eq!(data_key(&changed(&base, change)), data_key(&base), "change {which}");
        }
        // Only the view of an encoder counts.
        let mut narrow = base.clone();
        encode_view(&mut narrow, "diagnoses", 4);
        let mut wide = base;
        encode_view(&mut wide, "diagnoses", 8);
        assert_eq!(data_key(&narrow), data_key(&wide));
    }

    #[test]
    fn what_examples_are_made_from_changes_the_key() {
        let base = plan(PrivacyMode::Patient);
        let change: [Change; 12] = [
            |plan| plan.outcome.time = "other".to_owned(),
            |plan| plan.outcome.event = "other".to_owned(),
            |plan| plan.outcome.edges.push(1e6),
            |plan| plan.outcome.causes = vec!["heart".to_owned(), "other".to_owned()],
            |plan| plan.features[0].center += 1.0,
            |plan| plan.features[0].scale *= 2.0,
            |plan| plan.features.truncate(1),
            |plan| plan.features.swap(0, 1),
            |plan| plan.views.clear(),
            |plan| plan.privacy.mode = PrivacyMode::None,
            |plan| plan.model.head = Head::Cox,
            |plan| encode_view(plan, "diagnoses", 4),
        ];
        let mut keys = vec![data_key(&base)];
        keys.extend(change.into_iter().map(|change| data_key(&changed(&base, change))));
        keys.push(data_key(&plan(PrivacyMode::Site)));
        let all = keys.len();
        keys.sort_unstable_by_key(Digest::to_string);
        keys.dedup();
        assert_eq!(keys.len(), all);
    }

    #[test]
    fn the_steps_of_private_training_do_not_decide_what_is_read() {
        let mut other = plan(PrivacyMode::Patient);
        let key = data_key(&other);
        other.privacy.dp_sgd =
            Some(DpSgd { steps: 9, sampling_rate: 0.5, expected_patients: 10, patient_clip: 0.1 });
        assert_eq!(data_key(&other), key);
    }
}
