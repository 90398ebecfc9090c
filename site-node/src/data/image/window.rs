//! From measured values to brightness: the linear window of DICOM PS3.3, C.11.2.1.2.
//!
//! ```text
//! 1 ┤        ╭────
//!   │       ╱
//! 0 ┤──────╯
//!     c − w/2  c + w/2
//! ```

use super::ImageFault;

/// A range of values, in the image's own unit after its rescale (Hounsfield units in CT).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// The value that becomes middle grey.
    pub centre: f64,
    /// How many values lie between black and white; at least 1.
    pub width: f64,
}

impl Window {
    /// # Errors
    /// The width is below 1, or a number is not finite.
    pub fn check(self) -> Result<Self, ImageFault> {
        let possible = self.centre.is_finite() && self.width.is_finite() && self.width >= 1.0;
        if possible { Ok(self) } else { Err(ImageFault::Window) }
    }

    /// The brightness of a value, 0 to 1.
    pub(super) fn brightness(self, value: f64) -> f32 {
        let middle = self.centre - 0.5;
        let range = self.width - 1.0;
        let share = if range > 0.0 {
            (value - middle) / range + 0.5
        } else {
            f64::from(u8::from(value > middle))
        };
        #[allow(clippy::cast_possible_truncation, reason = "brightness is f32")]
        let share = share.clamp(0.0, 1.0) as f32;
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_own_example_holds() {
        // PS3.3 C.11.2.1.2.1: c = 2048, w = 4096 maps 0 to 0 and 4095 to the highest value.
        let window = Window { centre: 2048.0, width: 4096.0 };
        for (value, wanted) in [(-5.0, 0.0), (0.0, 0.0), (4095.0, 1.0), (5000.0, 1.0)] {
            assert!((window.brightness(value) - wanted).abs() < 1e-6, "{value}");
        }
        // c = 0, w = 1: values up to −0.5 are black, above it white.
        let step = Window { centre: 0.0, width: 1.0 };
        assert_eq!((step.brightness(-1.0), step.brightness(0.0)), (0.0, 1.0));
        assert!(Window { centre: 0.0, width: 0.5 }.check().is_err());
        assert!(Window { centre: f64::NAN, width: 9.0 }.check().is_err());
    }
}
