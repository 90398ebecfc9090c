//! A whole study: a coordinator and some hospitals, with everything that a report tells of.

use std::path::{Path, PathBuf};

use audit::Digest;
use audit::folder;
use audit::reconcile::Source;
use audit::record::{
    Entry, Event, Input, Mechanism, Outcome, Promise, Reserve, Role, Terms, UPDATE,
};
use audit::report::{Data, Request, gather};
use audit::witness::Peers;
use tempfile::TempDir;

use crate::harness::{Writer, digest, entry, name, start};

pub const RUN: &str = "quiet-heron-5f3a09c1";
pub const DELTA: f64 = 1e-5;
pub const LIMIT: f64 = 4.0;
pub const CLIP: f64 = 1.5;

/// The ledger's orders.
pub fn orders() -> Vec<f64> {
    vec![1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0]
}

/// What a round costs a site, at each order: that of a Gaussian with this ρ.
pub fn cost(rho: f64) -> Vec<u64> {
    let units = |order: f64| (order * rho * (1_u64 << 40) as f64).ceil();
    orders().into_iter().map(|order| format!("{}", units(order)).parse().unwrap()).collect()
}

pub struct Study {
    folder: TempDir,
    pub sites: Vec<String>,
}

/// What a site does in a round, by a rule that a test can follow as well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Does {
    Sends,
    /// Its update does not pass a check.
    Fails,
    /// It refuses the round.
    Refuses,
    /// It is not there.
    Nothing,
}

pub fn does(site: usize, round: u32) -> Does {
    match (site, round % 11) {
        (1, 5) => Does::Fails,
        (2, 3) => Does::Refuses,
        (2, 8 | 9) => Does::Nothing,
        _ => Does::Sends,
    }
}

pub fn update(site: &str, round: u32) -> Digest {
    digest(&format!("{site} {round}"))
}

pub fn bytes(round: u32) -> u64 {
    412_000 + u64::from(round % 3) * 20_000
}

/// What the hospitals agree to.
fn terms(rounds: u32, mechanism: Mechanism) -> Terms {
    let columns = ["age", "measurement:labs:LDL", "time"];
    Terms {
        experiment: Some(name("five-years")),
        rounds,
        promised: mechanism.noises().then_some(Promise { epsilon: 0.8996, delta: 1e-6 }),
        columns: columns.map(|column| column.parse().unwrap()).into(),
        columns_in_all: 4,
    }
}

pub const RHO: f64 = 0.0015;
const STEPS: Mechanism =
    Mechanism::SampledGaussian { sampling_rate: 0.05, noise_multiplier: 1.1, steps: 20 };
const METRIC: Mechanism = Mechanism::Zcdp { rho: RHO };

fn of(round: u32, event: Event) -> Entry {
    entry(event).of_run(name(RUN)).of_round(round)
}

impl Study {
    pub fn new(sites: &[&str], rounds: u32) -> Self {
        Self::with(sites, rounds, STEPS)
    }

    /// The same, with another mechanism for updates.
    pub fn with(sites: &[&str], rounds: u32, mechanism: Mechanism) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let study = Self { folder, sites: sites.iter().map(|site| (*site).into()).collect() };
        let mut centre = Writer::new(&study.place("centre"), "centre", Role::Coordinator, 1);
        centre.tell(start());
        let begin = |site: &String| Site::new(&study, site, terms(rounds, mechanism));
        let mut logs: Vec<Site> = study.sites.iter().map(begin).collect();
        let mut model = digest("initial model");
        for round in 1..=rounds {
            let mut inputs = Vec::new();
            centre.put(&of(round, Event::RoundOffer { model, plan: digest("plan") }));
            for (place, log) in logs.iter_mut().enumerate() {
                log.log.millis = log.log.millis.max(centre.millis);
                if let Some(input) = log.round(&mut centre, place, round, model, mechanism) {
                    inputs.push(input);
                }
            }
            model = digest(&format!("model {round}"));
            let rule = name("fed-adam");
            centre.put(&of(round, Event::Aggregated { inputs, rule, output: model }));
            centre.millis += 40_000;
        }
        centre.put(&entry(Event::Release { model }).of_run(name(RUN)));
        for log in &mut logs {
            log.close(&mut centre);
        }
        centre.log.checkpoint().unwrap();
        study
    }

    pub fn place(&self, node: &str) -> PathBuf {
        self.folder.path().join(format!("{node}.1"))
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Everything that the logs tell, with keys from elsewhere.
    pub fn data(&self) -> Data {
        self.data_of(true, &self.sites)
    }

    pub fn data_of(&self, coordinator: bool, sites: &[String]) -> Data {
        let source = |place: &'_ PathBuf| folder::key(place).unwrap();
        let centre = self.place("centre");
        let places: Vec<PathBuf> = sites.iter().map(|site| self.place(site)).collect();
        let mut logs: Vec<Source<'_>> =
            places.iter().map(|place| (place.as_path(), source(place))).collect();
        if coordinator {
            logs.push((centre.as_path(), source(&centre)));
        }
        gather(&Request { run: name(RUN), logs, trusted: true, cost: None, epsilon: None }).unwrap()
    }
}

