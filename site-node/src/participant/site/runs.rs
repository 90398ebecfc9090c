//! The runs of a hospital: a slot for each, and the data that they share. Nothing here reads files, trains or blocks.
//!
//! ```text
//! enter ─► awake ── session_begins ─► resting ─┬─ proposed again ─► awake
//!            └─ over, or left ─► gone           └─ a further run needs the slot ─► gone
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Weak};

use base::digest::Digest;
use base::ids::{Round, RunId};
use privacy::PlannedReleases;

use super::dataset::Dataset;
use super::lock::RunLock;

/// The state of one run under the run's own lock.
pub(super) type RunCell = Arc<RunLock>;

/// The reason why a run gets no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoSlot {
    /// The run is over.
    Over,
    /// All slots are taken by runs of the present session.
    Full,
}

/// An update that left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) round: Round,
    pub(super) update: Digest,
}

/// The slot of one run.
struct Slot {
    cell: RunCell,
    /// The releases of its plan.
    planned: PlannedReleases,
    /// Its place in the order in which runs took a slot, or were proposed again after they rested.
    since: u64,
    /// Whether the run is from an earlier session and was not proposed again.
    resting: bool,
    /// Whether a resting run was proposed again, and is still to be considered.
    asked: bool,
    data: Option<Arc<Dataset>>,
    /// The update that was sent last.
    sent: Option<Sent>,
    /// Whether the coordinator has acknowledged that update.
    acknowledged: bool,
}

/// The runs of a hospital.
#[derive(Default)]
pub(super) struct Runs {
    slots: BTreeMap<RunId, Slot>,
    /// The state of each run that anybody acts for, with a slot or without. There is never a second one of its name.
    cells: BTreeMap<RunId, Weak<RunLock>>,
    /// The number of times that a slot was taken or a run woken.
    taken: u64,
    /// The data of the run that ended last.
    last: Option<Arc<Dataset>>,
    /// The number of the present session.
    session: u64,
    /// Runs that ended, the latest last: what is still under way for one of them takes no slot.
    ended: VecDeque<RunId>,
}

/// The ended runs that are remembered: far more than are under way at once.
const MAX_ENDED: usize = 64;

/// Who asks for a slot.
pub(super) struct Claim<'c> {
    /// The session in which the run was proposed.
    pub(super) session: u64,
    /// The runs that train now. They lose their slots last.
    pub(super) training: &'c BTreeSet<RunId>,
}

impl Runs {
    /// The state of a run, if it has a slot.
    pub(super) fn find(&self, run: &RunId) -> Option<RunCell> {
        self.slots.get(run).map(|slot| Arc::clone(&slot.cell))
    }

    /// The state of a run that is about to be considered. All who act for a run share its lock, also while it has no
    /// slot: what one of them records stands when the next one decides.
    pub(super) fn cell(&mut self, run: &RunId) -> RunCell {
        if let Some(cell) = self.cells.get(run).and_then(Weak::upgrade) {
            return cell;
        }
        self.cells.retain(|_, cell| cell.strong_count() > 0);
        let cell = RunCell::default();
        self.cells.insert(run.clone(), Arc::downgrade(&cell));
        cell
    }

    /// Whether a run has a slot.
    pub(super) fn has(&self, run: &RunId) -> bool {
        self.slots.contains_key(run)
    }

    /// Whether a run is from an earlier session and was not proposed again, if it has a slot.
    pub(super) fn rests(&self, run: &RunId) -> Option<bool> {
        self.slots.get(run).map(|slot| slot.resting)
    }

    /// The runs whose outstanding charges count before this one's: those of the present session that took their slots
    /// earlier. So of two runs that do not fit together only the later one is declined.
    pub(super) fn before(&self, run: &RunId) -> impl Iterator<Item = (&RunId, &PlannedReleases)> {
        let counts = |slot: &Slot| !slot.resting || slot.asked;
        let awake = self.slots.get(run).filter(|slot| !slot.resting);
        let since = awake.map_or(u64::MAX, |slot| slot.since);
        let before = move |(other, slot): &(&RunId, &Slot)| {
            counts(slot) && slot.since < since && *other != run
        };
        self.slots.iter().filter(before).map(|(other, slot)| (other, &slot.planned))
    }

    /// The resting run that loses its slot next: one that does not train, and of those the oldest. A run that was
    /// proposed again keeps its slot.
    fn next_to_go(&self, training: &BTreeSet<RunId>) -> Option<&RunId> {
        let resting = self.slots.iter().filter(|(_, slot)| slot.resting && !slot.asked);
        let order = |(run, slot): &(&RunId, &Slot)| (training.contains(*run), slot.since);
        resting.min_by_key(order).map(|(run, _)| run)
    }

