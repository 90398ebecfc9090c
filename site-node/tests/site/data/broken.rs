//! Files that are not tables, or not in the data folder, and tables that do not fit together.

use std::os::unix::fs::symlink;

use site_node::data::{DataError, TableError};

use super::{Hospital, SECRET};

/// Spoils a hospital and returns the one problem that it then has.
fn spoilt(spoil: impl FnOnce(&Hospital)) -> DataError {
    let hospital = Hospital::new();
    spoil(&hospital);
    hospital.problem()
}

macro_rules! refused {
    ($($name:ident: $spoil:expr => $pattern:pat),+ $(,)?) => {$(
        #[test]
        fn $name() {
            let error = spoilt($spoil);
            assert!(matches!(error, $pattern), "{error:?}");
        }
    )+};
}

refused! {
    a_latin_1_cell: |h| h.write("base.csv", b"pid,day,age,sex,glucose\np1,2020-01-10,61,f,5\n\xe4,2020-01-10,61,f,5\n")
        => DataError::Table(TableError::Encoding { row: 3, .. }),
    a_latin_1_header: |h| h.write("base.csv", b"pid,d\xe4y,glucose\np1,2020-01-10,61\n")
        => DataError::MissingColumn { .. },
    a_utf_16_file: |h| h.write("base.csv", b"\xff\xfep\0i\0d\0")
        => DataError::Table(TableError::Kind { .. }),
    a_spreadsheet: |h| h.write("base.csv", b"PK\x03\x04whatever")
        => DataError::Table(TableError::Kind { .. }),
    a_compressed_table: |h| h.write("base.csv", b"\x1f\x8b\x08whatever")
        => DataError::Table(TableError::Kind { .. }),
    a_parquet_file_by_another_name: |h| h.write("base.csv", b"PAR1whatever")
        => DataError::Table(TableError::Kind { .. }),
    zero_bytes: |h| h.write("base.csv", b"pid,day\np1,\0\0\0\n")
        => DataError::Table(TableError::Kind { .. }),
    an_empty_file: |h| h.write("base.csv", b"")
        => DataError::Table(TableError::EmptyFile { .. }),
    a_header_alone: |h| h.write("base.csv", b"pid,day,age,sex,glucose\n")
        => DataError::Table(TableError::NoRows { .. }),
    a_short_row: |h| h.edit("base.csv", "p2,2020-02-01,70.5,m,", SECRET)
        => DataError::Table(TableError::Ragged { row: 3, found: 1, wanted: 5, .. }),
    a_long_row: |h| h.edit("base.csv", "61,f,5.5", &format!("61,f,5.5,{SECRET}"))
        => DataError::Table(TableError::Ragged { row: 2, found: 6, wanted: 5, .. }),
    a_column_twice: |h| h.edit("base.csv", "age,sex", "glucose,sex")
        => DataError::DuplicateColumn { .. },
    a_table_without_a_header: |h| h.write("base.csv", format!("p1,2020-01-10,61,f,{SECRET}\np2,2020-01-10,61,f,5\n"))
        => DataError::Table(TableError::NoHeader { .. }),
    a_table_whose_first_row_repeats: |h| {
        h.write("base.csv", format!("pid,day,glucose,{SECRET},{SECRET}\np1,,1,f,m\np2,,1,f,m\np3,,1,f,m\n"));
        h.edit("cohort.toml", "\"day\"", &format!("\"{SECRET}\""));
    } => DataError::DuplicateColumn { .. },
    a_first_row_that_resembles_a_column: |h| {
        let text = format!("pid,{SECRET},age,sex,glucose\np2,2020-01-10,1,f,5\n");
        h.write("base.csv", text);
        h.edit("cohort.toml", "\"day\"", &format!("\"{}\"", SECRET.replace('8', "9")));
    } => DataError::MissingColumn { nearest: Some(_), .. },
    a_column_of_two_tables: |h| h.edit("outcome.csv", "months,died", "glucose,died")
        => DataError::DuplicateColumn { .. },
    a_misspelt_column: |h| h.edit("base.csv", "pid,day,", "pid,daay,")
        => DataError::MissingColumn { nearest: Some(_), .. },
    a_patient_twice: |h| h.edit("base.csv", "p2,", "p1,")
        => DataError::DuplicatePatient { first: 2, second: 3, .. },
    a_patient_without_a_name: |h| h.edit("base.csv", "p2,", ",")
        => DataError::NamelessPatient { row: 3, .. },
    nobody_in_both_tables: |h| h.write("outcome.csv", "pid,months,died,train\nx9,1,1,1\n")
        => DataError::EmptyJoin { .. },
    everybody_withdrew: |h| {
        h.write("withdrawn.csv", "pid\np1\np2\np3\np4\n");
    } => DataError::EverybodyWithdrew { .. },
    codes_of_nobody: |h| h.write("dx.csv", format!("pid,date,until,code\n{SECRET},2018-05-05,,I21.4\n"))
        => DataError::LeftOut { .. },
    a_missing_file: |h| std::fs::remove_file(h.place("labs.csv")).unwrap()
        => DataError::Unreadable { .. },
    a_folder_for_a_file: |h| {
        std::fs::remove_file(h.place("labs.csv")).unwrap();
        std::fs::create_dir(h.place("labs.csv")).unwrap();
    } => DataError::NotAFile { .. },
    a_path_out_of_the_folder: |h| h.edit("cohort.toml", "\"labs.csv\"", "\"../labs.csv\"")
        => DataError::Outside { .. },
    an_absolute_path: |h| h.edit("cohort.toml", "\"labs.csv\"", "\"/etc/passwd\"")
        => DataError::Outside { .. },
    a_link_out_of_the_folder: |h| {
        std::fs::remove_file(h.place("labs.csv")).unwrap();
        symlink("/etc/passwd", h.place("labs.csv")).unwrap();
    } => DataError::LinkOut { .. },
}

