//! `coordinator sites list|add|renew|accept|revoke`: who belongs to the federation.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use audit::note::VerifierKey;
use base::clock::{Clock, SystemClock};
use base::fingerprint::Fingerprint;
use base::ids::SiteName;
use clap::Subcommand;
use coordinator::enrol::{Enrolment, Member, members, revoke, revoke_site};
use coordinator::revoked;
use coordinator::settings::CoordinatorSettings;
use coordinator::site_logs::{SiteLog, SiteLogs, WaitingLog};
use node::pki::Role;
use serde_json::{Value, json};

use super::Outcome;
use super::output::Format;

#[derive(Subcommand)]
pub(super) enum Verb {
    /// List the certificates that were issued, with their owner, end and status.
    List {
        #[command(flatten)]
        place: Place,
        /// How it is printed.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Add a hospital to the federation: create its certificate, settings and policy, to be carried there.
    Add {
        /// The hospital's name.
        site: SiteName,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        authority: AuthorityArg,
    },
    /// Renew a certificate, with a new key. The one before stays valid until it ends or is revoked.
    Renew {
        /// The hospital's name.
        #[arg(required_unless_present_any = ["coordinator", "operator"])]
        site: Option<SiteName>,
        /// Renew the coordinator's own certificate.
        #[arg(long, conflicts_with_all = ["site", "operator"])]
        coordinator: bool,
        /// Renew the certificate of the operator of this name.
        #[arg(long, value_name = "NAME", conflicts_with = "site")]
        operator: Option<SiteName>,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        authority: AuthorityArg,
    },
    /// Accept the new audit log that a known hospital showed when it last tried to connect.
    ///
    /// The log belongs to a second data set, or replaces one that was lost or restarted. First ask the hospital's
    /// people whether that is so, over another channel than the network, and let them read out the key. The running
    /// coordinator accepts the log at the hospital's next connection.
    Accept {
        /// The hospital's name.
        site: SiteName,
        /// The public key of the log, as the hospital's people tell it and `coordinator sites list` prints it.
        key: VerifierKey,
        #[command(flatten)]
        place: Place,
    },
    /// Revoke a hospital's certificates. A running coordinator ends the hospital's session within seconds.
    Revoke {
        /// The hospital's name.
        #[arg(required_unless_present = "fingerprint")]
        site: Option<SiteName>,
        /// One certificate, of a hospital or of an operator, as `coordinator sites list` prints it.
        #[arg(long, value_name = "SHA256", conflicts_with = "site")]
        fingerprint: Option<Fingerprint>,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(clap::Args)]
pub(super) struct Place {
    /// The coordinator's settings; the federation's files lie in their folder.
    #[arg(long, value_name = "FILE", default_value = "coordinator.toml")]
    config: PathBuf,
}

#[derive(clap::Args)]
pub(super) struct AuthorityArg {
    /// Folder with the authority's ca.pem and ca-key.pem, such as a medium that is kept offline. Without it, the
    /// folder authority beside the settings.
    #[arg(long, value_name = "DIR")]
    authority: Option<PathBuf>,
}

impl Place {
    fn folder(&self) -> &Path {
        self.config.parent().unwrap_or(Path::new(""))
    }

    /// The certificates that were issued here.
    fn members(&self) -> Result<Vec<Member>, Box<dyn std::error::Error>> {
        let folder = self.folder();
        let all = members(folder)?;
        if all.is_empty() {
            let here = if folder == Path::new("") { Path::new(".") } else { folder };
            return Err(format!(
                "{}: no certificates here: their list, certificates.txt, lies beside the settings on the machine \
                 where `coordinator init` ran; name those settings with --config",
                here.display()
            )
            .into());
        }
        Ok(all)
    }

    /// That a hospital of this name belongs to the federation.
    fn belongs(&self, site: &SiteName) -> Outcome {
        if self.members()?.iter().any(|member| member.is_of(site)) {
            return Ok(());
        }
        let unknown =
            "no hospital of this name belongs here; `coordinator sites list` shows those that do";
        Err(format!("{site}: {unknown}").into())
    }

    fn enrolment(&self, authority: &AuthorityArg) -> Result<Enrolment, Box<dyn std::error::Error>> {
        // Settings that cannot be read say more than a missing authority.
        CoordinatorSettings::load(&self.config)?;
        let given = authority.authority.clone();
        let authority = given.unwrap_or_else(|| self.folder().join("authority"));
        Ok(Enrolment::open(self.folder(), &authority, SystemClock::new().wall())?)
    }
}

pub(super) fn run(verb: &Verb) -> Outcome {
    match verb {
        Verb::List { place, format } => list(place, *format),
        Verb::Add { site, place, authority } => {
            let made = place.enrolment(authority)?.add(site)?;
            println!("site         {}", made.display());
            eprintln!(
                "Next: carry this folder to the hospital, and there: site-node check, site-node run. The coordinator \
                 needs no restart"
            );
            Ok(())
        }
        Verb::Renew { site, coordinator: _, operator, place, authority } => {
            let role = match (site, operator) {
                (Some(site), _) => Role::Site(site.clone()),
                (None, Some(operator)) => Role::Operator(operator.clone()),
                (None, None) => Role::Coordinator,
            };
            let made = place.enrolment(authority)?.renew(&role)?;
            println!("identity     {}", made.display());
            match role {
                Role::Site(_) => eprintln!(
                    "Next: carry this folder to the hospital in the place of its identity folder, and restart \
                     site-node there"
                ),
                Role::Coordinator => eprintln!("Next: restart coordinator serve"),
                Role::Operator(_) => {}
            }
            Ok(())
        }
        Verb::Accept { site, key, place } => {
            let settings = CoordinatorSettings::load(&place.config)?;
            place.belongs(site)?;
            let WaitingLog { log, what } = SiteLogs::of(&settings.state).accept(site, key)?;
            println!("accepted     {}", log.key);
            println!("it is        {what}");
            eprintln!("Next: start site-node run at {site} again");
            Ok(())
        }
        Verb::Revoke { site, fingerprint, place } => {
            let settings = CoordinatorSettings::load(&place.config)?;
            let now = SystemClock::new().wall();
            let done = match (site, fingerprint) {
                (Some(site), _) => revoke_site(place.folder(), &settings.revoked, site, now)?,
                (None, Some(one)) => revoke(&settings.revoked, &[*one], "by fingerprint", now)?,
                (None, None) => Vec::new(),
            };
            for fingerprint in done {
                println!("revoked      {fingerprint}");
            }
            Ok(())
        }
    }
}

fn list(place: &Place, format: Format) -> Outcome {
    let settings = CoordinatorSettings::load(&place.config)?;
    let now = SystemClock::new().wall();
    let all = place.members()?;
    let revoked = revoked::read(&settings.revoked, &revoked::load(&settings.revoked)?)?;
    let logs = SiteLogs::of(&settings.state);
    let sites: BTreeSet<SiteName> = all
        .iter()
        .filter(|member| member.role == "site")
        .filter_map(|member| member.name.parse().ok())
        .collect();
    let waiting: BTreeMap<SiteName, WaitingLog> =
        sites.into_iter().filter_map(|site| Some((site.clone(), logs.waiting(&site)?))).collect();
    if format == Format::Json {
        let rows: Vec<Value> = all
            .iter()
            .map(|member| {
                json!({
                    "role": member.role,
                    "name": member.name,
                    "status": member.status(&revoked, now),
                    "issued": member.issued,
                    "expires": member.expires,
                    "fingerprint": member.fingerprint.to_string(),
                    "new_log": waiting_of(&waiting, member).map(|waiting| &waiting.log.key),
                })
            })
            .collect();
        println!("{}", Value::from(rows));
        return Ok(());
    }
    println!("{:<12} {:<26} {:<8} {:<20} FINGERPRINT", "ROLE", "NAME", "STATUS", "EXPIRES");
    for member in &all {
        println!(
            "{:<12} {:<26} {:<8} {:<20} {}",
            member.role,
            member.name,
            member.status(&revoked, now),
            member.expires,
            member.fingerprint
        );
    }
    for (site, WaitingLog { log: SiteLog { key, .. }, what }) in &waiting {
        println!("\n{site} shows an audit log that does not count yet: {what}.");
        println!("Its key is {key}");
        println!(
            "Ask the hospital's people by telephone to read out the key of their log. If it is this one, run"
        );
        println!("  coordinator sites accept {site} {key}");
    }
    Ok(())
}

/// The new log of the hospital that a certificate is of, where one waits.
fn waiting_of<'w>(
    waiting: &'w BTreeMap<SiteName, WaitingLog>,
    member: &Member,
) -> Option<&'w WaitingLog> {
    waiting.iter().find(|(site, _)| member.is_of(site)).map(|(_, waiting)| waiting)
}
