//! The fingerprint: blind to order and format, and to nothing else.

use std::os::unix::fs::PermissionsExt;

use site_node::data::{FileHashCache, Secret, fingerprint, fingerprint_again};

use super::Hospital;

fn of(hospital: &Hospital) -> String {
    fingerprint(&hospital.source(), &Secret::from_bytes([7; 32])).unwrap().to_string()
}

#[test]
fn order_and_format_do_not_matter() {
    let hospital = Hospital::new();
    let first = of(&hospital);
    let text = std::fs::read_to_string(hospital.place("base.csv")).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1..].reverse();
    hospital.write("base.csv", lines.join("\r\n"));
    assert_eq!(of(&hospital), first);
    let swapped: Vec<String> = text
        .lines()
        .map(|line| {
            let (start, last) = line.rsplit_once(',').unwrap();
            format!("{last},{start}")
        })
        .collect();
    hospital.write("base.csv", swapped.join("\n"));
    assert_eq!(of(&hospital), first);
    hospital.write("base.csv", text.replace("70.5", "70.50").replace(",61,", ",61.0,"));
    assert_eq!(of(&hospital), first);
    #[cfg(feature = "parquet")]
    {
        super::columnar::base(&hospital);
        assert_eq!(of(&hospital), first);
    }
}

#[test]
fn a_list_of_nobody_who_withdrew_is_one() {
    let hospital = Hospital::new();
    hospital.write("withdrawn.csv", "pid\n");
    let none = of(&hospital);
    hospital.write("withdrawn.csv", "pid\np4\n");
    assert_ne!(of(&hospital), none);
}

#[test]
fn any_value_matters() {
    let mut seen = vec![of(&Hospital::new())];
    for (file, old, new) in [
        ("base.csv", "70.5", "70.6"),
        ("base.csv", "70.5", ""),
        ("base.csv", "70.5", "unknown"),
        ("base.csv", "p2,2020-02-01", "p2,2020-02-02"),
        ("base.csv", "p2,", "P2,"),
        ("base.csv", "sex", "gender"),
        // Of a patient who withdrew: these data are still there.
        ("base.csv", "50,m,6", "51,m,6"),
        ("outcome.csv", "p1,12", "p1,13"),
        ("labs.csv", "900", "901"),
        ("labs.csv", "p2,2019-12-31,crp,0.9,mg/dL\n", ""),
        ("labs.csv", "p4,2019", "p1,2019"),
        ("dx.csv", "C50", "C51"),
        ("withdrawn.csv", "p4", "p3"),
        ("cohort.toml", "mmol/L", "mg/dL"),
        ("cohort.toml", "event = \"died\"", "event = \"died\"\ncauses = [\"heart\", \"other\"]"),
        ("cohort.toml", "event = \"died\"", "event = \"died\"\ncauses = [\"other\", \"heart\"]"),
        ("cohort.toml", "unit = \"months\"", "unit = \"days\""),
    ] {
        let hospital = Hospital::new();
        hospital.edit(file, old, new);
        let found = of(&hospital);
        assert!(!seen.contains(&found), "{file}: {old:?} → {new:?}");
        seen.push(found);
    }
    // Persons of OMOP are who they are written as.
    let hospital = Hospital::new();
    hospital.write("cohort.toml", "[omop]\nfolder = \"omop\"\n");
    hospital.write("omop/person.csv", "person_id,year_of_birth\n12,1950\n");
    let one = of(&hospital);
    hospital.edit("omop/person.csv", "12,", "0012,");
    assert_ne!(of(&hospital), one);
    // A row twice is not a row, and two that are swapped between columns are others.
    let hospital = Hospital::new();
    hospital.edit(
        "labs.csv",
        "p2,2019-12-31,crp,0.9,mg/dL\n",
        &"p2,2019-12-31,crp,0.9,mg/dL\n".repeat(2),
    );
    assert!(!seen.contains(&of(&hospital)));
    let hospital = Hospital::new();
    hospital.write("ecg/p1.dcm", "bytes");
    hospital.edit(
        "cohort.toml",
        "[units]",
        "[ecg]\nfolder = \"ecg\"\nformat = \"dicom\"\n\n[units]",
    );
    let one = of(&hospital);
    hospital.write("ecg/p1.dcm", "bytez");
    assert!(!seen.contains(&one) && of(&hospital) != one);
}

#[test]
fn without_the_key_it_tells_nothing_and_the_key_is_kept_closed() {
    let hospital = Hospital::new();
    let state = hospital.place("state");
    let own = |secret: &Secret| fingerprint(&hospital.source(), secret).unwrap();
    let made = own(&Secret::open(&state).unwrap());
    assert_eq!(made, own(&Secret::open(&state).unwrap()));
    assert_ne!(made.to_string(), of(&hospital));
    let key = state.join("fingerprint.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = Secret::open(&state).map(|_| ()).unwrap_err().to_string();
    assert!(exposed.contains("chmod 600"), "{exposed}");
    std::fs::remove_file(&key).unwrap();
    std::fs::write(&key, [1; 31]).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(Secret::open(&state).is_err());
}

/// A daemon is asked for consent again and again; a folder of ECGs and images is read once.
#[test]
fn signals_that_did_not_change_are_not_read_again() {
    let hospital = Hospital::new();
    let text = "[ecg]\nfolder = \"ecg\"\n\n[images]\nfolder = \"images\"\n\n[units]";
    hospital.edit("cohort.toml", "[units]", text);
    hospital.write("ecg/p1.hea", "p1 1 100 2\np1.dat 16 1000(0)/mV 16 0 0 0 0 I\n");
    hospital.write("ecg/p1.dat", [0; 4]);
    hospital.write("images/p1.png", "pixels");
    hospital.write("images/p2.png", "pixels");
    let source = hospital.source();
    let secret = Secret::from_bytes([7; 32]);
    let seen = FileHashCache::default();
    let again = || fingerprint_again(&source, &secret, &seen).unwrap().to_string();
    let first = again();
    assert_eq!((seen.read(), first.clone()), (3, of(&hospital)));
    assert_eq!((again(), seen.read()), (first.clone(), 3));
    // Of the same length, and of a file that only the header names.
    hospital.write("ecg/p1.dat", [1; 4]);
    let second = again();
    assert_eq!((seen.read(), second.clone()), (4, of(&hospital)));
    assert_ne!(second, first);
    hospital.write("images/p2.png", "pixelz");
    assert_eq!((again(), seen.read()), (of(&hospital), 5));
    // A link that leads to another file than before.
    std::fs::remove_file(hospital.place("ecg/p1.dat")).unwrap();
    for (bytes, read) in [([2; 4], 6), ([3; 4], 7)] {
        hospital.write(&format!("ecg/{read}"), bytes);
        std::fs::remove_file(hospital.place("ecg/p1.dat")).ok();
        std::os::unix::fs::symlink(read.to_string(), hospital.place("ecg/p1.dat")).unwrap();
        assert_eq!((again(), seen.read()), (of(&hospital), read));
    }
}
