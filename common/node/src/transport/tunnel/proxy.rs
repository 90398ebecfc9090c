//! The way through a hospital's HTTP proxy: CONNECT, with a user and a password where it asks for them.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base::config::{FromValue, Value, ValueError, parsed};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

use super::reply::{MAX_HEAD, NoReply, Reply, end_of_head, may_begin};
use crate::transport::Address;

/// How to write a proxy's address.
const ADDRESS_HINT: &str = "use the address of an HTTP proxy, such as \"http://proxy.example.org:3128\"; its user and \
                            password belong into the file that proxy_credentials names";

/// The most bytes of a file with a user and a password.
const MAX_CREDENTIALS: u64 = 1 << 10;

/// An HTTP proxy that connects this machine to the coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Where it listens.
    pub address: Address,
    /// The file with `user:password`, if it asks for them. It is read at each connection.
    pub credentials: Option<PathBuf>,
}

/// The address of an HTTP proxy, as a setting spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyAddress(pub Address);

impl FromStr for ProxyAddress {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let place = text.strip_prefix("http://").ok_or(())?;
        let place = place.strip_suffix('/').unwrap_or(place);
        place.parse().map(Self).map_err(|_| ())
    }
}

impl FromValue for ProxyAddress {
    fn from_value(value: &Value<'_>) -> Result<Self, ValueError> {
        // What was found may contain a password, so it is not repeated.
        parsed(value, ADDRESS_HINT).map_err(|error| ValueError {
            what: "not the address of an HTTP proxy".to_owned(),
            ..error
        })
    }
}

/// A user and a password that cannot be used. Nothing of them is in its text.
#[derive(Debug, thiserror::Error)]
#[error("proxy_credentials {}: {why}", path.display())]
pub struct CredentialsError {
    path: PathBuf,
    why: String,
}

/// A user and a password, as a proxy wants them.
pub(super) struct Credentials(Zeroizing<String>);

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

impl Credentials {
    /// Reads `user:password` from the first line of a file.
    pub(super) fn load(path: &Path) -> Result<Self, CredentialsError> {
        let failed = |why: String| CredentialsError { path: path.to_owned(), why };
        let form = || failed("its first line must be user:password".to_owned());
        let io = |error: std::io::Error| {
            failed(format!("{error}; give the file to the account that runs this program"))
        };
        let file = std::fs::File::open(path).map_err(io)?;
        if let Some(mode) = open_to_others(&file.metadata().map_err(io)?) {
            return Err(failed(format!("others may read it (mode {mode:o}); run chmod 600 on it")));
        }
        let mut text = Zeroizing::new(String::new());
        file.take(MAX_CREDENTIALS).read_to_string(&mut text).map_err(io)?;
        let line = text.lines().next().unwrap_or_default();
        let (user, _) = line.split_once(':').ok_or_else(form)?;
        if user.is_empty() || line.chars().any(char::is_control) {
            return Err(form());
        }
        Ok(Self(Zeroizing::new(STANDARD.encode(line))))
    }
}

/// Why there is no way through a proxy.
#[derive(Debug)]
pub(super) struct ProxyRefusal {
    /// In words.
    pub why: String,
    /// Whether the proxy does not accept the user and the password that it was given.
    pub is_of_credentials: bool,
}

impl From<String> for ProxyRefusal {
    fn from(why: String) -> Self {
        Self { why, is_of_credentials: false }
    }
}

impl Proxy {
    /// That the user and the password can be read.
    ///
    /// # Errors
    /// What is wrong with their file.
    pub fn check(&self) -> Result<(), CredentialsError> {
        self.credentials.as_deref().map_or(Ok(()), |path| Credentials::load(path).map(drop))
    }

    /// Asks the proxy for a connection to a place.
    pub(super) async fn connect<S>(&self, stream: &mut S, to: &Address) -> Result<(), ProxyRefusal>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let proxy = &self.address;
        let credentials = self.credentials.as_deref().map(Credentials::load).transpose();
        let credentials = credentials.map_err(|error| ProxyRefusal::from(error.to_string()))?;
        let mut request = Zeroizing::new(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n"));
        if let Some(Credentials(encoded)) = &credentials {
            request.push_str("Proxy-Authorization: Basic ");
            request.push_str(encoded);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        let lost = |error: std::io::Error| format!("proxy {proxy}: {error}");
        stream.write_all(request.as_bytes()).await.map_err(lost)?;
        stream.flush().await.map_err(lost)?;
        let head = read_head(stream).await.map_err(|why| format!("proxy {proxy}: {why}"))?;
        let reply = Reply::parse(&head).map_err(|NoReply| format!("proxy {proxy}: {NO_PROXY}"))?;
        if reply.is_success() {
            return Ok(());
        }
        let why = explain(&reply, to, self.credentials.as_deref());
        let is_of_credentials = reply.status == 407 && credentials.is_some();
        Err(ProxyRefusal { why: format!("proxy {proxy}: {why}"), is_of_credentials })
    }
}

/// What is said of a program that is no HTTP proxy.
const NO_PROXY: &str = "what answers there is no HTTP proxy; check `proxy`";

/// Reads the head of an answer and not a byte beyond: what follows is TLS.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Vec<u8>, String> {
    let mut head = Vec::new();
    loop {
        let mut piece = [0; 512];
        let read = stream.read(&mut piece).await.map_err(|error| error.to_string())?;
        if read == 0 {
            return Err("it closed the connection before it answered CONNECT".to_owned());
        }
        head.extend_from_slice(piece.get(..read).unwrap_or_default());
        if !may_begin(&head) {
            return Err(NO_PROXY.to_owned());
        }
        if let Some(end) = end_of_head(&head) {
            // The coordinator waits for this side to speak, so nothing of its own can follow yet. The page that
            // explains a refusal is not read.
            let is_success = Reply::parse(&head).is_ok_and(|reply| reply.is_success());
            if is_success && head.len() > end {
                return Err("it sent bytes of its own after it answered CONNECT".to_owned());
            }
            head.truncate(end);
            return Ok(head);
        }
        if head.len() > MAX_HEAD {
            return Err(format!("its answer to CONNECT is longer than {MAX_HEAD} bytes"));
        }
    }
}

