//! The twelve standard leads and the names that devices give them.
//!
//! Goldberger's leads are sums of Einthoven's, so that I and II determine all six limb leads:
//! III = II − I, aVR = −(I + II)/2, aVL = I − II/2, aVF = II − I/2.

use std::fmt;

/// A standard lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "a lead has no other name")]
pub enum Lead {
    I,
    II,
    III,
    AVR,
    AVL,
    AVF,
    V1,
    V2,
    V3,
    V4,
    V5,
    V6,
}

impl Lead {
    /// All, in the order in which they are stored.
    pub const ALL: [Self; 12] = [
        Self::I,
        Self::II,
        Self::III,
        Self::AVR,
        Self::AVL,
        Self::AVF,
        Self::V1,
        Self::V2,
        Self::V3,
        Self::V4,
        Self::V5,
        Self::V6,
    ];

    const NAMES: [&'static str; 12] =
        ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];

    /// The lead that a file means by `name`: `aVR`, `Lead aVR`, `MDC_ECG_LEAD_AVR`, `DII`, `C4`.
    ///
    /// A modified lead, such as `MLII`, or an inverted one, such as `-aVR`, is not a standard one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_uppercase();
        let name = name.split('(').next().unwrap_or_default().trim();
        let prefixes = ["MDC_ECG_LEAD_", "ECG LEAD ", "ECG ", "LEAD ", "LEAD_"];
        let name = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        // C for chest, and D for derivation, as Romance and Germanic languages have it.
        let name = match name.as_bytes() {
            [b'C', digit @ b'1'..=b'6'] => &format!("V{}", char::from(*digit)),
            [b'D', rest @ ..] if !rest.is_empty() => name.get(1..).unwrap_or_default(),
            _ => name,
        };
        let known = Self::NAMES.iter().position(|known| known.eq_ignore_ascii_case(name))?;
        Self::ALL.get(known).copied()
    }

    /// The lead's number in SCP-ECG (EN 1064, table 4) and MDC (ISO/IEEE 11073-10102).
    pub(super) fn numbered(number: &str) -> Option<Self> {
        match number {
            "1" => Some(Self::I),
            "2" => Some(Self::II),
            "3" => Some(Self::V1),
            "4" => Some(Self::V2),
            "5" => Some(Self::V3),
            "6" => Some(Self::V4),
            "7" => Some(Self::V5),
            "8" => Some(Self::V6),
            "61" => Some(Self::III),
            "62" => Some(Self::AVR),
            "63" => Some(Self::AVL),
            "64" => Some(Self::AVF),
            _ => None,
        }
    }

    /// The weights of I and II that make this lead, where they do.
    pub(super) fn of_limbs(self) -> Option<(f32, f32)> {
        match self {
            Self::III => Some((-1.0, 1.0)),
            Self::AVR => Some((-0.5, -0.5)),
            Self::AVL => Some((1.0, -0.5)),
            Self::AVF => Some((-0.5, 1.0)),
            _ => None,
        }
    }
}

impl fmt::Display for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES.get(*self as usize).copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_devices_mean_their_leads() {
        for lead in Lead::ALL {
            assert_eq!(Lead::named(&lead.to_string()), Some(lead));
            assert_eq!(Lead::named(&format!("MDC_ECG_LEAD_{lead}")), Some(lead));
        }
        assert_eq!(Lead::named(" Lead I (Einthoven)"), Some(Lead::I));
        assert_eq!(Lead::named("avf"), Some(Lead::AVF));
        assert_eq!(Lead::named("DIII"), Some(Lead::III));
        assert_eq!(Lead::named("C6"), Some(Lead::V6));
        for other in ["MLII", "-aVR", "V7", "V", "vx", "", "D", "PLETH", "C7"] {
            assert_eq!(Lead::named(other), None, "{other}");
        }
    }
}
