//! The TCP path, through separate processes: where UDP is blocked, through a proxy, and among hostile peers.

mod forwarder;
mod hostile;
mod proxy;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value;
use tests::{
    Federation, HOSPITALS, Process, SetupError, demo, edit, failure, free_address, stop, success,
};

use self::forwarder::Forwarder;
use self::proxy::HttpProxy;
use crate::Outcome;

const SITE: &str = HOSPITALS[0];

/// "hospital:open sesame", as a proxy wants it.
const AUTHORIZATION: &str = "aG9zcGl0YWw6b3BlbiBzZXNhbWU=";
const CREDENTIALS: &str = "hospital:open sesame\n";

/// Waits for a hospital that is connected, and says by which path.
fn path(site: &mut Process) -> Result<String, SetupError> {
    let line = site.wait_for("connected")?;
    let path = line.split("path=").nth(1).unwrap_or_default();
    Ok(path.split_whitespace().next().unwrap_or_default().to_owned())
}

fn report(run: Process) -> Result<Value, SetupError> {
    let output = success(run)?;
    Ok(serde_json::from_str(output.lines().last().unwrap_or_default())?)
}

#[test]
fn a_run_over_tcp_ends_with_the_model_of_a_run_over_udp() -> Outcome {
    let mut federation = Federation::new()?;
    let mut coordinator = federation.serve()?;
    let sites = &HOSPITALS[..3];
    let mut models = Vec::new();
    for expected in ["udp", "tcp"] {
        let mut running = Vec::new();
        let forwarder = Forwarder::new(&federation.address)?;
        if expected == "tcp" {
            // The operator as well is behind such a firewall.
            federation.address.clone_from(&forwarder.address);
            for site in sites {
                let line = format!("coordinator = \"{}\"", forwarder.address);
                federation.reach(site, &line)?;
            }
        }
        for site in sites {
            running.push(federation.site_node(site, "run")?);
        }
        for site in &mut running {
            assert_eq!(path(site)?, expected);
            let line = coordinator.wait_for("connected")?;
            assert!(line.contains(&format!("path={expected}")), "{line}");
        }
        let report = report(federation.run(&demo(), &["rounds=3"])?)?;
        assert_eq!(report["sites"].as_array().map(Vec::len), Some(3), "{report}");
        models.push((report["file_sha256"].clone(), report["final"].clone()));
        stop(running)?;
    }
    assert!(models[0].0.is_string(), "{models:?}");
    assert_eq!(models[0], models[1]);
    stop([coordinator])
}

/// Some firewalls judge a flow by its first datagrams. Each handshake would be taken for a network that carries UDP.
#[test]
fn a_network_that_stops_udp_after_a_handshake_leads_to_tcp() -> Outcome {
    let mut federation = Federation::new()?;
    let coordinator = federation.serve()?;
    let forwarder = Forwarder::new(&federation.address)?;
    forwarder.open_udp()?;
    federation.reach(SITE, &format!("coordinator = \"{}\"", forwarder.address))?;
    let mut site = federation.site_node(SITE, "run")?;
    assert_eq!(path(&mut site)?, "udp");
    forwarder.close_udp();
    site.wait_for("the last session over UDP fell silent: TCP is tried first")?;
    assert_eq!(path(&mut site)?, "tcp");
    stop([site, coordinator])
}

