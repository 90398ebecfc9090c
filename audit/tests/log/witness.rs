//! Peers that see to it that a log only grows, and proofs of single records.

use audit::note::{Checkpoint, CheckpointText};
use audit::prove::{Proof, ProveError, check, prove};
use audit::record::{Entry, Event, Node, Outcome, Record, Role};
use audit::witness::{Peers, WitnessError, follow};

use super::harness::{Writer, digest, entry, judge, name, public, read, site_log, stamp};

fn witness(checkpoint: CheckpointText, cosigned: bool) -> Entry {
    entry(Event::Witness { peer: name("centre"), checkpoint, cosigned })
}

#[test]
fn a_log_that_grows_is_cosigned_and_one_that_forks_is_not() {
    let ours = tempfile::tempdir().unwrap();
    let theirs = tempfile::tempdir().unwrap();
    let mut site = Writer::new(ours.path(), "site-a", Role::Site, 1);
    let mut centre = Writer::new(theirs.path(), "centre", Role::Coordinator, 1);
    let peer = public("centre");
    let mut peers = Peers::default();
    let mut older = None;
    for round in 0..20 {
        let note = centre.log.checkpoint().unwrap().clone();
        let open = |note| Checkpoint::open(note, &peer).unwrap().size;
        let from = peers.latest(&peer).map_or(0, open);
        let proof = centre.log.tree().consistency(from, centre.log.size()).unwrap();
        peers.judge(&peer, &note, from, &proof).unwrap();
        if round > 1 {
            // Without a proof from where it was seen last, nothing is known of it.
            let unproven = peers.judge(&peer, &note, from - 1, &proof);
            assert!(matches!(unproven, Err(WitnessError::Unproven { .. })), "{unproven:?}");
        }
        let mut cosigned = note.clone();
        site.log.cosign(&mut cosigned).unwrap();
        cosigned.check(&public("site-a")).unwrap();
        cosigned.check(&peer).unwrap();
        // What travels is the signature alone; the owner adds it to its own text.
        let line = cosigned.signatures().last().unwrap().to_string();
        let mut again = note.clone();
        again.add(line.parse().unwrap()).unwrap();
        assert_eq!(again, cosigned);
        site.put(&witness(cosigned.to_string().try_into().unwrap(), true));
        peers.take(&peer, note.clone());
        older.get_or_insert(note);
        for number in 0..=round {
            centre.tell(Event::KeyNew { fingerprint: digest(&format!("{round} {number}")) });
        }
    }
    site.log.checkpoint().unwrap();
    assert_eq!(judge(ours.path()).verdict.exit_code(), 0);
    // What a restart knows is what the records say.
    let mut replayed = Peers::default();
    for record in read(ours.path()) {
        replayed.replay(&record);
    }
    let open = |peers: &Peers| Checkpoint::open(peers.latest(&peer).unwrap(), &peer).unwrap();
    let seen = open(&peers);
    assert_eq!(open(&replayed), seen);
    let older = older.unwrap();
    let back = peers.judge(&peer, &older, 0, &[]);
    assert!(matches!(back, Err(WitnessError::Older { .. })), "{back:?}");
    // What the log was on its way is as good, where that is proven, and what was seen last stays the latest.
    let before = Checkpoint::open(&older, &peer).unwrap();
    let onward = centre.log.tree().consistency(before.size, seen.size).unwrap();
    assert_eq!(peers.judge(&peer, &older, seen.size, &onward).unwrap(), before);
    peers.take(&peer, older.clone());
    site.put(&witness(older.to_string().try_into().unwrap(), true));
    replayed.replay(read(ours.path()).last().unwrap());
    assert_eq!((open(&peers), open(&replayed)), (seen.clone(), seen.clone()));
    let mut bent = onward.clone();
    bent[0].0[0] ^= 1;
    let forked = peers.judge(&peer, &older, seen.size, &bent);
    assert!(matches!(forked, Err(WitnessError::Forked { .. })), "{forked:?}");
    // Another history under the same key.
    let other = tempfile::tempdir().unwrap();
    let mut fork = Writer::new(other.path(), "centre", Role::Coordinator, 2).more(20);
    let early = fork.log.checkpoint().unwrap().clone();
    let mut fork = fork.more(500);
    let note = fork.log.checkpoint().unwrap().clone();
    let proof = fork.log.tree().consistency(seen.size, fork.log.size()).unwrap();
    let error = peers.judge(&peer, &note, seen.size, &proof).unwrap_err();
    assert!(matches!(error, WitnessError::Forked { .. }), "{error}");
    assert!(!follow(&seen, &Checkpoint::open(&note, &peer).unwrap(), &proof));
    // Nor does what was seen go on from an early state of the other one.
    let size = Checkpoint::open(&early, &peer).unwrap().size;
    assert!(size < seen.size);
    for proof in [fork.log.tree().consistency(size, seen.size).unwrap(), onward] {
        let error = peers.judge(&peer, &early, seen.size, &proof).unwrap_err();
        assert!(matches!(error, WitnessError::Forked { .. }), "{error}");
    }
    assert!(peers.judge(&public("site-b"), &note, 0, &[]).is_err(), "another log's key");
    // Both are kept, what was seen stays, and a restart does not forgive.
    let refused = witness(note.to_string().try_into().unwrap(), false);
    site.put(&refused.ended(Outcome::Refused, name("forked")));
    for record in read(ours.path()) {
        replayed.replay(&record);
    }
    assert_eq!(open(&replayed), seen);
    assert_eq!(replayed.distrusted(&peer), Some(&name("forked")));
    replayed.forgive(&peer);
    assert_eq!(replayed.distrusted(&peer), None);
    replayed.judge(&peer, &note, 0, &[]).unwrap();
}

#[test]
fn whatever_is_offered_is_a_state_that_a_peer_may_have_seen() {
    let peer = r#"[{"log":"site-a.1","key":1,"latest":null,"distrusted":null,"evidence":null,"signed":1}]"#;
    let model = digest("model");
    let plan = digest("plan");
    let of = |event| entry(event).of_run(name("run-a"));
    let offers = [
        of(Event::RoundOffer { model, plan }).of_round(1),
        of(Event::StatisticsOffer { question: digest("question") }),
        of(Event::Release { model }),
    ];
    let refused = offers[1].clone().ended(Outcome::Refused, name("other"));
    let others = [refused, of(Event::Kept { model })];
    let seen = |entry: &Entry, role| {
        let mut peers: Peers = serde_json::from_str(peer).unwrap();
        let node = Node { name: name("centre"), role };
        peers.replay(&Record::new(7, &stamp(0), &node, entry));
        peers.seen().collect::<Vec<_>>()
    };
    for offer in &offers {
        assert_eq!(seen(offer, Role::Coordinator), [1, 7], "{offer:?}");
        // A site's records of offers are not shown as such.
        assert_eq!(seen(offer, Role::Site), [1]);
    }
    for other in &others {
        assert_eq!(seen(other, Role::Coordinator), [1], "{other:?}");
    }
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
