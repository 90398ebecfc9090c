//! The TCP path: the same connections in tunnels, and peers of all kinds at the TCP port.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use node::pki::{COORDINATOR_NAME, Identity, Role};
use node::transport::{
    Dialer, Listen, Listener, Path, Route, TcpPort, TcpSetting, TransportError, send_payload,
};
use node::wire::{ALPN, TUNNEL_ALPN};
use rustls::crypto::aws_lc_rs;
use rustls::version::TLS13;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{
    Forge, authority, identity, listen, listen_for_tcp, meet, meet_over_tcp, pair_over_tcp, site,
    within,
};

/// What a client of the TCP port shows of itself.
struct Shown {
    certificate: bool,
    protocol: &'static [u8],
}

const GOOD: Shown = Shown { certificate: true, protocol: TUNNEL_ALPN };

async fn tls(
    stream: TcpStream,
    identity: Identity,
    shown: &Shown,
) -> std::io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(identity.roots);
    let mut config = if shown.certificate {
        builder.with_client_auth_cert(identity.chain, identity.key).unwrap()
    } else {
        builder.with_no_client_auth()
    };
    config.alpn_protocols = vec![shown.protocol.to_vec()];
    let name = ServerName::try_from(COORDINATOR_NAME).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// What a peer reads until the other side ends the connection.
async fn end(stream: &mut (impl AsyncReadExt + Unpin)) -> Result<Vec<u8>, String> {
    let mut read = Vec::new();
    match within(stream.read_to_end(&mut read)).await {
        Ok(_) => Ok(read),
        // Without a goodbye: it was shown out.
        Err(error)
            if [ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof].contains(&error.kind()) =>
        {
            Ok(read)
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Connects from another address of this machine, so that honest peers do not share it.
async fn from_elsewhere(to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 66], 0)))?;
    socket.connect(to).await
}

fn tcp_port(listener: &Listener) -> SocketAddr {
    listener.tcp_address().unwrap()
}

/// Whether a site still comes in over TCP.
async fn an_honest_site_comes_in(listener: &Listener, route: &Route, client: Identity) {
    let dialer = Dialer::new(client).unwrap();
    let accept = async {
        loop {
            // Those that were refused come first.
            if let Ok(link) = listener.accept().await.unwrap().accept().await {
                return link;
            }
        }
    };
    let (accepted, reached) = within(async { tokio::join!(accept, dialer.dial(route)) }).await;
    assert_eq!((accepted.peer(), accepted.path()), (&site(), Path::Tcp));
    reached.unwrap();
}

