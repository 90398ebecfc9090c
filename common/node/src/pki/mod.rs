//! Who a peer is: a private authority's certificate with one name, and the role in that name.
//!
//! Every certificate carries one DNS name, and the role is read from it alone. Nothing that a peer
//! says in a message can make it another site or an operator. Certificates are made elsewhere
//! (`coordinator init`); here they are read and judged.

mod certificate;
mod identity;
mod role;
mod validity;

pub use certificate::CertificateFault;
pub use identity::{Identity, PkiError};
pub use role::{COORDINATOR_NAME, Role};
pub use validity::{Validity, WARNING};
