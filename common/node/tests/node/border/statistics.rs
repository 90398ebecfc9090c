//! Golden bytes of descriptions and of their steps.

use node::wire::Told;
use plan::experiment::{
    DescribedInput, Missing, Outcome, StatisticsRequest, TimeUnit, Values, View, ViewSource,
};
use plan::metric::Metric;

use crate::border::golden::{every_variant, golden, variants};

variants!(Told: Asked, Answered, Declined, Complete, Failed, Stopped);

/// A question that keeps every rule.
pub fn question() -> StatisticsRequest {
    let values = Values {
        unit: None,
        analyte: None,
        range: Some((0.5, 2.0)),
        missing: Missing::Zero,
        center: 0.0,
        scale: 1.0,
        transform: None,
    };
    let source = ViewSource::Number { column: "hb".to_owned(), values };
    let view = View { name: "hb".to_owned(), source };
    StatisticsRequest {
        name: "sample".parse().unwrap(),
        outcome: Outcome {
            time: "time".to_owned(),
            unit: TimeUnit::Months,
            event: "event".to_owned(),
            edges: vec![365.0, 730.0],
            causes: Vec::new(),
        },
        inputs: vec![DescribedInput { view, lower: 0.5, upper: 2.0 }],
        rho: 0.0625,
        min_sites: 3,
    }
}

/// The bytes of [`question`].
pub const QUESTION: &str = "
    0600000000000000 'sample'          # name
    0400000000000000 'time'            # outcome.time
    01000000                           # outcome.unit: months
    0500000000000000 'event'           # outcome.event
    0200000000000000                   # outcome.edges: two
    0000000000d07640                   #   365
    0000000000d08640                   #   730
    0000000000000000                   # outcome.causes: none
    0100000000000000                   # inputs: one
    0200000000000000 'hb'              #   view.name
    00000000                           #   ViewSource::Number
    0200000000000000 'hb'              #   column
    00                                 #   unit: none
    00                                 #   analyte: none
    01000000000000e03f0000000000000040 #   range
    02000000                           #   missing: zero
    0000000000000000                   #   center
    000000000000f03f                   #   scale
    00                                 #   transform: none
    000000000000e03f                   #   lower: 1/2
    0000000000000040                   #   upper: 2
    000000000000b03f                   # rho: 1/16
    03000000                           # min_sites
";

#[test]
fn a_question_is_these_bytes() {
    assert_eq!(question().check(), []);
    golden(&question(), QUESTION);
}

/// Hospitals know a question by this name: another one would be answered a second time.
#[test]
fn the_name_of_a_question_is_that_of_its_bytes() {
    let digest = question().digest().to_string();
    assert_eq!(question().run().as_str(), format!("describe-{}", &digest[..16]));
}

#[test]
fn every_step_of_a_description_is_these_bytes() {
    let asked = "
        00000000                         # Told::Asked
        0100000000000000                 # sites: one
        0a00000000000000 'hospital-a'    #   name
    ";
    let answered = "
        01000000                         # Told::Answered
        0a00000000000000 'hospital-a'    # site
        0100000000000000                 # numbers: one
        0800000000000000 'patients'      #   name
        0000000000405f40                 #   value: 125
    ";
    let declined = "
        02000000                         # Told::Declined
        0a00000000000000 'hospital-a'    # site
        0600000000000000 'cohort'        # rule
        0200000000000000 'no'            # reason
    ";
    let complete = "
        03000000                         # Told::Complete
        000000000000f83f                 # seconds: 1.5
    ";
    let failed = "
        04000000                         # Told::Failed
        0700000000000000 'stopped'       # reason
    ";
    let stopped = "
        05000000                         # Told::Stopped
        0a00000000000000 'hospital-a'    # by
    ";
    let site = || "hospital-a".parse().unwrap();
    let numbers = vec![Metric { name: "patients".to_owned(), value: 125.0 }];
    let rule = "cohort".to_owned();
    let reason = "no".to_owned();
    every_variant(&[
        (Told::Asked { sites: vec![site()] }, asked),
        (Told::Answered { site: site(), numbers }, answered),
        (Told::Declined { site: site(), rule, reason }, declined),
        (Told::Complete { seconds: 1.5 }, complete),
        (Told::Failed { reason: "stopped".to_owned() }, failed),
        (Told::Stopped { by: site() }, stopped),
    ]);
}
