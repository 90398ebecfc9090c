//! OMOP tables get the checks that plain tables get: names in any case, days that cannot be, and a count of every
//! person, row and death that is left out.

use super::Hospital;

const PERSONS: u32 = 60;

/// What each table's rows are made of, by the number of the person.
struct Tables {
    born: fn(u32) -> u32,
    /// The first and last day of observation.
    observed: fn(u32) -> [String; 2],
    index: fn(u32) -> String,
    death: fn(u32) -> Option<String>,
    more: &'static str,
}

const TABLES: Tables = Tables {
    born: |n| 1930 + n % 40,
    observed: |n| ["2009-01-01".to_owned(), format!("2018-{:02}-01", n % 12 + 1)],
    index: |n| format!("2011-{:02}-15", n % 12 + 1),
    death: |n| n.is_multiple_of(2).then(|| format!("2016-{:02}-03", n % 12 + 1)),
    more: "",
};

fn hospital(tables: &Tables) -> Hospital {
    let hospital = Hospital::new();
    hospital.write("cohort.toml", "[omop]\nfolder = \"omop\"\nindex_conditions = [4329847]\n");
    let table = |name: &str, header: &str, row: &dyn Fn(u32) -> Option<String>| {
        let rows: String = (1..=PERSONS).filter_map(row).collect();
        hospital.write(&format!("omop/{name}.csv"), format!("{header}\n{rows}"));
    };
    table(
        "person",
        "person_id,gender_concept_id,year_of_birth,race_concept_id,ethnicity_concept_id",
        &|n| {
            Some(format!("{n},{},{},0,0\n", if n % 2 == 0 { 8507 } else { 8532 }, (tables.born)(n)))
        },
    );
    let header = "person_id,condition_concept_id,condition_start_date,condition_end_date";
    table("condition_occurrence", header, &|n| {
        Some(format!("{n},4329847,{},\n", (tables.index)(n)))
    });
    let header = "person_id,observation_period_start_date,observation_period_end_date";
    table("observation_period", header, &|n| {
        let [from, to] = (tables.observed)(n);
        Some(format!("{n},{from},{to}\n"))
    });
    table("death", "person_id,death_date", &|n| Some(format!("{n},{}\n", (tables.death)(n)?)));
    let header =
        "person_id,measurement_concept_id,measurement_date,value_as_number,unit_concept_id";
    table("measurement", header, &|n| {
        Some(format!("{n},3023103,2011-01-05,{}.5,8753\n", n % 3 + 3))
    });
    let path = "omop/measurement.csv";
    let text = std::fs::read_to_string(hospital.place(path)).unwrap();
    hospital.write(path, text + tables.more);
    hospital
}

/// Sixty persons, half of whom died.
pub(crate) fn sixty_persons() -> Hospital {
    hospital(&TABLES)
}

/// The outcome of the persons who stay: days and events.
fn outcome(hospital: &Hospital) -> (Vec<f64>, f64) {
    let (patients, problems) = hospital.read();
    assert!(problems.is_empty(), "{problems:?}");
    let table = patients.unwrap().table;
    let numbers = |name: &str| table.column(name).unwrap().numbers().unwrap();
    (numbers("time"), numbers("event").iter().sum())
}

#[test]
fn sound_tables_are_read_whatever_the_case_of_their_names() {
    let plain = hospital(&TABLES);
    let told = plain.told(None);
    assert!(told.good, "{}", told.text);
    let wanted = outcome(&plain);
    assert_eq!((wanted.0.len(), wanted.1), (60, 30.0));
    for name in ["person", "condition_occurrence", "observation_period", "death", "measurement"] {
        let path = plain.place(&format!("omop/{name}.csv"));
        let text = std::fs::read_to_string(&path).unwrap();
        let (header, rows) = text.split_once('\n').unwrap();
        std::fs::remove_file(&path).unwrap();
        let file = if name == "death" {
            "Death.CSV".to_owned()
        } else {
            format!("{}.csv", name.to_uppercase())
        };
        plain.write(&format!("omop/{file}"), format!("{}\n{rows}", header.to_uppercase()));
    }
    let told = plain.told(None);
    assert!(told.good, "{}", told.text);
    assert_eq!(outcome(&plain), wanted);
    // What stands behind a finding is found by the column's own name too.
    plain.edit("omop/DEATH.CSV".replace("DEATH", "Death").as_str(), "2016-03-03", "3.3.2016");
    let (good, output) = plain.data(&["check", "--show-values", "--anywhere"]);
    assert!(!good && output.contains("[\"3.3.2016\"]"), "{output}");
}

#[test]
fn two_files_of_one_table_are_refused() {
    let twice = hospital(&TABLES);
    twice.write("omop/PERSON.csv", "PERSON_ID\n1\n");
    let told = twice.told(None);
    assert!(!told.good && told.text.contains("PERSON.csv and person.csv"), "{}", told.text);
}

