//! Two ends of a connection and a plan, for unit tests of several modules.

use std::net::SocketAddr;
use std::sync::Arc;

use base::clock::{Clock, SystemClock};
use base::ids::SiteName;
use node::pki::Role;
use node::transport::{Dialer, Link, Listener};
use plan::experiment::Experiment;

use crate::enrol::Authority;
use crate::progress::ProgressFeed;

/// A coordinator's and a site's end of one connection, which lasts as long as this value.
pub(crate) struct Ends {
    pub site_name: SiteName,
    pub coordinator: Link,
    pub site: Link,
    _listener: Listener,
    _dialer: Dialer,
}

/// Connects a coordinator and a site that trust each other.
pub(crate) async fn ends() -> Ends {
    let authority = Authority::new(SystemClock::new().wall()).unwrap();
    let identity = |role| authority.issue(role).unwrap().identity().unwrap();
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = Listener::bind([any_port], identity(Role::Coordinator)).unwrap();
    let site_name: SiteName = "hospital-a".parse().unwrap();
    let dialer = Dialer::new(identity(Role::Site(site_name.clone()))).unwrap();
    let accept = async { listener.accept().await.unwrap().accept().await.unwrap() };
    let address = listener.address().unwrap();
    let (coordinator, site) = tokio::join!(accept, dialer.dial(address));
    Ends { site_name, coordinator, site: site.unwrap(), _listener: listener, _dialer: dialer }
}

/// The steps of a run of the demonstration's plan.
pub(crate) fn feed() -> Arc<ProgressFeed> {
    let demo = include_str!("../../configs/experiments/demo.toml");
    let plan = base::config::read::<Experiment>("demo", demo).unwrap().plan;
    Arc::new(ProgressFeed::new(plan))
}
