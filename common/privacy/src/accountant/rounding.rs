//! Rounding outward: a reported cost may be too high, never too low.

/// Unit roundoff u = 2⁻⁵³ of `f64`: the largest relative error of one rounded operation.
pub const UNIT_ROUNDOFF: f64 = f64::EPSILON / 2.0;

/// A number of steps as `f64`, never below the integer.
///
/// # Soundness
/// `u64 as f64` rounds to nearest; above 2⁵³, where that can lose, the next `f64` is taken.
#[allow(clippy::cast_precision_loss, reason = "rounded up where precision is lost")]
pub fn steps_up(steps: u64) -> f64 {
    let nearest = steps as f64;
    if steps >> f64::MANTISSA_DIGITS == 0 { nearest } else { nearest.next_up() }
}

/// a + b for costs a, b ≥ 0, rounded up.
pub fn add_up(a: f64, b: f64) -> f64 {
    if a == 0.0 {
        b
    } else if b == 0.0 {
        a
    } else {
        (a + b).next_up()
    }
}

/// a · b for costs a, b ≥ 0, rounded up; 0 · ∞ is 0 (no step of anything costs nothing).
pub fn mul_up(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 { 0.0 } else { (a * b).next_up() }
}

/// A final ε: raised by a few units in the last place and at least 0.
///
/// # Soundness
/// Covers the rounding of the last formula (about ten operations on numbers of the result's size);
/// errors that can be larger are added by the code that makes them.
pub fn epsilon_up(epsilon: f64) -> f64 {
    if epsilon.is_nan() {
        // Infinity is the honest answer where the arithmetic gave out.
        f64::INFINITY
    } else if epsilon <= 0.0 {
        0.0
    } else {
        (epsilon * (1.0 + 1e-14)).next_up()
    }
}
