//! WFDB records that are broken one way at a time: each has its own variant.

use site_node::data::OpenFault;
use site_node::data::ecg::{EcgFault, EcgStandard, WfdbFault, read};

use super::build::{header, samples};
use super::{says_what_to_do, written};

/// The fault of a record with this header, and twelve leads of 600 samples beside it.
fn fault(text: &str) -> EcgFault {
    let folder = tempfile::tempdir().unwrap();
    written(&folder, "made.dat", &samples(600));
    let path = written(&folder, "made.hea", text.as_bytes());
    let error = read(&path).unwrap_err();
    says_what_to_do(&error.to_string(), &error.path);
    error.fault
}

/// The header with one piece of it replaced.
fn with(old: &str, new: &str) -> String {
    let good = header("made.dat", 600);
    assert!(good.contains(old), "{old} is not in the header");
    good.replacen(old, new, 1)
}

fn wfdb(fault: EcgFault) -> WfdbFault {
    let EcgFault::Wfdb(fault) = fault else { panic!("{fault}") };
    fault
}

#[test]
fn the_record_that_the_others_break_is_good() {
    let folder = tempfile::tempdir().unwrap();
    written(&folder, "made.dat", &samples(3000));
    let path = written(&folder, "made.hea", header("made.dat", 3000).as_bytes());
    let good = read(&path).unwrap();
    assert_eq!((good.len(), good.leads().len()), (3000, 12));
    assert!(EcgStandard::default().apply(&good).is_ok());
    // Its length is left to the file.
    let silent = header("made.dat", 3000).replacen("12 500 3000", "12 500", 1);
    assert_eq!(read(&written(&folder, "made.hea", silent.as_bytes())).unwrap(), good);
}

