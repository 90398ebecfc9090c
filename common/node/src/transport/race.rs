//! Several addresses of one name, tried beside each other (after RFC 8305).

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;

use super::address::Address;

/// How long an address may be silent before the next one is tried beside it.
const STAGGER: Duration = Duration::from_secs(1);

/// Why each of several addresses could not be reached.
#[derive(Debug)]
pub(super) struct Failures(Vec<(SocketAddr, String)>);

impl Failures {
    /// In words. An address is named unless it is the only one, and stands in `to` already.
    pub(super) fn named(&self, to: &Address) -> String {
        match self.0.as_slice() {
            [] => "the name has no address; check it, and this machine's DNS".to_owned(),
            [(address, why)] if *to == Address::from(*address) => why.clone(),
            all => {
                let each: Vec<String> =
                    all.iter().map(|(address, why)| format!("{address}: {why}")).collect();
                each.join("; ")
            }
        }
    }
}

/// Tries addresses, each a while after the one before or as soon as it has failed. The first that is reached wins, and
/// the others are given up.
pub(super) async fn first<T, F>(
    addresses: &[SocketAddr],
    attempt: impl Fn(SocketAddr) -> F,
) -> Result<T, Failures>
where
    T: Send + 'static,
    F: Future<Output = Result<T, String>> + Send + 'static,
{
    let mut left = addresses.iter().copied();
    let mut attempts = JoinSet::new();
    let mut failures = Vec::new();
    loop {
        let next = left.next();
        if let Some(address) = next {
            let attempt = attempt(address);
            attempts.spawn(async move { attempt.await.map_err(|error| (address, error)) });
        }
        tokio::select! {
            ended = attempts.join_next() => match ended {
                Some(Ok(Ok(reached))) => return Ok(reached),
                Some(Ok(Err(failure))) => failures.push(failure),
                // A defect in one attempt was reported; the others go on.
                Some(Err(_)) => {}
                None => return Err(Failures(failures)),
            },
            () = tokio::time::sleep(STAGGER), if next.is_some() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 443))
    }

    #[tokio::test]
    async fn a_silent_address_does_not_hide_the_next_one() {
        let addresses = [1, 2, 3].map(address);
        let reached = first(&addresses, |at| async move {
            match at.ip().to_string().as_str() {
                "192.0.2.1" => std::future::pending().await,
                "192.0.2.2" => Err("refused".to_owned()),
                _ => Ok(at),
            }
        });
        assert_eq!(reached.await.unwrap(), address(3));
    }

    #[tokio::test]
    async fn where_all_fail_each_is_named() {
        let fail = |at: SocketAddr| async move { Err::<(), _>(format!("no {}", at.port())) };
        let failures = first(&[address(1), address(2)], fail).await.unwrap_err();
        let to: Address = "coordinator.example.org:443".parse().unwrap();
        assert_eq!(failures.named(&to), "192.0.2.1:443: no 443; 192.0.2.2:443: no 443");
        let failures = first(&[address(1)], fail).await.unwrap_err();
        assert_eq!(failures.named(&address(1).into()), "no 443");
        assert_eq!(failures.named(&to), "192.0.2.1:443: no 443");
        let failures = first(&[], fail).await.unwrap_err();
        assert!(failures.named(&to).contains("no address"));
    }
}
