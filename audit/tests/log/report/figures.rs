//! What the report says is what the test works out by itself.

use audit::record::{Entry, Event, Mechanism, Role};
use audit::report::{Part, epsilon, gather, render};

use super::dom::{Page, text};
use super::study::{DELTA, Does, LIMIT, RHO, RUN, Study, bytes, cost, does, orders, update};
use crate::harness::{NOISE, Writer, budget, digest, entry, name, reserve, start};

const SITES: [&str; 3] = ["st-elsewhere", "north-general", "lakeside"];
const ROUNDS: u32 = 24;

/// The ε of so many releases, written out anew.
fn expected(releases: u64) -> f64 {
    let unit = (1_u64 << 40) as f64;
    let mut least = f64::INFINITY;
    for (order, cost) in orders().into_iter().zip(cost(RHO)) {
        let total = (cost * releases) as f64 / unit;
        let inverse = 1.0 / (order - 1.0);
        let found = total + inverse * (1.0 / (DELTA * order)).ln() + (1.0 - 1.0 / order).ln();
        least = least.min(found);
    }
    least
}

/// The used part of the budget after so many releases, written out anew, in percent and rounded up.
fn used(releases: u64) -> String {
    let c = |order: f64, delta: f64| {
        ((order - 1.0) / order).ln() - (delta.ln() + order.ln()) / (order - 1.0)
    };
    let all: Vec<(f64, u64)> = orders().into_iter().zip(cost(RHO)).collect();
    let room = |order: f64| (LIMIT - c(order, DELTA)) / order;
    let best = all.iter().map(|(order, _)| *order).fold(f64::NAN, |best, order| {
        if best.is_nan() || room(order) > room(best) { order } else { best }
    });
    let near = |aim: f64| {
        let nearer =
            |a: &&(f64, u64), b: &&(f64, u64)| (a.0 - aim).abs().total_cmp(&(b.0 - aim).abs());
        all.iter().min_by(nearer).copied().unwrap()
    };
    let mut places =
        vec![near(best), near(f64::midpoint(1.0, best)), near(1.0 + (best - 1.0) / 4.0)];
    places.dedup();
    let share = DELTA / places.len() as f64;
    let unit = (1_u64 << 40) as f64;
    let part = |(order, cost): &(f64, u64)| {
        (cost * releases) as f64 / unit / (LIMIT - c(*order, share)).max(1.0 / unit)
    };
    let least = places.iter().map(part).fold(f64::INFINITY, f64::min);
    format!("{:.1} %", (least * 1000.0).ceil() / 10.0)
}

/// Three decimals, not below.
fn rounded(epsilon: f64) -> String {
    format!("{:.3}", (epsilon * 1000.0).ceil() / 1000.0)
}

fn sends(site: usize) -> u64 {
    let sent = |round: &u32| matches!(does(site, *round), Does::Sends | Does::Fails);
    (1..=ROUNDS).filter(sent).count() as u64
}

/// Metrics leave every sixth round that a site takes part in.
fn metrics(site: usize) -> u64 {
    let left = |round: &u32| {
        round.is_multiple_of(6) && matches!(does(site, *round), Does::Sends | Does::Fails)
    };
    (1..=ROUNDS).filter(left).count() as u64
}

#[test]
fn budgets_are_those_worked_out_by_hand() {
    let data = Study::new(&SITES, ROUNDS).data();
    assert_eq!(data.exit_code(), 0, "{:?}", data.differences);
    let html = render(&data);
    let page = Page::parse(&html);
    assert!(html.contains("Experiment <strong>five-years</strong>"));
    assert!(
        html.contains("reading of 4 columns") && html.contains("<code>measurement:labs:LDL</code>")
    );
    assert!(html.contains("and 1 more, whose names are in the plan"));
    let rows = page.table("Privacy parameters by site");
    assert_eq!(rows.len(), SITES.len());
    for (site, row) in rows.iter().enumerate() {
        let releases = sends(site) + metrics(site);
        let after = expected(releases + 1);
        let said: Vec<&str> = row.iter().map(String::as_str).collect();
        assert_eq!(said[..4], [SITES[site], "breast-registry", "0.900", "1 × 10−6"]);
        assert_eq!(said[4], rounded(expected(1)));
        assert_eq!(said[5], rounded(expected(releases)));
        assert_eq!(said[6], rounded(after));
        assert_eq!(said[7..9], ["1 × 10−5", "4"]);
        assert_eq!(said[9], used(releases + 1));
        assert_eq!(said[10], releases.to_string());
    }
}

