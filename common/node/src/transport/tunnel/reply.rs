//! A proxy's answer to CONNECT (RFC 9110, sections 9.3.6 and 11.7; RFC 9112, section 4).

use base::text::plain;

/// The most bytes of a status line and its headers.
pub(super) const MAX_HEAD: usize = 8 << 10;

/// The most characters of a proxy's own words.
const WORDS: usize = 100;

/// The most schemes of authentication that are named.
const SCHEMES: usize = 8;

/// What a proxy answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// The status, such as 200.
    pub status: u16,
    /// The proxy's own words for it, such as "Forbidden".
    pub reason: String,
    /// The schemes that it would accept, such as "Basic".
    pub schemes: Vec<String>,
}

/// What is no answer of an HTTP proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoReply;

impl Reply {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Reads the head of an answer: its status line and its headers.
    pub(super) fn parse(head: &[u8]) -> Result<Self, NoReply> {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let status_line = lines.next().and_then(|line| line.strip_prefix("HTTP/1."));
        let mut parts = status_line.ok_or(NoReply)?.splitn(3, ' ');
        let minor = parts.next().unwrap_or_default();
        let status = parts.next().unwrap_or_default();
        let is_number = |text: &str, digits| {
            text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_number(minor, 1) || !is_number(status, 3) {
            return Err(NoReply);
        }
        let status = status.parse().map_err(|_| NoReply)?;
        let reason = plain(parts.next().unwrap_or_default(), WORDS);
        let schemes = lines
            .filter_map(|line| line.split_once(':'))
            .filter(|(name, _)| name.eq_ignore_ascii_case("proxy-authenticate"))
            .filter_map(|(_, value)| value.split_whitespace().next())
            .map(|scheme| plain(scheme.trim_end_matches(','), WORDS))
            .take(SCHEMES)
            .collect();
        Ok(Self { status, reason, schemes })
    }
}

/// Where the head of an answer ends, if it has come whole.
pub(super) fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let lines = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
    let bare = bytes.windows(2).position(|window| window == b"\n\n").map(|at| at + 2);
    lines.into_iter().chain(bare).min()
}

/// Whether these first bytes may begin an answer.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    let start = b"HTTP/1.";
    bytes.iter().zip(start).all(|(found, expected)| found == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_proxies_are_read() {
        let head = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n";
        let reply = Reply::parse(head).unwrap();
        assert!(reply.is_success() && reply.reason == "Connection established", "{reply:?}");
        assert_eq!(Reply::parse(b"HTTP/1.0 200\r\n\r\n").unwrap().reason, "");
        let head =
            b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\n\
                     proxy-authenticate: NTLM\r\nPROXY-AUTHENTICATE: Basic realm=\"a\"\r\n\r\n";
        let reply = Reply::parse(head).unwrap();
        assert_eq!(reply.schemes, ["Negotiate", "NTLM", "Basic"]);
        assert!(!reply.is_success() && reply.status == 407);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for head in [
            &b""[..],
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"HTTP/2 200\r\n\r\n",
            b"HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/1.1 +20 OK\r\n\r\n",
            b"HTTP/1.1 \xff\xfe\xfd OK\r\n\r\n",
            b"HTTP/1.10 200 OK\r\n\r\n",
            b" HTTP/1.1 200 OK\r\n\r\n",
        ] {
            assert_eq!(Reply::parse(head), Err(NoReply), "{}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn words_of_a_proxy_are_plain_and_few() {
        let reason = "\u{1b}[31m".to_owned() + &"x".repeat(5000);
        let challenges = "Proxy-Authenticate: Basic\r\n".repeat(100);
        let head = format!("HTTP/1.1 503 {reason}\r\n{challenges}\r\n");
        let reply = Reply::parse(head.as_bytes()).unwrap();
        assert!(reply.reason.chars().count() <= WORDS + 1 && !reply.reason.contains('\u{1b}'));
        assert_eq!(reply.schemes.len(), SCHEMES);
    }

    #[test]
    fn a_head_ends_with_an_empty_line() {
        assert_eq!(end_of_head(b"HTTP/1.1 200 OK\r\n\r\nrest"), Some(19));
        assert_eq!(end_of_head(b"HTTP/1.1 200 OK\n\nrest\r\n\r\n"), Some(17));
        assert_eq!(end_of_head(b"HTTP/1.1 200 OK\r\nVia: a\r\n"), None);
        assert_eq!(end_of_head(b""), None);
        assert!(may_begin(b"") && may_begin(b"HTT") && may_begin(b"HTTP/1.1 200"));
        assert!(!may_begin(b"SSH-2.0") && !may_begin(b"HTTP/2"));
    }
}
