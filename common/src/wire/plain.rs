//! What a peer wrote, fit for a log and a terminal.

use super::{
    Described, Evaluation, Hello, Metric, ModelHeader, Progress, Refusal, Silence, ToCoordinator,
    ToOperator, ToSite, Told, UpdateHeader,
};

/// The longest text of a peer, in characters. What lies beyond is cut off.
pub const MOST_TEXT: usize = 2000;

/// Whether a character changes how a line looks without being seen: a control character, a separator
/// of lines, a mark or override of direction (Unicode TR36, section 2.4), or one of no width.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Whether a text shows every character that it has.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(is_hidden)
}

/// The text without what is not seen, and without what lies beyond [`MOST_TEXT`].
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().filter(|c| !is_hidden(*c)).take(MOST_TEXT).collect()
}

/// A message whose free texts are made plain when it is read, before anything else sees it.
///
/// Names, hashes and signatures have types or checks of their own; so have plans and questions,
/// whose hash must stay theirs.
pub trait PeerMessage {
    /// The texts that a peer is free to choose.
    fn texts(&mut self) -> Vec<&mut String>;

    /// Makes every text plain.
    fn make_plain(&mut self) {
        for text in self.texts() {
            *text = plain(text);
        }
    }
}

fn names(metrics: &mut [Metric]) -> Vec<&mut String> {
    metrics.iter_mut().map(|metric| &mut metric.name).collect()
}

impl PeerMessage for Hello {
    fn texts(&mut self) -> Vec<&mut String> {
        vec![&mut self.software]
    }
}

impl PeerMessage for Refusal {
    fn texts(&mut self) -> Vec<&mut String> {
        match self {
            Self::Malformed(text)
            | Self::Plan(text)
            | Self::Metrics(text)
            | Self::Log(text)
            | Self::Internal(text) => vec![text],
            Self::RunEnded { status, .. } => vec![status],
            Self::Protocol { .. }
            | Self::OutOfTurn
            | Self::AlreadyConnected
            | Self::UnknownRun(_)
            | Self::Busy(_)
            | Self::NotInRun(_)
            | Self::WrongRound { .. }
            | Self::Late(_)
            | Self::Duplicate(_)
            | Self::Full(_)
            | Self::WrongModel(_)
            | Self::Length { .. }
            | Self::Digest
            | Self::Truncated { .. }
            | Self::Weight { .. }
            | Self::Norm { .. }
            | Self::Element { .. }
            | Self::TooMany
            | Self::NoSuchRun(_)
            | Self::Description(_) => Vec::new(),
        }
    }
}

impl PeerMessage for ToCoordinator {
    fn texts(&mut self) -> Vec<&mut String> {
        match self {
            Self::Hello(hello) => hello.texts(),
            Self::Silence(Silence { rule, reason, .. }) => vec![rule, reason],
            Self::Evaluation(Evaluation { metrics, .. }) => names(metrics),
            Self::Described(Described { numbers, .. }) => names(numbers),
            Self::Consent { .. }
            | Self::Cosigned { .. }
            | Self::Launch(_)
            | Self::Describe(_)
            | Self::Attach { .. }
            | Self::Stop { .. } => Vec::new(),
        }
    }
}

impl PeerMessage for ToSite {
    fn texts(&mut self) -> Vec<&mut String> {
        match self {
            Self::Welcome(hello) => hello.texts(),
            Self::Refused(refusal) => refusal.texts(),
            Self::Over { outcome, .. } => vec![outcome],
            Self::Plan { .. }
            | Self::Witnessed { .. }
            | Self::Received { .. }
            | Self::Describe { .. } => Vec::new(),
        }
    }
}

impl PeerMessage for ToOperator {
    fn texts(&mut self) -> Vec<&mut String> {
        match self {
            Self::Welcome(hello) => hello.texts(),
            Self::Refused(refusal) => refusal.texts(),
            Self::Progress { progress, .. } => match progress {
                Progress::Started { .. } | Progress::Waiting { .. } => Vec::new(),
                Progress::Declined { rule, reason, .. } => vec![rule, reason],
                Progress::Round { metrics, .. } => names(metrics),
                Progress::Finished { metrics, model_sha256, .. } => {
                    names(metrics).into_iter().chain([model_sha256]).collect()
                }
                Progress::Failed { reason } => vec![reason],
            },
            Self::Attached { .. } => Vec::new(),
            Self::Ended { status, reason, .. } => [status].into_iter().chain(reason).collect(),
            Self::Told { told, .. } => match told {
                Told::Asked { .. } | Told::Complete { .. } => Vec::new(),
                Told::Answered { numbers, .. } => names(numbers),
                Told::Declined { rule, reason, .. } => vec![rule, reason],
                Told::Failed { reason } => vec![reason],
            },
        }
    }
}

impl PeerMessage for ModelHeader {
    fn texts(&mut self) -> Vec<&mut String> {
        Vec::new()
    }
}

impl PeerMessage for UpdateHeader {
    fn texts(&mut self) -> Vec<&mut String> {
        names(&mut self.metrics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_dropped_and_what_is_seen_is_kept() {
        let forged =
            "a\u{1b}[2K\r\nINFO: b\u{2028}c\u{2029}d\u{202e}e\u{2066}f\u{2069}g\u{200b}h\u{feff}i";
        assert_eq!(plain(forged), "a[2KINFO: bcdefghi");
        assert!(!is_plain(forged) && is_plain("Ärzte für 医学, ∑ x² ≤ 2²⁰"));
        assert_eq!(plain("Ärzte für 医学"), "Ärzte für 医学");
        assert_eq!(plain(&"ä".repeat(5000)).chars().count(), MOST_TEXT);
    }

    #[test]
    fn every_refusal_that_holds_a_text_is_made_plain() {
        let texts =
            [Refusal::Malformed, Refusal::Plan, Refusal::Metrics, Refusal::Log, Refusal::Internal];
        for refusal in texts {
            let mut message = ToSite::Refused(refusal("x\n\u{202e}y".to_owned()));
            message.make_plain();
            assert_eq!(message, ToSite::Refused(refusal("xy".to_owned())));
        }
    }
}
