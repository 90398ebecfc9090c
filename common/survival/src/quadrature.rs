//! Integration of a function known on a grid.

/// Trapezoid rule over `(x, y)`; 0 with fewer than two points.
pub(super) fn trapezoid(x: &[f64], y: &[f64]) -> f64 {
    let right = x.iter().skip(1).zip(y.iter().skip(1));
    x.iter().zip(y).zip(right).map(|((x0, y0), (x1, y1))| (x1 - x0) * (y0 + y1) * 0.5).sum()
}

/// Composite Simpson rule on an unevenly spaced grid.
///
/// With an odd number of points the parabolas tile the grid. With an even
/// number, the last interval is integrated under the parabola through the last
/// three points (Cartwright, Journal of Mathematical Sciences and Mathematics
/// Education 12 (2017) 1–9, as in `scipy.integrate.simpson`). Two points fall
/// back to the trapezoid rule.
pub(super) fn simpson(x: &[f64], y: &[f64]) -> f64 {
    let points: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
    if points.len() < 3 {
        return trapezoid(x, y);
    }
    let pairs_of_intervals: f64 = points.windows(3).step_by(2).map(parabola).sum();
    match points.last_chunk::<3>() {
        Some(last) if points.len().is_multiple_of(2) => pairs_of_intervals + last_interval(last),
        _ => pairs_of_intervals,
    }
}

/// Integral over both intervals of the parabola through three points.
fn parabola(points: &[(f64, f64)]) -> f64 {
    let &[(x0, y0), (x1, y1), (x2, y2)] = points else {
        return 0.0;
    };
    let h0 = x1 - x0;
    let h1 = x2 - x1;
    let weighted = y0 * (2.0 - h1 / h0) + y1 * (h0 + h1).powi(2) / (h0 * h1) + y2 * (2.0 - h0 / h1);
    (h0 + h1) / 6.0 * weighted
}

/// Integral over the last interval of the parabola through three points.
fn last_interval(&[(x0, y0), (x1, y1), (x2, y2)]: &[(f64, f64); 3]) -> f64 {
    let h0 = x1 - x0;
    let h1 = x2 - x1;
    let both = h0 + h1;
    let last = h1 * (2.0 * h1 + 3.0 * h0) / (6.0 * both);
    let middle = h1 * (h1 + 3.0 * h0) / (6.0 * h0);
    let first = h1.powi(3) / (6.0 * h0 * both);
    last.mul_add(y2, middle.mul_add(y1, -first * y0))
}

#[cfg(test)]
mod tests {
    use super::{simpson, trapezoid};

    const X: [f64; 6] = [0.0, 0.5, 1.25, 2.0, 3.5, 4.0];

    #[test]
    fn simpson_is_exact_for_a_parabola_with_any_number_of_points() {
        let y = X.map(|x| 3.0 * x * x - x + 2.0);
        for points in 3..=X.len() {
            let end = X[points - 1];
            let exact = end.powi(3) - end * end / 2.0 + 2.0 * end;
            assert!((simpson(&X[..points], &y[..points]) - exact).abs() < 1e-12);
        }
    }

    #[test]
    fn trapezoid_is_exact_for_a_line() {
        let y = X.map(|x| 2.0 * x + 1.0);
        assert!((trapezoid(&X, &y) - 20.0).abs() < 1e-12);
        assert!(trapezoid(&X[..1], &y[..1]).abs() < 1e-12);
    }
}
