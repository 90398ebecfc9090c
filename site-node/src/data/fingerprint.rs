//! All of a hospital's data in 32 bytes, which tell nothing without the hospital's own key.
//!
//! ```text
//! table:  BLAKE3(key; row's cells by column name) a row ─ sorted ─► BLAKE3(key; names, rows)
//! folder: BLAKE3(key; name, bytes) a file ─ sorted by name
//! fingerprint = BLAKE3(key; what cohort.toml says, tables, folders)
//! ```
//!
//! Rows are sorted, and cells hashed by what they are: the order of rows and columns does not matter, nor
//! whether a table is CSV or Parquet. Any value does. Files are read anew for it: whoever needs the
//! fingerprint of what was read before sees by `table_stamps` that no table changed in between. Keyed, so that nobody who sees two fingerprints, or
//! guesses a value, can try it out.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use base::digest::{Digest, Hasher, KeyedHasher};
use base::durable;

use super::ecg::EcgSource;
use super::error::{DataError, TableError};
use super::omop::{self, Cdm, TABLES};
use super::path::resolve_within;
use super::source::Source;
use super::table::{self, Cell, Request, Table, TableFormat};
use super::{FileError, FileHashCache, Signals, open};

/// The largest ECG or image that is hashed.
const MAX_SIGNAL: u64 = 1 << 30;

/// A site's own key, which never leaves it.
pub struct Secret([u8; 32]);

