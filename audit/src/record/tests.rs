//! The line format, byte for byte, and what does not fit in it.

use super::*;
use crate::digest::Digest;

fn record(event: Event) -> Record {
    let name = |text: &str| text.parse::<Name>().unwrap();
    let stamp = Stamp {
        time: "2026-03-01T08:30:00.125Z".parse().unwrap(),
        monotonic_ms: 5021,
        boot: name("b-1"),
    };
    let node = Node { name: name("site-a"), role: Role::Site };
    let entry = Entry::new(name("daemon"), event).of_run(name("run-a")).of_round(3);
    Record::new(7, &stamp, &node, &entry)
}

fn sent() -> Record {
    record(Event::Sent { update: Digest::sha256(b""), bytes: 4096 })
}

/// What stands before a record's event.
const HEAD: &str = r#"{"v":5,"seq":7,"time":"2026-03-01T08:30:00.125Z","monotonic_ms":5021,"boot":"b-1","node":{"name":"site-a","role":"site"},"actor":"daemon","run":"run-a","round":3,"outcome":"ok","event":"#;

#[test]
fn lines_are_these_bytes() {
    let line = String::from_utf8(sent().to_line().unwrap()).unwrap();
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(line, format!(r#"{HEAD}{{"SENT":{{"update":"sha256:{hash}","bytes":4096}}}}}}"#));
    assert_eq!(Record::parse(line.as_bytes()).unwrap(), sent());

    let reserve = record(Event::Reserve(Reserve {
        data_set: "registry".parse().unwrap(),
        what: UPDATE.parse().unwrap(),
        mechanism: Mechanism::SampledGaussian {
            sampling_rate: 0.1,
            noise_multiplier: 1.1,
            steps: 20,
        },
        clip: 1.5,
        cost: vec![1, 2],
        total: vec![3, u64::MAX],
    }));
    let line = String::from_utf8(reserve.to_line().unwrap()).unwrap();
    let event = r#"{"RESERVE":{"data_set":"registry","what":"update","mechanism":{"sampled-gaussian":{"sampling_rate":0.1,"noise_multiplier":1.1,"steps":20}},"clip":1.5,"cost":[1,2],"total":[3,18446744073709551615]}}"#;
    assert_eq!(line, format!("{HEAD}{event}}}"));
    assert_eq!(Record::parse(line.as_bytes()).unwrap(), reserve);
}

#[test]
fn a_statistics_request_is_offered_in_a_run_and_in_no_round() {
    let of_round = record(Event::StatisticsOffer { question: Digest::sha256(b"") });
    let of_run = Record { round: None, ..of_round.clone() };
    let line = String::from_utf8(of_run.to_line().unwrap()).unwrap();
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let head = HEAD.replacen(r#""round":3,"#, "", 1);
    let event = format!(r#"{{"STATISTICS_OFFER":{{"question":"sha256:{hash}"}}}}"#);
    assert_eq!(line, format!("{head}{event}}}"));
    assert_eq!(Record::parse(line.as_bytes()).unwrap(), of_run);
    let wrong = of_round.to_line();
    assert!(matches!(wrong, Err(RecordError::Range { field: "round", .. })), "{wrong:?}");
    let missing = Record { run: None, ..of_run }.to_line();
    assert!(matches!(missing, Err(RecordError::Missing { field: "run", .. })), "{missing:?}");
}

fn terms() -> Terms {
    Terms {
        experiment: Some("five-years".parse().unwrap()),
        rounds: 20,
        promised: Some(Promise { epsilon: 1.25, delta: 1e-5 }),
        columns: vec!["age".parse().unwrap(), "measurement:labs:LDL".parse().unwrap()],
        columns_in_all: 3,
    }
}

fn consent(terms: Terms) -> Record {
    record(Event::Consent { plan: Digest::sha256(b""), terms: Some(Box::new(terms)) })
}

#[test]
fn terms_are_these_bytes_and_say_what_they_can_mean() {
    let line = String::from_utf8(consent(terms()).to_line().unwrap()).unwrap();
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let said = r#"{"experiment":"five-years","rounds":20,"promised":{"epsilon":1.25,"delta":0.00001},"columns":["age","measurement:labs:LDL"],"columns_in_all":3}"#;
    let event = format!(r#"{{"CONSENT":{{"plan":"sha256:{hash}","terms":{said}}}}}"#);
    assert_eq!(line, format!("{HEAD}{event}}}"));
    assert_eq!(Record::parse(line.as_bytes()).unwrap(), consent(terms()));
    let promise = |epsilon, delta| Some(Promise { epsilon, delta });
    let wrong = [
        Terms { rounds: 0, ..terms() },
        Terms { columns_in_all: 1, ..terms() },
        Terms { promised: promise(0.0, 1e-5), ..terms() },
        Terms { promised: promise(f64::INFINITY, 1e-5), ..terms() },
        Terms { promised: promise(1.0, 1.0), ..terms() },
        Terms {
            columns: vec!["x".parse().unwrap(); MAX_COLUMNS + 1],
            columns_in_all: 500,
            ..terms()
        },
    ];
    for terms in wrong {
        let found = consent(terms).to_line();
        assert!(matches!(found, Err(RecordError::Range { event: "CONSENT", .. })), "{found:?}");
    }
    for (what, with) in [("age", "jane doe"), ("\"rounds\"", "\"patients\""), ("five-years", "<b>")]
    {
        assert!(Record::parse(line.replacen(what, with, 1).as_bytes()).is_err(), "{with}");
    }
    // A hash of exact numbers is none that a record holds.
    let metric = |noised| {
        let numbers = Some(Digest::sha256(b""));
        record(Event::Metric { name: "auc".parse().unwrap(), noised, numbers }).to_line()
    };
    assert!(metric(true).is_ok());
    assert!(matches!(metric(false), Err(RecordError::Range { field: "numbers", .. })));
}

#[test]
fn nothing_stands_in_a_record_that_its_fields_do_not_know() {
    let line = String::from_utf8(sent().to_line().unwrap()).unwrap();
    let spoil = [
        ("\"seq\":7", "\"seq\":7,\"note\":\"x\""),
        ("\"bytes\":4096", "\"bytes\":4096,\"patient\":\"x\""),
        ("\"bytes\":4096", "\"bytes\":-1"),
        ("\"bytes\":4096", "\"bytes\":4096.5"),
        ("\"actor\":\"daemon\"", "\"actor\":\"jane doe\""),
        ("\"actor\":\"daemon\"", "\"actor\":\"a\\u0007b\""),
        ("\"actor\":\"daemon\"", "\"actor\":\"a\\nb\""),
        ("\"actor\":\"daemon\"", "\"actor\":\"a\u{1b}b\""),
        ("\"actor\":\"daemon\"", "\"actor\":\"\""),
        ("\"role\":\"site\"", "\"role\":\"admin\""),
        ("\"outcome\":\"ok\"", "\"outcome\":\"refused\""),
        ("\"run\":\"run-a\",", ""),
        ("\"round\":3,", ""),
        ("\"seq\":7", "\"seq\":0"),
        ("\"SENT\"", "\"EXPORTED\""),
        ("\"SENT\"", "\"RECEIVED\""),
        ("\"seq\":7", "\"seq\":7,\"seq\":8"),
        ("e3b0", "E3B0"),
        ("sha256:", ""),
        ("sha256:", "md5:"),
    ];
    for (what, with) in spoil {
        let spoiled = line.replacen(what, with, 1);
        assert_ne!(spoiled, line);
        assert!(Record::parse(spoiled.as_bytes()).is_err(), "{with}");
    }
}

#[test]
fn another_version_is_named_as_such() {
    for line in [r#"{"v":6,"what":"ever"}"#, r#"{"v":4}"#] {
        assert!(matches!(Record::parse(line.as_bytes()), Err(RecordError::Version(_))));
    }
    let line = String::from_utf8(sent().to_line().unwrap()).unwrap().replacen(":5,", ":2,", 1);
    assert_eq!(Record::parse(line.as_bytes()), Err(RecordError::Version(2)));
}

#[test]
fn an_error_repeats_nothing_of_the_line() {
    let line = String::from_utf8(sent().to_line().unwrap()).unwrap();
    let line = line.replacen("daemon", "Jane Doe 1961", 1);
    assert!(!Record::parse(line.as_bytes()).unwrap_err().to_string().contains("Jane"));
}

#[test]
fn what_cannot_be_read_back_is_not_written() {
    let budget = |epsilon, orders| {
        let data_set = "registry".parse().unwrap();
        let carried = Vec::new();
        record(Event::Budget { data_set, epsilon, delta: 1e-5, orders, carried }).to_line()
    };
    assert!(budget(1.0, vec![1.5, 2.0]).is_ok());
    for bad in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
        assert!(matches!(budget(bad, vec![2.0]), Err(RecordError::Range { .. })));
    }
    assert!(matches!(budget(1.0, vec![2.0, 1.5]), Err(RecordError::Range { .. })));
    assert!(matches!(budget(1.0, vec![]), Err(RecordError::Range { .. })));
    let input = Input { site: "site-a".parse().unwrap(), update: Digest::sha256(b"") };
    let long = Event::Aggregated {
        inputs: vec![input; 1000],
        rule: "sum".parse().unwrap(),
        output: Digest::sha256(b""),
    };
    assert!(matches!(record(long).to_line(), Err(RecordError::TooLong { .. })));
}
