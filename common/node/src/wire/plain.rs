//! What a peer wrote, fit for a log and a terminal.

use base::text::{MAX_REASON, plain};
use plan::metric::Metric;

use super::{
    Answer, Contribution, Decline, Evaluation, Hello, ModelSummary, Offer, Progress, Refusal,
    RunSummary, StatisticsReply, ToCoordinator, ToOperator, ToSite, Told, UpdateHeader,
};

/// The longest list of mistakes in a plan, in characters: it names each of them with its key.
const MAX_MISTAKES: usize = 2000;

/// The longest reason of a run's end, in characters: it names each hospital with its own.
pub const MAX_REASONS: usize = 2000;

/// The longest name of a rule, a state, a program or a hash that a peer may give, in characters.
pub const MAX_WORD: usize = 100;

/// The longest name of a number, in characters: a column's name of 256, and what is told of it.
const MAX_NUMBER: usize = 320;

/// A text that a peer was free to choose, and how many characters of it are read.
pub type FreeText<'a> = (&'a mut String, usize);

fn word(text: &mut String) -> FreeText<'_> {
    (text, MAX_WORD)
}

fn reason(text: &mut String) -> FreeText<'_> {
    (text, MAX_REASON)
}

/// A message whose free texts are made plain when it is read, before anything else sees it.
///
/// Names, hashes and signatures have types or checks of their own; so have plans and questions,
/// whose hash must stay theirs.
pub trait PeerMessage {
    /// The texts that a peer is free to choose, each with the most characters that are read of it.
    fn texts(&mut self) -> Vec<FreeText<'_>>;

    /// Makes every text plain, and cuts off what is beyond its bound.
    fn make_plain(&mut self) {
        for (text, most) in self.texts() {
            *text = plain(text, most);
        }
    }
}

fn names(metrics: &mut [Metric]) -> Vec<FreeText<'_>> {
    metrics.iter_mut().map(|metric| (&mut metric.name, MAX_NUMBER)).collect()
}

impl PeerMessage for Hello {
    fn texts(&mut self) -> Vec<FreeText<'_>> {
        vec![word(&mut self.software)]
    }
}

impl PeerMessage for Refusal {
    fn texts(&mut self) -> Vec<FreeText<'_>> {
        match self {
            Self::Plan(text) => vec![(text, MAX_MISTAKES)],
            Self::Malformed(text)
            | Self::Metrics(text)
            | Self::Log(text)
            | Self::Internal(text) => vec![reason(text)],
            Self::RunEnded { status, .. } => vec![word(status)],
            Self::NoModel { why, .. } => vec![(why, MAX_REASONS)],
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
            | Self::Stopping
            | Self::NoSuchRun(_)
            | Self::Ambiguous { .. }
            | Self::Slots { .. }
            | Self::StatisticsRequest(_) => Vec::new(),
        }
    }
}

impl PeerMessage for ToCoordinator {
    fn texts(&mut self) -> Vec<FreeText<'_>> {
        match self {
            Self::Hello(hello) => hello.texts(),
            Self::Decline(Decline { rule, reason: why, .. }) => vec![word(rule), reason(why)],
            Self::Evaluation(Evaluation { metrics, .. }) => names(metrics),
            Self::Consent { .. }
            | Self::Cosigned { .. }
            | Self::Launch(_)
            | Self::Describe(_)
            | Self::Attach { .. }
            | Self::Stop { .. }
            | Self::Query(_) => Vec::new(),
        }
    }
}

impl PeerMessage for ToSite {
    fn texts(&mut self) -> Vec<FreeText<'_>> {
        match self {
            Self::Welcome(hello) => hello.texts(),
            Self::Refused { refusal, .. } => refusal.texts(),
            Self::Over { outcome, .. } => vec![reason(outcome)],
            Self::Plan { .. } | Self::Witnessed { .. } | Self::Received { .. } => Vec::new(),
        }
    }
}

impl PeerMessage for ToOperator {
    fn texts(&mut self) -> Vec<FreeText<'_>> {
        match self {
            Self::Welcome(hello) => hello.texts(),
            Self::Refused(refusal) => refusal.texts(),
            Self::Progress { progress, .. } => match progress {
                Progress::Started { .. } | Progress::Waiting { .. } => Vec::new(),
                Progress::Declined { rule, reason: why, .. } => vec![word(rule), reason(why)],
                Progress::Round { metrics, .. } => names(metrics),
                Progress::Finished { metrics, model_sha256, .. } => {
                    names(metrics).into_iter().chain([word(model_sha256)]).collect()
                }
                Progress::Failed { reason: why }
                | Progress::Stopped { reason: why }
                | Progress::Interrupted { reason: why } => vec![reason(why)],
            },
            Self::Attached { .. } => Vec::new(),
            Self::Ended { status, reason: why, .. } => {
                [word(status)].into_iter().chain(why.as_mut().map(reason)).collect()
            }
            Self::Answer(answer) => answer.texts(),
            Self::Told { told, .. } => match told {
                Told::Asked { .. } | Told::Complete { .. } | Told::Stopped { .. } => Vec::new(),
                Told::Answered { numbers, .. } => names(numbers),
                Told::Declined { rule, reason: why, .. } => vec![word(rule), reason(why)],
                Told::Failed { reason: why } => vec![reason(why)],
            },
        }
    }
}

