//! A picture in the study's form: one size, nothing distorted.

use super::resize::resize;
use super::{ImageFault, Picture, Window};

/// The longest side that a study may ask for.
const MAX: usize = 4096;

/// The form that a study asks for; public, and the same at every hospital.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageStandard {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The window of DICOM images, such as that of a CT; each image's own where none is set.
    pub window: Option<Window>,
}

/// 224 × 224, as most networks for images take.
impl Default for ImageStandard {
    fn default() -> Self {
        Self { width: 224, height: 224, window: None }
    }
}

impl ImageStandard {
    /// Whether the form is possible.
    ///
    /// # Errors
    /// A side is zero or too long, or the window is not one.
    pub fn check(&self) -> Result<(), ImageFault> {
        let width = self.width;
        let height = self.height;
        if !(1..=MAX).contains(&width) || !(1..=MAX).contains(&height) {
            return Err(ImageFault::Parameters { width, height, most: MAX });
        }
        self.window.map_or(Ok(()), |window| window.check().map(|_| ()))
    }

    /// The picture as large as fits, in the middle, with black beside it.
    ///
    /// # Errors
    /// The form is not possible.
    pub fn apply(&self, picture: &Picture) -> Result<Vec<f32>, ImageFault> {
        self.check()?;
        if picture.width == 0 || picture.height == 0 {
            return Err(ImageFault::NoSize);
        }
        // Compared as products: picture.width / picture.height against width / height.
        let wide = picture.width * self.height >= picture.height * self.width;
        let (width, height) = if wide {
            (self.width, scaled(picture.height, self.width, picture.width))
        } else {
            (scaled(picture.width, self.height, picture.height), self.height)
        };
        let fitted = resize(picture, width, height);
        let left = (self.width - width) / 2;
        let top = (self.height - height) / 2;
        let mut values = vec![0.0; self.width * self.height];
        let rows = values.chunks_exact_mut(self.width).skip(top);
        for (row, fitted) in rows.zip(fitted.values.chunks_exact(width)) {
            for (value, fitted) in row.iter_mut().skip(left).zip(fitted) {
                *value = fitted.clamp(0.0, 1.0);
            }
        }
        Ok(values)
    }
}

/// `side · new / old`, rounded, and at least 1; it is at most the side that it must fit into.
fn scaled(side: usize, new: usize, old: usize) -> usize {
    ((side * new + old / 2) / old).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_keeps_its_shape_and_stands_in_the_middle() {
        let picture = Picture { width: 20, height: 10, values: vec![1.0; 200] };
        let form = ImageStandard { width: 8, height: 8, window: None };
        let values = form.apply(&picture).unwrap();
        let rows: Vec<f32> = values.chunks_exact(8).map(|row| row.iter().sum()).collect();
        assert_eq!(rows, [0.0, 0.0, 8.0, 8.0, 8.0, 8.0, 0.0, 0.0]);
        let line = Picture { width: 1, height: 4000, values: vec![1.0; 4000] };
        assert!((form.apply(&line).unwrap().iter().sum::<f32>() - 8.0).abs() < 1e-3);
    }

    #[test]
    fn every_shape_fits() {
        for (width, height) in [(1, 1), (3, 1000), (1000, 3), (7, 9), (512, 511)] {
            let picture = Picture { width, height, values: vec![0.5; width * height] };
            for (width, height) in [(1, 1), (5, 4), (224, 224), (3, 300)] {
                let form = ImageStandard { width, height, window: None };
                assert_eq!(form.apply(&picture).unwrap().len(), width * height);
            }
        }
        for form in [
            ImageStandard { width: 0, ..ImageStandard::default() },
            ImageStandard { height: 5000, ..ImageStandard::default() },
        ] {
            assert!(matches!(form.check(), Err(ImageFault::Parameters { .. })));
        }
    }
}