/// A hospital's log while it is written.
struct Site {
    name: String,
    log: Writer,
    total: Vec<u64>,
}

impl Site {
    fn new(study: &Study, site: &str, terms: Terms) -> Self {
        let mut log = Writer::new(&study.place(site), site, Role::Site, 1);
        log.tell(start());
        log.tell(Event::KeyNew { fingerprint: digest(&format!("certificate {site}")) });
        log.tell(Event::PolicyLoaded { policy: digest(&format!("policy {site}")) });
        let data_set = name("breast-registry");
        let epsilon = LIMIT;
        let delta = DELTA;
        let orders = orders();
        let carried = Vec::new();
        log.tell(Event::Budget { data_set, epsilon, delta, orders, carried });
        let total = vec![0; cost(RHO).len()];
        let mut site = Self { name: site.into(), log, total };
        // An earlier run has spent of the budget.
        let earlier = entry(Event::Consent { plan: digest("earlier"), terms: None })
            .of_run(name("earlier-run"));
        site.log.put(&earlier);
        let charge = site.charge(UPDATE, STEPS);
        site.log.put(&entry(charge).of_run(name("earlier-run")).of_round(1));
        let consent = Event::Consent { plan: digest("plan"), terms: Some(Box::new(terms)) };
        let consent = entry(consent).of_run(name(RUN));
        site.log.put(&Entry { actor: name("dr-okafor"), ..consent });
        site
    }

    fn charge(&mut self, what: &str, mechanism: Mechanism) -> Event {
        let cost = if mechanism.noises() { cost(RHO) } else { vec![0; self.total.len()] };
        for (total, cost) in self.total.iter_mut().zip(&cost) {
            *total += cost;
        }
        let data_set = name("breast-registry");
        let what = name(what);
        let total = self.total.clone();
        Event::Reserve(Reserve { data_set, what: what.into(), mechanism, clip: CLIP, cost, total })
    }

    fn round(
        &mut self,
        centre: &mut Writer,
        place: usize,
        round: u32,
        model: Digest,
        mechanism: Mechanism,
    ) -> Option<Input> {
        let does = does(place, round);
        if does == Does::Nothing {
            return None;
        }
        let offer = of(round, Event::RoundOffer { model, plan: digest("plan") });
        self.log.put(&offer);
        if does == Does::Refuses {
            let refused = of(round, Event::Refused { rule: name("opening-hours") });
            self.log.put(&refused.ended(Outcome::Refused, name("outside-hours")));
            return None;
        }
        let update = update(&self.name, round);
        let bytes = bytes(round);
        let charge = self.charge(UPDATE, mechanism);
        self.log.put(&of(round, charge));
        if mechanism.noises() {
            self.log.put(&of(round, Event::Noised { update, bytes }));
        }
        self.log.put(&of(round, Event::Sent { update, bytes }));
        centre.millis = centre.millis.max(self.log.millis);
        let who = name(&self.name);
        let told = |event| of(round, event).with_site(who.clone());
        centre.put(&told(Event::Received { update, bytes }));
        self.log.put(&of(round, Event::Acked { update }));
        if round.is_multiple_of(6) && mechanism.noises() {
            let charge = self.charge("concordance", METRIC);
            self.log.put(&of(round, charge));
            let released =
                Event::Metric { name: name("concordance").into(), noised: true, numbers: None };
            self.log.put(&of(round, released.clone()));
            centre.put(&told(released));
        }
        if does == Does::Fails {
            centre.put(&told(Event::Refused { rule: name("norm-bound") }));
            return None;
        }
        Some(Input { site: name(&self.name), update })
    }

    /// The last words: each signs the other's head.
    fn close(&mut self, centre: &mut Writer) {
        let note = centre.log.checkpoint().unwrap().clone();
        let size = centre.log.size();
        let proof = centre.log.tree().consistency(0, size).unwrap();
        let peer = crate::harness::public("centre");
        Peers::default().judge(&peer, &note, 0, &proof).unwrap();
        let mut cosigned = note;
        self.log.log.cosign(&mut cosigned).unwrap();
        // Others signed it before.
        let before = centre.log.latest().signatures().to_vec();
        for signature in before {
            cosigned.add(signature).unwrap();
        }
        centre.log.keep_cosigned(cosigned.clone()).unwrap();
        let checkpoint = cosigned.to_string().try_into().unwrap();
        let witness = Event::Witness { peer: name("centre"), checkpoint, cosigned: true };
        self.log.put(&entry(witness));
        self.log.log.checkpoint().unwrap();
    }
}
