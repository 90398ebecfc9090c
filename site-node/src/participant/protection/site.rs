//! Mode `site`: the change as a whole is noised. No metrics leave: the noise of a concordance would protect a patient
//! and no hospital.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::DeclineReason;
use super::{OpenRound, Protection};
use crate::send::Outgoing;

pub(super) struct WholeUpdate;

impl Protection for WholeUpdate {
    /// Whether training fails depends on the patients: noise leaves all the same.
    fn contribute(&self, open: OpenRound<'_>) -> Result<Outgoing, DeclineReason> {
        let trained = catch_unwind(AssertUnwindSafe(|| open.train()));
        // Before anything is charged. That the run is over is the coordinator's own word and no patient's.
        if open.model.cancel.is_set() {
            return Err(DeclineReason::over());
        }
        let after = if let Ok(Ok(Some(trained))) = trained {
            trained.parameters
        } else {
            let error = trained.ok().and_then(Result::err);
            tracing::error!(?error, "training failed; an update of noise alone leaves");
            open.model.parameters.to_vec()
        };
        let update = open.pass(after, 1.0)?;
        open.keep(update)
    }
}
