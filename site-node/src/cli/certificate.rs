//! What `check` and `run` say of this site's certificate.

use std::error::Error;

use base::clock::Timestamp;
use node::pki::Identity;

/// Prints until when the certificate is valid, with a warning where that is soon.
///
/// # Errors
/// Every reason for which the coordinator would turn the certificate away.
pub(super) fn check(identity: &Identity, now: Timestamp) -> Result<(), Box<dyn Error>> {
    let faults: Vec<String> = identity.faults(now).iter().map(ToString::to_string).collect();
    if !faults.is_empty() {
        return Err(faults.join("\n  and ").into());
    }
    let validity = identity.validity().ok_or("the certificate's dates cannot be read")?;
    let days = validity.left(now).as_secs() / 86_400;
    println!(
        "certificate: {}, valid until {}, {days} days left",
        identity.role, validity.not_after
    );
    if validity.ends_soon(now).is_some() {
        println!(
            "warning: the certificate expires in {days} days; ask the research centre for a new one now: \
             coordinator sites renew"
        );
    }
    Ok(())
}

/// Logs why the coordinator will not let this site in, before anything is tried.
pub(super) fn warn(identity: &Identity, now: Timestamp) {
    for fault in identity.faults(now) {
        tracing::error!(%fault, "the coordinator will not let this site in");
    }
}
