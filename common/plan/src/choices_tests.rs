//! Every word that a person may choose from is read back as the value that it is the word of.

use std::fmt;

use base::config::Choice;

use crate::experiment::{DataTag, PrivacyMode};
use crate::model::{HeadKind, ModelKind};

fn every_word_has_its_value<T: Choice + fmt::Debug>() {
    for value in T::ALL {
        assert_eq!(T::parse(value.name()), Ok(*value));
    }
}

#[test]
fn words_and_values_belong_together() {
    every_word_has_its_value::<ModelKind>();
    every_word_has_its_value::<HeadKind>();
    every_word_has_its_value::<PrivacyMode>();
    every_word_has_its_value::<DataTag>();
}

#[test]
fn an_unknown_word_is_answered_with_the_known_ones_and_the_nearest_first() {
    let shown = |word| HeadKind::parse(word).unwrap_err().to_string();
    assert_eq!(
        shown("deep-hit"),
        "unknown value \"deep-hit\"; expected one of \"deephit\", \"logistic-hazard\", \
         \"piecewise-hazard\", \"cox\""
    );
    assert_eq!(
        shown("xyz"),
        "unknown value \"xyz\"; expected one of \"logistic-hazard\", \"piecewise-hazard\", \
         \"deephit\", \"cox\""
    );
}
