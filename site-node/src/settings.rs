//! `site-node.toml`: where the coordinator is, where the data lie, what this node may use.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::config::{self, ConfigError, Section, Settings};
use node::audit_log::AuditSettings;
use node::shutdown::{DRAIN, DRAIN_HINT, DRAINS};
use node::transport::{Proxy, ProxyAddress, RETRY_UDP, Route, TcpSetting};
use plan::experiment::DataTag;

use crate::data::Source;
use crate::data::cache::MAX_BYTES;
use crate::train::DeviceChoice;

/// The number of runs that may be in progress at once, unless the settings say otherwise.
pub const SLOTS: u32 = 4;

/// What a site node is told by the hospital that runs it.
#[derive(Debug, Clone)]
pub struct SiteSettings {
    /// How the coordinator is reached. Besides it, only a proxy and a syslog server that the settings name are contacted.
    /// A name is looked up at each connection.
    pub coordinator: Route,
    /// Folder with `ca.pem`, `cert.pem` and `key.pem`.
    pub identity: PathBuf,
    /// Folder for what must outlive the process: the privacy ledger.
    pub state: PathBuf,
    /// The hospital's policy.
    pub policy: PathBuf,
    /// What to train on.
    pub device: DeviceChoice,
    /// The most bytes of ECGs and images that are kept in a plan's form.
    pub cache_bytes: u64,
    /// How many runs may be in progress at once.
    pub slots: u32,
    /// What models and updates may take of the line, in megabits a second in each direction.
    pub max_mbit: Option<u32>,
    /// How long a node that is asked to stop may take to finish the work in hand and send it.
    pub drain: Duration,
    /// What the hospital calls its patients: a ledger belongs to one data set.
    pub data_set: String,
    /// The file that describes them.
    pub cohort: PathBuf,
    /// What the hospital says of them.
    pub tag: DataTag,
    /// How the audit log is kept.
    pub audit: AuditSettings,
}

/// How often UDP may be tried again.
const RETRIES_ALLOWED: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(86_400);
const RETRY_HINT: &str = "use a duration from \"1s\" to \"1d\": how often UDP is tried again";

/// The keys that say how the coordinator is reached.
fn route(section: &mut Section<'_>) -> Option<Route> {
    let coordinator =
        section.required("coordinator", "where the coordinator listens, such as \"10.0.0.5:7443\"");
    let tcp = section.or("tcp", TcpSetting::Same);
    let proxy: Option<Option<ProxyAddress>> = section.maybe("proxy");
    let credentials: Option<Option<PathBuf>> = section.maybe("proxy_credentials");
    let retry = section.duration("retry_udp", RETRY_UDP, RETRIES_ALLOWED, RETRY_HINT);
    let tcp = tcp?;
    let proxy = proxy?;
    let credentials = credentials?;
    if credentials.is_some() && proxy.is_none() {
        let hint = "name the proxy that asks for them: proxy = \"http://HOST:PORT\"";
        section.problem("proxy_credentials", "is set without proxy", hint);
        return None;
    }
    if proxy.is_some() && tcp == TcpSetting::Off {
        section.problem("proxy", "is for TCP, which is turned off", "remove `tcp = false`");
        return None;
    }
    let proxy = proxy.map(|ProxyAddress(address)| Proxy { address, credentials });
    let mut route = Route::new(coordinator?, tcp, proxy);
    let retry_udp = retry?;
    if let Some(tcp) = &mut route.tcp {
        tcp.retry_udp = retry_udp;
    }
    Some(route)
}

struct DataTable {
    name: String,
    cohort: PathBuf,
    tag: DataTag,
}

impl Settings for DataTable {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let name = section.or("name", "cohort".to_owned());
        let cohort = section.or("cohort", PathBuf::from("cohort.toml"));
        let tag = section.one_of("tag", Some(DataTag::Private));
        let mut moved = false;
        for key in ["tables", "patient", "split"] {
            if section.has(key) {
                section.problem(
                    key,
                    "is described in cohort.toml now",
                    "move the keys tables, patient and split into the file that data.cohort names",
                );
                moved = true;
            }
        }
        // Asked for, so that they are not called unknown besides.
        let _ = (section.maybe::<Vec<String>>("tables"), section.maybe::<String>("patient"));
        let _ = section.maybe::<String>("split");
        if moved {
            return None;
        }
        Some(Self { name: name?, cohort: cohort?, tag: tag? })
    }
}

