//! Answers to statistics requests, kept on disk. A hospital pays for an answer once, and the same request returns the
//! same numbers at no cost. A hospital keeps its answer before it sends it, and the coordinator keeps what arrived.
//!
//! Both record a hash of the numbers in their audit logs. What is found in a file is told again only where the log
//! holds its hash: a file that was changed is nobody's answer.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::audit_log::{AuditWriter, hash};
use base::codec::{MAX_MESSAGE, decode, encode};
use base::digest::Digest;
use base::durable;
use base::ids::SiteName;
use plan::experiment::StatisticsRequest;
use plan::metric::Metric;

/// The hash of numbers that are told together, as audit logs hold it: BLAKE3 over each one's name in UTF-8, a
/// newline, and its value as 8 bytes of IEEE 754, little-endian.
#[must_use]
pub fn digest(numbers: &[Metric]) -> Digest {
    let mut bytes = Vec::new();
    for Metric { name, value } in numbers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    Digest::of(&bytes)
}

/// The answers to one question, a file a site.
#[derive(Debug)]
pub struct StatisticsStore {
    folder: PathBuf,
    question: StatisticsRequest,
}

/// What is in a file.
#[derive(Serialize, Deserialize)]
struct Answer {
    question: Digest,
    numbers: Vec<Metric>,
}

impl StatisticsStore {
    /// Those to a question, in the folder `descriptions` of a state folder.
    #[must_use]
    pub fn of(state: &Path, question: &StatisticsRequest) -> Self {
        let folder = state.join("descriptions").join(question.run().as_str());
        Self { folder, question: question.clone() }
    }

    /// Keeps a site's answer, durably.
    ///
    /// # Errors
    /// The disk fails.
    pub fn keep(&self, site: &SiteName, numbers: &[Metric]) -> io::Result<()> {
        durable::make_folder(&self.folder)?;
        let answer = Answer { question: self.question.digest(), numbers: numbers.to_vec() };
        durable::replace(&self.file(site), &[&encode(&answer)])?;
        durable::sync_folder(&self.folder)
    }

    /// Notes that a site's answer has not left, and a hash of what it was computed from. This comes before
    /// [`StatisticsStore::keep`].
    ///
    /// # Errors
    /// The disk fails.
    pub fn hold_back(&self, site: &SiteName, basis: Digest) -> io::Result<()> {
        durable::make_folder(&self.folder)?;
        durable::replace(&self.held(site), &[basis.as_bytes()])?;
        durable::sync_folder(&self.folder)
    }