#[test]
fn updates_bytes_and_hashes_are_those_that_left() {
    let study = Study::new(&SITES, ROUNDS);
    let data = study.data();
    let page = Page::parse(&render(&data));
    let listed = page.table("Updates");
    let mut expected = Vec::new();
    for round in 1..=ROUNDS {
        // By name, as the report sorts them.
        for site in [2, 1, 0] {
            if sends_in(site, round) {
                let hash = update(SITES[site], round).to_string();
                let summed =
                    if does(site, round) == Does::Sends { "yes" } else { "rejected: norm-bound" };
                expected.push([round.to_string(), SITES[site].into(), hash, summed.into()]);
            }
        }
    }
    let found: Vec<[String; 4]> = listed
        .iter()
        .map(|row| [row[0].clone(), row[1].clone(), row[2].clone(), row[6].clone()])
        .collect();
    assert_eq!(found, expected);
    let sum: u64 = (1..=ROUNDS)
        .map(|round| (0..3).filter(|site| sends_in(*site, round)).count() as u64 * bytes(round))
        .sum();
    let json = data.to_json();
    assert_eq!(json["bytes"], sum);
    assert_eq!(json["updates"], expected.len());
    for (row, site) in page.table("Updates by site").iter().zip([2, 1, 0]) {
        let own = (1..=ROUNDS).filter(|round| sends_in(site, *round));
        let bytes: u64 = own.clone().map(bytes).sum();
        assert_eq!(row[1], own.clone().count().to_string());
        assert_eq!(row[3].replace(',', ""), bytes.to_string());
        assert_eq!(row[6], format!("{0} of {0}", own.count()));
    }
    // The participation grid's source.
    for ((round, site), update) in &data.updates {
        let place = SITES.iter().position(|known| *known == site.as_str()).unwrap();
        let part = match does(place, *round) {
            Does::Sends => Part::Summed,
            Does::Fails | Does::Refuses => Part::Refused,
            Does::Nothing => Part::Absent,
        };
        assert_eq!(update.part(), part, "{site} {round}");
    }
}

fn sends_in(site: usize, round: u32) -> bool {
    matches!(does(site, round), Does::Sends | Does::Fails)
}

#[test]
fn decisions_policies_keys_lineage_and_heads_are_told() {
    let study = Study::new(&SITES, ROUNDS);
    let data = study.data();
    let page = Page::parse(&render(&data));
    let decisions = page.table("Decisions");
    assert_eq!(decisions.len(), 5, "a start, three consents and a release");
    assert!(decisions.iter().any(|row| row[3].starts_with("started") && row[1] == "centre"));
    assert_eq!(decisions.iter().filter(|row| row[2] == "dr-okafor").count(), 3);
    let policies = page.table("Policies");
    let hash = crate::harness::digest("policy lakeside").to_string();
    assert!(policies.iter().any(|row| row[1] == "lakeside" && row[3] == hash));
    let keys = page.table("Certificates and keys");
    let hash = crate::harness::digest("certificate lakeside").to_string();
    assert!(keys.iter().any(|row| row[3] == "lakeside" && row[4] == hash));
    let lineage = page.table("Rounds");
    assert_eq!(lineage.len(), ROUNDS as usize);
    for (round, row) in (1..).zip(&lineage) {
        let from =
            if round == 1 { "–".into() } else { format!("the result of round {}", round - 1) };
        assert_eq!((&row[0], &row[2]), (&round.to_string(), &from));
    }
    // The coordinator's head bears every site's signature, all of them checked.
    let heads: Vec<String> = page.elements("article").iter().map(text).collect();
    assert_eq!(heads.len(), 4);
    assert_eq!(heads[0].matches("valid").count(), 4, "{}", heads[0]);
    for log in &data.logs {
        let (checkpoint, note) = log.head.as_ref().unwrap();
        let said = &heads[data.logs.iter().position(|other| other.key == log.key).unwrap()];
        assert!(said.contains(&checkpoint.root.to_string()) && said.contains(&log.key.to_string()));
        assert!(note.check(&log.key).is_ok());
    }
    assert_eq!(page.table("Witnessed heads").len(), 3);
    let refusals = page.table("Refusals");
    let refused = (1..=ROUNDS)
        .flat_map(|round| (0..3).map(move |site| does(site, round)))
        .filter(|does| matches!(does, Does::Fails | Does::Refuses));
    assert_eq!(refusals.len(), refused.count());
}