impl Settings for SiteSettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let coordinator = route(section);
        let identity = section.or("identity", PathBuf::from("identity"));
        let state = section.or("state", PathBuf::from("state"));
        let policy = section.or("policy", PathBuf::from("policy.toml"));
        let device = section.choice(
            "device",
            Some("auto"),
            &[("auto", DeviceChoice::Auto), ("cpu", DeviceChoice::Cpu), ("gpu", DeviceChoice::Gpu)],
        );
        let hint = "use a size in GiB, such as 50: at least 1";
        let cache = section.or("max_cache_gib", MAX_BYTES >> 30);
        let cache = section.within("max_cache_gib", cache, 1..=1 << 20, hint);
        let hint = "use the number of runs that this machine has memory for: 1 to 16";
        let slots = section.or("slots", SLOTS);
        let slots = section.within("slots", slots, 1..=16, hint);
        let hint = "use megabits a second, such as 50: 1 to 100000; leave it out for no limit";
        let max_mbit = match section.maybe("max_mbit") {
            Some(Some(rate)) => section.within("max_mbit", Some(rate), 1..=100_000, hint).map(Some),
            absent => absent,
        };
        let drain = section.duration("drain", DRAIN, DRAINS, DRAIN_HINT);
        let data: Option<DataTable> = section.section("data");
        let audit: Option<Option<AuditSettings>> = section.maybe_section("audit");
        let data = data?;
        Some(Self {
            coordinator: coordinator?,
            identity: identity?,
            state: state?,
            policy: policy?,
            device: device?,
            cache_bytes: cache? << 30,
            slots: slots?,
            max_mbit: max_mbit?,
            drain: drain?,
            data_set: data.name,
            cohort: data.cohort,
            tag: data.tag,
            audit: audit?.unwrap_or_default(),
        })
    }
}

impl SiteSettings {
    /// Reads a file; its relative paths are taken from the folder it lies in.
    ///
    /// # Errors
    /// Every problem in the file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let mut settings: Self = config::load(path, &[])?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let place = |path: &mut PathBuf| *path = folder.join(&path);
        place(&mut settings.identity);
        place(&mut settings.state);
        place(&mut settings.policy);
        place(&mut settings.cohort);
        let proxy = settings.coordinator.tcp.as_mut().and_then(|tcp| tcp.proxy.as_mut());
        if let Some(credentials) = proxy.and_then(|proxy| proxy.credentials.as_mut()) {
            place(credentials);
        }
        Ok(settings)
    }

    /// What `cohort.toml` says.
    ///
    /// # Errors
    /// Every problem in that file.
    pub fn source(&self) -> Result<Source, ConfigError> {
        Source::load(&self.cohort)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = "[data]\nname = \"cohort\"\n";

    fn read(keys: &str) -> Result<SiteSettings, String> {
        let text = format!("coordinator = \"coordinator.example.org:7443\"\n{keys}\n{REST}");
        config::read("site-node.toml", &text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_way_to_the_coordinator_is_read() {
        let tcp = |keys: &str| read(keys).unwrap().coordinator.tcp;
        let same = tcp("").unwrap();
        assert_eq!(same.address.to_string(), "coordinator.example.org:7443");
        assert_eq!((same.proxy.clone(), same.retry_udp), (None, RETRY_UDP));
        assert_eq!(tcp("tcp = true").as_ref(), Some(&same));
        assert_eq!(tcp("tcp = false"), None);
        let other = tcp("tcp = \"10.0.0.5:443\"\nretry_udp = \"1h\"").unwrap();
        assert_eq!(other.address.to_string(), "10.0.0.5:443");
        assert_eq!(other.retry_udp, Duration::from_secs(3600));
        let keys = "proxy = \"http://proxy:3128\"\nproxy_credentials = \"proxy.txt\"";
        let proxy = tcp(keys).unwrap().proxy.unwrap();
        assert_eq!(proxy.address.to_string(), "proxy:3128");
        assert_eq!(proxy.credentials.as_deref(), Some(Path::new("proxy.txt")));
    }

    #[test]
    fn mistakes_on_the_way_to_the_coordinator_are_named() {
        for (keys, expected) in [
            ("tcp = 443", "use true for the address of UDP"),
            ("tcp = \"443\"", "use true for the address of UDP"),
            ("retry_udp = \"0s\"", "how often UDP is tried again"),
            ("proxy = \"https://proxy:3128\"", "use the address of an HTTP proxy"),
            ("proxy = \"http://a:secret@proxy:3128\"", "proxy_credentials"),
            ("proxy_credentials = \"proxy.txt\"", "is set without proxy"),
            ("tcp = false\nproxy = \"http://proxy:3128\"", "remove `tcp = false`"),
        ] {
            let told = read(keys).map(drop).unwrap_err();
            assert!(told.contains(expected) && !told.contains("secret"), "{keys}: {told}");
        }
    }
}
