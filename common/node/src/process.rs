//! What both programs do at their edges: say why they failed, warn of what ends soon, and stop where nobody reads
//! on.

use std::error::Error;
use std::time::Duration;

use crate::pki::Validity;
use base::clock::{Clock, SystemClock};

/// An error with what lies behind it, a line each.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        // An error may show its cause in its own text.
        if !text.contains(&cause) {
            text.push_str("\n  because: ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}

/// Warns once a day, from a month before its end on, that this program's own certificate ends; never returns
/// before that.
pub async fn warn_before_end(validity: Option<Validity>, renew: &'static str) {
    /// How often the date is looked at.
    const LOOK: Duration = Duration::from_secs(3600);
    let Some(validity) = validity else { return };
    let clock = SystemClock::new();
    let mut warned = None;
    loop {
        let days = validity.ends_soon(clock.wall());
        if let Some(days) = days
            && warned != Some(days)
        {
            let expires = validity.not_after;
            tracing::warn!(%expires, days, renew, "this program's certificate ends soon");
        }
        warned = days;
        tokio::time::sleep(LOOK).await;
    }
}

/// Ends the program silently if the reader of its output has gone, as `head` does. To print there would panic.
///
/// Called once, by main, before anything is printed.
#[allow(
    clippy::disallowed_methods,
    reason = "on main's behalf: no error can be returned from a print"
)]
pub fn end_with_the_reader() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if text.starts_with("failed printing to stdout") && text.contains("Broken pipe") {
            // 128 + SIGPIPE, as a shell names it.
            std::process::exit(141);
        }
        before(panic);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("reading the ledger")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn what_lies_behind_is_said_once() {
        let error = Outer(std::io::Error::other("disk full"));
        assert_eq!(chain(&error), "reading the ledger\n  because: disk full");
    }
}