#[tokio::test]
async fn a_connection_over_tcp_is_one_like_any_other() {
    let meeting = pair_over_tcp().await;
    let (coordinator, site_link) = meeting.links();
    assert_eq!((coordinator.path(), site_link.path()), (Path::Tcp, Path::Tcp));
    assert_eq!((coordinator.peer(), site_link.peer()), (&site(), &Role::Coordinator));
    assert!(coordinator.certificate().is_some() && site_link.certificate().is_some());
    assert_eq!(coordinator.address().ip().to_string(), "127.0.0.1");
    let close = meeting.listener.close("the coordinator is stopping");
    let (ended, ()) = within(async { tokio::join!(site_link.closed(), close) }).await;
    assert_eq!(
        ended.to_string(),
        "connection lost: closed by the peer: the coordinator is stopping"
    );
    within(meeting.dialer.finish()).await;
    // Nothing listens there any more.
    let refused = TcpStream::connect(tcp_port(&meeting.listener)).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_site_that_closes_is_heard_before_its_tunnel_ends() {
    let meeting = pair_over_tcp().await;
    let (coordinator, site) = meeting.links();
    site.close("the site is stopping");
    let ended = within(coordinator.closed()).await;
    assert_eq!(ended.to_string(), "connection lost: closed by the peer: the site is stopping");
    within(meeting.dialer.finish()).await;
}

#[tokio::test]
async fn where_udp_is_silent_tcp_is_tried_beside_it() {
    let authority = authority();
    let (listener, mut route) = listen_for_tcp(identity(&authority, Role::Coordinator));
    // A socket that nobody reads, as behind a firewall that drops everything.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    route.udp = silent.local_addr().unwrap().into();
    an_honest_site_comes_in(&listener, &route, identity(&authority, site())).await;
    let dialer = Dialer::new(identity(&authority, site())).unwrap();
    let accept = async { listener.accept().await.unwrap().accept().await };
    let tcp = dialer.probe(Path::Tcp, &route);
    let (accepted, probed) = within(async { tokio::join!(accept, tcp) }).await;
    probed.unwrap();
    let ended = within(accepted.unwrap().closed()).await.to_string();
    assert!(ended.contains("a check of the path"), "{ended}");
}

#[tokio::test]
async fn a_refusal_over_udp_is_told_and_tcp_is_tried_all_the_same() {
    let ours = authority();
    let strangers = authority();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listen = Listen { udp: vec![any], tcp: TcpPort::Same };
    let listener = Listener::bind(listen, identity(&ours, Role::Coordinator)).unwrap();
    let address = listener.address().unwrap();
    assert_eq!(listener.tcp_address(), Some(address), "one port for both");
    let dialer = Dialer::new(identity(&strangers, site())).unwrap();
    let accept = async {
        loop {
            // Both refuse: neither trusts the other.
            let refused = listener.accept().await.unwrap().accept().await.map(drop);
            assert!(refused.is_err());
        }
    };
    let why = within(async {
        tokio::select! {
            reached = dialer.dial(address) => reached.map(drop).unwrap_err().to_string(),
            () = accept => unreachable!(),
        }
    })
    .await;
    assert_eq!(why.matches("another authority").count(), 2, "{why}");
    assert!(why.contains("UDP: ") && why.contains("; TCP: "), "{why}");
}

#[tokio::test]
async fn a_site_that_may_not_use_tcp_does_not() {
    let authority = authority();
    let (_listener, mut route) = listen_for_tcp(identity(&authority, Role::Coordinator));
    route.tcp = None;
    let dialer = Dialer::new(identity(&authority, site())).unwrap();
    assert!(within(dialer.dial(&route)).await.is_err());
    let why = within(dialer.probe(Path::Tcp, &route)).await.unwrap_err();
    assert!(why.contains("tcp = false"), "{why}");
}

#[tokio::test]
async fn certificates_are_judged_before_quic_and_each_side_learns_why() {
    let ours = authority();
    let foreign = Forge::new("Consilium authority");
    let stranger = foreign.client("hospital-a.site.consilium.internal");
    let meeting = meet_over_tcp(identity(&ours, Role::Coordinator), stranger).await;
    // The site finds out first: the coordinator's certificate is another authority's too.
    let told = meeting.reached.as_ref().map(drop).unwrap_err().to_string();
    assert!(told.contains("another authority"), "{told}");
    let refused = meeting.refused().to_string();
    assert!(refused.contains("TCP: ") && refused.contains("another authority"), "{refused}");

    // One that trusts the coordinator and is not trusted.
    let mut mixed = foreign.client("hospital-a.site.consilium.internal");
    mixed.roots = identity(&ours, site()).roots;
    let meeting = meet_over_tcp(identity(&ours, Role::Coordinator), mixed).await;
    let told = meeting.reached.as_ref().map(drop).unwrap_err().to_string();
    assert!(told.contains("the other side says") && told.contains("another authority"), "{told}");

    // A certificate without a role gets as far as QUIC, as it does over UDP.
    let forge = Forge::new("Consilium authority");
    let server = forge.server(COORDINATOR_NAME);
    let meeting = meet_over_tcp(server, forge.client("example.org")).await;
    let refused = meeting.refused().to_string();
    assert!(refused.contains("example.org"), "{refused}");
}

#[tokio::test]
async fn whoever_comes_without_tls_or_a_certificate_is_shown_out() {
    let ours = authority();
    let (listener, route) = listen_for_tcp(identity(&ours, Role::Coordinator));
    let port = tcp_port(&listener);
    let long = vec![0xff; 70_000];
    for words in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"SSH-2.0-x\r\n", &[0; 300], &long] {
        let mut stream = from_elsewhere(port).await.unwrap();
        // It may be shown out before it has said everything.
        let _ = stream.write_all(words).await;
        end(&mut stream).await.unwrap();
    }
    let without = Shown { certificate: false, ..GOOD };
    let of_quic = Shown { protocol: ALPN, ..GOOD };
    for (shown, expected) in
        [(&without, "CertificateRequired"), (&of_quic, "NoApplicationProtocol")]
    {
        let stream = from_elsewhere(port).await.unwrap();
        let told = match tls(stream, identity(&ours, site()), shown).await {
            Ok(mut stream) => end(&mut stream).await.unwrap_err(),
            Err(error) => error.to_string(),
        };
        assert!(told.contains(expected), "{expected}: {told}");
    }
    an_honest_site_comes_in(&listener, &route, identity(&ours, site())).await;
}

