//! Entries of the policy's lists that name nothing of the data are told with what they may mean.

use plan::policy::Policy;
use site_node::data::load;
use site_node::inspect::{Check, check, unknown_in_policy};

use super::Hospital;

fn policy(columns: &str, outcomes: &str) -> Policy {
    let text = include_str!("../../../../configs/policy.toml");
    let text = text.replace("columns = []", &format!("columns = {columns}"));
    base::config::read(
        "policy.toml",
        &text.replace("outcomes = []", &format!("outcomes = {outcomes}")),
    )
    .unwrap()
}

#[test]
fn a_slip_in_a_list_is_told_with_the_nearest_name() {
    let hospital = Hospital::new();
    let source = Hospital::new().source();
    let patients = load(&hospital.source()).unwrap();
    let good = policy(
        r#"["age", "glucose", "measurement:crp", "measurement:labs:crp", "codes:dx"]"#,
        r#"["months", "died"]"#,
    );
    assert_eq!(unknown_in_policy(&good, &source, &patients), [""; 0]);
    let slips = policy(
        r#"["agee", "codes:dxx", "measurement:crpp", "*", "died", "zzz", "images"]"#,
        r#"["monhts"]"#,
    );
    let told = unknown_in_policy(&slips, &source, &patients);
    for (line, parts) in told.iter().zip([
        ["columns lists \"agee\"", "did you mean \"age\"?"],
        ["columns lists \"codes:dxx\"", "did you mean \"codes:dx\"?"],
        ["columns lists \"measurement:crpp\"", "did you mean \"measurement:crp\"?"],
        ["columns lists \"*\"", "no wildcards"],
        // The outcome is no feature.
        ["columns lists \"died\"", "policy.toml"],
        ["columns lists \"zzz\"", "for data to come"],
        ["columns lists \"images\"", "policy.toml"],
        ["outcomes lists \"monhts\"", "did you mean \"months\"?"],
    ]) {
        assert!(parts.iter().all(|part| line.contains(part)), "{parts:?} in {line}");
    }
    assert_eq!(told.len(), 8, "{told:?}");
    let cache = hospital.place("state/cache");
    let source = hospital.source();
    let asked =
        Check { source: &source, policy: Some(&slips), plan: None, today: None, cache: &cache };
    let notes = check(&asked, &|_, _| ()).notes;
    assert!(told.iter().all(|line| notes.contains(line)), "{notes:?}");
}
