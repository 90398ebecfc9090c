//! The updates of a round, read at the same pace: memory does not grow with the model.

use std::io::{self, Read};

use super::{NextParameters, PIECE};
use crate::incoming::BoundedUpdate;
use crate::spool::SpoolReader;

/// Updates that are read from their spools together, a piece of each at a time.
pub(super) struct SideBySide {
    readers: Vec<SpoolReader>,
    parameters: usize,
    /// The place of the next piece.
    next: usize,
    bytes: Vec<u8>,
    /// The values of the piece in grid units, update after update.
    values: Vec<i32>,
}

/// One piece of all updates.
pub(super) struct Piece<'p> {
    /// The place of its first parameter.
    pub start: usize,
    /// How many parameters it has.
    pub count: usize,
    values: &'p [i32],
}

impl Piece<'_> {
    /// One update's values.
    pub fn of(&self, update: usize) -> &[i32] {
        &self.values[update * self.count..(update + 1) * self.count]
    }

    /// One parameter's value in each update.
    pub fn column(&self, place: usize) -> impl Iterator<Item = i32> + '_ {
        self.values.iter().skip(place).step_by(self.count).copied()
    }
}

impl SideBySide {
    /// Updates for a model of `parameters`, from their starts on.
    ///
    /// # Errors
    /// A spool cannot be rewound.
    pub fn new(updates: Vec<BoundedUpdate>, parameters: usize) -> io::Result<Self> {
        let readers: Vec<SpoolReader> =
            updates.into_iter().map(BoundedUpdate::reader).collect::<io::Result<_>>()?;
        let values = vec![0; readers.len() * PIECE];
        Ok(Self { readers, parameters, next: 0, bytes: vec![0; 4 * PIECE], values })
    }

    /// How many updates there are.
    pub fn len(&self) -> usize {
        self.readers.len()
    }

    /// The next piece; none after the last one.
    ///
    /// # Errors
    /// An update cannot be read back.
    pub fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        let start = self.next;
        let count = PIECE.min(self.parameters - start);
        if count == 0 {
            return Ok(None);
        }
        let bytes = &mut self.bytes[..4 * count];
        for (reader, values) in self.readers.iter_mut().zip(self.values.chunks_exact_mut(count)) {
            reader.read_exact(bytes)?;
            for (value, word) in values.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *value = i32::from_le_bytes(*word);
            }
        }
        self.next += count;
        let values = &self.values[..count * self.readers.len()];
        Ok(Some(Piece { start, count, values }))
    }

    /// Begins again with the first piece.
    ///
    /// # Errors
    /// A spool cannot be rewound.
    pub fn rewind(&mut self) -> io::Result<()> {
        self.next = 0;
        self.readers.iter_mut().try_for_each(SpoolReader::rewind)
    }

    /// The next model from the pieces that are left: `combine` makes the combined update of each.
    ///
    /// # Errors
    /// An update cannot be read back.
    pub fn into_model(
        mut self,
        next: &mut NextParameters<'_>,
        mut combine: impl FnMut(&Piece<'_>, &mut [f64]),
    ) -> io::Result<Vec<u8>> {
        let mut model = Vec::with_capacity(4 * self.parameters);
        let mut combined = [0.0; PIECE];
        let mut made = [0.0_f32; PIECE];
        while let Some(piece) = self.next()? {
            let combined = &mut combined[..piece.count];
            combine(&piece, combined);
            next(piece.start, combined, &mut made[..piece.count]);
            model.extend(made[..piece.count].iter().flat_map(|value| value.to_le_bytes()));
        }
        Ok(model)
    }
}
