//! Values with units and forms, as every crate's settings read them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::config::{self, Section, Settings};
use base::ids::SiteName;
use bytesize::ByteSize;

use crate::border::config::assert_problems;

/// One key of each kind, all optional.
struct Values {
    wait: Option<Duration>,
    size: Option<ByteSize>,
    count: Option<u64>,
    ratio: Option<f64>,
    on: Option<bool>,
    listen: Option<SocketAddr>,
    site: Option<SiteName>,
    folder: Option<PathBuf>,
}

impl Settings for Values {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let wait = section.maybe("wait");
        let bytes = section.maybe("size");
        let count = section.maybe("count");
        let ratio = section.maybe("ratio");
        let on = section.maybe("on");
        let listen = section.maybe("listen");
        let (site, folder) = (section.maybe("site"), section.maybe("folder"));
        Some(Self {
            wait: wait?,
            size: bytes?,
            count: count?,
            ratio: ratio?,
            on: on?,
            listen: listen?,
            site: site?,
            folder: folder?,
        })
    }
}

fn good(text: &str) -> Values {
    config::read("values.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

/// Each of these is refused, quoted, and answered with the hint.
fn bad(key: &str, values: &[&str], hint: &str) {
    for value in values {
        // On the second line, so that the line is not right by chance.
        let text = format!("\n{key} = {value}");
        let error = config::read::<Values>("values.toml", &text).map(drop).unwrap_err();
        assert_problems(&error, &[(key, Some(2), "is found", hint)]);
    }
}

#[test]
fn durations_are_read_with_their_units() {
    for (text, millis) in [
        ("250ms", 250),
        ("30s", 30_000),
        ("5m", 300_000),
        ("1h 30m", 5_400_000),
        ("2days", 172_800_000),
        ("0s", 0),
    ] {
        let found = good(&format!("wait = \"{text}\"")).wait;
        assert_eq!(found, Some(Duration::from_millis(millis)), "{text}");
    }
    let none = ["30", "\"30\"", "\"s\"", "\"5 parsecs\"", "\"1.5.2s\"", "\"-1s\"", "nan", "[]"];
    bad("wait", &none, "\"30s\", \"5m\" or \"250ms\"");
}

#[test]
fn sizes_are_read_with_their_units() {
    for (text, bytes) in [("64MiB", 64 << 20), ("64MB", 64_000_000), ("1B", 1), ("2 KiB", 2048)] {
        assert_eq!(good(&format!("size = \"{text}\"")).size, Some(ByteSize(bytes)), "{text}");
    }
    let none =
        ["64", "\"64\"", "\"64M\"", "\"MiB\"", "\"B\"", "\"-1MiB\"", "\"64 parsecs\"", "1.5"];
    bad("size", &none, "\"64MiB\"");
    bad("size", &["\"nanB\"", "\"infMiB\"", "\"64bananaB\"", "\"\""], "\"64MiB\"");
}

#[test]
fn numbers_are_read_in_every_notation_and_no_other() {
    for text in ["4096", "4_096", "0x1000", "0o10000", "0b1_0000_0000_0000"] {
        assert_eq!(good(&format!("count = {text}")).count, Some(4096), "{text}");
    }
    assert_eq!(good("count = 18446744073709551615").count, Some(u64::MAX));
    let whole = ["18446744073709551616", "-1", "1.0", "1e3", "\"1\"", "true", "nan", "07:32:00"];
    bad("count", &whole, "from 0 to 18446744073709551615");

    for (text, value) in
        [("0.5", 0.5), ("1", 1.0), ("-3", -3.0), ("1_0.5e-1", 1.05), ("0x10", 16.0)]
    {
        assert_eq!(good(&format!("ratio = {text}")).ratio, Some(value), "{text}");
    }
    bad("ratio", &["nan", "+inf", "-inf", "1e400", "\"0.5\"", "true", "{}"], "finite number");
}

#[test]
fn words_addresses_names_and_paths_have_their_forms() {
    let all = good(
        "on = true\nlisten = \"127.0.0.1:7443\"\nsite = \"hospital-a\"\nfolder = \"state/here\"",
    );
    assert_eq!(all.on, Some(true));
    assert_eq!(all.listen, Some(SocketAddr::from(([127, 0, 0, 1], 7443))));
    assert_eq!(all.site, Some("hospital-a".parse().unwrap()));
    assert_eq!(all.folder.as_deref(), Some(Path::new("state/here")));
    bad("on", &["1", "0", "\"true\"", "[]"], "true or false");
    let addresses =
        ["\"127.0.0.1\"", "\"localhost:7443\"", "\"127.0.0.1:70000\"", "7443", "\":7443\"", "\"\""];
    bad("listen", &addresses, "\"127.0.0.1:7443\"");
    let names = ["\"Hospital-A\"", "\"hospital a\"", "\"-a\"", "\"\"", "1", "[\"a\"]"];
    bad("site", &names, "a-z, 0-9 and '-'");
    bad("folder", &["\"\"", "1", "true"], "double quotes");
}

#[test]
fn what_is_quoted_is_kept_short() {
    let text = format!("site = \"{}\"", "x".repeat(100_000));
    let error = config::read::<Values>("values.toml", &text).map(drop).unwrap_err();
    assert!(error.to_string().len() < 300);
    let text = format!("count = {}", "9".repeat(100_000));
    let error = config::read::<Values>("values.toml", &text).map(drop).unwrap_err();
    assert!(error.to_string().len() < 300, "{} characters", error.to_string().len());
}