#[tokio::test]
async fn garbage_in_a_tunnel_ends_that_tunnel_alone() {
    let ours = authority();
    let (listener, route) = listen_for_tcp(identity(&ours, Role::Coordinator));
    let port = tcp_port(&listener);
    let frame = |length: u16, bytes: &[u8]| [&length.to_le_bytes()[..], bytes].concat();
    // A length that no datagram has, and datagrams that are none of QUIC, in an endless row.
    let wrong = [frame(0, b""), frame(u16::MAX, &[1; 100]), b"GET / HTTP/1.1\r\n\r\n".to_vec()];
    for bytes in wrong {
        let stream = from_elsewhere(port).await.unwrap();
        let mut stream = tls(stream, identity(&ours, site()), &GOOD).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        assert!(end(&mut stream).await.is_ok_and(|read| read.is_empty()));
    }
    let mut open = Vec::new();
    for bytes in [frame(8192, &[0xc5; 8192]), frame(1200, &[0x40; 1200]).repeat(50)] {
        let stream = from_elsewhere(port).await.unwrap();
        let mut stream = tls(stream, identity(&ours, site()), &GOOD).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        open.push(stream);
    }
    // A length, and nothing more.
    let stream = from_elsewhere(port).await.unwrap();
    let mut stalled = tls(stream, identity(&ours, site()), &GOOD).await.unwrap();
    stalled.write_all(&8000_u16.to_le_bytes()).await.unwrap();
    an_honest_site_comes_in(&listener, &route, identity(&ours, site())).await;
    // A tunnel without a connection does not last.
    end(&mut stalled).await.unwrap();
    for mut stream in open {
        end(&mut stream).await.unwrap();
    }
}

#[tokio::test]
async fn thousands_that_say_nothing_keep_nobody_out() {
    let ours = authority();
    let (listener, route) = listen_for_tcp(identity(&ours, Role::Coordinator));
    let port = tcp_port(&listener);
    let mut silent = Vec::new();
    for _ in 0..2000 {
        // Those beyond the bound are shown out at once; the others stay as long as they may.
        let stream = from_elsewhere(port).await.unwrap();
        if silent.len() < 100 {
            silent.push(stream);
        }
    }
    an_honest_site_comes_in(&listener, &route, identity(&ours, site())).await;
    for mut stream in silent {
        end(&mut stream).await.unwrap();
    }
}

/// Forwards one TCP connection, and then nothing any more once it is told to: neither bytes nor the end.
async fn relay(to: SocketAddr, stall: Arc<Notify>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = TcpStream::connect(to).await.unwrap();
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
            () = stall.notified() => std::future::pending().await,
        }
    });
    address
}

