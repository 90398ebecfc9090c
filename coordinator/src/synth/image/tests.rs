//! What an image shows of z_i, and what the scanner makes of it.

use super::super::draw::Purpose;
use super::*;

const PATIENTS: u32 = 50;

fn draw(patient: u32) -> Draw {
    Draw::new(4, 1, patient, Purpose::Image)
}

/// Pixels that a plain threshold between body and lesion finds, over patients, as a share.
fn bright(z_i: f64, size: ImageSize) -> f64 {
    let plain = Scanner::exact();
    let threshold = 255.0 * (BODY + CONTRAST / 2.0);
    let found: usize = (1..=PATIENTS)
        .map(|patient| image(z_i, &plain, size, &mut draw(patient)))
        .map(|pixels| pixels.iter().filter(|&&pixel| f64::from(pixel) > threshold).count())
        .sum();
    found as f64 / f64::from(PATIENTS * size.pixels() * size.pixels())
}

#[test]
fn the_bright_area_grows_with_z_i_at_either_size() {
    for size in [ImageSize::Pixels64, ImageSize::Pixels128] {
        let areas = [-2.0, 0.0, 2.0].map(|z_i| bright(z_i, size));
        assert!(1.3 * areas[0] < areas[1] && 1.3 * areas[1] < areas[2], "{areas:?}");
    }
    let [small, large] = [ImageSize::Pixels64, ImageSize::Pixels128].map(|size| bright(0.0, size));
    assert!((small / large - 1.0).abs() < 0.05, "{small} and {large}");
}

#[test]
fn a_lesion_is_as_large_and_as_ragged_as_z_i_says() {
    for z_i in [-2.0, 0.0, 2.0_f64] {
        let logistic = 1.0 / (1.0 + (-z_i).exp());
        let radius = 0.05 + 0.09 * logistic;
        let disc = std::f64::consts::PI * radius * radius;
        let mut mean = 0.0;
        for patient in 1..=PATIENTS {
            let lesion = Lesion::draw(z_i, [0.5, 0.5], &mut draw(patient));
            let grid = || (0..400_u32).map(|at| (f64::from(at) + 0.5) / 400.0);
            let within = |x: f64| grid().filter(|&y| lesion.depth(x, y) > 0.0).count();
            let area = grid().map(within).sum::<usize>() as f64 / 160_000.0;
            // A ragged edge adds the mean square of its lobes, 0.2² at most.
            assert!((0.99..1.05).contains(&(area / disc)), "{area} at {z_i}, a disc has {disc}");
            mean += (area / disc - 1.0) / f64::from(PATIENTS);
        }
        let expected = (0.2 * logistic).powi(2);
        assert!((mean / expected - 1.0).abs() < 0.5, "{mean} for {expected} at {z_i}");
    }
}

#[test]
fn scanners_differ_in_what_they_show() {
    let mean = |site| {
        let mut draw = Draw::new(4, site, 0, Purpose::Site);
        let scanner = Scanner::draw(&mut draw);
        let mut draw = Draw::new(4, 1, 1, Purpose::Image);
        let pixels = image(0.0, &scanner, ImageSize::Pixels64, &mut draw);
        assert_eq!(pixels.len(), 64 * 64);
        pixels.iter().map(|&pixel| f64::from(pixel)).sum::<f64>() / 4096.0
    };
    assert!((mean(1) - mean(2)).abs() > 1.0, "{} and {}", mean(1), mean(2));
}
