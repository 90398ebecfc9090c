//! ECGs and images that cannot be used, in a hospital whose tables are good.

use std::fmt::Write;

use site_node::data::ecg::{EcgFault, StandardFault};
use site_node::data::image::ImageFault;
use site_node::data::{DataError, Secret, fingerprint};
use site_node::inspect::{Findings, value};

use super::{COHORT, Hospital};

const LEADS: [&str; 12] =
    ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];
const SAMPLES: usize = 1000;

/// A WFDB record of ten seconds at 100 Hz.
fn record(hospital: &Hospital, name: &str, leads: &[&str], sample: impl Fn(usize, usize) -> i16) {
    let mut header = format!("{name} {} 100 {SAMPLES}\n", leads.len());
    let mut bytes = Vec::new();
    for (place, lead) in leads.iter().enumerate() {
        let values = (0..SAMPLES).map(|time| sample(time, place));
        let sum = values.fold(0_i16, i16::wrapping_add);
        let _ =
            writeln!(header, "{name}.dat 16 1000(0)/mV 16 0 {} {sum} 0 {lead}", sample(0, place));
    }
    for time in 0..SAMPLES {
        for place in 0..leads.len() {
            bytes.extend(sample(time, place).to_le_bytes());
        }
    }
    hospital.write(&format!("ecg/{name}.hea"), header);
    hospital.write(&format!("ecg/{name}.dat"), bytes);
}

pub(crate) fn wave(time: usize, lead: usize) -> i16 {
    i16::try_from((time * (lead + 3)) % 500).unwrap() - 250
}

fn png(depth: png::BitDepth, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 4, 4);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(depth);
    encoder.write_header().unwrap().write_image_data(data).unwrap();
    bytes
}

pub(crate) fn hospital(broken: &str) -> Hospital {
    let hospital = Hospital::new();
    let cohort = format!(
        "{COHORT}\n[ecg]\nfolder = \"ecg\"\nrate_hz = 100\nbroken = \"{broken}\"\n\
         [images]\nfolder = \"images\"\npixels = [8, 8]\nbroken = \"{broken}\"\n"
    );
    hospital.write("cohort.toml", cohort);
    record(&hospital, "p1", &LEADS, wave);
    let picture: Vec<u8> = (0..16).map(|place| place * 16).collect();
    hospital.write("images/p1.png", png(png::BitDepth::Eight, &picture));
    hospital
}

/// The problem of the one file that was spoilt: of the second patient, by the row and not by the name.
fn spoilt(file: &str, spoil: impl Fn(&Hospital)) -> String {
    let strict = hospital("refuse");
    spoil(&strict);
    let Findings { problems, .. } = strict.check(None);
    let [finding] = problems.as_slice() else { panic!("{file}: {problems:?}") };
    assert_eq!((finding.file.as_deref(), finding.row), (Some("base.csv"), Some(3)));
    assert!(!finding.problem.contains("p2") && !finding.fix.contains("p2"), "{finding:?}");
    assert!(finding.problem.starts_with("base.csv: row 3: this patient's "), "{finding:?}");
    // Asked for by eyes inside, the file is named.
    let path = value(&strict.source(), finding).unwrap();
    assert!(path.ends_with(&format!("/{file}")), "{path}");
    assert!(finding.fix.len() > 8, "{finding:?}");
    // Where cohort.toml says so, the same file counts as missing.
    let lenient = hospital("missing");
    spoil(&lenient);
    let found = lenient.check(None);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    assert!(found.notes.iter().any(|note| note.contains("1 are broken")), "{:?}", found.notes);
    finding.problem.clone()
}

#[test]
fn good_signals_are_counted() {
    let found = hospital("refuse").check(None);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    for what in ["ECGs", "images"] {
        let note = format!("{what}: 1 of 3 patients have one that can be used");
        assert!(found.notes.contains(&note), "{:?}", found.notes);
    }
}

