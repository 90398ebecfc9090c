//! Bytes that anybody may have written, changed at random: whatever reads them may refuse, in a bounded message, and may
//! neither panic nor fill the memory. What is read back is what was written.
//!
//! ```text
//! seeds, which the product itself made ─► mutator ─► target ─► verdict
//! regressions/TARGET/*, which failed once ──────────┘
//! ```
//!
//! `CONSILIUM_FUZZ=1000000 cargo test --release --workspace --test fuzz` makes so many executions of each target, beside
//! those of `site-node/tests/site/readers/fuzz.rs`, which does the same to DICOM, WFDB, PNG and JPEG.

mod audit_log;
mod certificates;
mod messages;
mod model_files;
mod mutator;
mod settings;
mod tables;

use std::fmt::Display;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use mutator::Mutator;
use tests::SetupError;

type Outcome = Result<(), SetupError>;

/// Executions of each target, unless `CONSILIUM_FUZZ` says otherwise.
const EXECUTIONS: usize = 5_000;

/// What the process may hold at once.
const MAX_KIB: u64 = 512 << 10;

/// The most bytes of a message to people.
const MAX_WORDS: usize = 16 << 10;

/// Runs a target on what failed once, on its seeds, and on changes of them. `words` are pieces that its inputs know.
fn fuzz(target: &str, seeds: &[Vec<u8>], words: &[&str], run: impl Fn(&[u8])) -> Outcome {
    let judged = |input: &[u8]| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(input))) {
            eprintln!("{target} fails on b\"{}\"", input.escape_ascii());
            eprintln!("mend it, and keep these bytes in tests/tests/fuzz/regressions/{target}/");
            resume_unwind(panic);
        }
    };
    let known = tests::root().join("tests/tests/fuzz/regressions").join(target);
    for file in fs::read_dir(known).into_iter().flatten() {
        judged(&fs::read(file?.path())?);
    }
    for seed in seeds {
        judged(seed);
    }
    let executions = match std::env::var("CONSILIUM_FUZZ") {
        Ok(number) => number.parse()?,
        Err(_) => EXECUTIONS,
    };
    let mut mutator = Mutator::new(words);
    for execution in 0..executions {
        judged(&mutator.changed(seeds, execution));
    }
    let peak = peak_kib()?;
    assert!(peak < MAX_KIB, "{target}: the process held {peak} KiB");
    Ok(())
}

/// A refusal as people see it: bounded, and without what changes a line unseen.
fn refused(words: &impl Display) {
    let words = words.to_string();
    assert!(words.len() <= MAX_WORDS, "{} bytes: {}…", words.len(), &words[..200]);
    assert!(words.lines().all(base::text::is_plain), "{words:?}");
}

/// Linux keeps the largest size that the process had.
fn peak_kib() -> Result<u64, SetupError> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
