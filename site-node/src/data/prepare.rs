//! A study's ECGs or images in its form: from the cache, or decoded and put there.
//!
//! ```text
//! path ─► source's bytes ─► key ─► in the cache? ─ yes ─────────────────────► Array
//!                                       └ no ─► decode ─► standard ─► store ─► Array
//! ```

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::digest::{Digest, Hasher};

use super::cache::{Array, Cache, CacheError};
use super::ecg::{EcgError, EcgSource, EcgStandard, Lead};
use super::image::{ImageError, ImageSource, ImageStandard};

/// Raised whenever the same file and form give other numbers than before.
const RECIPE: u64 = 2;

/// How one hospital's files were written: its own matter, while the form is the same at all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Export {
    /// Whether WFDB records are held against their checksums.
    pub checksums: bool,
    /// The bits in use of PNG files of 16 bits; all where none are stated.
    pub bits: Option<u8>,
}

/// As the formats' own documents say.
impl Default for Export {
    fn default() -> Self {
        Self { checksums: true, bits: None }
    }
}

/// What all files of one kind are brought to.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// ECGs, as 12 leads of [`EcgStandard::length`] samples in mV.
    Ecg(EcgStandard),
    /// Images, as 1 channel of `height` rows of `width`, 0 to 1.
    Image(ImageStandard),
}

/// A file that could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// An ECG is not usable.
    #[error(transparent)]
    Ecg(#[from] EcgError),
    /// An image is not usable.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The cache is not.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// How far the work is, for whoever draws a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Files that are done, well or not.
    pub done: usize,
    /// All files.
    pub all: usize,
    /// Those that could not be used.
    pub failed: usize,
}

/// What came of many files.
#[derive(Debug, Default)]
pub struct Prepared {
    /// Found in the cache.
    pub found: usize,
    /// Decoded and put there.
    pub made: usize,
    /// The largest number in any of the arrays.
    pub largest: f32,
    /// Not usable, in the order of their paths.
    pub failed: Vec<(PathBuf, PrepareError)>,
}

impl Form {
    /// The shape of every array of this form.
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Self::Ecg(form) => vec![Lead::ALL.len(), form.length()],
            Self::Image(form) => vec![1, form.height, form.width],
        }
    }

    /// What one of them is called.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Ecg(_) => "ECG",
            Self::Image(_) => "image",
        }
    }

    /// A hash that starts with all that decides the result beside the file.
    fn hasher(&self, export: Export) -> Hasher {
        let number = |value: f64| value.to_bits();
        let (kind, words): (&[u8], Vec<u64>) = match self {
            Self::Ecg(form) => {
                let mut words = vec![
                    number(form.rate_hz),
                    form.samples as u64,
                    number(form.least_share),
                    number(form.longest_gap_s),
                    number(form.least_range_mv),
                ];
                let reach = form.beats.map(|beats| [beats.before_ms, beats.after_ms]);
                words.extend(reach.iter().flatten().map(|ms| u64::from(*ms)));
                (b"ecg", words)
            }
            Self::Image(form) => {
                let window = form.window.map(|window| [window.centre, window.width]);
                let mut words = vec![form.width as u64, form.height as u64];
                words.extend(window.iter().flatten().map(|value| number(*value)));
                (b"image", words)
            }
        };
        let mut hasher = Hasher::new();
        hasher.update(kind);
        let export = [u64::from(export.checksums), u64::from(export.bits.unwrap_or_default())];
        for word in [RECIPE, words.len() as u64].into_iter().chain(words).chain(export) {
            hasher.update(&word.to_le_bytes());
        }
        hasher
    }

    /// One file in this form, and whether it had to be made.
    ///
    /// # Errors
    /// The file is not usable, or the cache is not.
    pub fn load(
        &self,
        path: &Path,
        export: Export,
        cache: &Cache,
    ) -> Result<(Array, bool), PrepareError> {
        let mut hasher = self.hasher(export);
        match self {
            Self::Ecg(form) => {
                let source = EcgSource::open(path)?;
                source.hash(&mut hasher);
                self.cached(hasher.finish(), cache, || {
                    let fault = |fault| EcgError::at(path, fault);
                    Ok(form.apply(&source.recording(export.checksums)?).map_err(fault)?)
                })
            }
            Self::Image(form) => {
                let source = ImageSource::open(path)?;
                source.hash(&mut hasher);
                self.cached(hasher.finish(), cache, || {
                    let fault = |fault| ImageError::at(path, fault);
                    Ok(form.apply(&source.picture(form.window, export.bits)?).map_err(fault)?)
                })
            }
        }
    }

    fn cached(
        &self,
        key: Digest,
        cache: &Cache,
        make: impl FnOnce() -> Result<Vec<f32>, PrepareError>,
    ) -> Result<(Array, bool), PrepareError> {
        let shape = self.shape();
        if let Some(array) = cache.load(key, &shape) {
            return Ok((array, false));
        }
        let array = Array { shape, values: make()? };
        cache.store(key, &array)?;
        Ok((array, true))
    }
}

/// Brings all files into the cache, several at a time, and keeps none in memory.
///
/// A file that is not usable is reported and the others go on. `tell` is called after each.
pub fn all(
    paths: &[PathBuf],
    form: &Form,
    export: Export,
    cache: &Cache,
    workers: usize,
    tell: &(dyn Fn(Progress) + Sync),
) -> Prepared {
    let next = AtomicUsize::new(0);
    let state: Mutex<(Prepared, Vec<usize>)> = Mutex::default();
    let work = || {
        while let Some((index, path)) = step(&next, paths) {
            let outcome = form.load(path, export, cache);
            let Ok(mut state) = state.lock() else { return };
            let (prepared, order) = &mut *state;
            match outcome {
                Ok((array, made)) => {
                    prepared.largest =
                        array.values.iter().copied().fold(prepared.largest, f32::max);
                    if made {
                        prepared.made += 1;
                    } else {
                        prepared.found += 1;
                    }
                }
                Err(error) => {
                    // Workers finish out of order.
                    let place = order.partition_point(|other| *other < index);
                    order.insert(place, index);
                    prepared.failed.insert(place, (path.clone(), error));
                }
            }
            let failed = prepared.failed.len();
            let done = prepared.made + prepared.found + failed;
            tell(Progress { done, all: paths.len(), failed });
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..workers.clamp(1, paths.len().max(1)) {
            scope.spawn(work);
        }
    });
    state.into_inner().map(|(prepared, _)| prepared).unwrap_or_default()
}

fn step<'a>(next: &AtomicUsize, paths: &'a [PathBuf]) -> Option<(usize, &'a PathBuf)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    paths.get(index).map(|path| (index, path))
}