#[test]
fn every_bad_ecg_is_named() {
    for (spoil, what) in [
        (
            Box::new(|h: &Hospital| record(h, "p2", &LEADS[..3], wave)) as Box<dyn Fn(&Hospital)>,
            "lacks",
        ),
        (
            Box::new(|h| record(h, "p2", &LEADS, |t, l| if l == 7 { 5 } else { wave(t, l) })),
            "lead V2 is flat",
        ),
        (
            Box::new(|h| {
                record(
                    h,
                    "p2",
                    &LEADS,
                    |t, l| if l == 6 && t > 300 { i16::MIN } else { wave(t, l) },
                );
            }),
            "lead V1 has a gap",
        ),
        (
            Box::new(|h| {
                record(h, "p2", &LEADS, |t, l| wave(t, l) * 100);
                h.edit("ecg/p2.hea", "1000(0)/mV", "1(0)/mV");
            }),
            "exceeds",
        ),
        (
            Box::new(|h| {
                record(h, "p2", &LEADS, wave);
                h.edit("ecg/p2.hea", "II\n", "I\n");
            }),
            "twice",
        ),
    ] {
        let problem = spoilt("p2.hea", |h| spoil(h));
        assert!(problem.contains(what), "{what}: {problem}");
    }
    let cut = spoilt("p2.dat", |h| {
        record(h, "p2", &LEADS, wave);
        let bytes = std::fs::read(h.place("ecg/p2.dat")).unwrap();
        h.write("ecg/p2.dat", &bytes[..bytes.len() / 2]);
    });
    assert!(!cut.is_empty());
    spoilt("p2.dat", |h| {
        record(h, "p2", &LEADS, wave);
        std::fs::remove_file(h.place("ecg/p2.dat")).unwrap();
    });
    spoilt("p2.hea", |h| h.write("ecg/p2.hea", "no header\n"));
}

#[test]
fn every_bad_image_is_named() {
    for (bytes, what) in [
        (png(png::BitDepth::Two, &[0, 1, 2, 3]), "2 bits a sample"),
        (png(png::BitDepth::Eight, &[9; 16])[..40].to_vec(), "PNG"),
        (b"not an image".to_vec(), "no image"),
        (Vec::new(), "is empty"),
    ] {
        let problem = spoilt("p2.png", |h| h.write("images/p2.png", &bytes));
        assert!(problem.contains(what), "{what}: {problem}");
    }
}

#[test]
fn a_signal_of_nobody_or_outside_is_refused() {
    let stray = hospital("missing");
    stray.write("images/p9.png", b"x");
    let found = stray.check(None);
    let [nobody] = found.problems.as_slice() else { panic!("{:?}", found.problems) };
    assert_eq!(nobody.problem, "an image that is named after no patient");
    assert!(value(&stray.source(), nobody).unwrap().ends_with("images/p9.png"));
    let linked = hospital("missing");
    std::os::unix::fs::symlink("/etc/hostname", linked.place("images/p3.png")).unwrap();
    let found = linked.check(None);
    let [out] = found.problems.as_slice() else { panic!("{:?}", found.problems) };
    assert!(out.check == "images" && out.problem.contains("link out"), "{out:?}");
    assert!(!out.problem.contains("p3") && out.path.as_ref().unwrap().ends_with("p3.png"));
    // What a daemon logs of it.
    let error = fingerprint(&linked.source(), &Secret::from_bytes([0; 32])).unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("p3") && text.contains("an image ("), "{text}");
    let linked = hospital("refuse");
    let outside = tempfile::tempdir().unwrap();
    let inside = linked.place("ecg/p1.dat");
    let moved = outside.path().join("p1.dat");
    std::fs::copy(&inside, &moved).unwrap();
    std::fs::remove_file(&inside).unwrap();
    std::os::unix::fs::symlink(&moved, &inside).unwrap();
    let found = linked.check(None);
    assert!(
        found.problems.iter().any(|it| it.problem.contains("link out")),
        "{:?}",
        found.problems
    );
    let absent = hospital("missing");
    absent.edit("cohort.toml", "folder = \"images\"", "folder = \"pictures\"");
    assert!(!absent.check(None).problems.is_empty());
    let file = hospital("missing");
    file.edit("cohort.toml", "folder = \"images\"", "folder = \"base.csv\"");
    assert!(file.check(None).problems.iter().any(|it| it.problem.contains("not a folder")));
}

/// The readers' own variants reach whoever asks for them.
#[test]
fn errors_keep_their_variants() {
    use site_node::data::Problems;
    use site_node::data::Signals;
    use site_node::data::cache::Cache;
    let hospital = hospital("refuse");
    record(&hospital, "p2", &LEADS[..3], wave);
    hospital.write("images/p2.png", png(png::BitDepth::Four, &[0; 8]));
    let source = hospital.source();
    let patients = hospital.read().0.unwrap();
    let cache = Cache::open(&hospital.place("cache")).unwrap();
    let mut problems = Problems::new(9);
    let ecgs = Signals::ecgs(&source, source.ecg.as_ref().unwrap()).unwrap();
    let images = Signals::images(&source, source.images.as_ref().unwrap()).unwrap();
    for signals in [ecgs, images] {
        let checked = signals.check(&patients, "pid", &cache, &mut problems, &|_| ());
        assert_eq!((checked.usable, checked.missing), (1, 0));
    }
    let [DataError::Ecg { error: ecg, .. }, DataError::Image { error: image, .. }] =
        problems.found()
    else {
        panic!("{problems:?}")
    };
    let missing = matches!(&ecg.fault, EcgFault::Standard(StandardFault::MissingLeads { missing }) if missing.len() == 6);
    assert!(missing, "{ecg}");
    assert!(matches!(image.fault, ImageFault::BitDepth { bits: 4 }), "{image}");
}

