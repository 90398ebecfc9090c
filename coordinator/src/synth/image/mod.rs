//! An image with one lesion that shows z_i.
//!
//! ```text
//! body ellipse ─► smooth texture ─► lesion ─► Scanner: gain, blur, noise ─► 8 bits
//!                                  z_i: size, ragged edge     by site
//! ```
//!
//! Lengths are shares of the image's side, so that an image of 128 shows what one of 64 shows.

mod lesion;
mod scanner;

use std::f64::consts::TAU;

use libm::{cos, sin};

use super::draw::Draw;
use lesion::Lesion;

pub(super) use scanner::Scanner;

/// Brightness of the body, of what is around it, and of the lesion over the body.
const BODY: f64 = 0.4;
const AIR: f64 = 0.05;
const CONTRAST: f64 = 0.35;
/// The texture: so many waves, each of this amplitude, of at most so many periods on the side.
const TEXTURE: (usize, f64, f64) = (8, 0.045, 5.0);

/// Rows and columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ImageSize {
    /// 64 × 64.
    #[default]
    Pixels64,
    /// 128 × 128.
    Pixels128,
}

impl ImageSize {
    /// Pixels on a side.
    #[must_use]
    pub fn pixels(self) -> u32 {
        match self {
            Self::Pixels64 => 64,
            Self::Pixels128 => 128,
        }
    }
}

/// Draws an image: brightness by row, 0 black to 255 white.
pub(super) fn image(z_i: f64, scanner: &Scanner, size: ImageSize, draw: &mut Draw) -> Vec<u8> {
    let side = size.pixels() as usize;
    let body = Ellipse::draw(draw);
    let texture: [Wave; TEXTURE.0] = std::array::from_fn(|_| Wave::draw(side, draw));
    let lesion = Lesion::draw(z_i, body.inside(0.45, draw), draw);
    let soft = 1.0 / side as f64;
    let clean: Vec<f64> = (0..side * side)
        .map(|pixel| {
            let x = ((pixel % side) as f64 + 0.5) / side as f64;
            let y = ((pixel / side) as f64 + 0.5) / side as f64;
            let grain: f64 = texture.iter().map(|wave| wave.at(pixel % side, pixel / side)).sum();
            let inside = coverage(body.depth(x, y), soft);
            AIR + inside * (BODY - AIR + grain) + CONTRAST * coverage(lesion.depth(x, y), soft)
        })
        .collect();
    scanner.scan(clean, side, draw)
}

/// How much of a pixel lies within an edge that is `depth` away, inwards counted positive.
fn coverage(depth: f64, pixel: f64) -> f64 {
    (0.5 + depth / pixel).clamp(0.0, 1.0)
}

/// The body: an upright ellipse near the middle.
struct Ellipse {
    centre: [f64; 2],
    half: [f64; 2],
}

impl Ellipse {
    fn draw(draw: &mut Draw) -> Self {
        let mut near = |middle: f64| middle + draw.between(-0.02, 0.02);
        Self { centre: [near(0.5), near(0.5)], half: [near(0.42), near(0.34)] }
    }

    /// Distance to the edge, roughly.
    fn depth(&self, x: f64, y: f64) -> f64 {
        let [u, v] = [(x - self.centre[0]) / self.half[0], (y - self.centre[1]) / self.half[1]];
        (1.0 - (u * u + v * v).sqrt()) * self.half[1]
    }

    /// A point within the middle part of the ellipse, uniformly.
    fn inside(&self, part: f64, draw: &mut Draw) -> [f64; 2] {
        let radius = part * draw.uniform().sqrt();
        let angle = TAU * draw.uniform();
        [
            self.centre[0] + self.half[0] * radius * cos(angle),
            self.centre[1] + self.half[1] * radius * sin(angle),
        ]
    }
}

/// One wave of the texture, cos(ax + by + c), by cosine and sine of ax and of by + c.
struct Wave {
    columns: Vec<[f64; 2]>,
    rows: Vec<[f64; 2]>,
}

impl Wave {
    fn draw(side: usize, draw: &mut Draw) -> Self {
        let most = TEXTURE.2;
        let [a, b] = [draw.between(-most, most), draw.between(-most, most)];
        let turn = |frequency: f64, phase: f64| {
            let angle =
                move |at: usize| TAU * (frequency * (at as f64 + 0.5) / side as f64 + phase);
            (0..side).map(|at| [cos(angle(at)), sin(angle(at))]).collect()
        };
        Self { columns: turn(a, 0.0), rows: turn(b, draw.uniform()) }
    }

    fn at(&self, x: usize, y: usize) -> f64 {
        let [column, row] = [self.columns[x], self.rows[y]];
        TEXTURE.1 * (column[0] * row[0] - column[1] * row[1])
    }
}

#[cfg(test)]
mod tests;
