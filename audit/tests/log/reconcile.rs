//! A federation's logs held against each other: nothing where all is well, and each planted
//! difference under its own name.

use std::path::Path;

use audit::Name;
use audit::reconcile::{Class, MAX_SKEW_MS, Reconciliation, Source, reconcile};
use audit::record::{Entry, Event, Role};
use audit::verify::{Tampering, Verdict};
use tempfile::TempDir;

use super::harness::{NOISE, Writer, copy, digest, entry, name, public, reserve, start};

const SITES: [&str; 3] = ["site-a", "site-b", "site-c"];
const ROUNDS: u32 = 12;

/// What is done otherwise than it should be, at a site and a round.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Plant {
    Lost,
    Forged,
    OtherHash,
    OtherLength,
    OtherModel,
    Uncharged,
    Unconsented,
    Duplicate,
    Replay,
    Skew,
}

struct Federation {
    _folder: TempDir,
    places: Vec<std::path::PathBuf>,
}

fn of(round: u32, event: Event) -> Entry {
    entry(event).of_run(name("run-a")).of_round(round)
}

fn federation(plants: &[(Plant, &str, u32)]) -> Federation {
    let folder = tempfile::tempdir().unwrap();
    let place = |node: &str| folder.path().join(node);
    let mut centre = Writer::new(&place("centre"), "centre", Role::Coordinator, 1);
    centre.tell(start());
    let mut sites: Vec<Writer> =
        SITES.map(|site| Writer::new(&place(site), site, Role::Site, 1)).into();
    let planted = |plant, site: &str, round| plants.contains(&(plant, site, round));
    let model = digest("model");
    let plan = digest("plan");
    for (site, writer) in SITES.iter().zip(&mut sites) {
        writer.tell(start());
        writer.tell(super::harness::budget());
        if !plants.iter().any(|(plant, at, _)| *plant == Plant::Unconsented && at == site) {
            writer.put(&entry(Event::Consent { plan, terms: None }).of_run(name("run-a")));
        }
    }
    for round in 1..=ROUNDS {
        centre.put(&of(round, Event::RoundOffer { model, plan }));
        for (site, writer) in SITES.iter().zip(&mut sites) {
            let is = |plant| planted(plant, site, round);
            writer.millis = writer.millis.max(centre.millis);
            if is(Plant::Skew) {
                writer.millis += MAX_SKEW_MS + 60_000;
            }
            let offered = if is(Plant::OtherModel) { digest("other") } else { model };
            let update = digest(&format!("{site} {round}"));
            let forged = is(Plant::Forged) || is(Plant::Replay);
            if !forged {
                writer.put(&of(round, Event::RoundOffer { model: offered, plan }));
                if !is(Plant::Uncharged) {
                    writer.total += 5;
                    let total = writer.total;
                    writer.put(&of(round, reserve(NOISE, 5, total)));
                }
                writer.put(&of(round, Event::Noised { update, bytes: 64 }));
                writer.put(&of(round, Event::Sent { update, bytes: 64 }));
            }
            let heard = if is(Plant::OtherHash) {
                digest("altered")
            } else if is(Plant::Replay) {
                digest(&format!("{site} {}", round - 1))
            } else {
                update
            };
            let bytes = if is(Plant::OtherLength) { 65 } else { 64 };
            let received = of(round, Event::Received { update: heard, bytes });
            let received = received.with_site(name(site));
            if !is(Plant::Lost) {
                centre.put(&received);
            }
            if is(Plant::Duplicate) {
                centre.put(&received);
            }
        }
    }
    let mut places = vec![place("centre")];
    places.extend(SITES.map(place));
    centre.log.checkpoint().unwrap();
    for site in &mut sites {
        site.log.checkpoint().unwrap();
    }
    Federation { _folder: folder, places }
}

impl Federation {
    fn reconcile(&self) -> Reconciliation {
        self.reconcile_given(1)
    }

    /// The same, with each log given so many times.
    fn reconcile_given(&self, times: usize) -> Reconciliation {
        let source = |(path, node): (&'_ std::path::PathBuf, &str)| -> (std::path::PathBuf, _) {
            (path.clone(), public(node))
        };
        let nodes = ["centre"].iter().chain(&SITES).copied();
        let owned: Vec<_> = self.places.iter().zip(nodes).map(source).collect();
        let sources: Vec<Source<'_>> =
            owned.iter().map(|(path, key)| (path.as_path(), key.clone())).collect();
        reconcile(&vec![sources; times].concat(), MAX_SKEW_MS)
    }
}

