//! The accountant against Google's dp-accounting (RDP, PLD) and Opacus (RDP) on 20 settings.

use privacy::accountant::{
    Delta, NoiseMultiplier, RdpVector, SampledGaussian, SamplingRate, Segment, pld,
};
use std::error::Error;

use crate::data;

/// One row of `golden/epsilon.csv`.
struct Golden {
    segment: Segment,
    delta: Delta,
    google_rdp: f64,
    google_pld: f64,
    opacus_rdp: f64,
}

fn golden() -> Result<Vec<Golden>, Box<dyn Error>> {
    let path = data("golden/epsilon.csv");
    let mut reader = csv::Reader::from_path(&path)?;
    let headers = reader.headers()?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record?;
        let field = |name: &str| -> Result<&str, Box<dyn Error>> {
            let at = headers.iter().position(|header| header == name);
            at.and_then(|at| record.get(at)).ok_or_else(|| format!("no column {name}").into())
        };
        let number = |name: &str| -> Result<f64, Box<dyn Error>> { Ok(field(name)?.parse()?) };
        let mechanism = SampledGaussian {
            rate: SamplingRate::new(number("q")?)?,
            noise: NoiseMultiplier::new(number("sigma")?)?,
        };
        rows.push(Golden {
            segment: Segment { mechanism, steps: field("steps")?.parse()? },
            delta: Delta::new(number("delta")?)?,
            google_rdp: number("eps_dpacc_rdp")?,
            google_pld: number("eps_dpacc_pld")?,
            opacus_rdp: number("eps_opacus_rdp")?,
        });
    }
    assert_eq!(rows.len(), 20, "rows of {}", path.display());
    Ok(rows)
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn pld_agrees_with_google_and_is_not_below() -> Result<(), Box<dyn Error>> {
    for row in golden()? {
        let epsilon = pld::epsilon(&[row.segment], row.delta);
        let relative = epsilon / row.google_pld - 1.0;
        assert!(relative < 1e-2, "{:?}: {epsilon} above {}", row.segment, row.google_pld);
        assert!(relative > -1e-4, "{:?}: {epsilon} below {}", row.segment, row.google_pld);
        // What this implementation reaches; a looser result is a regression.
        assert!(relative < 1e-4, "{:?}: {epsilon} looser than {}", row.segment, row.google_pld);
    }
    Ok(())
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn rdp_agrees_with_the_better_reference() -> Result<(), Box<dyn Error>> {
    for row in golden()? {
        let epsilon = RdpVector::of_segments(&[row.segment]).epsilon(row.delta);
        let best = row.google_rdp.min(row.opacus_rdp);
        let relative = epsilon / best - 1.0;
        assert!(relative.abs() < 5e-3, "{:?}: {epsilon} against {best}", row.segment);
        assert!(relative.abs() < 1e-6, "{:?}: {epsilon} drifted from {best}", row.segment);
    }
    Ok(())
}

#[test]
#[cfg_attr(not(real_data), ignore = "needs real data (CONSILIUM_SHARED_DATA)")]
fn pld_is_well_below_rdp() -> Result<(), Box<dyn Error>> {
    for row in golden()? {
        let rdp = RdpVector::of_segments(&[row.segment]).epsilon(row.delta);
        let ratio = pld::epsilon(&[row.segment], row.delta) / rdp;
        assert!((0.75..0.95).contains(&ratio), "{:?}: PLD/RDP = {ratio}", row.segment);
    }
    Ok(())
}
