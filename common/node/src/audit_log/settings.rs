//! The `[audit]` table of a node's settings.

use std::path::PathBuf;
use std::time::Duration;

use audit::note::VerifierKey;

use super::Tracking;
use base::config::{Section, Settings};

/// Sizes of a segment that make sense.
const SEGMENTS: std::ops::RangeInclusive<u64> = 64 << 10..=1 << 30;

/// How a node keeps its audit log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditSettings {
    /// How long a segment is kept after its last record; for ever where none is given.
    pub keep: Option<Duration>,
    /// A segment of this many bytes is followed by a new one; 64 MiB where nothing is given.
    pub segment_bytes: Option<u64>,
    /// Where each record is sent as well.
    pub forward: Option<Collector>,
    /// Public keys of other hospitals' logs, learnt by another way than the network. Where any are
    /// given, only these count as having seen an offer.
    pub witnesses: Vec<VerifierKey>,
    /// Whether the node keeps a register of its log beside the state folder.
    pub tracking: Tracking,
}

impl AuditSettings {
    /// Those of a simulation or a test, whose state folders are made for one run.
    #[must_use]
    pub fn untracked() -> Self {
        Self { tracking: Tracking::Untracked, ..Self::default() }
    }
}

/// A syslog server (RFC 5424).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collector {
    /// `udp:HOST:PORT` (RFC 5426).
    Udp(String),
    /// `tcp:HOST:PORT`, with octet counting (RFC 6587).
    Tcp(String),
    /// `unix:PATH`, the socket of a server on this machine.
    Unix(PathBuf),
}

impl Collector {
    fn parse(text: &str) -> Option<Self> {
        let (kind, place) = text.split_once(':')?;
        let port = |place: &str| {
            let (host, port) = place.rsplit_once(':')?;
            (!host.is_empty() && port.parse::<u16>().is_ok()).then(|| place.to_owned())
        };
        match kind {
            "udp" => port(place).map(Self::Udp),
            "tcp" => port(place).map(Self::Tcp),
            "unix" if place.starts_with('/') => Some(Self::Unix(PathBuf::from(place))),
            _ => None,
        }
    }
}

impl std::fmt::Display for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Udp(place) => write!(f, "udp:{place}"),
            Self::Tcp(place) => write!(f, "tcp:{place}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Settings for AuditSettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let keep = section.maybe::<Duration>("keep");
        let segment = section.maybe::<bytesize::ByteSize>("segment");
        let segment = segment?.map(|size| size.as_u64());
        if segment.is_some_and(|bytes| !SEGMENTS.contains(&bytes)) {
            section.problem(
                "segment",
                "it is too small or too large",
                "use 64KiB to 1GiB, such as \"64MiB\"",
            );
            return None;
        }
        let forward = section.maybe::<String>("forward");
        let listed = section.maybe::<Vec<String>>("witnesses");
        let forward = match forward? {
            None => None,
            Some(text) => {
                let collector = Collector::parse(&text);
                if collector.is_none() {
                    section.problem(
                        "forward",
                        "it names no syslog server",
                        "write \"udp:HOST:514\", \"tcp:HOST:601\" or \"unix:/dev/log\"",
                    );
                    return None;
                }
                collector
            }
        };
        let mut witnesses = Vec::new();
        for text in listed?.unwrap_or_default() {
            match text.parse::<VerifierKey>() {
                Ok(key) => witnesses.push(key),
                Err(error) => {
                    let hint = "take it from that hospital's state/audit/key.pub";
                    section.problem(
                        "witnesses",
                        format!("{}: {error}", base::quote::quoted(&text)),
                        hint,
                    );
                    return None;
                }
            }
        }
        let tracking = Tracking::Registered;
        Some(Self { keep: keep?, segment_bytes: segment, forward, witnesses, tracking })
    }
}
