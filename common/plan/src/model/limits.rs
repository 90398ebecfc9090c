//! Bounds on what a specification may ask a site to build and to compute.

/// Features, hidden units of one layer, or intervals.
pub const WIDTH: u32 = 65_536;
/// Hidden layers.
pub const DEPTH: usize = 16;
/// Parameters in all: 512 Mi words are 2 GiB on the wire.
pub const PARAMETERS: u64 = 512 << 20;

/// Encoders beside the tables'.
pub const ENCODERS: usize = 16;
/// Convolutions of one encoder.
pub const BLOCKS: usize = 32;
/// Channels of a convolution, numbers of an embedding or of a recurrent state.
pub const CHANNELS: u32 = 1_024;
/// Taps of a convolution along one axis.
pub const KERNEL: u32 = 63;
/// Steps from one output to the next.
pub const STRIDE: u32 = 16;
/// Steps from one tap to the next.
pub const DILATION: u32 = 1_024;
/// Samples of a lead.
pub const SAMPLES: u32 = 600_000;
/// Pixels on a side.
pub const SIDE: u32 = 4_096;
/// Numbers that one patient's activations take in all layers of all encoders, zeros around them
/// included: 64 MiB, of which a thread keeps some five copies.
pub const ACTIVATIONS: u64 = 16 << 20;
/// Multiplications of one patient's forward pass: a second or so.
pub const MULTIPLICATIONS: u64 = 1 << 34;
/// Codes of one patient that an encoder reads, the most recent.
pub const CODES: usize = 512;
