//! Storage formats of samples by their numbers in signal(5), and how many bytes they take.

/// How samples are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// First differences of 8 bits.
    Diff8,
    /// 16 bits, low byte first.
    Low16,
    Low24,
    Low32,
    /// 16 bits, high byte first.
    High16,
    /// 8 bits, 128 means 0.
    Offset8,
    /// 16 bits, low byte first, 32768 means 0.
    Offset16,
    /// Two samples of 12 bits in three bytes.
    Packed212,
    /// Three samples of 10 bits in four bytes.
    Packed310,
    Packed311,
    /// Lossless compression, with bits a sample.
    Flac(u32),
}

impl Format {
    pub(super) fn of(code: u32) -> Option<Self> {
        Some(match code {
            8 => Self::Diff8,
            16 => Self::Low16,
            24 => Self::Low24,
            32 => Self::Low32,
            61 => Self::High16,
            80 => Self::Offset8,
            160 => Self::Offset16,
            212 => Self::Packed212,
            310 => Self::Packed310,
            311 => Self::Packed311,
            508 => Self::Flac(8),
            516 => Self::Flac(16),
            524 => Self::Flac(24),
            _ => return None,
        })
    }

    /// The bytes that hold the first `samples`; none where compression hides it.
    pub(super) fn bytes(self, samples: u64) -> Option<u64> {
        let thirds = samples / 3;
        let left = samples % 3;
        Some(match self {
            Self::Diff8 | Self::Offset8 => samples,
            Self::Low16 | Self::High16 | Self::Offset16 => samples.saturating_mul(2),
            Self::Low24 => samples.saturating_mul(3),
            Self::Low32 => samples.saturating_mul(4),
            Self::Packed212 => samples.saturating_mul(3).div_ceil(2),
            // The second sample of three lies in bytes 2 and 3; in 311 it ends in byte 2.
            Self::Packed310 => thirds.saturating_mul(4).saturating_add(left * 2),
            Self::Packed311 => {
                thirds.saturating_mul(4).saturating_add(if left == 0 { 0 } else { left + 1 })
            }
            Self::Flac(_) => return None,
        })
    }

    /// How many samples `bytes` hold; none where compression hides it.
    pub(super) fn samples(self, bytes: u64) -> Option<u64> {
        let fours = bytes / 4;
        let left = bytes % 4;
        Some(match self {
            Self::Diff8 | Self::Offset8 => bytes,
            Self::Low16 | Self::High16 | Self::Offset16 => bytes / 2,
            Self::Low24 => bytes / 3,
            Self::Low32 => fours,
            Self::Packed212 => bytes.saturating_mul(2) / 3,
            Self::Packed310 => fours.saturating_mul(3).saturating_add(left / 2),
            Self::Packed311 => fours.saturating_mul(3).saturating_add(left.saturating_sub(1)),
            Self::Flac(_) => return None,
        })
    }

    /// The sample that means that nothing was recorded: the lowest, except among differences.
    pub(super) fn invalid(self) -> Option<i32> {
        let bits = match self {
            Self::Diff8 => return None,
            Self::Low16 | Self::High16 | Self::Offset16 => 16,
            Self::Low24 => 24,
            Self::Low32 => 32,
            Self::Offset8 => 8,
            Self::Packed212 => 12,
            Self::Packed310 | Self::Packed311 => 10,
            Self::Flac(bits) => bits,
        };
        Some(i32::MIN >> 32_u32.saturating_sub(bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_samples_agree() {
        for code in [8, 16, 24, 32, 61, 80, 160, 212, 310, 311] {
            let format = Format::of(code).unwrap();
            for samples in 1..50 {
                let bytes = format.bytes(samples).unwrap();
                // In 310 the second sample of three brings the third with it.
                assert!(format.samples(bytes).unwrap() >= samples, "{code} {samples}");
                assert!(format.samples(bytes - 1).unwrap() < samples, "{code} {samples}");
            }
        }
        assert_eq!(Format::of(212).unwrap().invalid(), Some(-2048));
        assert_eq!(Format::of(32).unwrap().invalid(), Some(i32::MIN));
        assert_eq!(Format::of(0), None);
    }
}
