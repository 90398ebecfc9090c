//! From measured values to brightness: the windows of DICOM PS3.3, C.11.2.1.2 and C.11.2.1.3.
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

/// How a window maps values to brightness: VOILUTFunction, PS3.3 C.11.2.1.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Shape {
    /// A straight line from `c − 0.5 − (w − 1)/2` to `c − 0.5 + (w − 1)/2`.
    #[default]
    Linear,
    /// A straight line from `c − w/2` to `c + w/2`.
    LinearExact,
    /// `1 / (1 + exp(−4 (x − c) / w))`.
    Sigmoid,
}

impl Shape {
    /// The function that VOILUTFunction names; none where this reader does not know it.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "LINEAR" => Some(Self::Linear),
            "LINEAR_EXACT" => Some(Self::LinearExact),
            "SIGMOID" => Some(Self::Sigmoid),
            _ => None,
        }
    }
}

impl Window {
    /// # Errors
    /// The width is below 1, or a number is not finite.
    pub fn check(self) -> Result<Self, ImageFault> {
        self.check_for(Shape::Linear)
    }

    /// # Errors
    /// The width is too small for the function, or a number is not finite.
    pub(super) fn check_for(self, shape: Shape) -> Result<Self, ImageFault> {
        let wide = match shape {
            Shape::Linear => self.width >= 1.0,
            Shape::LinearExact | Shape::Sigmoid => self.width > 0.0,
        };
        let possible = self.centre.is_finite() && self.width.is_finite() && wide;
        if possible { Ok(self) } else { Err(ImageFault::Window) }
    }

    /// The brightness of a value, 0 to 1.
    pub(super) fn brightness(self, shape: Shape, value: f64) -> f32 {
        let share = match shape {
            Shape::Linear if self.width > 1.0 => {
                (value - (self.centre - 0.5)) / (self.width - 1.0) + 0.5
            }
            Shape::Linear => f64::from(u8::from(value > self.centre - 0.5)),
            Shape::LinearExact => (value - self.centre) / self.width + 0.5,
            Shape::Sigmoid => 1.0 / (1.0 + (-4.0 * (value - self.centre) / self.width).exp()),
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
            assert!((window.brightness(Shape::Linear, value) - wanted).abs() < 1e-6, "{value}");
        }
        // c = 0, w = 1: values up to −0.5 are black, above it white.
        let step = Window { centre: 0.0, width: 1.0 };
        let step_at = |value| step.brightness(Shape::Linear, value);
        assert_eq!((step_at(-1.0), step_at(0.0)), (0.0, 1.0));
        assert!(Window { centre: 0.0, width: 0.5 }.check().is_err());
        assert!(Window { centre: f64::NAN, width: 9.0 }.check().is_err());
    }

    #[test]
    fn the_other_functions_hold_at_their_ends_and_in_the_middle() {
        let window = Window { centre: 40.0, width: 400.0 };
        let exact = |value| window.brightness(Shape::LinearExact, value);
        assert_eq!((exact(-160.0), exact(40.0), exact(240.0)), (0.0, 0.5, 1.0));
        let sigmoid = |value| f64::from(window.brightness(Shape::Sigmoid, value));
        assert!((sigmoid(40.0) - 0.5).abs() < 1e-7);
        assert!((sigmoid(140.0) - 1.0 / (1.0 + (-1.0_f64).exp())).abs() < 1e-7);
        let narrow = Window { centre: 0.0, width: 0.5 };
        assert!(narrow.check_for(Shape::LinearExact).is_ok());
        assert!(Window { centre: 0.0, width: 0.0 }.check_for(Shape::Sigmoid).is_err());
    }
}
