//! Many dated values as one.

use plan::experiment::Aggregate;

use crate::data::Day;

/// Whether a day counts: `window` days before the index date, and that day itself. What is dated after
/// it was not known then, and would leak the outcome into its prediction.
pub(super) fn counts(day: Day, index: Day, window: u32) -> bool {
    day <= index && i64::from(index.0) - i64::from(day.0) <= i64::from(window)
}

/// The values of one patient so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    count: u32,
    sum: f64,
    least: f64,
    largest: f64,
    /// The last day with a value, and how many values of what sum it has.
    last: Option<(Day, u32, f64)>,
}

impl Seen {
    pub(super) fn add(&mut self, day: Day, value: f64) {
        let first = self.count == 0;
        self.count += 1;
        self.sum += value;
        self.least = if first { value } else { self.least.min(value) };
        self.largest = if first { value } else { self.largest.max(value) };
        self.last = match self.last {
            Some((last, count, sum)) if last == day => Some((last, count + 1, sum + value)),
            Some((last, ..)) if last > day => self.last,
            _ => Some((day, 1, value)),
        };
    }

    pub(super) fn aggregate(&self, by: Aggregate) -> Option<f64> {
        let any = |value| (self.count > 0).then_some(value);
        match by {
            Aggregate::Count => Some(f64::from(self.count)),
            Aggregate::Mean => any(self.sum / f64::from(self.count)),
            Aggregate::Min => any(self.least),
            Aggregate::Max => any(self.largest),
            // Of one day the mean: rows have no order in a day.
            Aggregate::Last => self.last.map(|(_, count, sum)| sum / f64::from(count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_date_counts_and_the_day_after_it_does_not() {
        let index = Day(100);
        for (day, window, wanted) in
            [(100, 1, true), (101, 9, false), (99, 1, true), (98, 1, false), (-400, 500, true)]
        {
            assert_eq!(counts(Day(day), index, window), wanted, "{day} {window}");
        }
        assert!(!counts(Day(i32::MIN), Day(i32::MAX), u32::from(u16::MAX)));
    }

    #[test]
    fn order_does_not_matter() {
        let rows = [(3, 10.0), (5, 1.0), (5, 3.0), (1, -2.0)];
        for rotated in 0..rows.len() {
            let mut seen = Seen::default();
            for place in 0..rows.len() {
                let (day, value) = rows[(place + rotated) % rows.len()];
                seen.add(Day(day), value);
            }
            let of = |by| seen.aggregate(by).unwrap();
            let found = [Aggregate::Last, Aggregate::Mean, Aggregate::Min, Aggregate::Max].map(of);
            assert_eq!(found.map(f64::to_bits), [2.0, 3.0, -2.0, 10.0].map(f64::to_bits));
            assert_eq!(seen.aggregate(Aggregate::Count), Some(4.0));
        }
        let none = Seen::default();
        assert_eq!(
            (none.aggregate(Aggregate::Count), none.aggregate(Aggregate::Last)),
            (Some(0.0), None)
        );
    }
}