#[test]
fn the_record_line() {
    for (text, wanted) in [
        ("# only a comment\n".to_owned(), WfdbFault::NoRecordLine),
        (with("made 12", "made 0"), WfdbFault::SignalCount { line: 1, found: 0, most: 256 }),
        (
            with("made 12", "made 4000000000"),
            WfdbFault::SignalCount { line: 1, found: 4_000_000_000, most: 256 },
        ),
        (with("made 12", "made 13"), WfdbFault::MissingSignals { found: 12, named: 13 }),
        (with("500 600", "0 600"), WfdbFault::Rate { line: 1, most: 100_000 }),
        (with("500 600", "-500 600"), WfdbFault::Rate { line: 1, most: 100_000 }),
        (with("500 600", "NaN 600"), WfdbFault::Rate { line: 1, most: 100_000 }),
        (with("500 600", "inf 600"), WfdbFault::Rate { line: 1, most: 100_000 }),
        (with("made 12", "ma\u{1b}[2Jde 12"), WfdbFault::Control { line: 1 }),
        (with("\nmade", "\nma\0de"), WfdbFault::Control { line: 2 }),
        (
            with("500 600", "500 18446744073709551615"),
            WfdbFault::Length { samples: u64::MAX, most: 1 << 26 },
        ),
    ] {
        assert_eq!(wfdb(fault(&text)), wanted, "{text}");
    }
    for text in [
        with("made 12", "made -12"),
        with("made 12", "made x"),
        with("500 600", "500 -600"),
        with("500 600", "500 99999999999999999999"),
    ] {
        assert!(matches!(wfdb(fault(&text)), WfdbFault::Field { line: 1, .. }), "{text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let empty = read(&written(&folder, "made.hea", b"")).unwrap_err();
    assert_eq!(empty.fault, EcgFault::Open(OpenFault::Empty));
    let endless = read(&written(&folder, "made.hea", &[b'a', b'\n'].repeat(1 << 20))).unwrap_err();
    assert_eq!(
        endless.fault,
        EcgFault::Open(OpenFault::TooLarge { found: 2 << 20, most: 1 << 20 })
    );
    let not_text = wfdb(fault("\u{0}\u{1}\u{2}binary"));
    assert_eq!(not_text, WfdbFault::Control { line: 1 });
}

#[test]
fn the_signal_lines() {
    for (text, wanted) in [
        (with("made.dat 16", "made.dat 17"), WfdbFault::Format { line: 2, code: 17 }),
        (with("made.dat 16", "made.dat"), WfdbFault::Format { line: 2, code: 1000 }),
        (with("made.dat 16", "made.dat 0"), WfdbFault::Format { line: 2, code: 0 }),
        (with("made.dat 16", "made.dat 61"), WfdbFault::MixedFile { line: 3 }),
        (with("made.dat 16", "made.dat 16+2"), WfdbFault::MixedFile { line: 3 }),
        (with("made.dat 16", "made.dat 16x2"), WfdbFault::MixedRates { line: 3 }),
        (with("1000/mV", "0/mV"), WfdbFault::Uncalibrated { line: 2 }),
        (with("1000/mV", "NaN/mV"), WfdbFault::Gain { line: 2 }),
        (with("1000/mV", "inf/mV"), WfdbFault::Gain { line: 2 }),
        (with("1000/mV", "1e999/mV"), WfdbFault::Gain { line: 2 }),
        (with("1000/mV", "1000/mmHg"), WfdbFault::Unit { line: 2, unit: "mmHg".into() }),
    ] {
        assert_eq!(wfdb(fault(&text)), wanted, "{text}");
    }
    for text in [
        with("made.dat 16", "made.dat x"),
        with("made.dat 16", "made.dat 16x0"),
        with("made.dat 16", "made.dat 16x99999"),
        with("made.dat 16", "made.dat 16?3"),
        with("1000/mV", "1000(x)/mV"),
        with("1000/mV", "1000(5/mV"),
        with("1000/mV", "abc/mV"),
        with("1000/mV 16", "1000/mV sixteen"),
        with("1000/mV 16 0 0", "1000/mV 16 0 99999999999"),
    ] {
        assert!(matches!(wfdb(fault(&text)), WfdbFault::Field { line: 2, .. }), "{text}");
    }
    let bare = "made 1 500 600\nmade.dat 16\n";
    assert_eq!(wfdb(fault(bare)), WfdbFault::Uncalibrated { line: 2 });
    let pulse = "made 1 500 600\nmade.dat 16 100/NU\n";
    assert_eq!(wfdb(fault(pulse)), WfdbFault::NoVoltage { unit: "NU".into() });
    let apart = "m 3 500 9\nmade.dat 16 1\nb.dat 16 1\nmade.dat 16 1\n";
    assert_eq!(wfdb(fault(apart)), WfdbFault::MixedFile { line: 4 });
}

#[test]
fn a_signal_file_stays_in_its_folder() {
    for name in ["../made.dat", "/etc/passwd", "-", "~", "..", ".hidden", "c:made.dat"] {
        let text = header("made.dat", 600).replace("made.dat", name);
        assert_eq!(wfdb(fault(&text)), WfdbFault::FileName { line: 2 }, "{name}");
    }
}

#[test]
fn signal_files_that_are_missing_short_or_changed() {
    let missing = fault(&header("other.dat", 600));
    assert_eq!(missing, EcgFault::Open(OpenFault::Missing));
    let longer = wfdb(fault(&header("made.dat", 601)));
    assert_eq!(longer, WfdbFault::Truncated { needs: 601 * 24, found: 600 * 24 });
    let beyond = with("made.dat 16", "made.dat 16+99999999").replace("16 1000", "16+99999999 1000");
    assert!(matches!(
        wfdb(fault(&beyond)),
        WfdbFault::Truncated { .. } | WfdbFault::MixedFile { .. }
    ));
    let alone = "made 1 500 4\nmade.dat 16+18446744073709551615 100/mV\n";
    assert!(matches!(wfdb(fault(alone)), WfdbFault::Truncated { .. }));
    let shorter = wfdb(fault(&header("made.dat", 510).replace("500 510", "500 509")));
    assert!(matches!(shorter, WfdbFault::Checksum { signal: 1.. }), "{shorter}");
    let no_flac = wfdb(fault("made 1 500 4\nmade.dat 516 100/mV\n"));
    assert!(matches!(no_flac, WfdbFault::Flac { .. }), "{no_flac}");
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "made.hea", header("made.dat", 600).as_bytes());
    std::fs::create_dir(folder.path().join("made.dat")).unwrap();
    assert_eq!(read(&path).unwrap_err().fault, EcgFault::Open(OpenFault::NotAFile));
}

#[test]
fn every_length_of_a_cut_signal_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "made.hea", header("made.dat", 20).as_bytes());
    let whole = samples(20);
    for len in 0..whole.len() {
        let file = written(&folder, "made.dat", &whole[..len]);
        let error = read(&path).unwrap_err();
        assert_eq!(error.path, file);
    }
}

#[test]
fn units_baselines_and_frames_of_several_samples_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let data: Vec<u8> = [10_i16, 20, 7, 30, 40, 8].iter().flat_map(|x| x.to_le_bytes()).collect();
    written(&folder, "made.dat", &data);
    let text =
        "made 2 250 2\nmade.dat 16x2 2(10)/uV 16 0 0 100 0 I\nmade.dat 16 1/mmHg 16 0 0 15 0 P\n";
    let ecg = read(&written(&folder, "made.hea", text.as_bytes())).unwrap();
    assert_eq!((ecg.rate_hz(), ecg.leads()), (500.0, ["I".to_owned()].as_slice()));
    assert_eq!(ecg.lead(0), [0.0, 0.005, 0.01, 0.015]);
    // The ADC zero is the baseline where none is written; a skew moves a signal back.
    let text = "made 1 500 6\nmade.dat 16:2 0.001/V 16 5 0 115 0 II\n";
    let ecg = read(&written(&folder, "made.hea", text.as_bytes())).unwrap();
    assert_eq!(ecg.lead(0)[..4], [2e6, 25e6, 35e6, 3e6]);
    assert!(ecg.lead(0)[4..].iter().all(|value| value.is_nan()));
}