#[test]
fn what_the_system_leaves_in_a_folder_is_passed_over_and_the_rest_is_told() {
    let hospital = hospital("refuse");
    hospital.write("images/._p1.png", "left by an archive");
    hospital.write("ecg/._p1.hea", "left by an archive");
    hospital.write("images/Thumbs.db", "left by a viewer");
    hospital.write("images/p2.jpg", "of another format");
    let found = hospital.check(None);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let note = "images: 2 files with another ending are not read".to_owned();
    assert!(found.notes.contains(&note), "{:?}", found.notes);
    // Two files of one patient: neither is chosen silently.
    hospital.write("images/p1.PNG", "x");
    let found = hospital.check(None);
    let [twice] = found.problems.as_slice() else { panic!("{:?}", found.problems) };
    assert!(twice.problem.contains("two files of one patient's image"), "{twice:?}");
    assert!(!twice.problem.contains("p1"), "{twice:?}");
}

#[test]
fn a_record_of_several_segments_is_one_ecg() {
    let hospital = hospital("refuse");
    record(&hospital, "p2_0", &LEADS, wave);
    record(&hospital, "p2_1", &LEADS, |time, lead| wave(time + SAMPLES, lead));
    hospital.write("ecg/p2.hea", format!("p2/2 12 100 {}\np2_0 1000\np2_1 1000\n", 2 * SAMPLES));
    let found = hospital.check(None);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let note = "ECGs: 2 of 3 patients have one that can be used".to_owned();
    assert!(found.notes.contains(&note), "{:?}", found.notes);
    // A part that no patient's record names is somebody's all the same.
    record(&hospital, "p2_2", &LEADS, wave);
    let [stray] = &hospital.check(None).problems[..] else { panic!("one problem is expected") };
    assert!(stray.problem.contains("named after no patient"), "{stray:?}");
}

#[test]
fn fewer_bits_than_a_png_keeps_are_told_and_can_be_stated() {
    let dim: Vec<u8> = (0..16_u16).flat_map(|place| (place * 273).to_be_bytes()).collect();
    let hospital = hospital("refuse");
    hospital.write("images/p1.png", png(png::BitDepth::Sixteen, &dim));
    let found = hospital.check(None);
    let told = |found: &Findings| found.notes.iter().any(|note| note.contains("bits = 12"));
    assert!(told(&found) && found.problems.is_empty(), "{found:?}");
    hospital.edit("cohort.toml", "pixels = [8, 8]", "pixels = [8, 8]\nbits = 12");
    let found = hospital.check(None);
    assert!(!told(&found) && found.problems.is_empty(), "{found:?}");
    hospital.edit("cohort.toml", "bits = 12", "bits = 10");
    let [more] = &hospital.check(None).problems[..] else { panic!("one problem is expected") };
    assert!(more.problem.contains("more than 10 bits"), "{more:?}");
    hospital.edit("cohort.toml", "bits = 10", "bits = 17");
    let error = site_node::data::Source::load(&hospital.place("cohort.toml")).unwrap_err();
    assert!(error.to_string().contains("17 is out of range"), "{error}");
}

#[test]
fn checksums_can_be_left_aside() {
    let hospital = hospital("refuse");
    record(&hospital, "p2", &LEADS, wave);
    let header = std::fs::read_to_string(hospital.place("ecg/p2.hea")).unwrap();
    let spoiled = header.lines().map(|line| {
        let mut fields: Vec<&str> = line.split(' ').collect();
        if let Some(sum) = fields.get_mut(6) {
            *sum = "7";
        }
        fields.join(" ") + "\n"
    });
    hospital.write("ecg/p2.hea", spoiled.collect::<String>());
    let [wrong] = &hospital.check(None).problems[..] else { panic!("one problem is expected") };
    assert!(wrong.fix.contains("checksums = \"ignore\""), "{wrong:?}");
    hospital.edit("cohort.toml", "folder = \"ecg\"", "folder = \"ecg\"\nchecksums = \"ignore\"");
    assert!(hospital.check(None).problems.is_empty());
}
