//! What verifiers read of strangers' logs: records, notes, checkpoints and keys.

use audit::note::{Checkpoint, Signature, SignedNote, SigningKey, VerifierKey};
use audit::record::Record;

use crate::{Outcome, fuzz, refused};

const WORDS: [&str; 10] = [
    "\"event\":",
    "\"round\":",
    "null",
    "\u{2014} ",
    "\\u0000",
    "\u{202E}",
    "{\"a\":",
    "[[[[",
    "+",
    "\"v\":5",
];

/// The log of a coordinator that trained with its hospitals.
fn lines() -> Result<Vec<Vec<u8>>, tests::SetupError> {
    let mut federation = tests::Federation::new()?;
    let coordinator = federation.serve()?;
    let sites = tests::HOSPITALS.map(|site| federation.start_site(site));
    let sites = sites.into_iter().collect::<Result<Vec<_>, _>>()?;
    tests::success(federation.run(&federation.private()?, &["rounds=1"])?)?;
    tests::stop(sites)?;
    tests::stop([coordinator])?;
    let mut lines = Vec::new();
    for log in [federation.log(), federation.log_of(tests::HOSPITALS[0])] {
        for file in tests::files(&log)? {
            if file.extension().is_some_and(|ending| ending == "jsonl") {
                let text = std::fs::read(&file)?;
                lines.extend(text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
            }
        }
    }
    lines.retain(|line| !line.is_empty());
    assert!(lines.len() > 20, "{} records", lines.len());
    Ok(lines)
}

#[test]
fn records() -> Outcome {
    fuzz("records", &lines()?, &WORDS, |bytes| match Record::parse(bytes) {
        Ok(record) => {
            let line = record.to_line().unwrap();
            assert_eq!(Record::parse(&line).unwrap(), record);
        }
        Err(error) => refused(&error),
    })
}

#[test]
fn notes_and_keys() -> Outcome {
    let key = SigningKey::from_seed(&"a.1".parse()?, &[7; 32])?;
    let note = SignedNote::sign(
        "a.1\n17\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".to_owned(),
        &key,
    )?;
    let seeds = [note.to_string(), key.verifier().to_string(), key.to_secret_text()?]
        .map(String::into_bytes);
    fuzz("notes", &seeds, &WORDS, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        match SignedNote::parse(text) {
            Ok(note) => {
                assert_eq!(note.to_string(), text, "another spelling of a note");
                if let Err(error) = Checkpoint::open(&note, key.verifier()) {
                    refused(&error);
                }
            }
            Err(error) => refused(&error),
        }
        let failures = [
            Checkpoint::parse(text).err(),
            text.parse::<Signature>().err(),
            text.parse::<VerifierKey>().err(),
            SigningKey::from_secret_text(text).err(),
        ];
        failures.iter().flatten().for_each(refused);
    })
}
