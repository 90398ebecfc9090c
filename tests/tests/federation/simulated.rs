//! What a simulation says when one of its hospitals takes no part.

use std::process::Command;
use std::sync::Arc;

use audit::note::{SignedNote, SigningKey};
use audit::record::Role;
use base::clock::SystemClock;
use node::audit_log::{AuditWriter, COORDINATOR, name};
use tests::{Federation, HOSPITALS, Process, SetupError, binary, demo, failure};

use crate::Outcome;
use crate::models::simulate;

/// Leaves in a folder of results that a hospital was caught there with two histories.
fn distrust(state: &std::path::Path, site: &str) -> Result<(), SetupError> {
    let clock = Arc::new(SystemClock::new());
    let audit = AuditWriter::open(state, COORDINATOR, Role::Coordinator, clock, &mut |_| ())?;
    let key = SigningKey::generate(&format!("{site}.1").parse()?)?;
    let of = name(site);
    let met = audit.meet(&of, &key.verifier().to_string(), false)?;
    let root = "A".repeat(43);
    let note = SignedNote::sign(format!("{site}.1\n1\n{root}=\n"), &key)?;
    Ok(audit.breach(&met, &of, &note, "forked")?)
}

#[test]
fn a_simulation_one_of_whose_hospitals_is_refused_ends_with_its_reason() -> Outcome {
    let federation = Federation::new()?;
    let out = federation.elsewhere("runs");
    let site = HOSPITALS[1];
    distrust(&out, site)?;
    let output = failure(simulate(&demo(), &federation.data(), &out, &[])?)?;
    let told =
        format!("site {site}: takes no part in the simulation: the coordinator refused this site");
    assert!(output.contains(&told) && output.contains("(forked)"), "{output}");
    Ok(())
}

#[test]
fn a_demonstration_leaves_a_folder_alone_that_holds_anything_else() -> Outcome {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("truth.csv"), "mine")?;
    let mut demo = Command::new(binary("coordinator")?);
    demo.args(["demo", "--quiet", "--out"]).arg(folder.path());
    let refused = failure(Process::start(&mut demo)?)?;
    assert!(refused.contains("is not empty") && refused.contains("name a new one"), "{refused}");
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 1);
    Ok(())
}
