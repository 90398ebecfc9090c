//! How much a peer may ask for: so much at once, and a little more with time (a token bucket).

use std::time::Duration;

use base::clock::Moment;

/// What is left of a peer's allowance.
#[derive(Debug, Clone)]
pub struct Allowance {
    most: u32,
    /// One more is allowed after every such time.
    every: Duration,
    left: u32,
    /// Up to when what time brings is counted in `left`.
    counted: Moment,
}

impl Allowance {
    /// An allowance of `most` at once, with one more after `every` such time.
    #[must_use]
    pub fn new(most: u32, every: Duration, now: Moment) -> Self {
        Self { most, every, left: most, counted: now }
    }

    /// Takes so many; false where fewer are left, which are then gone.
    pub fn take(&mut self, count: u32, now: Moment) -> bool {
        let every = self.every.as_nanos().max(1);
        let since = now.since(self.counted).as_nanos() / every;
        let earned = u32::try_from(since).unwrap_or(u32::MAX);
        self.grant(earned);
        self.counted = self.counted.plus(self.every.saturating_mul(earned));
        let left = self.left.checked_sub(count);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    /// Allows so many more, up to what is allowed at once.
    pub fn grant(&mut self, count: u32) {
        self.left = self.left.saturating_add(count).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_with_time() {
        let at = |millis| Moment(Duration::from_millis(millis));
        let mut allowance = Allowance::new(3, Duration::from_secs(60), at(0));
        assert!((0..3).all(|_| allowance.take(1, at(10))));
        assert!(!allowance.take(1, at(59_999)));
        assert!(allowance.take(1, at(60_000)) && !allowance.take(1, at(60_001)));
        // What is not used adds up to no more than is allowed at once.
        let later = at(100_000_000);
        assert!(allowance.take(3, later) && !allowance.take(1, later));
        allowance.grant(10);
        assert!(!allowance.take(4, later) && !allowance.take(1, later));
        allowance.grant(10);
        assert!(allowance.take(3, later));
    }
}
