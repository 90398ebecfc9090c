//! WFDB records as other programs write them: in segments, moved to another folder, with endings in capitals,
//! without a rate or checksums.

use site_node::data::ecg::{EcgFault, Recording, WfdbFault, read};

use super::build::{header, samples};
use super::{says_what_to_do, written};

const FRAMES: usize = 600;

struct Folder(tempfile::TempDir);

impl Folder {
    /// Two segments of twelve leads, and a record of both with a gap between.
    fn new(record: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["made_0", "made_1"] {
            written(&folder, &format!("{name}.dat"), &samples(FRAMES));
            let text = header(&format!("{name}.dat"), FRAMES);
            written(&folder, &format!("{name}.hea"), text.as_bytes());
        }
        written(&folder, "made.hea", record.as_bytes());
        Self(folder)
    }

    fn read(&self, name: &str) -> Result<Recording, EcgFault> {
        read(&self.0.path().join(name)).map_err(|error| {
            says_what_to_do(&error.to_string(), &error.path);
            error.fault
        })
    }
}

fn fault(record: &str) -> WfdbFault {
    match Folder::new(record).read("made.hea").unwrap_err() {
        EcgFault::Wfdb(fault) => fault,
        other => panic!("{other}"),
    }
}

#[test]
fn segments_follow_each_other_and_gaps_are_no_samples() {
    let folder = Folder::new("made/3 12 500 1500\nmade_0 600\n~ 300\nmade_1 600\n");
    let whole = folder.read("made.hea").unwrap();
    let part = folder.read("made_0.hea").unwrap();
    assert_eq!((whole.len(), whole.leads(), whole.rate_hz()), (1500, part.leads(), 500.0));
    for lead in 0..12 {
        assert_eq!(&whole.lead(lead)[..600], part.lead(lead));
        assert!(whole.lead(lead)[600..900].iter().all(|value| value.is_nan()));
        assert_eq!(&whole.lead(lead)[900..], part.lead(lead));
    }
}

#[test]
fn broken_segments_are_named() {
    assert_eq!(
        fault("made/3 12 500 1200\nmade_0 600\nmade_1 600\n"),
        WfdbFault::Segments { stated: 3, found: 2, most: 1024 }
    );
    assert_eq!(
        fault("made/2 12 500\nmade_0 600\nmade_1 500\n"),
        WfdbFault::SegmentLength { segment: 2 }
    );
    assert_eq!(fault("made/2 12 500\nmade_layout 0\nmade_1 600\n"), WfdbFault::Layout);
    assert_eq!(fault("made/1 12 500\nmade 600\n"), WfdbFault::NestedSegments);
    assert_eq!(fault("made/1 12 500\n../made_0 600\n"), WfdbFault::FileName { line: 2 });
    let long = "made/2 12 500\nmade_0 600\n~ 99999999999\n";
    assert!(matches!(fault(long), WfdbFault::Length { .. }));
    let missing = Folder::new("made/1 12 500\nmade_9 600\n").read("made.hea").unwrap_err();
    assert!(matches!(missing, EcgFault::Open(_)), "{missing}");
    let folder = Folder::new("made/2 12 500\nmade_0 600\nmade_1 600\n");
    let slow = header("made_1.dat", FRAMES).replacen("12 500", "12 250", 1);
    written(&folder.0, "made_1.hea", slow.as_bytes());
    assert_eq!(folder.read("made.hea").unwrap_err(), EcgFault::Wfdb(WfdbFault::MixedSegments));
}

#[test]
fn names_may_keep_their_old_folder_and_endings_may_be_capitals() {
    let folder = Folder::new("unused");
    let good = folder.read("made_0.hea").unwrap();
    let text = header("made_0.dat", FRAMES);
    for (name, moved) in [
        ("a.hea", text.replacen("made 12", "median_beats/00001 12", 1)),
        ("b.hea", text.replacen("made 12", "median_beats/3 12", 1).replace("made_0", "old/made_0")),
        ("C.HEA", text.replace("made_0", r"old\made_0")),
    ] {
        written(&folder.0, name, moved.as_bytes());
        assert_eq!(folder.read(name).unwrap(), good, "{name}");
    }
    let outside = text.replace("made_0.dat", "old/../made_0.dat");
    written(&folder.0, "d.hea", outside.as_bytes());
    let refused = folder.read("d.hea").unwrap_err();
    assert_eq!(refused, EcgFault::Wfdb(WfdbFault::FileName { line: 2 }));
    std::fs::rename(folder.0.path().join("made_0.dat"), folder.0.path().join("made_0.DAT"))
        .unwrap();
    assert_eq!(folder.read("made_0.hea").unwrap(), good);
}

#[test]
fn a_rate_and_checksums_may_be_absent() {
    let folder = Folder::new("unused");
    let text = header("made_0.dat", FRAMES);
    let silent = text.replacen("12 500 600", "12", 1);
    written(&folder.0, "a.hea", silent.as_bytes());
    let found = folder.read("a.hea").unwrap();
    assert_eq!((found.rate_hz(), found.len()), (250.0, FRAMES));
    let none: String = text
        .lines()
        .map(|line| {
            let mut fields: Vec<&str> = line.split(' ').collect();
            if let Some(sum) = fields.get_mut(6) {
                *sum = "0";
            }
            fields.join(" ") + "\n"
        })
        .collect();
    written(&folder.0, "b.hea", none.as_bytes());
    assert_eq!(folder.read("b.hea").unwrap(), folder.read("made_0.hea").unwrap());
    // One that says something must say the truth.
    let wrong = none.replacen(" 0 0 I\n", " 7 0 I\n", 1);
    written(&folder.0, "c.hea", wrong.as_bytes());
    let refused = folder.read("c.hea").unwrap_err();
    assert_eq!(refused, EcgFault::Wfdb(WfdbFault::Checksum { signal: 1 }));
}
