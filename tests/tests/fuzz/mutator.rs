//! Small changes of good inputs: bits, bytes, numbers, words, and pieces cut out, doubled or taken from another input.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

/// No input grows longer.
const MAX_BYTES: usize = 256 << 10;

/// Bytes at the edges of what formats tell apart.
const EXTREMES: &[u8] = b"\x00\x01\x7F\x80\xFE\xFF\t\n\r \"',-.09:=[]{}\\";

/// Numbers in words, where a format writes them so.
const NUMBERS: [&str; 14] = [
    "0",
    "-0",
    "-1",
    "1e308",
    "-1e309",
    "1e-320",
    "nan",
    "inf",
    "255",
    "256",
    "4294967295",
    "18446744073709551616",
    "0.1",
    "1_000",
];

pub(crate) struct Mutator<'w> {
    random: ChaCha8Rng,
    words: &'w [&'w str],
}

impl<'w> Mutator<'w> {
    /// One that makes the same changes on every machine.
    pub(crate) fn new(words: &'w [&'w str]) -> Self {
        Self { random: ChaCha8Rng::seed_from_u64(1), words }
    }

    /// A number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.random.next_u32()).unwrap_or(0) % end.max(1)
    }

    fn one<'o, T>(&mut self, of: &'o [T]) -> &'o T {
        &of[self.below(of.len())]
    }

    /// One to four changes of a seed.
    pub(crate) fn changed(&mut self, seeds: &[Vec<u8>], execution: usize) -> Vec<u8> {
        let mut bytes = seeds[execution % seeds.len()].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes, seeds);
        }
        bytes.truncate(MAX_BYTES);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let place = self.below(bytes.len());
        let end = (place + self.below(64)).min(bytes.len());
        match self.below(10) {
            0 => {
                let bit = self.below(8);
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << bit;
                }
            }
            1 => {
                let byte = *self.one(EXTREMES);
                if let Some(old) = bytes.get_mut(place) {
                    *old = byte;
                }
            }
            2 => {
                let [byte, ..] = self.random.next_u32().to_le_bytes();
                bytes.insert(place.min(bytes.len()), byte);
            }
            3 => drop(bytes.drain(place..end)),
            4 => bytes.truncate(place),
            5 => {
                let piece = bytes[place..end].to_vec();
                let times = 1 + self.below(4);
                bytes.splice(place..place, piece.repeat(times));
            }
            6 => {
                let other = self.one(seeds);
                let from = self.below(other.len());
                let to = (from + self.below(256)).min(other.len());
                bytes.splice(place..end, other[from..to].iter().copied());
            }
            7 => self.binary_number(bytes, place),
            8 => {
                let number = *self.one(&NUMBERS);
                let digit = |byte: &u8| byte.is_ascii_digit();
                // Of the whole number that stands nearest behind the place.
                let from = place + bytes[place..].iter().position(digit).unwrap_or(0);
                let to = from + bytes[from..].iter().take_while(|byte| digit(byte)).count();
                bytes.splice(from..to, number.bytes());
            }
            _ => {
                let Some(word) = (!self.words.is_empty()).then(|| *self.one(self.words)) else {
                    return;
                };
                bytes.splice(place..end.min(place + 8).min(bytes.len()), word.bytes());
            }
        }
    }

    /// A length, a count or an index as a binary format writes it.
    fn binary_number(&mut self, bytes: &mut [u8], place: usize) {
        let width = *self.one(&[2, 4, 8]);
        let length = bytes.len() as u64;
        let value =
            *self.one(&[0, 1, length, length + 1, 1 << 31, u64::from(u32::MAX), 1 << 62, u64::MAX]);
        if let Some(place) = bytes.get_mut(place..place + width) {
            place.copy_from_slice(&value.to_le_bytes()[..width]);
        }
    }
}
