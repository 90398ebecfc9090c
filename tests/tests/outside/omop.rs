//! A public sample of OMOP CDM tables.

use site_node::data::{CellFault, DataError, Source, load};

use crate::data;

/// Tables as others write them: by tabs, in upper case, without observation periods.
#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn a_public_sample_is_read() {
    let folder = data("omop_synthetic100");
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("omop")).unwrap();
    for name in ["PERSON", "CONDITION_OCCURRENCE", "DRUG_EXPOSURE", "MEASUREMENT", "DEATH"] {
        let name = format!("{name}.csv");
        std::fs::copy(folder.join(&name), home.path().join("omop").join(&name)).unwrap();
    }
    // Rows of its drugs are older than half of its persons, which no hospital's are.
    let persons = home.path().join("omop/PERSON.csv");
    let text = std::fs::read_to_string(&persons).unwrap();
    let mended: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(row, line)| {
            let mut cells: Vec<&str> = line.split('\t').collect();
            cells[2] = if row == 0 { cells[2] } else { "1910" };
            cells.join("\t")
        })
        .collect();
    let path = home.path().join("cohort.toml");
    std::fs::write(&path, "[omop]\nfolder = \"omop\"\n").unwrap();
    let fault = load(&Source::load(&path).unwrap()).unwrap_err();
    assert!(matches!(fault, DataError::Cell { fault: CellFault::ImpossibleAge, .. }), "{fault}");
    std::fs::write(&persons, mended.join("\n")).unwrap();
    let patients = load(&Source::load(&path).unwrap()).unwrap();
    assert!(patients.table.len() > 90, "{}", patients.table.len());
    assert!(patients.codes.iter().all(|(_, codes)| codes.rows.len() > 50));
}
