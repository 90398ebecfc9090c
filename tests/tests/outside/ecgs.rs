//! Real ECGs against the values that Python's wfdb 4.3.1 and pydicom 3.0.2 read.

use std::path::Path;

use site_node::data::OpenFault;
use site_node::data::ecg::{
    EcgFault, EcgStandard, Lead, Recording, StandardFault, WfdbFault, read,
};

use crate::{close, data, says_what_to_do};

fn fault(path: &Path) -> EcgFault {
    let error = read(path).unwrap_err();
    says_what_to_do(&error.to_string(), &error.path);
    error.fault
}

/// First, middle and last sample, and the sum of all, in mV.
fn golden(recording: &Recording, lead: usize, wanted: [f64; 4]) {
    let samples = recording.lead(lead);
    let at = |place: usize| f64::from(samples[place]);
    let sum = samples.iter().filter(|value| !value.is_nan()).map(|value| f64::from(*value)).sum();
    let found = [at(0), at(samples.len() / 2), at(samples.len() - 1), sum];
    for (found, wanted) in found.into_iter().zip(wanted) {
        // Single precision: 24 bits of each sample.
        close(found, wanted, 1e-6 * samples.len() as f64 * wanted.abs().max(0.01));
    }
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn format_212_and_its_odd_number_of_samples() {
    let path = data("wfdb/100.hea");
    let mit = read(&path).unwrap();
    assert_eq!((mit.len(), mit.rate_hz()), (650_000, 360.0));
    assert_eq!(mit.leads(), ["MLII", "V5"]);
    golden(&mit, 0, [-0.145, -0.355, -1.28, -199_094.335]);
    golden(&mit, 1, [-0.065, -0.225, 0.0, -124_172.38]);
    let odd = read(&data("wfdb/100_3chan.hea")).unwrap();
    assert_eq!((odd.len(), odd.leads().len()), (999, 3));
    golden(&odd, 1, [-0.065, -0.17, -0.26, -207.59]);
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn ten_formats_in_one_record() {
    let path = data("wfdb/binformats.hea");
    let all = read(&path).unwrap();
    assert_eq!((all.len(), all.rate_hz(), all.leads().len()), (499, 200.0, 10));
    let wanted = [
        [-10.235, 2.01, 0.55, 827.325],
        [-163.83, 160.875, 157.905, -3.75],
        [-163.825, 160.88, 157.91, -1.255],
        [-0.62, 0.235, -0.185, -2.585],
        [-163.815, 160.89, 157.92, 3.735],
        [-10.21, -4.705, 0.8, -34.12],
        [-2.525, -0.17, 2.185, -8.105],
        [-2.52, -0.165, 2.19, -10.725],
        [-41942.995, 39982.985, 38022.89, -516_692.785],
        [-10_737_418.19, 10_232_140.465, 9_726_862.645, -134_022_007.865],
    ];
    for (lead, wanted) in wanted.into_iter().enumerate() {
        golden(&all, lead, wanted);
    }
    let cut = read(&data("wfdb/310derive_3.hea")).unwrap();
    assert_eq!(cut.len(), 1018);
    golden(&cut, 0, [-0.025, 0.02, -0.04, -16.82]);
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn flac_of_8_16_and_24_bits() {
    let path = data("wfdb/flacformats.hea");
    let all = read(&path).unwrap();
    golden(&all, 0, [-0.635, 0.22, -0.2, -2.42]);
    golden(&all, 1, [-163.83, 160.875, 157.905, -3.75]);
    golden(&all, 2, [-41943.025, 39982.955, 38022.86, -516_707.755]);
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn a_monitors_record_gives_its_leads_and_leaves_the_pulse_out() {
    let path = data("wfdb/v102s.hea");
    let monitor = read(&path).unwrap();
    assert_eq!(monitor.leads(), ["II", "V"]);
    golden(&monitor, 0, [-0.011_398_509, -0.233_231_039, -0.103_901_797, 1_808.691_801_8]);
    let gaps = |lead| monitor.lead(lead).iter().filter(|value| value.is_nan()).count();
    assert_eq!((gaps(0), gaps(1)), (3, 2));
    // 24 bytes stand before the samples.
    let offset = read(&data("wfdb/a103l.hea")).unwrap();
    assert_eq!(offset.leads(), ["II", "V"]);
    golden(&offset, 1, [0.867_585_551, 0.601_806_084, 0.761_501_901, 67_753.729_562_7]);
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn a_header_without_its_signals_names_the_missing_file() {
    let path = data("wfdb/12726.hea");
    let error = read(&path).unwrap_err();
    assert_eq!(error.fault, EcgFault::Open(OpenFault::Missing));
    assert!(error.path.ends_with("12726.dat"));
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn a_twelve_lead_record_comes_to_the_standard_form() {
    let path = data("wfdb/s0010_re.hea");
    let ptb = read(&path).unwrap();
    assert_eq!((ptb.len(), ptb.rate_hz(), ptb.leads().len()), (38_400, 1000.0, 15));
    golden(&ptb, 0, [-0.2445, 0.2395, 0.135, -4.1685]);
    golden(&ptb, 11, [0.195, -0.0915, -0.1665, -8.7725]);
    golden(&ptb, 14, [-0.009, 0.0565, 0.029, -0.996]);
    let form = EcgStandard::default();
    let out = form.apply(&ptb).unwrap();
    assert_eq!(out.len(), 12 * 5000);
    // Every other sample of the recording, but for what 500 Hz cannot hold.
    for (lead, index) in [(Lead::I, 0), (Lead::AVR, 3), (Lead::V6, 11)] {
        let found = &out[lead as usize * 5000..][..5000];
        let kept = ptb.lead(index).iter().step_by(2);
        let off: f32 = found.iter().zip(kept).map(|(a, b)| (a - b).powi(2)).sum();
        assert!((off / 5000.0).sqrt() < 0.01, "{lead}: {off}");
    }
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn a_dicom_ecg_reads_as_pydicom_reads_it() {
    let path = data("dicom/waveform_ecg.dcm");
    let ecg = read(&path).unwrap();
    assert_eq!((ecg.len(), ecg.rate_hz()), (10_000, 1000.0));
    let names: Vec<String> = Lead::ALL.iter().map(Lead::to_string).collect();
    assert_eq!(ecg.leads(), names);
    golden(&ecg, 0, [0.1, 0.05375, 0.025, 926.613_75]);
    golden(&ecg, 1, [0.1125, 0.06875, 0.1375, 908.5875]);
    golden(&ecg, 5, [0.0625, 0.04125, 0.125, 442.1625]);
    golden(&ecg, 11, [-0.05, -0.03125, -0.1125, 384.1875]);
    assert_eq!(EcgStandard::default().apply(&ecg).unwrap().len(), 60_000);
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn what_is_no_twelve_lead_ecg_is_refused_by_name() {
    let path = data("wfdb/100.hea");
    let fewer = EcgStandard::default().apply(&read(&path).unwrap()).unwrap_err();
    assert!(matches!(fewer, StandardFault::MissingLeads { ref missing } if missing.len() == 11));
    let image = fault(&data("dicom/CT_small.dcm"));
    assert!(image.to_string().contains("image"), "{image}");
    let annotations = fault(&data("wfdb/100.atr"));
    assert_eq!(annotations, EcgFault::Kind);
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn a_changed_byte_fails_the_checksum() {
    let path = data("wfdb/100_3chan.hea");
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("100_3chan.hea");
    std::fs::copy(&path, &here).unwrap();
    let mut data = std::fs::read(path.with_extension("dat")).unwrap();
    data[1000] ^= 1;
    std::fs::write(here.with_extension("dat"), data).unwrap();
    assert!(matches!(fault(&here), EcgFault::Wfdb(WfdbFault::Checksum { .. })));
}