impl Secret {
    /// Reads `fingerprint.key` in the state folder, and makes it where it is absent.
    ///
    /// # Errors
    /// The file cannot be read or made, is not 32 bytes long, or is open to other users.
    pub fn open(state: &Path) -> Result<Self, DataError> {
        let path = state.join("fingerprint.key");
        let failed = |what: String| DataError::Key {
            path: path.clone(),
            what,
            fix: "check the state folder and its permissions",
        };
        match OpenOptions::new().read(true).open(&path) {
            Ok(mut file) => {
                let found = file.metadata().map_err(|error| failed(error.to_string()))?;
                if found.mode() & 0o077 != 0 {
                    return Err(DataError::Key {
                        path,
                        what: "other users can read it".to_owned(),
                        fix: "chmod 600 it; whoever read it can try values out",
                    });
                }
                let mut key = [0; 32];
                let whole = found.len() == 32 && file.read_exact(&mut key).is_ok();
                if !whole {
                    return Err(DataError::Key {
                        path,
                        what: "is not a key of 32 bytes".to_owned(),
                        fix: "put back the file, or remove it: then the same data has another fingerprint",
                    });
                }
                Ok(Self(key))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut key = [0; 32];
                aws_lc_rs::rand::fill(&mut key)
                    .map_err(|_| failed("the system gives no randomness".to_owned()))?;
                let put = || -> std::io::Result<()> {
                    durable::make_folder(state)?;
                    durable::replace_synced(&path, &key)
                };
                put().map_err(|error| failed(error.to_string()))?;
                Ok(Self(key))
            }
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Whether the state folder holds a key, of whatever state.
    #[must_use]
    pub fn exists(state: &Path) -> bool {
        state.join("fingerprint.key").exists()
    }

    /// A key that is known, for tests and simulations.
    #[must_use]
    pub fn from_bytes(key: [u8; 32]) -> Self {
        Self(key)
    }

    fn hasher(&self) -> KeyedHasher {
        KeyedHasher::new(&self.0)
    }
}

/// The fingerprint of everything that `cohort.toml` names.
///
/// # Errors
/// A file cannot be read.
pub fn fingerprint(source: &Source, secret: &Secret) -> Result<Digest, DataError> {
    fingerprint_again(source, secret, &FileHashCache::default())
}

/// The same, without reading ECGs and images again that did not change since `seen` saw them.
///
/// # Errors
/// A file cannot be read.
pub fn fingerprint_again(
    source: &Source,
    secret: &Secret,
    seen: &FileHashCache,
) -> Result<Digest, DataError> {
    let mut all = secret.hasher();
    piece(&mut all, b"consilium data 1");
    piece(&mut all, schema(source).as_bytes());
    let patient = source.patient.as_str();
    let mut add = |role: &str, path: &Path, texts: &[&str]| -> Result<(), DataError> {
        let any_case = source.omop.is_some();
        let asked = Request { any_case, ..Request::of(texts, source.formats.of(path)) };
        let read = table::read_as(&resolve_within(&source.folder, path)?, &asked);
        piece(&mut all, role.as_bytes());
        match read {
            // Nobody withdrew yet.
            Err(DataError::Table(TableError::NoRows { .. })) if role == "withdrawn" => {}
            read => piece(&mut all, hashed(&read?, secret).as_bytes()),
        }
        Ok(())
    };
    let ends = source.outcome.as_ref().and_then(|outcome| outcome.ends.as_deref());
    let mut texts = vec![patient];
    texts.extend(source.index_date.as_deref().into_iter().chain(ends));
    for path in &source.tables {
        add("table", path, &texts)?;
    }
    for path in &source.optional_tables {
        add("optional", path, &texts)?;
    }
    if let Some(path) = &source.withdrawn {
        add("withdrawn", path, &texts)?;
    }
    for (_, long) in &source.measurements {
        let mut texts = vec![patient, &long.date, &long.item];
        texts.extend(long.patient.as_deref().into_iter().chain(long.unit.as_deref()));
        add("measurements", &long.table, &texts)?;
    }
    for (_, long) in &source.codes {
        let mut texts = vec![patient, &long.date, &long.code];
        texts.extend(long.patient.as_deref().into_iter().chain(long.until.as_deref()));
        add("codes", &long.table, &texts)?;
    }
    if let Some(omop) = &source.omop {
        let cdm = Cdm { source, omop, today: None };
        for name in TABLES {
            if let Some(path) = cdm.path(name)? {
                piece(&mut all, name.as_bytes());
                let format = source.formats.of_omop(name);
                let asked = Request::of(omop::texts(name), format).in_any_case();
                piece(&mut all, hashed(&table::read_as(&path, &asked)?, secret).as_bytes());
            }
        }
    }
    let ecgs = source.ecg.as_ref().map(|folder| Signals::ecgs(source, folder)).transpose()?;
    let images =
        source.images.as_ref().map(|folder| Signals::images(source, folder)).transpose()?;
    for (ecg, signals) in
        ecgs.iter().map(|it| (true, it)).chain(images.iter().map(|it| (false, it)))
    {
        for (name, path) in &signals.files {
            piece(&mut all, name.as_bytes());
            piece(&mut all, payload(path, ecg, seen)?.as_bytes());
        }
    }
    Ok(all.finish())
}

/// All bytes of an ECG or image; of a WFDB record those of its signal files too.
fn payload(path: &Path, ecg: bool, seen: &FileHashCache) -> Result<Digest, DataError> {
    if let Some(known) = seen.known(path) {
        return Ok(known);
    }
    let mut hasher = Hasher::new();
    if let Some(record) = ecg.then(|| EcgSource::open(path).ok()).flatten() {
        record.hash(&mut hasher);
        let hash = hasher.finish();
        seen.keep(path, record.stamps(), hash);
        return Ok(hash);
    }
    // An image, or a broken record, whose one file is all there is to read.
    let (bytes, stamp) = open::stamped(path, MAX_SIGNAL).map_err(|fault| {
        let patient = None;
        if ecg {
            DataError::Ecg { patient, error: FileError::at(path, fault) }
        } else {
            DataError::Image { patient, error: FileError::at(path, fault) }
        }
    })?;
    hasher.update(&bytes);
    let hash = hasher.finish();
    // A broken record may be mended by a file beside it, of which there is no stamp.
    seen.keep(path, if ecg { Vec::new() } else { vec![stamp] }, hash);
    Ok(hash)
}

/// What `cohort.toml` says, without the names of files and their kind.
fn schema(source: &Source) -> String {
    let outcome = source.outcome.as_ref().map(|o| (&o.time, o.unit, &o.event, &o.ends));
    let long: Vec<_> = source
        .measurements
        .iter()
        .map(|(name, it)| (name, &it.patient, &it.date, &it.item, &it.value, &it.unit, &it.units))
        .collect();
    let codes: Vec<_> = source
        .codes
        .iter()
        .map(|(name, it)| (name, &it.patient, &it.date, &it.until, &it.code, &it.system))
        .collect();
    let mut units = source.units.clone();
    units.sort();
    let days = source.omop.as_ref().map(|omop| &omop.index_conditions);
    // Nothing where none are stated: what a number stands for is then what it always was.
    let stated = source.outcome.as_ref().filter(|outcome| !outcome.causes.is_empty());
    let causes = stated.map(|outcome| format!(" {:?}", outcome.causes)).unwrap_or_default();
    // Likewise how cells are written, and which stand for the event.
    let formats =
        [&source.formats.all].into_iter().chain(source.formats.of.iter().map(|(_, it)| it));
    let default = TableFormat::default();
    let other: Vec<&TableFormat> = formats.filter(|format| **format != default).collect();
    let formats = if other.is_empty() { String::new() } else { format!(" {other:?}") };
    let words = source.outcome.as_ref().filter(|outcome| !outcome.event_is.is_empty());
    let words = words.map(|it| format!(" {:?} {:?}", it.event_is, it.no_event_is));
    let words = words.unwrap_or_default();
    let letters: Vec<_> = source.codes.iter().map(|(_, it)| &it.certainty).collect();
    let other = letters.iter().any(|letters| letters[..] != ['G']);
    let letters = if other { format!(" {letters:?}") } else { String::new() };
    format!(
        "{:?} {:?} {:?} {outcome:?} {units:?} {long:?} {codes:?} {days:?}{causes}{formats}{words}{letters}",
        source.patient, source.index_date, source.split
    )
}

/// Rows in no order, columns by name.
fn hashed(table: &Table, secret: &Secret) -> Digest {
    let mut columns: Vec<_> = table.columns().iter().collect();
    columns.sort_by_key(|column| column.name());
    let mut rows: Vec<[u8; 32]> = (0..table.len())
        .map(|row| {
            let mut hasher = secret.hasher();
            let mut cells = Vec::with_capacity(16 * columns.len());
            for column in &columns {
                match column.cell(row) {
                    Cell::Missing => cells.push(0),
                    Cell::Number(value) => {
                        cells.push(1);
                        cells.extend(value.to_bits().to_le_bytes());
                    }
                    Cell::Text(text) => {
                        cells.push(2);
                        cells.extend((text.len() as u64).to_le_bytes());
                        cells.extend(text.as_bytes());
                    }
                }
            }
            hasher.update(&cells);
            *hasher.finish().as_bytes()
        })
        .collect();
    rows.sort_unstable();
    let mut all = secret.hasher();
    for column in columns {
        piece(&mut all, column.name().as_bytes());
    }
    piece(&mut all, b"");
    for row in rows {
        all.update(&row);
    }
    all.finish()
}

fn piece(hasher: &mut KeyedHasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}