#[test]
fn days_that_cannot_be_are_problems_with_their_counts() {
    let open = Tables {
        observed: |n| {
            let end = if n % 3 == 0 { "9999-12-31" } else { "2018-01-01" };
            ["2009-01-01".to_owned(), end.to_owned()]
        },
        ..TABLES
    };
    let told = hospital(&open).told(None);
    assert_eq!(told.problems, 1, "{}", told.text);
    assert!(told.text.contains("observation_period.csv: 20 rows"), "{}", told.text);
    assert!(told.text.contains("9999-12-31 stands for an open end"), "{}", told.text);
    let later =
        Tables { observed: |_| ["2009-01-01".to_owned(), "2099-01-01".to_owned()], ..TABLES };
    let told = hospital(&later).told(None);
    assert!(
        told.text.contains("60 rows") && told.text.contains("ends after today"),
        "{}",
        told.text
    );
    let dead = Tables {
        death: |n| match n % 4 {
            0 => Some("2099-01-01".to_owned()),
            2 => Some("2016-05-03".to_owned()),
            _ => None,
        },
        ..TABLES
    };
    let told = hospital(&dead).told(None);
    assert_eq!(told.problems, 1, "{}", told.text);
    assert!(
        told.text.contains("death.csv: 15 rows") && told.text.contains("a death after today"),
        "{}",
        told.text
    );
    let unborn = Tables { born: |n| if n <= 6 { 2050 } else { 1950 }, ..TABLES };
    let told = hospital(&unborn).told(None);
    assert_eq!(told.problems, 1, "{}", told.text);
    assert!(
        told.text.contains("person.csv: 6 rows") && told.text.contains("below 0"),
        "{}",
        told.text
    );
}

#[test]
fn every_person_death_and_row_that_is_left_out_is_counted_by_kind() {
    let late = Tables {
        // Persons 1 to 5 died before the index date, and all others who died after the end of observation.
        death: |n| match n {
            1..=5 => Some("2010-01-01".to_owned()),
            _ => n.is_multiple_of(3).then(|| "2018-12-24".to_owned()),
        },
        more: "999,3023103,2011-01-05,4.0,8753\n7,3023103,2011-01-05,,8753\n8,3023103,,4.0,8753\n",
        ..TABLES
    };
    let hospital = hospital(&late);
    hospital.edit("omop/condition_occurrence.csv", "9,4329847", "9,201826");
    hospital.edit("omop/condition_occurrence.csv", "\n10,4329847", "\n10,0");
    hospital.edit("omop/observation_period.csv", "\n11,2009-01-01", "\n11,2012-01-01");
    let told = hospital.told(None);
    for part in [
        "5 of 60 patients of person.csv died before their index date and are left out",
        "2 of 60 patients of person.csv have none of index_conditions and are left out",
        "1 of 60 patients of person.csv were not observed on their index date and are left out",
        "18 of 18 deaths of death.csv lie after the end of observation and are not counted",
        "1 of 63 rows of measurement.csv are of patients who stand in no table of patients",
        "1 of 63 rows of measurement.csv hold no result",
        "1 of 63 rows of measurement.csv have no date",
        "1 of 60 rows of condition_occurrence.csv name no concept",
    ] {
        assert!(told.text.contains(part), "{part} in {}", told.text);
    }
    let (times, events) = outcome(&hospital);
    assert_eq!((times.len(), events), (52, 0.0));
    // The hospital may state how many may be left out, by the table's name.
    hospital.edit("cohort.toml", "[omop]", "[allowed_losses]\nperson = 0.05\n[omop]");
    let told = hospital.told(None);
    assert!(told.text.contains("\"person.csv\" = 0.09"), "{}", told.text);
    hospital.edit("cohort.toml", "person = 0.05", "persons = 0.05");
    let (good, output) = hospital.data(&["check"]);
    assert!(!good && output.contains("did you mean \"person\""), "{output}");
}

#[test]
fn dates_and_zones_are_stated_for_omop_tables_too() {
    let plain = hospital(&TABLES);
    let wanted = outcome(&plain);
    let german = Tables {
        observed: |n| ["01.01.2009".to_owned(), format!("01.{:02}.2018", n % 12 + 1)],
        index: |n| format!("15.{:02}.2011", n % 12 + 1),
        death: |n| n.is_multiple_of(2).then(|| format!("03.{:02}.2016", n % 12 + 1)),
        ..TABLES
    };
    let hospital = hospital(&german);
    let told = hospital.told(None);
    assert!(!told.good && told.text.contains("date_format"), "{}", told.text);
    let stated = "date_format = \"%d.%m.%Y\"\n[formats.measurement]\ndate_format = \"iso\"\n[omop]";
    hospital.edit("cohort.toml", "[omop]", stated);
    assert!(hospital.told(None).good);
    assert_eq!(outcome(&hospital), wanted);
}
