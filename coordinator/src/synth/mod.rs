//! Hospitals that do not exist, with tables, codes, ECGs and images of patients whose true risk is
//! known.
//!
//! ```text
//! seed ─► Site     means m, scale λ, follow-up, scanner     the sites differ in all of them
//!           │
//!           ▼
//!        Latents   z_e     z_d     z_g     z_i  ──► η ──► T, C ──► outcome.csv
//!                   │       │       │       │       │
//!                   ▼       ▼       ▼       ▼       └───► Oracle    what the best model could reach
//!                ehr.csv codes.csv  ecg/  images/
//!                                   └───────┴── missing for some, and not at random
//! ```
//!
//! Each modality shows one latent trait through noise of its own, so a model reaches the oracle only
//! when it uses all four. [`Cohort::draw`] makes traits and outcomes; [`Cohort::oracle`] says what
//! they allow; [`make`] does both and writes the rest, one folder a hospital, as a hospital would have
//! it: CSV tables, dated codes, WFDB records, PNG images, and a `cohort.toml` that says where things
//! are.
//!
//! Every patient has a stream of random words for each purpose, and functions come from `libm`: the
//! seed alone decides every byte, on any machine and any number of threads.

mod codes;
mod cohort;
mod dates;
mod draw;
mod ecg;
mod ehr;
mod error;
mod image;
mod latents;
mod oracle;
mod presence;
mod recipe;
mod sites;
mod survival;
mod write;

pub use cohort::{Cohort, Patient};
pub use ecg::EcgRate;
pub use error::SynthError;
pub use image::ImageSize;
pub use latents::Latents;
pub use oracle::{CIndices, Oracle, SiteCounts};
pub use presence::Presence;
pub use recipe::{MAX_PATIENTS, MAX_SITES, Recipe, usual_patients};
pub use survival::Outcome;
pub use write::make;