#[test]
fn an_accountant_of_the_callers_is_believed() {
    let study = Study::new(&SITES[..1], 3);
    let place = study.place(SITES[0]);
    let key = audit::folder::key(&place).unwrap();
    let ask = |epsilon: Option<&epsilon::Epsilon<'_>>| {
        let logs = vec![(place.as_path(), key.clone())];
        let run = name(RUN);
        let request = audit::report::Request { run, logs, trusted: true, cost: None, epsilon };
        gather(&request).unwrap().to_json()["privacy"][0]["epsilon_after"].clone()
    };
    assert_eq!(ask(Some(&|_, _, _| Some(0.125))), "0.125");
    let unsure = |_: &[f64], _: &[u64], _: f64| None;
    assert_eq!(ask(Some(&unsure)), rounded(expected(4)).as_str());
}

#[test]
fn units_and_relations_are_those_of_the_mechanism() {
    let words = |mechanism| {
        let data = Study::with(&SITES, 2, mechanism).data();
        Page::parse(&render(&data)).texts("id", "privacy").concat()
    };
    let patients =
        words(Mechanism::SampledGaussian { sampling_rate: 0.05, noise_multiplier: 1.1, steps: 20 });
    assert!(
        patients.contains("one patient, all of whose records count as one, added or removed at")
    );
    assert!(patients.contains("20 steps.") && patients.contains("probability 0.05"));
    assert!(
        patients.contains("clipped to norm 1.5") && patients.contains("deviation of 1.1 times")
    );
    let hospital = words(Mechanism::GaussianUpdate { noise_multiplier: 16.0 });
    assert!(hospital.contains("one hospital's data, replaced (bounded)"));
    let nobody = Study::with(&SITES, 2, Mechanism::ClipOnly).data();
    let page = render(&nobody);
    assert!(page.contains("Without privacy protection") && page.contains("no noise: no ε"));
}

#[test]
fn sites_without_a_log_are_named_as_such() {
    let study = Study::new(&SITES, 4);
    let data = study.data_of(true, &study.sites[..1]);
    assert_eq!(data.absent(), [&name("lakeside"), &name("north-general")]);
    let html = render(&data);
    Page::parse(&html);
    assert!(html.contains("were not given"));
    // A site by itself can report as well.
    let data = study.data_of(false, &study.sites[..1]);
    // That nobody's log was held against it is said, and is never green.
    assert_eq!((data.exit_code(), data.logs.len()), (1, 1));
    assert_eq!(data.judgement.reasons[0].code, "absent");
    Page::parse(&render(&data));
}

