//! Beats of real patients, against what cardiologists marked.

use plan::experiment::Beats;
use site_node::data::ecg::{EcgStandard, complexes, read};

use crate::data;

/// Record 100 of the MIT-BIH Arrhythmia Database: half an hour in which cardiologists marked 2,273 beats
/// (Moody & Mark, IEEE Engineering in Medicine and Biology 20 (2001) 45–50).
#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn half_an_hour_of_a_patient_has_the_beats_that_cardiologists_marked() {
    let record = read(&data("wfdb/100.hea")).unwrap();
    let leads: Vec<Vec<f32>> = (0..2).map(|lead| record.lead(lead).to_vec()).collect();
    let found = complexes(&leads, record.rate_hz()).len();
    assert!(found.abs_diff(2273) <= 3, "{found}");
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn a_patients_twelve_leads_give_one_plausible_beat() {
    for file in ["wfdb/s0010_re.hea", "dicom/waveform_ecg.dcm"] {
        let record = read(&data(file)).unwrap();
        let form = EcgStandard::of(500.0, 10.0, Some(Beats { before_ms: 250, after_ms: 450 }));
        let beat = form.apply(&record).unwrap_or_else(|fault| panic!("{file}: {fault}"));
        let length = form.length();
        assert_eq!((beat.len(), length), (12 * length, 350));
        // All leads together are steepest in the middle of the QRS complex, and quiet before P.
        let steep = |k: usize| {
            (0..12)
                .map(|lead| (beat[lead * length + k + 5] - beat[lead * length + k]).abs())
                .sum::<f32>()
        };
        let steepest = (0..length - 5).max_by(|a, b| steep(*a).total_cmp(&steep(*b))).unwrap();
        assert!((100..150).contains(&steepest), "{file}: {steepest}");
        assert!((0..20).all(|k| steep(k) < 0.25 * steep(steepest)), "{file}");
    }
}
