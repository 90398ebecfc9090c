//! A card that arrives in pieces.

use node::wire::{Answer, FileKind};
use plan::artifact::Card;

use super::FetchError;

/// A card on its way in, in memory.
#[derive(Default)]
pub struct IncomingCard {
    /// Its length, once that is known.
    length: Option<u64>,
    text: Vec<u8>,
}

impl IncomingCard {
    /// Takes the next part of the answer.
    ///
    /// # Errors
    /// It is out of order, or larger than it may be.
    pub fn take(&mut self, answer: &Answer) -> Result<(), FetchError> {
        match (answer, self.length) {
            (Answer::File { kind: FileKind::Card, bytes, .. }, None) if *bytes <= Card::MAX => {
                self.length = Some(*bytes);
                Ok(())
            }
            (Answer::Piece(piece), Some(length)) => {
                self.text.extend(piece);
                if self.text.len() as u64 > length {
                    return Err(FetchError::Answer("a file is longer than it said"));
                }
                Ok(())
            }
            (Answer::End { .. }, Some(_)) => Ok(()),
            _ => Err(FetchError::Answer("a card was asked for")),
        }
    }

    /// The card, once all of it is here.
    ///
    /// # Errors
    /// It is not whole, or contradicts itself.
    pub fn finish(self) -> Result<Card, FetchError> {
        if self.length != Some(self.text.len() as u64) {
            return Err(FetchError::Answer("it is not whole"));
        }
        Ok(Card::read(&self.text)?)
    }
}