    /// Checks that one of `slots` slots is free for a run, or is its own.
    pub(super) fn check_room(
        &self,
        run: &RunId,
        claim: &Claim<'_>,
        slots: usize,
    ) -> Result<(), NoSlot> {
        if self.is_over(run) {
            return Err(NoSlot::Over);
        }
        let room =
            self.has(run) || self.slots.len() < slots || self.next_to_go(claim.training).is_some();
        if room { Ok(()) } else { Err(NoSlot::Full) }
    }

    /// Takes a slot for a run, or wakes the run that has one. Returns the resting run that lost its slot to it.
    pub(super) fn enter(
        &mut self,
        run: &RunId,
        claim: &Claim<'_>,
        planned: PlannedReleases,
        slots: usize,
    ) -> Result<Option<RunId>, NoSlot> {
        self.check_room(run, claim, slots)?;
        // What was proposed in an earlier session is to be proposed again.
        let resting = claim.session != self.session;
        let known = self.slots.get_mut(run);
        if resting && known.is_some() {
            return Ok(None);
        }
        let fresh = known.as_ref().is_none_or(|slot| slot.resting);
        if fresh {
            self.taken += 1;
        }
        if let Some(slot) = known {
            slot.planned = planned;
            slot.resting = false;
            slot.asked = false;
            if fresh {
                slot.since = self.taken;
            }
            return Ok(None);
        }
        let full = self.slots.len() >= slots;
        let gone = if full { self.next_to_go(claim.training).cloned() } else { None };
        if let Some(gone) = &gone {
            self.remove(gone);
        }
        let slot = Slot {
            cell: self.cell(run),
            planned,
            since: self.taken,
            resting,
            asked: false,
            data: None,
            sent: None,
            acknowledged: false,
        };
        self.slots.insert(run.clone(), slot);
        Ok(gone)
    }

    /// Notes the data that a run uses.
    pub(super) fn uses(&mut self, run: &RunId, data: &Arc<Dataset>) {
        match self.slots.get_mut(run) {
            Some(slot) => slot.data = Some(Arc::clone(data)),
            // It ended while they were read.
            None => self.last = Some(Arc::clone(data)),
        }
    }

    /// Notes that an update is sent, perhaps again.
    pub(super) fn sends(&mut self, run: &RunId, sent: Sent) {
        if let Some(slot) = self.slots.get_mut(run)
            && slot.sent.replace(sent) != Some(sent)
        {
            slot.acknowledged = false;
        }
    }

    /// Notes an acknowledgement. Returns whether it is the first one of the update that was sent last.
    pub(super) fn acknowledge(&mut self, run: &RunId, sent: Sent) -> bool {
        let slot = self.slots.get_mut(run).filter(|slot| slot.sent == Some(sent));
        slot.is_some_and(|slot| !std::mem::replace(&mut slot.acknowledged, true))
    }

    /// Data that pass `serve`, of a run that has a slot or of the run that ended last.
    pub(super) fn data(&self, serve: impl Fn(&Dataset) -> bool) -> Option<Arc<Dataset>> {
        let held = self.slots.values().filter_map(|slot| slot.data.as_ref());
        held.chain(&self.last).find(|data| serve(data)).map(Arc::clone)
    }

    /// Drops the data of the run that ended last, to make room for data that are about to be read.
    pub(super) fn forget_last(&mut self) {
        self.last = None;
    }

    /// Lets all runs rest, because a session begins in which none was proposed yet.
    pub(super) fn rest(&mut self) {
        self.session += 1;
        for slot in self.slots.values_mut() {
            slot.resting = true;
            slot.asked = false;
        }
    }

    /// Takes note that a run is proposed, and returns the number of the present session.
    pub(super) fn propose(&mut self, run: &RunId) -> u64 {
        if let Some(slot) = self.slots.get_mut(run) {
            slot.asked = slot.resting;
        }
        self.session
    }

    /// Frees the slot of a run that is over, and remembers that it is not taken up again.
    pub(super) fn end(&mut self, run: &RunId) {
        self.remove(run);
        if !self.is_over(run) {
            if self.ended.len() == MAX_ENDED {
                self.ended.pop_front();
            }
            self.ended.push_back(run.clone());
        }
    }