/// A refusal in words that say what to do.
fn explain(reply: &Reply, to: &Address, credentials: Option<&Path>) -> String {
    let Reply { status, reason, schemes } = reply;
    let is_basic = |scheme: &String| scheme.eq_ignore_ascii_case("basic");
    match (status, credentials) {
        (407, _) if !schemes.is_empty() && !schemes.iter().any(is_basic) => format!(
            "it asks for authentication by {} (407), and only Basic is supported; ask its people for Basic, or for an \
             exception for {to}",
            schemes.join(", ")
        ),
        (407, None) => "it asks for a user and a password (407); write user:password into a file that only this \
                        account may read, and name it in proxy_credentials"
            .to_owned(),
        (407, Some(path)) => format!(
            "it refuses the user and the password of {} (407); correct them there",
            path.display()
        ),
        (403, _) => format!(
            "it does not allow CONNECT to {to} (403 {reason}); ask its people to allow it"
        ),
        (502..=504, _) => format!(
            "it cannot reach {to} ({status} {reason}); check `coordinator` and `tcp`, and that the coordinator runs"
        ),
        _ => format!(
            "it answers CONNECT to {to} with {status} {reason}; ask its people to allow CONNECT to this place"
        ),
    }
}

#[cfg(unix)]
fn open_to_others(metadata: &std::fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn open_to_others(_: &std::fs::Metadata) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_proxy_is_an_http_address_without_a_password() {
        for text in ["http://proxy:3128", "http://10.0.0.1:80/", "http://[::1]:8080"] {
            assert!(text.parse::<ProxyAddress>().is_ok(), "{text}");
        }
        for text in [
            "",
            "proxy:3128",
            "https://proxy:3128",
            "http://proxy",
            "http://a:b@proxy:3128",
            "http://proxy:3128/a",
            "socks5://proxy:1080",
        ] {
            assert!(text.parse::<ProxyAddress>().is_err(), "{text}");
        }
    }

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("proxy.txt");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn credentials_are_read_from_a_file_of_ones_own_and_shown_nowhere() {
        let (_folder, path) = file("Aladdin:open sesame\nnext line\n", 0o600);
        let read = Credentials::load(&path).unwrap();
        assert_eq!(*read.0, "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(format!("{read:?}"), "Credentials(…)");
        for (text, mode, expected) in [
            ("user:secret", 0o640, "chmod 600"),
            ("user-secret\n", 0o600, "user:password"),
            (":secret", 0o600, "user:password"),
            ("", 0o600, "user:password"),
            ("user:sec\u{7}ret", 0o600, "user:password"),
        ] {
            let (_folder, path) = file(text, mode);
            let told = Credentials::load(&path).unwrap_err();
            let shown = format!("{told} {told:?}");
            assert!(shown.contains(expected) && !shown.contains("secret"), "{shown}");
        }
        let long = "user:".to_owned() + &"x".repeat(1 << 20);
        let (_folder, path) = file(&long, 0o600);
        assert!(Credentials::load(&path).unwrap().0.len() < 1 << 11);
    }

    /// What is said after a proxy has answered with these bytes.
    async fn answered(bytes: Vec<u8>) -> Result<(), String> {
        let (mut near, mut far) = tokio::io::duplex(1 << 16);
        let proxy = Proxy { address: "proxy:3128".parse().unwrap(), credentials: None };
        let to = "coordinator.example.org:443".parse().unwrap();
        let answer = async {
            far.write_all(&bytes).await.unwrap();
            drop(far);
        };
        tokio::join!(proxy.connect(&mut near, &to), answer).0.map_err(|refusal| refusal.why)
    }

    #[tokio::test]
    async fn each_refusal_says_what_to_do() {
        let told = async |text: &str| answered(text.as_bytes().to_vec()).await;
        assert_eq!(told("HTTP/1.1 200 OK\r\n\r\n").await, Ok(()));
        for (text, expected) in [
            ("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n\r\npage", "name it in proxy_cred"),
            ("HTTP/1.1 407 No\r\n\r\n", "name it in proxy_credentials"),
            ("HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\n\r\n", "by NTLM (407)"),
            ("HTTP/1.1 403 Forbidden\r\n\r\n", "coordinator.example.org:443 (403 Forbidden)"),
            ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "cannot reach coordinator.example.org:443"),
            ("HTTP/1.1 405 Method Not Allowed\r\n\r\n", "405 Method Not Allowed"),
            ("HTTP/1.1 200 OK\r\n\r\nHello", "bytes of its own"),
            ("HTTP/1.1 200 OK\r\n", "closed the connection before it answered"),
            ("", "closed the connection before it answered"),
            ("SSH-2.0-OpenSSH_9.6\r\n", "no HTTP proxy"),
            ("HTTP/1.1 OK\r\n\r\n", "no HTTP proxy"),
        ] {
            let why = told(text).await.unwrap_err();
            assert!(why.contains(expected) && why.contains("proxy:3128"), "{text}: {why}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_not_read_for_ever() {
        let mut endless = b"HTTP/1.1 200 OK\r\n".to_vec();
        endless.extend(b"X: y\r\n".repeat(MAX_HEAD));
        let why = answered(endless).await.unwrap_err();
        assert!(why.contains("longer than 8192 bytes"), "{why}");
    }
}
