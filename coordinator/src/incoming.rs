//! An update on its way into a round's sum: kept and measured in one pass, and held against the
//! plan's bound before anything of it is added.

use std::io;

use node::transport::Sink;
use privacy::{NormMeter, OverBound, UpdateBound};

use crate::spool::{Spool, SpoolReader};

/// An update that is arriving.
#[derive(Debug)]
pub struct Incoming {
    spool: Spool,
    norm: NormMeter,
    /// Bytes that arrived so far.
    bytes: u64,
}

impl Incoming {
    /// An update that will wait in this spool.
    #[must_use]
    pub fn new(spool: Spool) -> Self {
        Self { spool, norm: NormMeter::default(), bytes: 0 }
    }

    /// The bytes that arrived so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The complete update, if its words keep the bound.
    ///
    /// # Errors
    /// They do not. The words are dropped.
    pub fn within(self, bound: UpdateBound) -> Result<BoundedUpdate, OverBound> {
        self.norm.check(bound)?;
        Ok(BoundedUpdate(self.spool))
    }
}

impl Sink for Incoming {
    fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        self.norm.add(piece);
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        self.spool.take(piece)
    }
}

/// A complete update whose words keep the plan's bound: the only kind that is added up.
#[derive(Debug)]
pub struct BoundedUpdate(Spool);

impl BoundedUpdate {
    /// Hands the words on in pieces, with the byte each starts at.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(self, piece: impl FnMut(usize, &[u8])) -> io::Result<()> {
        self.0.read(piece)
    }

    /// The words as a stream of bytes, from the first on.
    ///
    /// # Errors
    /// The file cannot be rewound.
    pub fn reader(self) -> io::Result<SpoolReader> {
        self.0.reader()
    }
}
