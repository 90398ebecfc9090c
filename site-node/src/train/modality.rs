//! What patients bring beside the tables' inputs: codes, ECGs, images; each of them may be missing.

use std::fmt;
use std::sync::Arc;

use common::model::{Encoder, EncoderKind, fusion};

use super::error::TrainError;
use super::examples::same;

/// One code of a patient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Code {
    /// Its place in the view's vocabulary.
    pub word: u32,
    /// Years before the index date, 0 or more.
    pub age: f32,
}

/// One modality of some patients; a copy shares the values.
#[derive(Clone)]
pub struct Modality {
    /// Where each patient's part lies; none where the patient has none.
    places: Vec<Option<(usize, usize)>>,
    values: Values,
}

#[derive(Clone)]
enum Values {
    Codes {
        codes: Arc<Vec<Code>>,
        vocabulary: usize,
    },
    /// Numbers, as many for each patient who has any.
    Numbers {
        values: Arc<Vec<f32>>,
        each: usize,
    },
}

/// Says how many patients have it, and nothing about any of them.
impl fmt::Debug for Modality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Modality").field("patients", &self.len()).finish_non_exhaustive()
    }
}

impl Modality {
    /// Codes of each patient; one without any has none.
    ///
    /// # Errors
    /// A word beyond the vocabulary, or an age that is not a finite number of 0 or more.
    pub fn codes(patients: Vec<Vec<Code>>, vocabulary: usize) -> Result<Self, TrainError> {
        let sound = |code: &Code| {
            (code.word as usize) < vocabulary && code.age.is_finite() && code.age >= 0.0
        };
        if !patients.iter().flatten().all(sound) {
            return Err(TrainError::Code);
        }
        let mut codes = Vec::with_capacity(patients.iter().map(Vec::len).sum());
        let mut place = |patient: Vec<Code>| {
            let start = codes.len();
            codes.extend(patient);
            (codes.len() > start).then_some((start, codes.len()))
        };
        let places = patients.into_iter().map(&mut place).collect();
        Ok(Self { places, values: Values::Codes { codes: Arc::new(codes), vocabulary } })
    }

    /// Signals or pictures: for each patient `each` numbers, or none. An ECG is `[samples, 12]`, an image
    /// `[height, width]`, both row by row.
    ///
    /// # Errors
    /// Another length, or a number that is not finite.
    pub fn numbers(
        patients: impl IntoIterator<Item = Option<Vec<f32>>>,
        each: usize,
    ) -> Result<Self, TrainError> {
        let (mut places, mut values) = (Vec::new(), Vec::new());
        for patient in patients {
            places.push(match patient {
                None => None,
                Some(numbers) => {
                    same("numbers of a signal", each, numbers.len())?;
                    if !numbers.iter().all(|value| value.is_finite()) {
                        return Err(TrainError::Signal);
                    }
                    values.extend(numbers);
                    Some((values.len() - each, values.len()))
                }
            });
        }
        Ok(Self { places, values: Values::Numbers { values: Arc::new(values), each } })
    }

    /// How many patients there are, with or without it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is no patient.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether a patient has it.
    #[must_use]
    pub fn has(&self, patient: usize) -> bool {
        self.places.get(patient).is_some_and(Option::is_some)
    }

    /// A patient's codes; none for who has none, or where this is no list of codes.
    #[must_use]
    pub fn codes_of(&self, patient: usize) -> Option<&[Code]> {
        let (start, end) = (*self.places.get(patient)?)?;
        match &self.values {
            Values::Codes { codes, .. } => codes.get(start..end),
            Values::Numbers { .. } => None,
        }
    }

    /// A patient's numbers; none for who has none, or where these are codes.
    #[must_use]
    pub fn numbers_of(&self, patient: usize) -> Option<&[f32]> {
        let (start, end) = (*self.places.get(patient)?)?;
        match &self.values {
            Values::Numbers { values, .. } => values.get(start..end),
            Values::Codes { .. } => None,
        }
    }

    /// That this is what an encoder reads.
    pub(super) fn fits(&self, encoder: &Encoder) -> Result<(), TrainError> {
        match (&self.values, &encoder.kind) {
            (Values::Codes { vocabulary, .. }, EncoderKind::Codes { vocabulary: known, .. }) => {
                same("codes in a vocabulary", *known as usize, *vocabulary)
            }
            (Values::Numbers { each, .. }, EncoderKind::Ecg { samples, .. }) => {
                same("numbers of an ECG", (*samples * fusion::LEADS) as usize, *each)
            }
            (Values::Numbers { each, .. }, EncoderKind::Image { width, height, .. }) => {
                same("numbers of an image", *width as usize * *height as usize, *each)
            }
            _ => Err(TrainError::Modality),
        }
    }

    /// The parts of the patients named, in that order; one that does not exist has none.
    pub(super) fn rearrange(&mut self, patients: &[usize]) {
        let place = |&patient: &usize| self.places.get(patient).copied().flatten();
        self.places = patients.iter().map(place).collect();
    }

    /// This one's patients, then another's.
    pub(super) fn append(&mut self, other: &Self) -> Result<(), TrainError> {
        let start = match (&mut self.values, &other.values) {
            (
                Values::Codes { codes, vocabulary },
                Values::Codes { codes: more, vocabulary: theirs },
            ) => {
                same("codes in a vocabulary", *vocabulary, *theirs)?;
                let start = codes.len();
                Arc::make_mut(codes).extend_from_slice(more);
                start
            }
            (Values::Numbers { values, each }, Values::Numbers { values: more, each: theirs }) => {
                same("numbers of a signal", *each, *theirs)?;
                let start = values.len();
                Arc::make_mut(values).extend_from_slice(more);
                start
            }
            _ => return Err(TrainError::Modality),
        };
        let moved = other.places.iter().map(|place| place.map(|(a, b)| (a + start, b + start)));
        self.places.extend(moved);
        Ok(())
    }
}
