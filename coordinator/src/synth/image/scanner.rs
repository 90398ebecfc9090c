//! How a hospital's scanner shows what is there: unlike the others'.

use libm::exp;

use super::super::draw::Draw;

/// Gain, blur and noise of one site.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Scanner {
    /// Factor on the brightness.
    gain: f64,
    /// Standard deviation of the Gaussian blur, as a share of the image's side.
    blur: f64,
    /// Standard deviation of the noise of a pixel; white is 1.
    noise: f64,
}

impl Scanner {
    /// A site's scanner. The blur is 0.4 to 1.6 pixels of an image of 64.
    pub(in super::super) fn draw(draw: &mut Draw) -> Self {
        Self {
            gain: draw.between(0.7, 1.15),
            blur: draw.between(0.4, 1.6) / 64.0,
            noise: draw.between(0.02, 0.08),
        }
    }

    /// A scanner that hides nothing.
    #[cfg(test)]
    pub(super) fn exact() -> Self {
        Self { gain: 1.0, blur: 1e-3, noise: 0.0 }
    }

    /// What comes out, in 8 bits.
    pub(super) fn scan(&self, clean: Vec<f64>, side: usize, draw: &mut Draw) -> Vec<u8> {
        // Once along the rows and turned, and once more: both directions, and upright again.
        let kernel = self.kernel(side);
        let blurred = blur_and_turn(&blur_and_turn(&clean, side, &kernel), side, &kernel);
        let shown = |value: f64| self.gain * value + self.noise * draw.normal();
        blurred.into_iter().map(shown).map(to_byte).collect()
    }

    /// Weights of a pixel's neighbours to one side, from itself on; those of both sides add up to 1.
    fn kernel(&self, side: usize) -> Vec<f64> {
        let sigma = self.blur * side as f64;
        let weight = |away: f64| exp(-0.5 * (away / sigma).powi(2));
        let weights: Vec<f64> =
            (0..side).map(|away| weight(away as f64)).take_while(|&weight| weight > 1e-4).collect();
        let whole = 2.0 * weights.iter().sum::<f64>() - 1.0;
        weights.into_iter().map(|weight| weight / whole).collect()
    }
}

/// Blurs each row, the outermost pixel repeated beyond the edge, and swaps rows and columns.
fn blur_and_turn(image: &[f64], side: usize, kernel: &[f64]) -> Vec<f64> {
    let mut turned = vec![0.0; image.len()];
    for (y, row) in image.chunks_exact(side).enumerate() {
        for x in 0..side {
            let mut sum = kernel[0] * row[x];
            for (away, weight) in kernel.iter().enumerate().skip(1) {
                sum += weight * (row[x.saturating_sub(away)] + row[(x + away).min(side - 1)]);
            }
            turned[x * side + y] = sum;
        }
    }
    turned
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 to 255")]
fn to_byte(value: f64) -> u8 {
    (255.0 * value).round().clamp(0.0, 255.0) as u8
}
