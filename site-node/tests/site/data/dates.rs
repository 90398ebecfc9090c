//! Dates in the forms that systems export: read where `cohort.toml` states the form, and else named with the key.

use super::Hospital;

/// Sixty patients whose index dates are written by `day`, with lines for `cohort.toml`.
fn hospital(day: impl Fn(u32) -> String, settings: &str) -> Hospital {
    let hospital = Hospital::new();
    let row = |n: u32| format!("p{n},{},{n}.5,{}\n", day(n), n % 2);
    let rows: String = (1..=60).map(row).collect();
    hospital.write("cohort.csv", format!("pid,day,months,died\n{rows}"));
    hospital.write(
        "cohort.toml",
        format!(
            "tables = [\"cohort.csv\"]\npatient = \"pid\"\nindex_date = \"day\"\n{settings}\n[outcome]\n\
             time = \"months\"\nunit = \"months\"\nevent = \"died\"\n"
        ),
    );
    hospital
}

/// The first two index dates as they were read.
fn read(hospital: &Hospital) -> [String; 2] {
    let (patients, problems) = hospital.read();
    assert!(problems.is_empty(), "{problems:?}");
    let index = patients.unwrap().index.unwrap();
    assert_eq!(index.len(), 60);
    [index[0], index[1]].map(|day| day.to_string())
}

/// A day of 2010 by its number, as its month and day.
fn parts(n: u32) -> (u32, u32) {
    (n % 12 + 1, n % 28 + 1)
}

#[test]
fn a_form_is_read_where_it_is_stated_and_else_the_key_is_named() {
    type Write = fn(u32) -> String;
    const SHORT: [&str; 12] =
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    let forms: [(Write, &str); 6] = [
        (|n| format!("{:02}.{:02}.2010", parts(n).1, parts(n).0), "%d.%m.%Y"),
        (|n| format!("{:02}/{:02}/2010", parts(n).1, parts(n).0), "%d/%m/%Y"),
        (|n| format!("{}/{}/2010", parts(n).0, parts(n).1), "%m/%d/%Y"),
        (|n| format!("{:02}{}2010", parts(n).1, SHORT[parts(n).0 as usize - 1]), "%d%b%Y"),
        (|n| format!("2010{:02}{:02}", parts(n).0, parts(n).1), "%Y%m%d"),
        (|n| format!("{}", if n == 1 { 40_211 } else { 40_238 + n }), "excel"),
    ];
    for (write, form) in forms {
        let told = hospital(write, "").told(None);
        assert!(
            !told.good && told.text.contains("date_format = \"%d.%m.%Y\""),
            "{form}: {}",
            told.text
        );
        assert!(!told.text.contains("2010"), "a value in: {}", told.text);
        let stated = hospital(write, &format!("date_format = {form:?}"));
        let told = stated.told(None);
        assert!(told.good, "{form}: {}", told.text);
        let wanted = ["2010-02-02", "2010-03-03"];
        assert_eq!(read(&stated), wanted, "{form}");
        // One cell in another form is named, and read in no way.
        stated.edit("cohort.csv", &format!("p7,{}", write(7)), "p7,2010-08-25");
        let told = stated.told(None);
        assert_eq!(told.problems, 1, "{form}: {}", told.text);
        assert!(
            told.text.contains("row 8") && told.text.contains("correct date_format"),
            "{}",
            told.text
        );
    }
}

#[test]
fn a_moment_of_another_clock_falls_on_the_day_of_the_stated_zone() {
    let late = |n: u32| format!("2010-{:02}-{:02}T23:30:00Z", parts(n).0, parts(n).1);
    let big_query = |n: u32| format!("2010-{:02}-{:02} 00:00:00 UTC", parts(n).0, parts(n).1);
    let told = hospital(late, "").told(None);
    assert!(!told.good && told.text.contains("time_zone = \"Europe/Berlin\""), "{}", told.text);
    for (zone, wanted) in [
        ("UTC", ["2010-02-02", "2010-03-03"]),
        ("Europe/Berlin", ["2010-02-03", "2010-03-04"]),
        ("-05:00", ["2010-02-02", "2010-03-03"]),
    ] {
        let hospital = hospital(late, &format!("time_zone = {zone:?}"));
        assert!(hospital.told(None).good);
        assert_eq!(read(&hospital), wanted, "{zone}");
    }
    for (zone, wanted) in [
        ("Europe/Berlin", ["2010-02-02", "2010-03-03"]),
        ("America/Chicago", ["2010-02-01", "2010-03-02"]),
    ] {
        let hospital = hospital(big_query, &format!("time_zone = {zone:?}"));
        assert_eq!(read(&hospital), wanted, "{zone}");
    }
}

#[test]
fn one_table_may_write_dates_in_its_own_way() {
    let german = |n: u32| format!("{:02}.{:02}.2010", parts(n).1, parts(n).0);
    let hospital = hospital(german, "date_format = \"%d.%m.%Y\"");
    hospital.write("labs.csv", "pid,date,item,value\np1,2010-02-01,crp,4\np2,2010-03-01,crp,5\n");
    let text = std::fs::read_to_string(hospital.place("cohort.toml")).unwrap();
    let labs = "[measurements.labs]\ntable = \"labs.csv\"\ndate = \"date\"\nitem = \"item\"\nvalue = \"value\"\n";
    hospital.write("cohort.toml", format!("{text}{labs}"));
    let told = hospital.told(None);
    assert!(told.text.contains("labs.csv: 2 rows") && !told.good, "{}", told.text);
    hospital.write(
        "cohort.toml",
        format!("{text}{labs}[formats.\"labs.csv\"]\ndate_format = \"iso\"\n"),
    );
    let told = hospital.told(None);
    assert!(told.good, "{}", told.text);
    // A table that is not there is no table whose form is stated.
    hospital.edit("cohort.toml", "[formats.\"labs.csv\"]", "[formats.\"lab.csv\"]");
    let (good, output) = hospital.data(&["check"]);
    assert!(!good && output.contains("did you mean \"labs.csv\""), "{output}");
}

#[test]
fn a_form_or_a_zone_that_there_is_not_is_named_with_what_may_be_written() {
    let iso = |n: u32| format!("2010-{:02}-{:02}", parts(n).0, parts(n).1);
    for (line, part) in [
        ("date_format = \"DD.MM.YYYY\"", "write the parts of a date as %d"),
        ("date_format = \"%d.%m.%y\"", "%y leaves the century open"),
        ("date_format = \"%d.%m\"", "it names no single day"),
        ("time_zone = \"Berlin\"", "\"Berlin\" is no time zone"),
        ("time_zone = \"UTC\"\ntimestamps = \"local\"", "leave one out"),
    ] {
        let (good, output) = hospital(iso, line).data(&["check"]);
        assert!(!good && output.contains(part), "{line}: {output}");
    }
}
