//! A private authority and the certificates it issues: the one home of rcgen.

mod authority;
mod folder;

pub use authority::{Authority, EnrolError, Issued};
pub use folder::{Federation, init};
