//! The headers of transfers.

use base::ids::Round;
use node::wire::{
    Contribution, LastRecord, ModelHeader, Offer, Payload, Purpose, StatisticsOffer,
    StatisticsReply, UpdateHeader,
};

use super::{LOG, log, loss, run};
use crate::border::golden::{every_variant, golden, variants};
use crate::border::sample::{DIGEST, OTHER_DIGEST, digest, other_digest};
use crate::border::statistics::{QUESTION, question};

variants!(Offer: Model, Statistics);
variants!(Contribution: Update, Statistics);
variants!(Purpose: Train, Evaluate);

#[test]
fn offers_are_these_bytes() {
    let payload = Payload { words: 3_000_000, digest: digest() };
    every_variant(&[(Purpose::Train, "00000000"), (Purpose::Evaluate, "01000000")]);
    let record = || LastRecord { line: vec![0x7b, 0x7d], inclusion: vec![digest()] };
    let model = |purpose| ModelHeader {
        run: run(),
        round: Round(3),
        purpose,
        payload,
        log: log(),
        record: record(),
    };
    let model_bytes = |number: &str| {
        format!(
            "
            00000000                    # Offer::Model
            0500000000000000 'run-a'    # run
            03000000                    # round: 3
            {number}                    # purpose
            c0c62d0000000000            # payload.words: 3000000
            {DIGEST}                    # payload.digest
            {LOG}                       # log
            {OTHER_DIGEST}              #     that hash
            0200000000000000 7b7d       # record.line
            0100000000000000 {DIGEST}   # record.inclusion: one
            "
        )
    };
    let statistics = format!(
        "
        01000000                    # Offer::Statistics
        {QUESTION}                  # question
        {LOG}                       # log
        {OTHER_DIGEST}              #     that hash
        0200000000000000 7b7d       # record.line
        0100000000000000 {DIGEST}   # record.inclusion: one
        "
    );
    let asked = StatisticsOffer { question: question(), log: log(), record: record() };
    every_variant(&[
        (Offer::Model(model(Purpose::Train)), model_bytes("00000000")),
        (Offer::Statistics(asked), statistics),
    ]);
    golden(&Offer::Model(model(Purpose::Evaluate)), &model_bytes("01000000"));
}

#[test]
fn contributions_are_these_bytes() {
    let update = UpdateHeader {
        run: run(),
        round: Round(3),
        model: other_digest(),
        payload: Payload { words: 3_000_000, digest: digest() },
        weight: 250,
        metrics: vec![loss(0.25)],
        log: log(),
    };
    let update_bytes = format!(
        "
        00000000                         # Contribution::Update
        0500000000000000 'run-a'         # run
        03000000                         # round: 3
        {OTHER_DIGEST}                   # model
        c0c62d0000000000                 # payload.words: 3000000
        {DIGEST}                         # payload.digest
        fa000000                         # weight: 250
        0100000000000000                 # metrics: one
        0a00000000000000 'train.loss'    #   name
        000000000000d03f                 #   value: 1/4
        {LOG}                            # log
        {OTHER_DIGEST}                   #     that hash
        "
    );
    let statistics = format!(
        "
        01000000                         # Contribution::Statistics
        0500000000000000 'run-a'         # run
        {DIGEST}                         # question
        0100000000000000                 # numbers: one
        0a00000000000000 'train.loss'    #   name
        000000000000d03f                 #   value: 1/4
        {LOG}                            # log
        {OTHER_DIGEST}                   #     that hash
        "
    );
    let answer =
        StatisticsReply { run: run(), question: digest(), numbers: vec![loss(0.25)], log: log() };
    every_variant(&[
        (Contribution::Update(update), update_bytes),
        (Contribution::Statistics(answer), statistics),
    ]);
}
