//! The role that a certificate's name gives.

use std::fmt;

use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;

use super::identity::PkiError;
use base::ids::SiteName;

const SITE: &str = ".site.consilium.internal";
const OPERATOR: &str = ".operator.consilium.internal";

/// The name that every coordinator's certificate carries, wherever it listens.
pub const COORDINATOR_NAME: &str = "coordinator.consilium.internal";

/// What a certificate lets its holder be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Role {
    /// The one that sites connect to.
    Coordinator,
    /// A hospital.
    Site(SiteName),
    /// A person who launches runs.
    Operator(SiteName),
}

impl Role {
    /// The DNS name of a certificate for this role.
    #[must_use]
    pub fn dns_name(&self) -> String {
        match self {
            Self::Coordinator => COORDINATOR_NAME.to_owned(),
            Self::Site(name) => format!("{name}{SITE}"),
            Self::Operator(name) => format!("{name}{OPERATOR}"),
        }
    }

    /// The role in a certificate that the handshake has verified.
    ///
    /// # Errors
    /// The certificate does not parse, or does not carry exactly one name of ours.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, PkiError> {
        let parsed = EndEntityCert::try_from(certificate)
            .map_err(|error| PkiError::Unparsable(error.to_string()))?;
        let mut names = parsed.valid_dns_names();
        match (names.next(), names.next()) {
            (Some(name), None) => {
                Self::parse(name).ok_or_else(|| PkiError::NoRole(name.chars().take(100).collect()))
            }
            (None, _) => Err(PkiError::NoRole(String::new())),
            (Some(_), Some(_)) => Err(PkiError::NoRole("several names".to_owned())),
        }
    }

    fn parse(name: &str) -> Option<Self> {
        if name == COORDINATOR_NAME {
            return Some(Self::Coordinator);
        }
        let site = || name.strip_suffix(SITE)?.parse().ok().map(Self::Site);
        let operator = || name.strip_suffix(OPERATOR)?.parse().ok().map(Self::Operator);
        site().or_else(operator)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Coordinator => f.write_str("coordinator"),
            Self::Site(name) => write!(f, "site {name}"),
            Self::Operator(name) => write!(f, "operator {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_roles_and_nothing_else_does() {
        let site = Role::Site("hospital-a".parse().unwrap());
        let operator = Role::Operator("alice".parse().unwrap());
        for role in [Role::Coordinator, site, operator] {
            assert_eq!(Role::parse(&role.dns_name()), Some(role));
        }
        for other in [
            "",
            "example.org",
            ".site.consilium.internal",
            "a.b.site.consilium.internal",
            "x.coordinator.consilium.internal",
            "a.site.consilium.internal.example.org",
        ] {
            assert_eq!(Role::parse(other), None, "{other}");
        }
    }
}