    /// Takes note that what was proposed in a session is declined, so that a run that rests gives way again.
    pub(super) fn decline(&mut self, run: &RunId, session: u64) {
        if session == self.session
            && let Some(slot) = self.slots.get_mut(run)
        {
            slot.asked = false;
        }
    }

    /// The number of the present session.
    pub(super) fn session(&self) -> u64 {
        self.session
    }

    /// Whether a run is over, as far as that is remembered.
    pub(super) fn is_over(&self, run: &RunId) -> bool {
        self.ended.contains(run)
    }

    /// Frees the slot of a run, and keeps its data for a later run. Returns whether the run had a slot.
    pub(super) fn remove(&mut self, run: &RunId) -> bool {
        let Some(slot) = self.slots.remove(run) else { return false };
        if let Some(data) = slot.data {
            self.last = Some(data);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use privacy::{Mechanism, RunReleases};

    use super::*;

    fn run(name: &str) -> RunId {
        name.parse().unwrap()
    }

    fn planned() -> PlannedReleases {
        PlannedReleases::new(RunReleases::of_updates(Mechanism::ClipOnly, 1))
    }

    fn enter(runs: &mut Runs, name: &str) -> Result<Option<RunId>, NoSlot> {
        enter_beside(runs, name, &BTreeSet::new())
    }

    fn enter_beside(
        runs: &mut Runs,
        name: &str,
        training: &BTreeSet<RunId>,
    ) -> Result<Option<RunId>, NoSlot> {
        let session = runs.session;
        runs.enter(&run(name), &Claim { session, training }, planned(), 2)
    }

    fn before(runs: &Runs, name: &str) -> Vec<String> {
        runs.before(&run(name)).map(|(run, _)| run.to_string()).collect()
    }

    #[test]
    fn a_run_beyond_the_slots_waits_until_another_one_is_over() {
        let mut runs = Runs::default();
        assert_eq!(enter(&mut runs, "run-a"), Ok(None));
        assert_eq!(enter(&mut runs, "run-b"), Ok(None));
        assert_eq!(enter(&mut runs, "run-c"), Err(NoSlot::Full));
        assert_eq!(enter(&mut runs, "run-a"), Ok(None), "it has a slot");
        assert!(runs.remove(&run("run-a")) && !runs.remove(&run("run-a")));
        assert_eq!(enter(&mut runs, "run-c"), Ok(None));
    }

    #[test]
    fn the_run_that_rested_longest_gives_way_and_one_that_is_proposed_again_does_not() {
        let mut runs = Runs::default();
        enter(&mut runs, "run-b").unwrap();
        enter(&mut runs, "run-a").unwrap();
        runs.rest();
        assert_eq!(runs.rests(&run("run-b")), Some(true));
        // Proposed again.
        enter(&mut runs, "run-b").unwrap();
        assert_eq!(runs.rests(&run("run-b")), Some(false));
        assert_eq!(enter(&mut runs, "run-c"), Ok(Some(run("run-a"))));
        assert_eq!(enter(&mut runs, "run-d"), Err(NoSlot::Full));
        runs.rest();
        assert_eq!(enter(&mut runs, "run-d"), Ok(Some(run("run-b"))));
    }

    #[test]
    fn runs_of_this_session_that_came_before_count_and_others_do_not() {
        let mut runs = Runs::default();
        enter(&mut runs, "run-b").unwrap();
        enter(&mut runs, "run-a").unwrap();
        assert_eq!(before(&runs, "run-b"), [""; 0]);
        assert_eq!(before(&runs, "run-a"), ["run-b"]);
        assert_eq!(before(&runs, "run-c"), ["run-a", "run-b"]);
        runs.rest();
        assert_eq!(before(&runs, "run-c"), [""; 0]);
        // The run that comes back last counts last.
        enter(&mut runs, "run-a").unwrap();
        assert_eq!(before(&runs, "run-b"), ["run-a"]);
        enter(&mut runs, "run-b").unwrap();
        assert_eq!(before(&runs, "run-a"), [""; 0]);
        assert_eq!(before(&runs, "run-b"), ["run-a"]);
    }

    #[test]
    fn an_update_is_acknowledged_once_and_only_what_left_last() {
        let mut runs = Runs::default();
        let sent =
            |round: u32| Sent { round: Round(round), update: Digest::of(&round.to_le_bytes()) };
        enter(&mut runs, "run-a").unwrap();
        let a = run("run-a");
        assert!(!runs.acknowledge(&a, sent(1)), "nothing left");
        runs.sends(&a, sent(1));
        assert!(!runs.acknowledge(&run("run-b"), sent(1)) && !runs.acknowledge(&a, sent(2)));
        assert!(runs.acknowledge(&a, sent(1)) && !runs.acknowledge(&a, sent(1)));
        // It is sent again.
        runs.sends(&a, sent(1));
        assert!(!runs.acknowledge(&a, sent(1)));
        runs.sends(&a, sent(2));
        assert!(!runs.acknowledge(&a, sent(1)) && runs.acknowledge(&a, sent(2)));
    }

    /// Two considerations of one run would else record what they decide in any order.
    #[test]
    fn all_who_act_for_a_run_share_one_lock_with_a_slot_or_without() {
        let mut runs = Runs::default();
        let a = run("run-a");
        let first = runs.cell(&a);
        assert!(Arc::ptr_eq(&first, &runs.cell(&a)) && !runs.has(&a));
        enter(&mut runs, "run-a").unwrap();
        assert!(Arc::ptr_eq(&first, &runs.find(&a).unwrap()));
        // It loses its slot while somebody acts for it, and gets another one.
        runs.remove(&a);
        assert!(runs.find(&a).is_none() && Arc::ptr_eq(&first, &runs.cell(&a)));
        enter(&mut runs, "run-a").unwrap();
        assert!(Arc::ptr_eq(&first, &runs.find(&a).unwrap()));
        // What nobody acts for is forgotten.
        drop(first);
        runs.remove(&a);
        for number in 0..100 {
            drop(runs.cell(&run(&format!("run-{number}"))));
        }
        assert_eq!(runs.cells.len(), 1);
    }

    #[test]
    fn a_run_that_rests_gives_way_once_its_proposal_is_declined() {
        let mut runs = Runs::default();
        enter(&mut runs, "run-a").unwrap();
        enter(&mut runs, "run-b").unwrap();
        let earlier = runs.session();
        runs.rest();
        let session = runs.propose(&run("run-a"));
        // What an earlier session asked for does not count.
        runs.decline(&run("run-a"), earlier);
        assert_eq!(before(&runs, "run-c"), ["run-a"]);
        runs.decline(&run("run-a"), session);
        assert_eq!(before(&runs, "run-c"), [""; 0]);
        assert_eq!(enter(&mut runs, "run-c"), Ok(Some(run("run-a"))));
    }

    #[test]
    fn a_run_that_was_proposed_again_keeps_its_slot_and_one_that_trains_loses_it_last() {
        let mut runs = Runs::default();
        enter(&mut runs, "run-a").unwrap();
        enter(&mut runs, "run-b").unwrap();
        runs.rest();
        // The older one trains: the other one goes.
        let training = BTreeSet::from([run("run-a")]);
        assert_eq!(enter_beside(&mut runs, "run-c", &training), Ok(Some(run("run-b"))));
        assert_eq!(before(&runs, "run-d"), ["run-c"]);
        // Proposed again, and still to be considered.
        runs.propose(&run("run-a"));
        assert_eq!(before(&runs, "run-d"), ["run-a", "run-c"]);
        assert_eq!(enter(&mut runs, "run-d"), Err(NoSlot::Full));
        assert_eq!(enter(&mut runs, "run-a"), Ok(None));
        assert_eq!(runs.rests(&run("run-a")), Some(false));
    }

    #[test]
    fn what_is_under_way_for_a_run_that_is_over_or_for_an_earlier_session_holds_nothing_up() {
        let mut runs = Runs::default();
        let session = runs.propose(&run("run-a"));
        assert!(!runs.is_over(&run("run-a")));
        runs.rest();
        let training = BTreeSet::new();
        let claim = Claim { session, training: &training };
        assert_eq!(runs.enter(&run("run-a"), &claim, planned(), 2), Ok(None));
        assert_eq!(runs.rests(&run("run-a")), Some(true), "it was proposed in an earlier session");
        // It wakes when it is proposed again, and not by what is still under way.
        assert_eq!(runs.enter(&run("run-a"), &claim, planned(), 2), Ok(None));
        assert_eq!(runs.rests(&run("run-a")), Some(true));
        runs.end(&run("run-a"));
        assert_eq!(runs.enter(&run("run-a"), &claim, planned(), 2), Err(NoSlot::Over));
        assert!(runs.is_over(&run("run-a")) && !runs.has(&run("run-a")));
        for number in 0..2 * MAX_ENDED {
            runs.end(&run(&format!("run-{number}")));
        }
        assert_eq!(runs.ended.len(), MAX_ENDED);
    }
}