    /// A hash of what a site's answer was computed from, if it has not left.
    ///
    /// # Errors
    /// The note cannot be read, or holds no hash.
    pub fn held_back(&self, site: &SiteName) -> io::Result<Option<Digest>> {
        let file = match fs::File::open(self.held(site)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(HASH + 1).read_to_end(&mut bytes)?;
        let basis = bytes.try_into().map(Digest::from_bytes);
        basis.map(Some).map_err(|_| io::Error::other("the note of an unsent answer is damaged"))
    }

    /// Notes that a site's answer leaves.
    ///
    /// # Errors
    /// The disk fails. The answer then counts as one that has not left.
    pub fn let_go(&self, site: &SiteName) -> io::Result<()> {
        match fs::remove_file(self.held(site)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// What a site answered before, as the log recorded it; none where it did not, or where the file holds no
    /// answer to this question or another one than was recorded.
    #[must_use]
    pub fn find(&self, site: &SiteName, audit: &AuditWriter) -> Option<Vec<Metric>> {
        let numbers = self.read(site)?;
        if !audit.has_told(&self.question.run(), hash(digest(&numbers))) {
            let file = self.file(site);
            tracing::error!(
                file = %audit::folder::shown(&file),
                "a kept answer is not the one that the audit log recorded: it is not told again"
            );
            return None;
        }
        Some(numbers)
    }

    /// What the file of a site holds, where it is an answer to the question.
    fn read(&self, site: &SiteName) -> Option<Vec<Metric>> {
        let mut bytes = Vec::new();
        let file = fs::File::open(self.file(site)).ok()?;
        file.take(MAX_MESSAGE as u64 + 1).read_to_end(&mut bytes).ok()?;
        let answer: Answer = decode(&bytes).ok()?;
        let sound = answer.question == self.question.digest()
            && self.question.accepts(&answer.numbers).is_ok();
        sound.then_some(answer.numbers)
    }

    /// Who answered before, in the order of their names.
    #[must_use]
    pub fn sites(&self) -> Vec<SiteName> {
        let names = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let site = |path: PathBuf| {
            let stem = path.file_stem()?.to_str()?.parse().ok()?;
            (path.extension()? == ANSWER).then_some(stem)
        };
        let mut sites: Vec<SiteName> = names.filter_map(|entry| site(entry.path())).collect();
        sites.sort();
        sites
    }

    fn file(&self, site: &SiteName) -> PathBuf {
        self.folder.join(site.as_str()).with_extension(ANSWER)
    }

    fn held(&self, site: &SiteName) -> PathBuf {
        self.folder.join(site.as_str()).with_extension(HELD)
    }
}

/// How the files' names end.
const ANSWER: &str = "answer";

/// How the name ends of the note that an answer has not left.
const HELD: &str = "held";

/// The bytes of a hash.
const HASH: u64 = 32;

#[cfg(test)]
mod tests {
    use plan::experiment::Experiment;

    use super::*;

    const DEMO: &str = include_str!("../../../configs/experiments/demo.toml");

    fn question(rho: f64) -> StatisticsRequest {
        let text = format!("{DEMO}\n[describe]\nrho = {rho}\n");
        let experiment: Experiment = base::config::read("demo", &text).unwrap();
        experiment.describe.question(&experiment.plan).unwrap().0
    }

    fn answer(question: &StatisticsRequest) -> Vec<Metric> {
        let names = question.questions().into_iter().flat_map(|(_, question)| question.names());
        names.map(|name| Metric { name, value: 7.0 }).collect()
    }

    #[test]
    fn an_answer_is_found_again_for_its_own_question_and_site() {
        let state = tempfile::tempdir().unwrap();
        let site = |name: &str| name.parse::<SiteName>().unwrap();
        let asked = question(0.5);
        let other = question(0.25);
        let kept = StatisticsStore::of(state.path(), &asked);
        assert!(kept.sites().is_empty() && kept.read(&site("a")).is_none());
        let numbers = answer(&asked);
        assert_eq!(asked.accepts(&numbers), Ok(()));
        kept.keep(&site("b"), &numbers).unwrap();
        kept.keep(&site("a"), &numbers).unwrap();
        assert_eq!(kept.sites(), [site("a"), site("b")]);
        assert_eq!(
            StatisticsStore::of(state.path(), &asked).read(&site("b")),
            Some(numbers.clone())
        );
        assert_eq!(StatisticsStore::of(state.path(), &other).sites(), []);

        // Told again only where the log recorded these very numbers.
        let clock = std::sync::Arc::new(base::clock::SystemClock::new());
        let role = audit::record::Role::Coordinator;
        let log = state.path().join("node");
        let audit = AuditWriter::open(&log, "coordinator", role, clock, &mut |_| {}).unwrap();
        assert_eq!(kept.find(&site("b"), &audit), None);
        let told = audit::record::Event::Metric {
            name: crate::audit_log::label("description"),
            noised: true,
            numbers: Some(hash(digest(&numbers))),
        };
        let entry = audit::record::Entry::new(crate::audit_log::name("test"), told);
        let entry = entry.of_run(crate::audit_log::name(asked.run().as_str())).of_round(1);
        audit.record(vec![entry]).unwrap();
        assert_eq!(kept.find(&site("b"), &audit), Some(numbers.clone()));
        let mut altered = numbers.clone();
        altered[0].value += 100.0;
        kept.keep(&site("b"), &altered).unwrap();
        assert_eq!(asked.accepts(&altered), Ok(()));
        assert_eq!(kept.find(&site("b"), &audit), None);
        kept.keep(&site("b"), &numbers).unwrap();

        // One that has not left is known as such.
        assert_eq!(kept.held_back(&site("a")).unwrap(), None);
        kept.hold_back(&site("a"), Digest::of(b"patients")).unwrap();
        assert_eq!(kept.held_back(&site("a")).unwrap(), Some(Digest::of(b"patients")));
        assert_eq!(kept.sites(), [site("a"), site("b")]);
        fs::write(kept.held(&site("a")), b"damaged").unwrap();
        assert!(kept.held_back(&site("a")).is_err());
        kept.let_go(&site("a")).unwrap();
        kept.let_go(&site("a")).unwrap();
        assert_eq!(kept.held_back(&site("a")).unwrap(), None);

        // A file that holds anything else is nobody's answer.
        let file = kept.file(&site("a"));
        let whole = fs::read(&file).unwrap();
        for bad in [&whole[..whole.len() - 1], &[0xff; 64], b""] {
            fs::write(&file, bad).unwrap();
            assert_eq!(kept.read(&site("a")), None);
        }
        let folder = StatisticsStore::of(state.path(), &other).folder;
        durable::make_folder(&folder).unwrap();
        fs::write(folder.join("a.answer"), whole).unwrap();
        assert_eq!(StatisticsStore::of(state.path(), &other).read(&site("a")), None);
    }
}
