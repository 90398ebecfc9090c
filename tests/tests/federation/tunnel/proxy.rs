//! A hospital's HTTP proxy: CONNECT alone, with or without a user and a password.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use tests::SetupError;

use super::forwarder::join;

/// What a proxy was asked, one string for each request.
type Requests = Arc<Mutex<Vec<String>>>;

/// It listens. Its threads end with the process.
pub struct HttpProxy {
    pub address: String,
    requests: Requests,
}

impl HttpProxy {
    /// Connects whoever asks to the coordinator. `authorization`, if any, is what the header must say.
    pub fn new(coordinator: &str, authorization: Option<&str>) -> Result<Self, SetupError> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let requests = Requests::default();
        let coordinator: Arc<str> = coordinator.into();
        let expected: Option<Arc<str>> = authorization.map(Into::into);
        let asked = Arc::clone(&requests);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let coordinator = Arc::clone(&coordinator);
                let expected = expected.clone();
                let asked = Arc::clone(&asked);
                // A client that goes away ends its own request alone.
                thread::spawn(move || serve(client, &coordinator, expected.as_deref(), &asked));
            }
        });
        Ok(Self { address, requests })
    }

    /// All that was asked so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().map(|requests| requests.clone()).unwrap_or_default()
    }
}

fn serve(
    mut client: TcpStream,
    coordinator: &str,
    authorization: Option<&str>,
    asked: &Requests,
) -> std::io::Result<()> {
    let mut request = String::new();
    // A client sends nothing after its request before it has an answer.
    let mut reader = BufReader::new(client.try_clone()?);
    while reader.read_line(&mut request)? > 2 {}
    if let Ok(mut asked) = asked.lock() {
        asked.push(request.clone());
    }
    let is_known = authorization.is_none_or(|expected| {
        request.lines().any(|line| line == format!("Proxy-Authorization: Basic {expected}"))
    });
    if !is_known {
        return client.write_all(
            b"HTTP/1.1 407 Proxy Authentication Required\r\n\
              Proxy-Authenticate: Basic realm=\"hospital\"\r\nContent-Length: 4\r\n\r\npage",
        );
    }
    if !request.starts_with("CONNECT ") {
        return client.write_all(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n");
    }
    if request.contains("forbidden") {
        return client.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n");
    }
    let Ok(far) = TcpStream::connect(coordinator) else {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n");
    };
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    join(client, far);
    Ok(())
}
