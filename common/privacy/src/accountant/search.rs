//! One-dimensional searches with a fixed number of evaluations.

/// The point in [low, high] where a function with a single valley is least, by golden section.
///
/// Not-a-number counts as high ground. The result only guides a choice: no bound rests on it.
pub fn valley(mut low: f64, mut high: f64, evaluations: u32, f: impl Fn(f64) -> f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_8;
    let height = |x: f64| {
        let y = f(x);
        if y.is_nan() { f64::INFINITY } else { y }
    };
    let mut left = high - GOLDEN * (high - low);
    let mut right = low + GOLDEN * (high - low);
    let mut at_left = height(left);
    let mut at_right = height(right);
    for _ in 0..evaluations {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - GOLDEN * (high - low);
            at_left = height(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + GOLDEN * (high - low);
            at_right = height(right);
        }
    }
    if at_left <= at_right { left } else { right }
}

/// The smallest argument, within `tolerance`, at which a falling function is at most 0.
///
/// `high` must already satisfy f(high) ≤ 0; the result always satisfies it too, because only
/// evaluated points replace `high`. False position halved by turns with bisection: few evaluations,
/// as each may be an FFT, and never more than about twice bisection's.
pub fn smallest_admitted(
    mut low: f64,
    mut high: f64,
    tolerance: f64,
    f: impl Fn(f64) -> f64,
) -> f64 {
    let mut at_low = f(low);
    let mut at_high = f(high);
    if at_low <= 0.0 {
        return low;
    }
    for round in 0_u32..200 {
        let width = high - low;
        if width <= tolerance {
            break;
        }
        let chord = at_low / (at_low - at_high);
        // Every third round bisects; the others aim slightly past the chord's root, so that the
        // interval closes from both sides. Infinite or missing values fall back to bisection.
        let share = if round % 3 == 2 || !chord.is_finite() {
            0.5
        } else {
            let nudge = 0.5 * tolerance / width;
            let aim = if round % 3 == 0 { chord + nudge } else { chord - nudge };
            aim.clamp(0.01, 0.99).clamp(nudge.min(0.5), 1.0 - nudge.min(0.5))
        };
        let middle = low + share * width;
        let value = f(middle);
        if value <= 0.0 {
            (high, at_high) = (middle, value);
        } else {
            (low, at_low) = (middle, value);
        }
    }
    high
}
