//! A private authority and the certificates it issues: the one home of rcgen.

mod authority;
mod folder;
mod members;
mod register;
mod roll;

pub use authority::{Authority, EnrolError, Issued};
pub use folder::{Federation, init};
pub use members::{Enrolment, revoke, revoke_site};
pub use register::{Member, members};
pub use roll::Members;
