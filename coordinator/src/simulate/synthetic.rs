//! Six hospitals that do not exist, whose patients' true risk is known.
//!
//! Four latent traits a patient, drawn around a mean of the hospital's own (covariate shift). The
//! log hazard is 0.7 z₁ + 0.5 z₂ + 0.4 z₃ + 0.35 z₁z₂; times are Weibull with a scale of the
//! hospital's own (label shift) and censored at its own rate. The table shows each trait through
//! two noisy columns and adds four columns of pure noise.

use std::f64::consts::PI;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Patients of each hospital.
const PATIENTS: [u32; 6] = [500, 350, 250, 150, 100, 60];
/// Noise on the columns that show a trait; the second of each is noisier.
const NOISE: [f64; 2] = [0.4, 0.8];
const TRAITS: usize = 4;
const PURE_NOISE: usize = 4;
const WEIBULL_SHAPE: f64 = 1.3;
const TEST_SHARE: f64 = 0.3;

/// A synthetic cohort that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("synthetic cohort {}: {source}", path.display())]
pub struct SyntheticError {
    path: PathBuf,
    source: std::io::Error,
}

/// Writes `cohort.csv` into a folder: the same bytes for the same seed.
///
/// # Errors
/// The file cannot be written.
pub fn write(folder: &Path, seed: u64) -> Result<(), SyntheticError> {
    let path = folder.join("cohort.csv");
    let put = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = std::io::BufWriter::new(fs::File::create(&path)?);
        rows(&mut file, seed)?;
        file.flush()
    };
    put().map_err(|source| SyntheticError { path: path.clone(), source })
}

fn rows(out: &mut impl Write, seed: u64) -> std::io::Result<()> {
    let mut draw = Draw(ChaCha20Rng::seed_from_u64(seed));
    let columns = TRAITS * NOISE.len() + PURE_NOISE;
    write!(out, "patient,hospital,split,time,event,true_log_hazard")?;
    for column in 1..=columns {
        write!(out, ",x{column:02}")?;
    }
    writeln!(out)?;
    for (hospital, patients) in ('a'..).zip(PATIENTS) {
        let shift: [f64; TRAITS] = std::array::from_fn(|_| 0.5 * draw.normal());
        let scale = 5.0 * (0.3 * draw.normal()).exp();
        let dropout = 8.0 * (0.3 * draw.normal()).exp();
        for patient in 0..patients {
            let z: [f64; TRAITS] = std::array::from_fn(|trait_| shift[trait_] + draw.normal());
            let eta = 0.7 * z[0] + 0.5 * z[1] + 0.4 * z[2] + 0.35 * z[0] * z[1];
            let failure = scale * (-draw.uniform().ln() / eta.exp()).powf(1.0 / WEIBULL_SHAPE);
            let censoring = (-draw.uniform().ln() * dropout).min(12.0);
            let time = failure.min(censoring).max(0.001);
            let event = failure <= censoring;
            let training = draw.uniform() > TEST_SHARE;
            // Hazards of all hospitals on one scale: the hazard is k t^(k-1) e^η / scale^k.
            let truth = eta - WEIBULL_SHAPE * scale.ln();
            write!(
                out,
                "{hospital}{patient:04},hospital-{hospital},{},{time:.4},{},{truth:.5}",
                u8::from(training),
                u8::from(event)
            )?;
            for value in z {
                for noise in NOISE {
                    write!(out, ",{:.4}", value + noise * draw.normal())?;
                }
            }
            for _ in 0..PURE_NOISE {
                write!(out, ",{:.4}", draw.normal())?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

struct Draw(ChaCha20Rng);

impl Draw {
    /// Uniform in (0, 1].
    fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal (Box and Muller, 1958).
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (2.0 * PI * self.uniform()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_and_the_table_is_whole() {
        let text = |seed| {
            let mut bytes = Vec::new();
            rows(&mut bytes, seed).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(text(3), text(3));
        assert_ne!(text(3), text(4));
        let lines: Vec<String> = text(3).lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 1 + PATIENTS.iter().sum::<u32>() as usize);
        assert!(lines.iter().all(|line| line.split(',').count() == 18));
    }
}