#[test]
fn what_no_epsilon_covers_and_what_is_not_signed_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Writer::new(folder.path(), "site-a", Role::Site, 1);
    for event in [start(), budget()] {
        log.tell(event);
    }
    let consent = |log: &mut Writer, run: &str| {
        log.put(&entry(Event::Consent { plan: digest(run), terms: None }).of_run(name(run)));
    };
    // An earlier run without noise, with an exact metric, on the same data.
    consent(&mut log, "bare");
    log.of("bare", 1, reserve(Mechanism::ClipOnly, 0, 0));
    log.of(
        "bare",
        1,
        Event::Metric { name: name("concordance").into(), noised: false, numbers: None },
    );
    consent(&mut log, RUN);
    log.of(RUN, 1, reserve(NOISE, 5, 5));
    log.log.checkpoint().unwrap();
    let signed = log.log.size();
    log.of(RUN, 2, reserve(NOISE, 7, 12));
    let source = (folder.path(), crate::harness::public("site-a"));
    let request = audit::report::Request {
        run: name(RUN),
        logs: vec![source],
        trusted: true,
        cost: None,
        epsilon: None,
    };
    let data = gather(&request).unwrap();
    let (_, ledger) = data.logs[0].charged().next().unwrap();
    assert_eq!((ledger.bare, data.logs[0].story.exact), (1, 1));
    // The second charge stands after the checkpoint: it is no evidence.
    assert_eq!((&ledger.own, &ledger.now), (&vec![5; 3], &vec![5; 3]));
    assert_eq!((data.logs[0].unsigned, data.exit_code()), (1, 1));
    let page = Page::parse(&render(&data));
    let cautions = page.texts("class", "caution").join("\n");
    assert!(
        cautions.contains("releases of registry without noise (1) and exact metrics (1)"),
        "{cautions}"
    );
    let unsigned =
        format!("signed up to record {signed}. 1 later records of this run are not signed");
    assert!(cautions.contains(&unsigned), "{cautions}");
}

/// A run is told by its own records: what is wrong with another one is one line apart.
#[test]
fn faults_of_other_runs_do_not_colour_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let of_site = folder.path().join("site");
    let of_centre = folder.path().join("centre");
    let mut site = Writer::new(&of_site, "site-a", Role::Site, 1);
    let mut centre = Writer::new(&of_centre, "centre", Role::Coordinator, 1);
    let model = digest("model");
    let plan = digest("plan");
    let update = digest("update");
    let consent = |run: &str| entry(Event::Consent { plan, terms: None }).of_run(name(run));
    let received = |run: &str, update| {
        let event = Event::Received { update, bytes: 8 };
        entry(event).of_run(name(run)).of_round(1).with_site(name("site-a"))
    };
    site.tell(start());
    site.tell(budget());
    site.put(&consent(RUN));
    site.of(RUN, 1, Event::RoundOffer { model, plan });
    site.of(RUN, 1, reserve(NOISE, 5, 5));
    site.of(RUN, 1, Event::Noised { update, bytes: 8 });
    site.of(RUN, 1, Event::Sent { update, bytes: 8 });
    site.of(RUN, 1, Event::Acked { update });
    centre.tell(start());
    centre.of(RUN, 1, Event::RoundOffer { model, plan });
    centre.put(&received(RUN, update));
    // Of another run the coordinator made up an update, and the site told a number that it never charged.
    centre.of("other-run", 1, Event::RoundOffer { model, plan });
    centre.put(&received("other-run", digest("made up")));
    site.put(&consent("other-run"));
    let metric = Event::Metric { name: name("concordance").into(), noised: true, numbers: None };
    site.of("other-run", 1, metric);
    site.log.checkpoint().unwrap();
    centre.log.checkpoint().unwrap();
    let of = |run: &str| {
        let logs = vec![
            (of_site.as_path(), crate::harness::public("site-a")),
            (of_centre.as_path(), crate::harness::public("centre")),
        ];
        let run = name(run);
        gather(&audit::report::Request { run, logs, trusted: true, cost: None, epsilon: None })
            .unwrap()
    };
    let data = of(RUN);
    assert_eq!((data.exit_code(), data.elsewhere.len()), (0, 3), "{:?}", data.judgement);
    let html = render(&data);
    let page = Page::parse(&html);
    let note = page.texts("class", "note").join("\n");
    assert!(note.contains("Of other runs these logs tell 3 differences"), "{note}");
    assert!(html.contains("class=\"banner good\"") && note.contains("other-run"), "{note}");
    // The other run's own page is red.
    let data = of("other-run");
    assert_eq!((data.exit_code(), data.elsewhere.len()), (1, 0), "{:?}", data.elsewhere);
    assert!(render(&data).contains("class=\"banner bad\""));
}