#[tokio::test]
async fn a_tunnel_that_stalls_holds_up_no_other_and_ends_by_itself() {
    let ours = authority();
    let (listener, route) = listen_for_tcp(identity(&ours, Role::Coordinator));
    let stall = Arc::new(Notify::new());
    let mut stalling = route.clone();
    let relayed = relay(tcp_port(&listener), Arc::clone(&stall)).await;
    stalling.tcp = Route::new(relayed.into(), TcpSetting::Same, None).tcp;
    let enter = async |route: &Route| {
        let dialer = Dialer::new(identity(&ours, site())).unwrap();
        let accept = async { listener.accept().await.unwrap().accept().await.unwrap() };
        let (link, reached) = within(async { tokio::join!(accept, dialer.dial(route)) }).await;
        (link, reached.unwrap(), dialer)
    };
    let slow = enter(&stalling).await;
    let good = enter(&route).await;
    stall.notify_one();
    // Far more than fits into the queues and windows of the one that stalls.
    let words = crate::words::words(4_000_000);
    let header = crate::words::header(crate::words::payload(&words));
    let stuck = send_payload(&slow.0, &header, &words);
    let others = crate::words::arrive_whole(&good.0, &good.1);
    let (stuck, ()) = tokio::join!(async { within(stuck).await }, others);
    let ended = stuck.unwrap_err().to_string();
    assert!(ended.contains("does not answer"), "{ended}");
}

#[tokio::test]
async fn one_certificate_has_a_share_of_the_tunnels() {
    let ours = authority();
    let (listener, route) = listen_for_tcp(identity(&ours, Role::Coordinator));
    let port = tcp_port(&listener);
    let own = ours.issue(Role::Site("hospital-b".parse().unwrap())).unwrap();
    let mut open = Vec::new();
    for _ in 0..20 {
        let stream = TcpStream::connect(port).await.unwrap();
        open.push(tls(stream, own.identity().unwrap(), &GOOD).await.unwrap());
    }
    for _ in 0..4 {
        let refused = within(listener.accept()).await.unwrap().accept().await.map(drop);
        assert!(refused.unwrap_err().to_string().contains("under one certificate"));
    }
    an_honest_site_comes_in(&listener, &route, identity(&ours, site())).await;
}

#[tokio::test]
async fn a_tcp_port_in_use_is_named_with_a_way_out() {
    let authority = authority();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let listen = Listen { udp: vec![address], tcp: TcpPort::Same };
    let refused = Listener::bind(listen, identity(&authority, Role::Coordinator)).map(drop);
    let told = refused.unwrap_err();
    assert!(matches!(told, TransportError::TcpPort { .. }), "{told:?}");
    let told = told.to_string();
    assert!(told.contains(&address.to_string()) && told.contains("tcp = false"), "{told}");
}

#[tokio::test]
async fn where_neither_path_leads_anywhere_both_are_named() {
    let authority = authority();
    let (listener, mut route) = listen_for_tcp(identity(&authority, Role::Coordinator));
    let port = tcp_port(&listener);
    listener.close("").await;
    route.tcp = Route::new(port.into(), TcpSetting::Same, None).tcp;
    let dialer = Dialer::new(identity(&authority, site())).unwrap();
    let why = within(dialer.dial(&route)).await.map(drop).unwrap_err().to_string();
    assert!(why.contains("UDP: ") && why.contains("; TCP: "), "{why}");
    assert!(why.contains("nothing listens for TCP there"), "{why}");
    // Without a listener for TCP, a session over UDP is what it always was.
    let (listener, address) = listen(identity(&authority, Role::Coordinator));
    assert_eq!(listener.tcp_address(), None);
    drop((listener, address));
    let coordinator = identity(&authority, Role::Coordinator);
    let meeting = meet(coordinator, identity(&authority, site())).await;
    assert_eq!(meeting.links().0.path(), Path::Udp);
}