#[test]
fn logs_that_agree_show_no_difference() {
    let found = federation(&[]).reconcile();
    assert_eq!(found.discrepancies, []);
    assert_eq!(found.agreed, u64::from(ROUNDS) * 3);
    assert_eq!((found.exit_code(), found.absent.len()), (0, 0));
    // A copy beside a log accuses nobody, and hides nothing.
    let twice = federation(&[]).reconcile_given(2);
    assert_eq!((twice.exit_code(), twice.discrepancies.len()), (0, 0));
    let forged = [(Plant::Forged, SITES[0], 1)];
    let told = |times| federation(&forged).reconcile_given(times).discrepancies;
    assert!(!told(1).is_empty());
    assert_eq!(told(1), told(2));
}

#[test]
fn ten_planted_differences_are_all_named() {
    let plants = [
        (Plant::Lost, "site-a", 2, Class::Lost),
        (Plant::Forged, "site-b", 3, Class::Forged),
        (Plant::OtherHash, "site-a", 4, Class::Altered),
        (Plant::OtherLength, "site-b", 5, Class::Altered),
        (Plant::OtherModel, "site-a", 6, Class::Altered),
        (Plant::Uncharged, "site-b", 7, Class::Uncharged),
        (Plant::Duplicate, "site-a", 8, Class::Duplicate),
        (Plant::Replay, "site-b", 9, Class::Duplicate),
        (Plant::Skew, "site-a", 12, Class::ClockSkew),
    ];
    let given: Vec<_> =
        plants.iter().map(|(plant, site, round, _)| (*plant, *site, *round)).collect();
    let found = federation(&given).reconcile();
    let expected: Vec<(Class, Name, u32)> =
        plants.iter().map(|(_, site, round, class)| (*class, name(site), *round)).collect();
    let mut named: Vec<(Class, Name, u32)> =
        found.discrepancies.iter().map(|one| (one.class, one.site.clone(), one.round)).collect();
    named.sort_by_key(|(_, _, round)| *round);
    assert_eq!(named, expected);
    assert_eq!(found.agreed, u64::from(ROUNDS) * 3 - 9);
    assert_eq!(found.exit_code(), 1);
    for one in &found.discrepancies {
        let ours = one.coordinator_seq;
        let theirs = one.site_seq;
        let both = match one.class {
            Class::Lost => ours.is_none() && theirs.is_some(),
            Class::Forged => ours.is_some() && theirs.is_none(),
            Class::Duplicate => ours.is_some(),
            _ => ours.is_some() && theirs.is_some(),
        };
        assert!(both, "{one:?}");
    }
    // The tenth: a site that never consented, each of whose rounds is named.
    let found = federation(&[(Plant::Unconsented, "site-c", 1)]).reconcile();
    let unconsented = |one: &&audit::reconcile::Discrepancy| {
        one.class == Class::Unconsented && one.site == name("site-c")
    };
    assert_eq!(found.discrepancies.iter().filter(unconsented).count(), ROUNDS as usize);
    assert_eq!(found.discrepancies.len(), ROUNDS as usize);
}

fn pair<'a>(centre: &'a Path, site: &'a Path) -> (Source<'a>, Source<'a>) {
    ((centre, public("centre")), (site, public("site-a")))
}

#[test]
fn a_log_cut_back_since_a_peer_saw_it_is_found() {
    let ours = tempfile::tempdir().unwrap();
    let theirs = tempfile::tempdir().unwrap();
    let mut site = Writer::new(ours.path(), "site-a", Role::Site, 1);
    site.tell(start());
    site.log.checkpoint().unwrap();
    let older = copy(ours.path());
    site.tell(Event::KeyNew { fingerprint: digest("key") });
    let note = site.log.checkpoint().unwrap().to_string();
    let mut centre = Writer::new(theirs.path(), "centre", Role::Coordinator, 1);
    let checkpoint = note.try_into().unwrap();
    centre.tell(Event::Witness { peer: name("site-a"), checkpoint, cosigned: false });
    centre.log.checkpoint().unwrap();
    let (one, other) = pair(theirs.path(), ours.path());
    assert_eq!(reconcile(&[one, other], MAX_SKEW_MS).exit_code(), 0);
    let (one, other) = pair(theirs.path(), older.path());
    let found = reconcile(&[one, other], MAX_SKEW_MS);
    let truncated = Tampering::Truncated { signed: 3, found: 2 };
    assert_eq!(found.reports[1].verdict, Verdict::Tampered(truncated));
    assert_eq!(found.exit_code(), 2);
}

#[test]
fn a_site_without_a_log_is_named_as_absent() {
    let whole = federation(&[]);
    let (centre, site) = pair(&whole.places[0], &whole.places[1]);
    let found = reconcile(&[centre, site], MAX_SKEW_MS);
    assert_eq!(found.absent, [name("site-b"), name("site-c")]);
    assert_eq!(found.exit_code(), 1);
}
