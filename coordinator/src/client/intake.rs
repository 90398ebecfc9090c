//! How much an operator's program keeps of what a coordinator tells: a hostile one may send without end.

use base::codec::encode;
use node::wire::{Answer, Progress, RoundSummary, Told};
use plan::metric::{METRICS, Metric};
use serde::Serialize;

use super::OperatorError;

/// Bytes of one answer that are kept: far more than a run of the most rounds has.
const MAX_BYTES: usize = 256 << 20;

/// What a row or a number takes in memory beside its bytes on the wire.
const OVERHEAD: usize = 128;

/// Rows of one answer that are taken, of whatever kind: far more than a run or a list has.
const MAX_ROWS: usize = 1 << 20;

/// What may still be kept.
pub(super) struct Intake {
    bytes: usize,
    rows: usize,
}

impl Intake {
    pub fn new() -> Self {
        Self { bytes: MAX_BYTES, rows: MAX_ROWS }
    }

    /// Counts a part of an answer to a query.
    ///
    /// # Errors
    /// It is more than any answer has.
    pub fn answer(&mut self, answer: &Answer) -> Result<(), OperatorError> {
        match answer {
            Answer::Runs(page) => self.take(answer, page.len(), 0),
            Answer::Models(page) => self.take(answer, page.len(), 0),
            Answer::Last(page) => self.take(answer, page.len(), 0),
            Answer::Sites(page) => self.take(answer, page.len(), 0),
            Answer::Rounds(page) => {
                let metrics = page.iter().map(|RoundSummary { metrics, .. }| within_a_row(metrics));
                let metrics = metrics.sum::<Result<usize, OperatorError>>()?;
                self.take(answer, page.len(), metrics)
            }
            Answer::Run(_) | Answer::PassedOver { .. } => self.take(answer, 1, 0),
            // Files have bounds of their own.
            Answer::File { .. } | Answer::Piece(_) | Answer::End { .. } => Ok(()),
        }
    }

    /// Counts a step of a run.
    ///
    /// # Errors
    /// It is more than any run has.
    pub fn progress(&mut self, progress: &Progress) -> Result<(), OperatorError> {
        match progress {
            Progress::Round { metrics, .. } | Progress::Finished { metrics, .. } => {
                let metrics = within_a_row(metrics)?;
                self.take(progress, 1, metrics)
            }
            Progress::Started { .. }
            | Progress::Declined { .. }
            | Progress::Waiting { .. }
            | Progress::Failed { .. }
            | Progress::Stopped { .. }
            | Progress::Interrupted { .. } => self.take(progress, 1, 0),
        }
    }

    /// Counts a step of a description.
    ///
    /// # Errors
    /// It is more than any description has.
    pub fn told(&mut self, told: &Told) -> Result<(), OperatorError> {
        let numbers = match told {
            Told::Answered { numbers, .. } => numbers.len(),
            _ => 0,
        };
        self.take(told, 1, numbers)
    }

    fn take(
        &mut self,
        message: &impl Serialize,
        rows: usize,
        numbers: usize,
    ) -> Result<(), OperatorError> {
        let bytes = encode(message).len() + OVERHEAD * (rows + numbers);
        self.bytes = self.bytes.checked_sub(bytes).ok_or(OperatorError::TooMuch)?;
        self.rows = self.rows.checked_sub(rows).ok_or(OperatorError::TooMuch)?;
        Ok(())
    }
}

/// How many metrics a row has, where it may have as many.
fn within_a_row(metrics: &[Metric]) -> Result<usize, OperatorError> {
    if metrics.len() > METRICS { Err(OperatorError::TooMuch) } else { Ok(metrics.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(rounds: usize, metrics: usize) -> Answer {
        let metrics = vec![Metric { name: "train.loss".to_owned(), value: 0.5 }; metrics];
        let round = RoundSummary { round: 1, sites: 3, seconds: 1.0, bytes: 1, metrics };
        Answer::Rounds(vec![round; rounds])
    }

    /// How many of the same page are taken.
    fn taken(page: &Answer, most: usize) -> usize {
        let mut intake = Intake::new();
        (0..most).take_while(|_| intake.answer(page).is_ok()).count()
    }

    #[test]
    fn a_run_of_the_most_rounds_is_taken_and_an_answer_without_end_is_not() {
        assert_eq!(taken(&page(50, 8), 2000), 2000);
        let endless = taken(&page(50, METRICS), 1_000_000);
        assert!((10..1000).contains(&endless), "{endless}");
        assert_eq!(taken(&page(50, 0), 1_000_000), MAX_ROWS / 50);
        // Many numbers in one row, and long texts.
        assert_eq!(taken(&page(1, METRICS + 1), 1), 0);
        let long = Answer::PassedOver { file: "x".repeat(1 << 20), why: String::new() };
        assert!(taken(&long, 1_000_000) <= 256);
    }

    #[test]
    fn the_steps_of_a_run_and_of_a_description_end_too() {
        let metrics = vec![Metric { name: "train.loss".to_owned(), value: 0.5 }; METRICS];
        let round = base::ids::Round(1);
        let step = Progress::Round { round, sites: 3, seconds: 1.0, bytes: 1, metrics };
        let mut intake = Intake::new();
        let steps = (0..1_000_000).take_while(|_| intake.progress(&step).is_ok()).count();
        assert!((1000..100_000).contains(&steps), "{steps}");
        let told = Told::Answered {
            site: "hospital-a".parse().unwrap(),
            numbers: vec![Metric { name: "patients".to_owned(), value: 1.0 }; 10_000],
        };
        let mut intake = Intake::new();
        let steps = (0..1_000_000).take_while(|_| intake.told(&told).is_ok()).count();
        assert!((100..1000).contains(&steps), "{steps}");
    }
}
