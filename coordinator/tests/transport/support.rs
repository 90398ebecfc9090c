//! Authorities, certificates and two ends that meet.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use base::clock::{Clock, SystemClock, Timestamp};
use coordinator::enrol::Authority;
use node::pki::{Identity, Role};
use node::transport::{Dialer, Link, Listen, Listener, Route, TcpPort, TcpSetting, TransportError};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use rustls::RootCertStore;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A safety net, far above what any of these tests takes.
pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::select! {
        // Looked at first: a future that only the alarm has woken was hanging.
        biased;
        () = tokio::time::sleep(Duration::from_secs(30)) => panic!("it hangs"),
        output = future => output,
    }
}

pub fn now() -> Timestamp {
    SystemClock::new().wall()
}

pub fn authority() -> Authority {
    Authority::new(now()).unwrap()
}

pub fn site() -> Role {
    Role::Site("hospital-a".parse().unwrap())
}

pub fn identity(authority: &Authority, role: Role) -> Identity {
    authority.issue(role).unwrap().identity().unwrap()
}

pub fn listen(identity: Identity) -> (Listener, SocketAddr) {
    let listener = Listener::bind([SocketAddr::from(([127, 0, 0, 1], 0))], identity).unwrap();
    let address = listener.address().unwrap();
    (listener, address)
}

/// Listens for TCP as well, and says how to get there where no datagram leaves this machine.
pub fn listen_for_tcp(identity: Identity) -> (Listener, Route) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listen = Listen { udp: vec![any], tcp: TcpPort::At(vec![any]) };
    let listener = Listener::bind(listen, identity).unwrap();
    let tcp = TcpSetting::At(listener.tcp_address().unwrap().into());
    // Port 0 cannot be sent to, so that UDP fails at once.
    (listener, Route::new(any.into(), tcp, None))
}

/// Two ends after one attempt to connect; they live as long as this does.
pub struct Meeting {
    pub listener: Listener,
    pub dialer: Dialer,
    pub accepted: Result<Link, TransportError>,
    pub reached: Result<Link, TransportError>,
}

/// One attempt to connect.
pub async fn meet(server: Identity, client: Identity) -> Meeting {
    let (listener, address) = listen(server);
    meet_at(listener, address.into(), client).await
}

/// One attempt to connect over TCP.
pub async fn meet_over_tcp(server: Identity, client: Identity) -> Meeting {
    let (listener, route) = listen_for_tcp(server);
    meet_at(listener, route, client).await
}

async fn meet_at(listener: Listener, route: Route, client: Identity) -> Meeting {
    let dialer = Dialer::new(client).unwrap();
    let accept = async { listener.accept().await.unwrap().accept().await };
    let (accepted, reached) = within(async { tokio::join!(accept, dialer.dial(route)) }).await;
    Meeting { listener, dialer, accepted, reached }
}

impl Meeting {
    /// The coordinator's and the site's end.
    pub fn links(&self) -> (&Link, &Link) {
        (self.accepted.as_ref().unwrap(), self.reached.as_ref().unwrap())
    }

    /// Why the coordinator let nobody in.
    pub fn refused(&self) -> &TransportError {
        self.accepted.as_ref().map(Link::peer).unwrap_err()
    }

    /// What the site is told. In TLS 1.3 a client is done before its certificate is judged, so the
    /// verdict may come after the dialing.
    pub async fn told(&self) -> String {
        match &self.reached {
            Ok(link) => within(link.closed()).await.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

/// A coordinator and a site that trust each other.
pub async fn pair() -> Meeting {
    let authority = authority();
    meet(identity(&authority, Role::Coordinator), identity(&authority, site())).await
}

/// The same over TCP.
pub async fn pair_over_tcp() -> Meeting {
    let authority = authority();
    meet_over_tcp(identity(&authority, Role::Coordinator), identity(&authority, site())).await
}

/// An authority that signs what ours never would.
pub struct Forge(CertifiedIssuer<'static, KeyPair>);

impl Forge {
    pub fn new(common_name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// An identity with these names and uses, whether or not they make a role.
    pub fn identity(&self, names: &[SanType], uses: &[ExtendedKeyUsagePurpose]) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "hospital-a.site.consilium.internal");
        params.subject_alt_names = names.to_vec();
        params.extended_key_usages = uses.to_vec();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Identity {
            chain: vec![certificate.into()],
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            roots,
            authority: base::fingerprint::Fingerprint::of(self.0.der()),
            role: Role::Coordinator,
        }
    }

    pub fn server(&self, name: &str) -> Identity {
        self.identity(&[dns(name)], &[ExtendedKeyUsagePurpose::ServerAuth])
    }

    pub fn client(&self, name: &str) -> Identity {
        self.identity(&[dns(name)], &[ExtendedKeyUsagePurpose::ClientAuth])
    }
}

pub fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}
