//! A patient's gradient, piece by piece.

/// Rows of the flat vector: row r, from `at` + r·(length of `values`) on, is `factors`[r]·`values`.
///
/// A dense layer's weight is such a product of its input and its output gradient, which is never written
/// down; whatever else has a gradient is a row with the factor 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) at: usize,
    pub(super) factors: &'a [f32],
    pub(super) values: &'a [f32],
}

impl<'a> Part<'a> {
    /// Numbers as they are.
    pub(super) fn plain(at: usize, values: &'a [f32]) -> Self {
        Self { at, factors: &[1.0], values }
    }

    /// The rows that are not zero all over: where each starts, and its factor.
    pub(super) fn rows(self) -> impl Iterator<Item = (usize, f32)> {
        let Self { at, factors, values } = self;
        let rows = factors.iter().enumerate().filter(|(_, factor)| **factor != 0.0);
        rows.map(move |(row, factor)| (at + row * values.len(), *factor))
    }
}

/// What takes a patient's gradient.
pub(super) trait Visit {
    fn part(&mut self, part: Part<'_>);
}

impl<F: FnMut(Part<'_>)> Visit for F {
    fn part(&mut self, part: Part<'_>) {
        self(part);
    }
}
