//! Who has an ECG and who an image: not missing at random, so that leaving patients out biases.

use super::draw::{Draw, sigmoid};
use super::latents::Latents;
use super::sites::Site;

/// Which modalities a patient has besides the table and the codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// An ECG.
    pub ecg: bool,
    /// An image.
    pub image: bool,
}

impl Presence {
    pub(super) fn draw(z: Latents, site: &Site, draw: &mut Draw) -> Self {
        let (ecg, image) = probabilities(z, site);
        Self { ecg: draw.chance(ecg), image: draw.chance(image) }
    }
}

/// P(ECG) = sigmoid(1.2 + 0.5 z_g + 0.5 at odd sites); P(image) = sigmoid(0.8 + 0.6 z_i), and a
/// twentieth of that at the last of several sites.
pub(super) fn probabilities(z: Latents, site: &Site) -> (f64, f64) {
    let ecg = sigmoid(1.2 + 0.5 * z.g + if site.odd() { 0.5 } else { 0.0 });
    let scarce = if site.last && site.number > 1 { 0.05 } else { 1.0 };
    (ecg, scarce * sigmoid(0.8 + 0.6 * z.i))
}