/// Every column that is missing is told at once.
#[test]
fn a_table_without_a_header_or_a_number() {
    let hospital = Hospital::new();
    hospital.write("base.csv", format!("{SECRET},f\np2,f\n"));
    let (_, problems) = hospital.read();
    super::sound(&problems, &hospital.place(""));
    let missing = |error: &DataError| matches!(error, DataError::MissingColumn { .. });
    assert!(problems.found().iter().all(missing), "{problems:?}");
    assert_eq!(problems.found().len(), 3);
}

/// A byte-order mark, Windows line ends, other delimiters and trailing blank lines are no mistakes.
#[test]
fn what_spreadsheets_write_is_read() {
    let hospital = Hospital::new();
    let text = std::fs::read_to_string(hospital.place("base.csv")).unwrap();
    for text in [
        format!("\u{feff}{text}"),
        text.replace('\n', "\r\n"),
        text.replace(',', ";"),
        text.replace(',', "\t"),
        format!("{text}\n\n"),
        text.replace("p1,", "\"p1\","),
        text.replace("p1,", " p1 ,"),
    ] {
        hospital.write("base.csv", &text);
        let (patients, problems) = hospital.read();
        assert!(problems.is_empty(), "{text:?}: {problems:?}");
        assert_eq!(patients.unwrap().table.len(), 3);
    }
}

#[test]
fn the_old_form_of_settings_says_where_its_keys_went() {
    use site_node::settings::SiteSettings;
    let hospital = Hospital::new();
    let text =
        "coordinator = \"127.0.0.1:1\"\n[data]\ntables = [\"cohort.csv\"]\npatient = \"pid\"\n";
    hospital.write("site-node.toml", text);
    let error = SiteSettings::load(&hospital.place("site-node.toml")).unwrap_err().to_string();
    assert!(error.contains("2 problems") && error.contains("move the keys"), "{error}");
}

#[test]
fn every_mistake_of_cohort_toml_is_named_at_once() {
    use site_node::data::Source;
    let hospital = Hospital::new();
    hospital.edit("cohort.toml", "patient =", "pacient =");
    hospital.edit("cohort.toml", "unit = \"months\"", "unit = \"weeks\"");
    hospital.edit("cohort.toml", "system = \"icd10\"", "");
    let error = Source::load(&hospital.place("cohort.toml")).unwrap_err().to_string();
    for part in ["did you mean \"patient\"", r#"expected one of "days""#, "codes.dx.system"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    hospital.write("cohort.toml", super::COHORT.replace("index_date = \"day\"\n", ""));
    let error = Source::load(&hospital.place("cohort.toml")).unwrap_err().to_string();
    assert!(error.contains("index_date") && error.contains("missing"), "{error}");
    hospital.write("cohort.toml", "name = \"x\"\ntables = [\"a.csv\"]\npatient = \"p\"\n");
    let error = Source::load(&hospital.place("cohort.toml")).unwrap_err().to_string();
    assert!(error.contains("belongs to site-node.toml"), "{error}");
}
