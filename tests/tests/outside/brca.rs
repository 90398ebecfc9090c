//! Fed-TCGA-BRCA: six regions, real patients.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::{Process, binary, root, success};

use crate::{Outcome, data};

fn simulate(
    experiment: &str,
    data: &Path,
    out: &Path,
    sets: &[&str],
) -> Result<Value, tests::SetupError> {
    let mut command = Command::new(binary("coordinator")?);
    command.arg("simulate").arg(root().join("configs/experiments").join(experiment));
    command.arg("--data").arg(data).arg("--out").arg(out);
    command.args(["--format", "json", "--quiet"]);
    command.args(sets.iter().flat_map(|set| ["--set", set]));
    Ok(serde_json::from_str(&success(Process::start(&mut command)?)?)?)
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn the_federation_is_as_good_as_pooling_and_better_than_any_site() -> Outcome {
    let data = data("fed_tcga_brca");
    let out = tempfile::tempdir()?;
    let number = |report: &Value, path: &str| report.pointer(path).and_then(Value::as_f64);
    let mut federated = 0.0;
    let mut pooled = 0.0;
    let mut alone = 0.0;
    for split in 0..20 {
        let split = format!("data.split=rep{split:02}");
        let report = simulate("tcga-brca.toml", &data, out.path(), &[&split])?;
        assert_eq!(report["sites"].as_array().map(Vec::len), Some(6));
        assert_eq!(report["rounds"].as_array().map(Vec::len), Some(100));
        federated += number(&report, "/final/c_index").ok_or("no C-index")? / 20.0;
        pooled += number(&report, "/pooled/c_index").ok_or("no pooled C-index")? / 20.0;
        alone += number(&report, "/single_site/mean/c_index").ok_or("no single site")? / 20.0;
    }
    assert!(federated >= 0.750, "mean C-index {federated:.4}");
    assert!((federated - pooled).abs() < 0.005, "{federated:.4} and pooled {pooled:.4}");
    assert!(federated > alone + 0.05, "{federated:.4} and alone {alone:.4}");
    Ok(())
}

/// Noise is drawn anew each time: over twenty splits the mean moves by 0.002 (ε = 8) to 0.010 (ε = 1)
/// from one time to the next, and the bounds leave five such steps or more.
#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn each_patient_is_protected_at_little_cost() -> Outcome {
    let data = data("fed_tcga_brca");
    // One folder for all, as somebody would have it.
    let out = tempfile::tempdir()?;
    for (epsilon, least) in [(8.0, 0.735), (3.0, 0.71), (1.0, 0.66)] {
        let mut mean = 0.0;
        for split in 0..20 {
            let split = format!("data.split=rep{split:02}");
            let asked = format!("privacy.epsilon={epsilon}");
            let report = simulate("tcga-brca-private.toml", &data, out.path(), &[&split, &asked])?;
            let spent = report["privacy"]["epsilon"].as_f64().ok_or("no ε")?;
            assert!(spent <= epsilon && spent > 0.99 * epsilon, "{spent} of {epsilon}");
            assert_eq!(report["privacy"]["unit"], "one patient, added or removed");
            assert_eq!(report["rounds"][0]["metrics"], serde_json::json!({}));
            mean += report["final"]["c_index"].as_f64().ok_or("no C-index")? / 20.0;
        }
        assert!(mean >= least, "ε = {epsilon}: mean C-index {mean:.4}");
    }
    Ok(())
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn a_column_that_is_not_there_is_named() -> Outcome {
    let data = data("fed_tcga_brca");
    let out = tempfile::tempdir()?;
    let error = simulate("tcga-brca.toml", &data, out.path(), &["data.split=rep7"])
        .map(|_| ())
        .err()
        .ok_or("no error")?;
    let text = error.to_string();
    assert!(text.contains("column \"rep7\" is missing; did you mean column "), "{text}");
    Ok(())
}
