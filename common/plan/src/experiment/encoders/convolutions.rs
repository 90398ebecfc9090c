//! `kind = "convolutions"`, as ECGs and images have.

use super::{KeyProblem, Sizes};
use crate::model::{Block, Ecg, EncoderKind, Image};

pub(super) const KEYS: &[&str] =
    &["channels", "kernel", "strides", "dilations", "residual", "pool"];

pub(super) const HINT: &str = "give channels, one number for each convolution";

pub(super) fn ecg(samples: u32, sizes: Sizes) -> Result<EncoderKind, KeyProblem> {
    let blocks = blocks(sizes, &[32, 32, 64, 64, 64], 7)?;
    Ok(EncoderKind::Ecg(Ecg { samples, blocks }))
}

pub(super) fn image(width: u32, height: u32, sizes: Sizes) -> Result<EncoderKind, KeyProblem> {
    let blocks = blocks(sizes, &[16, 32, 64, 64], 3)?;
    Ok(EncoderKind::Image(Image { width, height, blocks }))
}

/// The convolutions: each halves the length, but where the file says otherwise.
fn blocks(sizes: Sizes, channels: &[u32], kernel: u32) -> Result<Vec<Block>, KeyProblem> {
    let channels = sizes.channels.unwrap_or_else(|| channels.to_vec());
    let count = channels.len();
    let dilations = sizes.dilations.unwrap_or_else(|| vec![1; count]);
    let residual = sizes.residual.unwrap_or_else(|| vec![0; count]);
    let strides = sizes.strides.unwrap_or_else(|| {
        // A residual or dilated convolution keeps the length.
        let keeps = dilations.iter().zip(&residual).map(|(d, r)| *d > 1 || *r > 0);
        keeps.map(|keeps| if keeps { 1 } else { 2 }).collect()
    });
    for (key, list) in [("strides", &strides), ("dilations", &dilations), ("residual", &residual)] {
        if list.len() != count {
            let what = format!("{} numbers for {count} convolutions", list.len());
            return Err((key, what, "give one number for each of the channels"));
        }
    }
    if let Some(odd) = residual.iter().find(|flag| **flag > 1) {
        let hint = "write 1 where the input is added, 0 where it is not";
        return Err(("residual", format!("{odd} is neither 0 nor 1"), hint));
    }
    let kernel = sizes.kernel.unwrap_or(kernel);
    let shapes = strides.iter().zip(&dilations).zip(&residual);
    let block = |(&channels, ((&stride, &dilation), &residual))| Block {
        channels,
        kernel,
        stride,
        dilation,
        residual: residual == 1,
    };
    Ok(channels.iter().zip(shapes).map(block).collect())
}
