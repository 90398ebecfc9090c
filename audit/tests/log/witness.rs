//! Peers that see to it that a log only grows, and proofs of single records.

use audit::note::{Checkpoint, SignedNote};
use audit::prove::{Proof, ProveError, check, prove};
use audit::record::{Event, Role};
use audit::segments::{LogError, follow};

use super::harness::{Writer, digest, judge, name, public, site_log};

#[test]
fn a_log_that_grows_is_cosigned_and_one_that_forks_is_not() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut site = Writer::new(ours.path(), "site-a", Role::Site, 1);
    let mut centre = Writer::new(theirs.path(), "centre", Role::Coordinator, 1);
    let peer = public("centre");
    for round in 0..20 {
        let note = centre.log.checkpoint().unwrap().clone();
        let seen = site.log.witnessed(&peer).unwrap();
        let old = seen.map_or(0, |seen| seen.size);
        let proof = centre.log.tree().consistency(old, centre.log.size()).unwrap();
        let cosigned = site.log.witness(&peer, &note, &proof).unwrap();
        cosigned.check(&public("site-a")).unwrap();
        cosigned.check(&peer).unwrap();
        centre.log.keep_cosigned(cosigned.clone()).unwrap();
        let checkpoint = cosigned.to_string().try_into().unwrap();
        site.tell(Event::Witness { peer: name("centre"), checkpoint, cosigned: true });
        for number in 0..round {
            centre.tell(Event::KeyNew { fingerprint: digest(&format!("{round} {number}")) });
        }
        if round > 0 {
            assert!(centre.log.keep_cosigned(note).is_ok(), "still the latest");
            centre.log.checkpoint().unwrap();
            assert!(centre.log.keep_cosigned(cosigned).is_err(), "no more the latest");
        }
    }
    site.log.checkpoint().unwrap();
    assert_eq!(judge(ours.path()).verdict.exit_code(), 0);
    // Another history under the same key.
    let other = tempfile::tempdir().unwrap();
    let mut fork = Writer::new(other.path(), "centre", Role::Coordinator, 2).more(500);
    let note = fork.log.checkpoint().unwrap().clone();
    let seen = site.log.witnessed(&peer).unwrap().unwrap();
    let proof = fork.log.tree().consistency(seen.size, fork.log.size()).unwrap();
    let error = site.log.witness(&peer, &note, &proof).unwrap_err();
    assert!(matches!(error, LogError::Forked { .. }), "{error}");
    // Both are kept, and what was seen stays.
    assert_eq!(site.log.witnessed(&peer).unwrap().unwrap(), seen);
    let kept = std::fs::read_to_string(ours.path().join("witness/centre.1.fork")).unwrap();
    let kept = Checkpoint::open(&SignedNote::parse(&kept).unwrap(), &peer).unwrap();
    assert!(!follow(&seen, &kept, &proof));
    // An older state of the right log does not follow either.
    assert!(site.log.witness(&public("site-b"), &note, &[]).is_err());
}

#[test]
fn a_proof_shows_one_record_and_nothing_else() {
    let folder = site_log(300, 1);
    let key = public("site-a");
    let size = judge(folder.path()).records;
    for seq in [1, 2, 150, size] {
        let proof = prove(folder.path(), &key, seq).unwrap();
        let text = proof.to_string();
        let read = Proof::parse(&text).unwrap();
        assert_eq!(read, proof);
        assert_eq!(check(&read, &key).unwrap().seq, seq);
        assert!(check(&read, &public("site-b")).is_err());
        // Another line, another place, another path.
        let mut spoiled = proof.clone();
        spoiled.line[8] ^= 1;
        assert!(matches!(check(&spoiled, &key), Err(ProveError::False)));
        let spoiled = Proof { index: proof.index ^ 1, ..proof.clone() };
        assert!(matches!(check(&spoiled, &key), Err(ProveError::False)));
        let spoiled = Proof { path: Vec::new(), ..proof.clone() };
        assert!(matches!(check(&spoiled, &key), Err(ProveError::False)));
        for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
            let read = Proof::parse(&text[..cut]);
            assert!(read.is_err() || check(&read.unwrap(), &key).is_err(), "cut {cut}");
        }
    }
    for seq in [0, size + 1, u64::MAX] {
        assert!(matches!(prove(folder.path(), &key, seq), Err(ProveError::Proof { .. })));
    }
}