#[test]
fn a_statistics_request_is_told_as_what_it_is() {
    const REQUEST: &str = "describe-0123456789abcdef";
    let folder = tempfile::tempdir().unwrap();
    let of_site = folder.path().join("site");
    let of_centre = folder.path().join("centre");
    let mut site = Writer::new(&of_site, "site-a", Role::Site, 1);
    let mut centre = Writer::new(&of_centre, "centre", Role::Coordinator, 1);
    let question = digest("question");
    let asked = || entry(Event::StatisticsOffer { question }).of_run(name(REQUEST));
    let number = |text: &str| Event::Metric {
        name: name(text).into(),
        noised: true,
        numbers: Some(digest(text)),
    };
    centre.tell(start());
    let offer = Entry { actor: name("dr-adeyemi"), ..asked() };
    centre.put(&offer);
    centre.put(&offer);
    site.tell(start());
    site.tell(budget());
    site.put(&asked());
    site.put(&entry(Event::Consent { plan: question, terms: None }).of_run(name(REQUEST)));
    site.of(REQUEST, 1, reserve(NOISE, 5, 5));
    site.of(REQUEST, 1, number("update"));
    // The coordinator says that it was told other numbers.
    let told = entry(number("made-up")).of_run(name(REQUEST)).of_round(1);
    centre.put(&told.with_site(name("site-a")));
    site.log.checkpoint().unwrap();
    centre.log.checkpoint().unwrap();
    let logs = vec![
        (of_site.as_path(), crate::harness::public("site-a")),
        (of_centre.as_path(), crate::harness::public("centre")),
    ];
    let run = name(REQUEST);
    let request = audit::report::Request { run, logs, trusted: true, cost: None, epsilon: None };
    let data = gather(&request).unwrap();
    assert!(data.is_statistics_request() && data.to_json()["is_statistics_request"] == true);
    assert_eq!(data.started_by(), Some(&name("dr-adeyemi")));
    assert_eq!((data.updates.len(), data.rounds().len()), (0, 1));
    let found = &data.judgement.reasons[0];
    let what = format!("what site-a answered to statistics request {REQUEST} is not the same");
    assert!(found.code == "altered" && found.text.starts_with(&what), "{found:?}");
    let html = render(&data);
    let decisions = Page::parse(&html).table("Decisions");
    let decided =
        |words: &str| decisions.iter().filter(|row| row.join(" ").contains(words)).count();
    assert_eq!((decided("made the statistics request"), decisions.len()), (1, 2));
    assert_eq!(decided("agreed to the statistics request"), 1);
    assert!(html.contains("A statistics request trains no model."));
    let centre = audit::folder::key(&of_centre).unwrap();
    let site = audit::folder::key(&of_site).unwrap();
    let found = audit::reconcile::reconcile(&[(&of_centre, centre), (&of_site, site)], 1000);
    assert_eq!(found.requests.into_iter().collect::<Vec<_>>(), [name(REQUEST)]);
}

#[test]
fn a_run_that_nobody_knows_is_an_error() {
    let study = Study::new(&SITES[..1], 1);
    let place = study.place("centre");
    let key = audit::folder::key(&place).unwrap();
    let request = audit::report::Request {
        run: name("other"),
        logs: vec![(&place, key)],
        trusted: true,
        cost: None,
        epsilon: None,
    };
    assert_eq!(gather(&request).unwrap_err().run, name("other"));
}
