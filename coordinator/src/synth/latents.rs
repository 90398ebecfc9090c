//! Four traits that no hospital sees, and the log hazard that they make.

use super::draw::Draw;

/// A patient's traits, standard normal around the means of the site.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latents {
    /// Shown by the table.
    pub e: f64,
    /// Shown by the codes.
    pub d: f64,
    /// Shown by the ECG.
    pub g: f64,
    /// Shown by the image.
    pub i: f64,
}

impl Latents {
    /// Spread of the sites' means: covariate shift.
    const SHIFT: f64 = 0.5;

    /// Traits around means: z ~ N(m, I).
    pub(super) fn around(means: Self, draw: &mut Draw) -> Self {
        Self {
            e: means.e + draw.normal(),
            d: means.d + draw.normal(),
            g: means.g + draw.normal(),
            i: means.i + draw.normal(),
        }
    }

    /// A site's means: m ~ N(0, 0.5² I).
    pub(super) fn means(draw: &mut Draw) -> Self {
        let zero = Self { e: 0.0, d: 0.0, g: 0.0, i: 0.0 };
        let [e, d, g, i] = Self::around(zero, draw).array().map(|z| Self::SHIFT * z);
        Self { e, d, g, i }
    }

    /// Table, codes, ECG, image.
    #[must_use]
    pub fn array(self) -> [f64; 4] {
        [self.e, self.d, self.g, self.i]
    }

    /// η, the log hazard: main effects of all four and an interaction across two modalities, which
    /// no sum of single-modality models can express.
    #[must_use]
    pub fn log_hazard(self) -> f64 {
        self.main_effects() + 0.35 * self.g * self.i
    }

    /// η without its interaction.
    #[must_use]
    pub fn main_effects(self) -> f64 {
        0.5 * self.e + 0.5 * self.d + 0.6 * self.g + 0.7 * self.i
    }
}