#[test]
fn check_says_which_path_works_and_why_the_other_does_not() -> Outcome {
    let mut federation = Federation::new()?;
    let settings = federation.site(SITE).join("site-node.toml");
    let as_made = fs::read_to_string(&settings)?;
    // Another program may listen at the port of the file.
    federation.reach(SITE, &format!("coordinator = \"{}\"", free_address()?))?;
    let refused = failure(federation.site_node(SITE, "check")?)?;
    for part in ["UDP to 127.0.0.1", "TCP to 127.0.0.1", "nothing listens for TCP", "no path"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    tests::replace(&settings, &as_made)?;
    let coordinator = federation.serve()?;
    let told = success(federation.site_node(SITE, "check")?)?;
    let works = |path: &str| format!("{path} to {}: works", federation.address);
    assert!(told.contains(&works("UDP")) && told.contains(&works("TCP")), "{told}");
    assert!(told.contains("site-node run uses UDP") && told.contains("next: site-node"), "{told}");

    let forwarder = Forwarder::new(&federation.address)?;
    federation.reach(SITE, &format!("coordinator = \"{}\"", forwarder.address))?;
    let told = success(federation.site_node(SITE, "check")?)?;
    assert!(told.contains(&format!("TCP to {}: works", forwarder.address)), "{told}");
    assert!(told.contains("the peer does not answer") && told.contains("UDP is let"), "{told}");
    assert!(told.contains("site-node run uses TCP"), "{told}");

    // With tcp = false, TCP is not tried.
    let lines = format!("coordinator = \"{}\"\ntcp = false", federation.address);
    federation.reach(SITE, &lines)?;
    let told = success(federation.site_node(SITE, "check")?)?;
    assert!(told.contains("TCP: turned off by `tcp = false`"), "{told}");
    // A check is no session, and a stranger is told what is wrong.
    let strangers = Federation::new()?;
    let own = federation.site(SITE).join("identity");
    tests::copy_folder(&strangers.site(SITE).join("identity"), &own)?;
    let policy = federation.site(SITE).join("policy.toml");
    let text = fs::read_to_string(&policy)?;
    let line = text.lines().find(|line| line.starts_with("coordinators = ")).unwrap_or_default();
    edit(&policy, line, "coordinators = []")?;
    federation.reach(SITE, &format!("coordinator = \"{}\"", federation.address))?;
    let (status, told) = federation.site_node(SITE, "check")?.finish()?;
    assert_eq!(status.code(), Some(69), "{told}");
    assert!(told.matches("another authority").count() == 2, "{told}");
    stop([coordinator])
}

#[test]
fn a_coordinator_listens_for_tcp_where_its_settings_say() -> Outcome {
    let mut federation = Federation::new()?;
    let settings = federation.place("coordinator.toml");
    let listen = "listen = \"127.0.0.1:0\"";
    edit(&settings, listen, &format!("{listen}\ntcp = \"localhost:0\""))?;
    let mut serve = federation.coordinator(&["serve"])?;
    let mut coordinator = Process::start(serve.env("NO_COLOR", "1"))?;
    let port = |line: &str| line.rsplit("address=").next().unwrap_or_default().trim().to_owned();
    let tcp = port(&coordinator.wait_for("ready for TCP")?);
    let udp = port(&coordinator.wait_for("listening address=")?);
    assert_ne!(tcp, udp);
    federation.reach(SITE, &format!("coordinator = \"{udp}\"\ntcp = \"{tcp}\""))?;
    let told = success(federation.site_node(SITE, "check")?)?;
    assert!(told.contains(&format!("TCP to {tcp}: works")), "{told}");
    stop([coordinator])?;

    edit(&settings, "tcp = \"localhost:0\"", "tcp = false")?;
    let coordinator = federation.serve()?;
    let told = success(federation.site_node(SITE, "check")?)?;
    assert!(told.contains("nothing listens for TCP there"), "{told}");
    stop([coordinator])
}

#[test]
fn a_site_on_tcp_moves_to_udp_when_it_is_let_through() -> Outcome {
    let mut federation = Federation::new()?;
    let mut coordinator = federation.serve()?;
    let forwarder = Forwarder::new(&federation.address)?;
    let line = format!("coordinator = \"{}\"\nretry_udp = \"1s\"", forwarder.address);
    federation.reach(SITE, &line)?;
    let mut site = federation.site_node(SITE, "run")?;
    assert_eq!(path(&mut site)?, "tcp");
    coordinator.wait_for("path=tcp")?;
    forwarder.open_udp()?;
    site.wait_for("UDP works again")?;
    assert_eq!(path(&mut site)?, "udp");
    coordinator.wait_for("path=udp")?;
    stop([site, coordinator])
}

/// The file with a user and a password.
fn credentials(federation: &Federation, text: &str) -> Result<PathBuf, SetupError> {
    let path = federation.site(SITE).join("proxy.txt");
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(path)
}

#[test]
fn a_proxy_leads_to_the_coordinator_and_looks_its_name_up() -> Outcome {
    let mut federation = Federation::new()?;
    let coordinator = federation.serve()?;
    let proxy = HttpProxy::new(&federation.address, Some(AUTHORIZATION))?;
    let way = format!(
        "coordinator = \"coordinator.invalid:443\"\nproxy = \"http://{}\"\nproxy_credentials = \"proxy.txt\"",
        proxy.address
    );
    federation.reach(SITE, &way)?;
    // Wrong, then right: the node reads the file at each connection.
    credentials(&federation, "hospital:close sesame\n")?;
    let mut site = federation.site_node(SITE, "run")?;
    let refused = site.wait_for("no connection")?;
    for part in ["UDP: the name cannot be looked up", "TCP: ", "(407)", "proxy.txt"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    credentials(&federation, CREDENTIALS)?;
    assert_eq!(path(&mut site)?, "tcp");
    let told = success(federation.site_node(SITE, "check")?)?;
    let works = format!("coordinator.invalid:443 through the proxy {}: works", proxy.address);
    assert!(told.contains(&works) && told.contains("site-node run uses TCP"), "{told}");
    for request in proxy.requests() {
        assert!(request.starts_with("CONNECT coordinator.invalid:443 HTTP/1.1\r\n"), "{request}");
    }
    site.terminate()?;
    let output = success(site)?;
    for secret in ["sesame", AUTHORIZATION] {
        assert!(!format!("{output}{told}{refused}").contains(secret), "{output}{told}{refused}");
    }
    stop([coordinator])
}

#[test]
fn a_proxy_that_says_no_is_quoted_with_the_next_step() -> Outcome {
    let mut federation = Federation::new()?;
    let coordinator = federation.serve()?;
    let strict = HttpProxy::new(&federation.address, Some(AUTHORIZATION))?;
    let open = HttpProxy::new(&federation.address, None)?;
    // Nobody listens at the discard port.
    let lost = HttpProxy::new("127.0.0.1:9", None)?;
    let told = |host: &str, proxy: &str| -> Result<String, SetupError> {
        let way = format!("coordinator = \"{host}.invalid:443\"\nproxy = \"http://{proxy}\"");
        federation.reach(SITE, &way)?;
        let (status, output) = federation.site_node(SITE, "check")?.finish()?;
        assert_eq!(status.code(), Some(69), "{output}");
        Ok(output)
    };
    for (host, proxy, expected) in [
        ("coordinator", strict.address.as_str(), "name it in proxy_credentials"),
        ("forbidden", &open.address, "does not allow CONNECT to forbidden.invalid:443 (403"),
        ("coordinator", &lost.address, "cannot reach coordinator.invalid:443 (502"),
        ("coordinator", "127.0.0.1:9", "proxy 127.0.0.1:9: nothing listens for TCP there"),
        ("coordinator", &federation.address, "proxy 127.0.0.1"),
    ] {
        let output = told(host, proxy)?;
        assert!(output.contains(expected), "{expected}: {output}");
    }
    // A file that others may read stops the node before it connects to anybody.
    let way = "coordinator = \"a.invalid:443\"\nproxy = \"http://127.0.0.1:9\"\n\
               proxy_credentials = \"proxy.txt\"";
    federation.reach(SITE, way)?;
    let file = credentials(&federation, CREDENTIALS)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
    for verb in ["check", "run"] {
        let refused = failure(federation.site_node(SITE, verb)?)?;
        assert!(refused.contains("chmod 600") && !refused.contains("sesame"), "{refused}");
    }
    // So does a password in the address, which is not repeated.
    let way = "coordinator = \"a.invalid:443\"\nproxy = \"http://hospital:sesame@127.0.0.1:9\"";
    federation.reach(SITE, way)?;
    let refused = failure(federation.site_node(SITE, "check")?)?;
    assert!(refused.contains("proxy_credentials") && !refused.contains("sesame"), "{refused}");
    stop([coordinator])
}
