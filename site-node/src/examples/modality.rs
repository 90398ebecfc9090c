//! What patients bring beside the tables' inputs: codes, ECGs, images; each of them may be missing.

use std::fmt;
use std::sync::Arc;

use plan::model::{Encoder, Input, LEADS};

use super::{ExamplesError, same};

/// One code of a patient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Code {
    /// Its place in the view's vocabulary.
    pub word: u32,
    /// Years before the index date, 0 or more.
    pub age: f32,
}

/// One modality of some patients, or nothing of those who lack it; a copy shares the values.
#[derive(Clone)]
pub struct Modality(Brought);

#[derive(Clone)]
enum Brought {
    Codes {
        patients: Vec<Option<Arc<[Code]>>>,
        vocabulary: usize,
    },
    /// Numbers, as many for each patient who has any.
    Numbers {
        patients: Vec<Option<Arc<[f32]>>>,
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
    pub fn codes(patients: Vec<Vec<Code>>, vocabulary: usize) -> Result<Self, ExamplesError> {
        let sound = |code: &Code| {
            (code.word as usize) < vocabulary && code.age.is_finite() && code.age >= 0.0
        };
        if !patients.iter().flatten().all(sound) {
            return Err(ExamplesError::Code);
        }
        let patients = patients.into_iter().map(|codes| (!codes.is_empty()).then(|| codes.into()));
        Ok(Self(Brought::Codes { patients: patients.collect(), vocabulary }))
    }

    /// Signals or pictures: for each patient `each` numbers, or none. An ECG is `[samples, 12]`, an image
    /// `[height, width]`, both row by row.
    ///
    /// # Errors
    /// Another length, or a number that is not finite.
    pub fn numbers(
        patients: impl IntoIterator<Item = Option<Vec<f32>>>,
        each: usize,
    ) -> Result<Self, ExamplesError> {
        let sound = |numbers: Vec<f32>| {
            same("numbers of a signal", each, numbers.len())?;
            let finite = numbers.iter().all(|value| value.is_finite());
            if finite { Ok(Arc::from(numbers)) } else { Err(ExamplesError::Signal) }
        };
        let patients = patients.into_iter().map(|patient| patient.map(sound).transpose());
        Ok(Self(Brought::Numbers { patients: patients.collect::<Result<_, _>>()?, each }))
    }

    /// How many patients there are, with or without it.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Brought::Codes { patients, .. } => patients.len(),
            Brought::Numbers { patients, .. } => patients.len(),
        }
    }

    /// Whether there is no patient.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a patient has it.
    #[must_use]
    pub fn has(&self, patient: usize) -> bool {
        self.codes_of(patient).is_some() || self.numbers_of(patient).is_some()
    }

    /// A patient's codes; none for who has none, or where this is no list of codes.
    #[must_use]
    pub fn codes_of(&self, patient: usize) -> Option<&[Code]> {
        let Brought::Codes { patients, .. } = &self.0 else { return None };
        patients.get(patient)?.as_deref()
    }

    /// A patient's numbers; none for who has none, or where these are codes.
    #[must_use]
    pub fn numbers_of(&self, patient: usize) -> Option<&[f32]> {
        let Brought::Numbers { patients, .. } = &self.0 else { return None };
        patients.get(patient)?.as_deref()
    }

    /// That this is what an encoder reads.
    pub(super) fn fits(&self, encoder: &Encoder) -> Result<(), ExamplesError> {
        match (&self.0, encoder.kind.input()) {
            (Brought::Codes { vocabulary, .. }, Input::Codes { vocabulary: known }) => {
                same("codes in a vocabulary", known as usize, *vocabulary)
            }
            (Brought::Numbers { each, .. }, Input::Ecg { samples }) => {
                same("numbers of an ECG", samples as usize * LEADS as usize, *each)
            }
            (Brought::Numbers { each, .. }, Input::Image { width, height }) => {
                same("numbers of an image", width as usize * height as usize, *each)
            }
            _ => Err(ExamplesError::Modality),
        }
    }

    /// The parts of the patients named, in that order; one that does not exist has none.
    pub(super) fn rearrange(&mut self, patients: &[usize]) {
        fn of<T>(all: &mut Vec<Option<Arc<[T]>>>, patients: &[usize]) {
            *all = patients.iter().map(|&patient| all.get(patient).cloned().flatten()).collect();
        }
        match &mut self.0 {
            Brought::Codes { patients: all, .. } => of(all, patients),
            Brought::Numbers { patients: all, .. } => of(all, patients),
        }
    }

    /// This one's patients, then another's.
    pub(super) fn append(&mut self, other: &Self) -> Result<(), ExamplesError> {
        match (&mut self.0, &other.0) {
            (
                Brought::Codes { patients, vocabulary },
                Brought::Codes { patients: more, vocabulary: theirs },
            ) => {
                same("codes in a vocabulary", *vocabulary, *theirs)?;
                patients.extend_from_slice(more);
            }
            (
                Brought::Numbers { patients, each },
                Brought::Numbers { patients: more, each: theirs },
            ) => {
                same("numbers of a signal", *each, *theirs)?;
                patients.extend_from_slice(more);
            }
            _ => return Err(ExamplesError::Modality),
        }
        Ok(())
    }
}
