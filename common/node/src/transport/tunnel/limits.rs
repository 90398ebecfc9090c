//! How many tunnels there may be: few that have not shown a certificate, and a share for each certificate.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::fingerprint::Fingerprint;

use crate::transport::origin::Origin;

/// TCP connections in all. Each needs a descriptor, and 1,024 is what many systems grant a process.
const TUNNELS: usize = 512;

/// TCP connections that have not finished TLS.
const UNFINISHED: usize = 128;

/// TCP connections of one address likewise: hospitals may share one.
const UNFINISHED_OF_ONE_ADDRESS: usize = 8;

/// Tunnels under one certificate: an operator may follow several runs.
const OF_ONE_CERTIFICATE: usize = 16;

#[derive(Default)]
struct Counts {
    all: usize,
    unfinished: BTreeMap<Origin, usize>,
    finished: BTreeMap<Fingerprint, usize>,
}

/// Who has a tunnel, or is about to.
#[derive(Default)]
pub(super) struct Limits {
    counts: Mutex<Counts>,
}

enum Stage {
    Unfinished(Origin),
    Finished(Fingerprint),
}

/// A TCP connection that is counted until this is dropped.
pub(super) struct Place {
    limits: Arc<Limits>,
    stage: Stage,
}

impl Limits {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a TCP connection that begins TLS; none where there are too many.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let origin = Origin::from(address);
        let mut counts = self.counts();
        let unfinished: usize = counts.unfinished.values().sum();
        let here = counts.unfinished.get(&origin).copied().unwrap_or(0);
        if counts.all >= TUNNELS || unfinished >= UNFINISHED || here >= UNFINISHED_OF_ONE_ADDRESS {
            return None;
        }
        counts.all += 1;
        counts.unfinished.insert(origin, here + 1);
        Some(Place { limits: Arc::clone(self), stage: Stage::Unfinished(origin) })
    }
}

impl Place {
    /// Counts the connection under the certificate that it has shown; none where that has too many.
    pub(super) fn finished(mut self, certificate: Fingerprint) -> Option<Self> {
        let mut counts = self.limits.counts();
        let own = counts.finished.get(&certificate).copied().unwrap_or(0);
        if own >= OF_ONE_CERTIFICATE {
            drop(counts);
            return None;
        }
        if let Stage::Unfinished(origin) = &self.stage {
            take_one(&mut counts.unfinished, origin);
        }
        counts.finished.insert(certificate, own + 1);
        drop(counts);
        self.stage = Stage::Finished(certificate);
        Some(self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.limits.counts();
        counts.all = counts.all.saturating_sub(1);
        match &self.stage {
            Stage::Unfinished(origin) => take_one(&mut counts.unfinished, origin),
            Stage::Finished(certificate) => take_one(&mut counts.finished, certificate),
        }
    }
}

fn take_one<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn one_address_takes_few_places_and_all_together_leave_room_for_those_with_certificates() {
        let limits = Arc::new(Limits::default());
        let one: Vec<Place> = (0..1000).filter_map(|_| limits.enter(address(1))).collect();
        assert_eq!(one.len(), UNFINISHED_OF_ONE_ADDRESS);
        let many: Vec<Place> = (0..1000).filter_map(|from| limits.enter(address(from))).collect();
        assert_eq!(one.len() + many.len(), UNFINISHED);
        drop((one, many));
        assert!(limits.enter(address(1)).is_some());
        assert!(limits.counts().unfinished.is_empty() && limits.counts().all == 0);
    }

    #[test]
    fn one_certificate_takes_few_tunnels_and_there_is_an_end_to_all() {
        let limits = Arc::new(Limits::default());
        let mut open = Vec::new();
        let mut refused = 0;
        for number in 0..1000_u32 {
            let Some(place) = limits.enter(address(number)) else {
                refused += 1;
                continue;
            };
            match place.finished(Fingerprint::of(&[u8::try_from(number / 20).unwrap()])) {
                Some(place) => open.push(place),
                None => refused += 1,
            }
        }
        assert_eq!((open.len(), refused), (TUNNELS, 1000 - TUNNELS));
        assert!(limits.counts().finished.values().all(|count| *count <= OF_ONE_CERTIFICATE));
        drop(open);
        assert!(limits.counts().finished.is_empty() && limits.counts().all == 0);
    }
}
