//! The page itself: well-formed, harmless, bounded, and loud where a log does not verify.

use std::fs;

use audit::folder::{key, segment};
use audit::report::{Request, gather, render};

use super::dom::Page;
use super::study::{RUN, Study};
use crate::harness::name;

const SITES: [&str; 3] = ["site-a", "site-b", "site-c"];

#[test]
fn nothing_runs_and_nothing_is_loaded() {
    let html = render(&Study::new(&SITES, 8).data());
    let page = Page::parse(&html);
    assert!(!html.contains("<script") && !html.contains("http://") && !html.contains("https://"));
    assert!(!html.contains("@import") && !html.contains("url("));
    for (element, attributes) in page.attributes() {
        let harmless = !["script", "iframe", "object", "embed", "link", "img", "base", "form"]
            .contains(&element.as_str());
        assert!(harmless, "{element}");
        for (name, value) in attributes {
            assert!(!name.starts_with("on") && name != "src" && name != "style", "{name}");
            assert!(name != "href" || value.starts_with('#'), "{value}");
        }
    }
    let policy = page.texts("http-equiv", "Content-Security-Policy");
    assert_eq!(policy.len(), 1);
    assert!(html.contains("default-src 'none'; style-src 'unsafe-inline'"));
    // Before the first style, so that it holds for all of them.
    assert!(html.find("Content-Security-Policy").unwrap() < html.find("<style").unwrap());
}

#[test]
fn every_link_has_a_place_and_every_place_one_name() {
    let html = render(&Study::new(&SITES, 8).data());
    let page = Page::parse(&html);
    let all = page.attributes();
    let values = |wanted: &str| {
        let pairs = all.iter().flat_map(|(_, attributes)| attributes);
        pairs.filter(|(name, _)| name == wanted).map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    let mut ids = values("id");
    for link in values("href") {
        assert!(ids.contains(&link[1..].to_owned()), "{link}");
    }
    for label in values("aria-labelledby").iter().flat_map(|label| label.split(' ')) {
        assert!(ids.iter().any(|id| id == label), "{label}");
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
    // Charts speak to those who cannot see them.
    let drawn = page.texts("role", "img").len();
    assert_eq!((drawn, page.elements("desc").len()), (5, 5));
}

#[test]
fn the_same_logs_give_the_same_bytes() {
    let study = Study::new(&SITES, 8);
    assert_eq!(render(&study.data()), render(&study.data()));
}

#[test]
fn a_log_that_was_altered_is_told_at_the_top() {
    let study = Study::new(&SITES, 8);
    let path = segment(&study.place("site-b"), 1);
    let lines = fs::read_to_string(&path).unwrap();
    fs::write(&path, lines.replacen("\"bytes\":432000", "\"bytes\":432001", 1)).unwrap();
    let data = study.data();
    assert_eq!(data.exit_code(), 2);
    let html = render(&data);
    let page = Page::parse(&html);
    let banner = page.texts("role", "alert");
    assert_eq!(banner.len(), 1);
    assert!(banner[0].contains("Do not rely on this report") && banner[0].contains("site-b.1"));
    assert!(banner[0].contains("not those that its checkpoint signs"), "{}", banner[0]);
    assert!(html.find("role=\"alert\"").unwrap() < html.find("<main").unwrap());
    assert!(html.contains("log does not verify"));
}

#[test]
fn logs_that_differ_are_told_at_the_top() {
    let one = Study::new(&SITES, 3);
    let other = Study::new(&SITES, 4);
    // The site's log of another telling: the coordinator has more than the site sent.
    let centre = other.place("centre");
    let site = one.place("site-a");
    let source = |place| (key(place).unwrap(), place);
    let ((centre_key, centre), (site_key, site)) = (source(&centre), source(&site));
    let request = Request {
        run: name(RUN),
        logs: vec![(site, site_key), (centre, centre_key)],
        trusted: false,
        cost: None,
        epsilon: None,
    };
    let data = gather(&request).unwrap();
    assert!(data.exit_code() > 0);
    let html = render(&data);
    assert_eq!(Page::parse(&html).texts("role", "alert").len(), 1);
    assert!(html.contains("lie in the logs' own folders"));
}

#[test]
fn hostile_names_stay_text() {
    let study = Study::new(&SITES, 3);
    let evil = "</title><script>alert(1)</script><img src=x onerror=alert(1)>\\\"'";
    // In a record, where no such name is one.
    let path = segment(&study.place("site-a"), 1);
    let lines = fs::read_to_string(&path).unwrap();
    fs::write(&path, lines.replacen("dr-okafor", evil, 1)).unwrap();
    // In a checkpoint.
    let path = study.place("site-b").join("checkpoint");
    let note = fs::read_to_string(&path).unwrap();
    fs::write(&path, note.replacen("site-b.1", evil, 1)).unwrap();
    // And in the name of a folder, which an error repeats.
    let folder = study.root().join("<script>alert(1)<").join("script>");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(study.place("site-c").join("key.pub"), folder.join("key.pub")).unwrap();
    fs::create_dir(folder.join("checkpoint")).unwrap();
    let places = [study.place("site-a"), study.place("site-b"), folder];
    let logs = places.iter().map(|place| (place.as_path(), key(place).unwrap())).collect();
    let request = Request { run: name(RUN), logs, trusted: true, cost: None, epsilon: None };
    let data = gather(&request).unwrap();
    assert!(data.exit_code() >= 2);
    let html = render(&data);
    let page = Page::parse(&html);
    assert!(page.elements("script").is_empty() && page.elements("img").is_empty());
    assert!(html.contains("&lt;script&gt;alert(1)&lt;"), "the folder's name is told, as text");
    assert!(!html.contains("<script") && !html.contains("<img"));
}

#[test]
fn ten_thousand_rounds_fit_in_one_small_page() {
    let study = Study::new(&SITES, 10_000);
    let data = study.data();
    assert_eq!(data.exit_code(), 0);
    let html = render(&data);
    assert!(html.len() < 700_000, "{} bytes", html.len());
    let page = Page::parse(&html);
    assert_eq!(page.table("Updates").len(), 201, "both ends, and what is between");
    let told = data.updates.values().filter(|update| update.told().is_some()).count();
    let omitted = format!("{} updates are left out", thousands(told - 200));
    assert!(html.contains(&omitted), "{omitted}");
    assert!(html.contains("over the limit"));
}

fn thousands(number: usize) -> String {
    format!("{},{:03}", number / 1000, number % 1000)
}
