//! Speed of the rounded-Gaussian sampler: one JSON line a scale and thread count. Beside it opendp's
//! sampler of the discrete Gaussian, which is exact as well.
//!
//! `cargo bench --bench gaussian`; the fastest of five runs counts, so that other work on the
//! machine disturbs the figure least.

#![allow(clippy::disallowed_methods, reason = "this program measures time and knows its numbers")]

use std::{hint::black_box, time::Instant};

use opendp::core::Measurement;
use opendp::domains::{AtomDomain, VectorDomain};
use opendp::measurements::make_gaussian;
use opendp::measures::ZeroConcentratedDivergence;
use opendp::metrics::L2Distance;
use privacy::gaussian::{GaussianSampler, NoiseKey, Sigma};
use rayon::ThreadPoolBuilder;

/// 128 MiB of output: larger than the caches, as a vector of weights is.
const SAMPLES: usize = 1 << 24;
const RUNS: u8 = 5;
const SIGMAS: [(u64, u64); 9] = [
    (4, 1),
    (15, 2),
    (64, 1),
    (1000, 1),
    (1 << 20, 1),
    (1 << 24, 1),
    (1 << 32, 1),
    (1 << 40, 1),
    (1 << 48, 1),
];

/// Samples of opendp's in one run.
const FEW: usize = 1 << 16;

/// opendp's discrete Gaussian on integers.
fn opendp(sigma: f64) -> Result<f64, Box<dyn std::error::Error>> {
    let domain = VectorDomain::new(AtomDomain::<i64>::default());
    let noise: Measurement<_, L2Distance<f64>, ZeroConcentratedDivergence, Vec<i64>> =
        make_gaussian(domain, L2Distance::default(), sigma, None)?;
    let zeros = vec![0; FEW];
    let start = Instant::now();
    black_box(noise.invoke(&zeros)?);
    Ok(FEW as f64 / start.elapsed().as_secs_f64())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for sigma in [4.0, 1000.0, 1_048_576.0] {
        println!(
            "{{\"bench\":\"opendp\",\"sigma\":{sigma},\"threads\":1,\"samples_per_s\":{:.0}}}",
            opendp(sigma)?
        );
    }
    let mut out = vec![0; SAMPLES];
    for threads in [1, 2] {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
        for (numerator, denominator) in SIGMAS {
            let sampler = GaussianSampler::new(Sigma::from_ratio(numerator, denominator)?);
            let mut fastest = f64::INFINITY;
            for run in 0..RUNS {
                let key = NoiseKey::from_bytes(&mut [run + 1; 32])?;
                let start = Instant::now();
                pool.install(|| sampler.fill(key, black_box(&mut out)));
                fastest = fastest.min(start.elapsed().as_secs_f64());
            }
            println!(
                "{{\"bench\":\"gaussian\",\"sigma\":{},\"threads\":{threads},\
                 \"samples_per_s\":{:.0}}}",
                numerator as f64 / denominator as f64,
                SAMPLES as f64 / fastest
            );
        }
    }
    Ok(())
}