impl PeerMessage for RunSummary {
    fn texts(&mut self) -> Vec<FreeText<'_>> {
        let Self { run, experiment, status, reason, plan, model, file_sha256, .. } = self;
        let reason = reason.iter_mut().map(|text| (text, MAX_REASONS));
        let words = [model, file_sha256].into_iter().filter_map(Option::as_mut);
        let words = [run, experiment, status, plan].into_iter().chain(words);
        words.map(word).chain(reason).collect()
    }
}

impl PeerMessage for ModelSummary {
    fn texts(&mut self) -> Vec<FreeText<'_>> {
        let Self { run, experiment, kind, file_sha256, model, contract, trained, .. } = self;
        [run, experiment, kind, file_sha256, model, contract, trained].map(word).into()
    }
}

impl PeerMessage for Answer {
    fn texts(&mut self) -> Vec<FreeText<'_>> {
        match self {
            Self::Runs(runs) => runs.iter_mut().flat_map(PeerMessage::texts).collect(),
            Self::Run(run) => run.texts(),
            Self::Last(metrics) => names(metrics),
            Self::Rounds(rounds) => {
                rounds.iter_mut().flat_map(|round| names(&mut round.metrics)).collect()
            }
            Self::Sites(sites) => {
                sites.iter_mut().map(|told| (&mut told.metric.name, MAX_NUMBER)).collect()
            }
            Self::Models(models) => models.iter_mut().flat_map(PeerMessage::texts).collect(),
            Self::File { run, .. } => vec![word(run)],
            Self::PassedOver { file, why } => vec![reason(file), reason(why)],
            Self::Piece(_) | Self::End { .. } => Vec::new(),
        }
    }
}

impl PeerMessage for Offer {
    fn texts(&mut self) -> Vec<FreeText<'_>> {
        match self {
            Self::Model(_) | Self::Statistics(_) => Vec::new(),
        }
    }
}

impl PeerMessage for Contribution {
    fn texts(&mut self) -> Vec<FreeText<'_>> {
        match self {
            Self::Update(UpdateHeader { metrics, .. }) => names(metrics),
            Self::Statistics(StatisticsReply { numbers, .. }) => names(numbers),
        }
    }
}

#[cfg(test)]
mod tests {
    use base::text::is_plain;

    use super::*;

    fn refused(refusal: Refusal) -> ToSite {
        ToSite::Refused { subject: None, refusal }
    }

    #[test]
    fn what_is_not_seen_is_dropped_and_what_is_seen_is_kept() {
        let forged =
            "a\u{1b}[2K\r\nINFO: b\u{2028}c\u{2029}d\u{202e}e\u{2066}f\u{2069}g\u{200b}h\u{feff}i";
        assert_eq!(plain(forged, 100), "a[2KINFO: bcdefghi");
        assert!(!is_plain(forged) && is_plain("Ärzte für 医学, ∑ x² ≤ 2²⁰"));
        assert_eq!(plain("Ärzte für 医学", 100), "Ärzte für 医学");
        assert_eq!(plain(&"ä".repeat(5000), 7), "ä".repeat(7));
    }

    #[test]
    fn each_field_has_its_own_bound() {
        let long = || "ä".repeat(5000);
        let run: base::ids::RunId = "run-a".parse().unwrap();
        let mut message =
            ToCoordinator::Decline(Decline { run, round: None, rule: long(), reason: long() });
        message.make_plain();
        let ToCoordinator::Decline(Decline { rule, reason, .. }) = message else { panic!() };
        let lengths = (rule.chars().count(), reason.chars().count());
        assert_eq!(lengths, (MAX_WORD, MAX_REASON));
        let mut metrics = [Metric { name: long(), value: 0.0 }];
        assert!(names(&mut metrics).iter().all(|(_, most)| *most == MAX_NUMBER));
        let mut long_list = refused(Refusal::Plan(long()));
        long_list.make_plain();
        assert_eq!(long_list, refused(Refusal::Plan("ä".repeat(MAX_MISTAKES))));
    }

    #[test]
    fn every_refusal_that_holds_a_text_is_made_plain() {
        let texts =
            [Refusal::Malformed, Refusal::Plan, Refusal::Metrics, Refusal::Log, Refusal::Internal];
        for refusal in texts {
            let mut message = refused(refusal("x\n\u{202e}y".to_owned()));
            message.make_plain();
            assert_eq!(message, refused(refusal("xy".to_owned())));
        }
    }
}
