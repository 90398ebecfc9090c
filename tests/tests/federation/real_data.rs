//! Fed-TCGA-BRCA: six regions, real patients, where the tables are at hand.

use std::process::Command;

use serde_json::Value;
use tests::{Process, binary, real_data, root, success};

use crate::Outcome;

fn simulate(data: &std::path::Path, sets: &[&str]) -> Result<Value, tests::SetupError> {
    let out = tempfile::tempdir()?;
    let mut command = Command::new(binary("coordinator")?);
    command.arg("simulate").arg(root().join("configs/experiments/tcga-brca.toml"));
    command.arg("--data").arg(data).arg("--out").arg(out.path());
    command.args(["--format", "json", "--quiet"]);
    command.args(sets.iter().flat_map(|set| ["--set", set]));
    Ok(serde_json::from_str(&success(Process::start(&mut command)?)?)?)
}

#[test]
fn the_federation_is_as_good_as_pooling_and_better_than_any_site() -> Outcome {
    let Some(data) = real_data("fed_tcga_brca", "Fed-TCGA-BRCA") else { return Ok(()) };
    let number = |report: &Value, path: &str| report.pointer(path).and_then(Value::as_f64);
    let (mut federated, mut pooled, mut alone) = (0.0, 0.0, 0.0);
    for split in 0..20 {
        let report = simulate(&data, &[&format!("data.split=rep{split:02}")])?;
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

#[test]
fn a_column_that_is_not_there_is_named() -> Outcome {
    let Some(data) = real_data("fed_tcga_brca", "Fed-TCGA-BRCA") else { return Ok(()) };
    let error = simulate(&data, &["data.split=rep7"]).map(|_| ()).err().ok_or("no error")?;
    let text = error.to_string();
    assert!(text.contains("column \"rep7\" is missing; did you mean \"rep"), "{text}");
    Ok(())
}
