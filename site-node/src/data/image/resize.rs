//! One size to another: the mean of what a new pixel covers, or a line between neighbours.
//!
//! ```text
//! smaller   ┌───┬───┬───┐          larger   ●───────●───────●     old centres
//!           └─────┴─────┘                     ◦   ◦   ◦   ◦       new ones between them
//! ```
//!
//! Rows first, then columns. A constant stays the constant.

use super::Picture;

/// The picture at another size.
pub(super) fn resize(picture: &Picture, width: usize, height: usize) -> Picture {
    let across = axis(picture.width, width);
    let down = axis(picture.height, height);
    let mut rows = Vec::with_capacity(width * picture.height);
    for row in picture.values.chunks_exact(picture.width.max(1)) {
        rows.extend(across.iter().map(|(start, weights)| {
            let covered = row.get(*start..).unwrap_or_default();
            covered.iter().zip(weights).map(|(value, weight)| value * weight).sum::<f32>()
        }));
    }
    let mut values = Vec::with_capacity(width * height);
    let mut sums = vec![0.0_f32; width];
    for (start, weights) in &down {
        sums.fill(0.0);
        for (row, weight) in rows.chunks_exact(width.max(1)).skip(*start).zip(weights) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value * weight;
            }
        }
        values.extend_from_slice(&sums);
    }
    Picture { width, height, values }
}

/// For each new place, the first old one and the weights of it and those after it.
fn axis(old: usize, new: usize) -> Vec<(usize, Vec<f32>)> {
    let scale = old as f64 / new.max(1) as f64;
    let weights = |place: usize| {
        let at = place as f64;
        // A span of one old pixel around the new centre is the line between its two neighbours.
        let (low, high) = if scale >= 1.0 {
            (at * scale, (at + 1.0) * scale)
        } else {
            let centre = (at + 0.5) * scale;
            (centre - 0.5, centre + 0.5)
        };
        let first = whole(low.floor());
        let last = whole(high.ceil()).clamp(first + 1, old.max(first + 1));
        let share = |old: usize| {
            let start = old as f64;
            let end = old as f64 + 1.0;
            (high.min(end) - low.max(start)).max(0.0)
        };
        let shares: Vec<f64> = (first..last).map(share).collect();
        let sum: f64 = shares.iter().sum();
        (first, shares.into_iter().map(|share| narrow(share / sum)).collect())
    };
    (0..new).map(weights).collect()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
fn whole(value: f64) -> usize {
    value as usize
}

#[allow(clippy::cast_possible_truncation, reason = "brightness is f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: usize, height: usize, value: impl Fn(usize, usize) -> f32) -> Picture {
        let values = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Picture { width, height, values: values.map(|(x, y)| value(x, y)).collect() }
    }

    fn close(found: &[f32], wanted: &[f32]) {
        assert_eq!(found.len(), wanted.len());
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-6, "{found} is not {wanted}");
        }
    }

    #[test]
    fn smaller_is_the_mean_of_what_is_covered() {
        let four = picture(4, 2, |x, y| (x + 4 * y) as f32);
        close(&resize(&four, 2, 1).values, &[2.5, 4.5]);
        // Three into two: each new one covers one and a half.
        let three = picture(3, 1, |x, _| x as f32);
        close(&resize(&three, 2, 1).values, &[1.0 / 3.0, 5.0 / 3.0]);
    }

    #[test]
    fn larger_is_a_line_between_neighbours() {
        let two = picture(2, 1, |x, _| x as f32);
        close(&resize(&two, 4, 1).values, &[0.0, 0.25, 0.75, 1.0]);
        close(&resize(&two, 2, 3).values, &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
    }

    #[test]
    fn a_constant_stays() {
        for (width, height) in [(1, 1), (7, 13), (64, 3), (200, 200)] {
            let found = resize(&picture(31, 17, |_, _| 0.3), width, height);
            assert_eq!(found.values.len(), width * height);
            assert!(found.values.iter().all(|value| (value - 0.3).abs() < 1e-6));
        }
    }
}
