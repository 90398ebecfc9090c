//! A coordinator that answers an operator without end.

use std::ops::ControlFlow;

use coordinator::client::{OperatorError, query};
use node::pki::Role;
use node::transport::{Listener, Route};
use node::wire::{Answer, Hello, PROTOCOL, Query, RoundSummary, ToCoordinator, ToOperator};
use plan::metric::Metric;

use super::support::{authority, identity, listen, within};

/// A page of rounds, as full as a message may be.
fn page(metrics: usize) -> ToOperator {
    let metrics = vec![Metric { name: "train.loss".to_owned(), value: 0.5 }; metrics];
    let round = RoundSummary { round: 1, sites: 3, seconds: 1.0, bytes: 1, metrics };
    ToOperator::Answer(Answer::Rounds(vec![round; 50]))
}

/// Says the same for as long as anybody listens.
async fn answer_without_end(listener: &Listener, said: &ToOperator) {
    let link = listener.accept().await.unwrap().accept().await.unwrap();
    let (mut writer, mut reader) = link.accept_control().await.unwrap();
    let _: ToCoordinator = reader.expect().await.unwrap();
    let hello = Hello { protocol: PROTOCOL, software: "hostile".to_owned(), log: None };
    writer.send(&ToOperator::Welcome(hello)).await.unwrap();
    while writer.send(said).await.is_ok() {}
}

#[tokio::test]
async fn an_operator_keeps_a_bounded_part_of_what_a_coordinator_sends() {
    let authority = authority();
    let operator = Role::Operator("operator".parse().unwrap());
    for (metrics, most) in [(256, 1000), (257, 0), (0, 100_000)] {
        let (listener, address) = listen(identity(&authority, Role::Coordinator));
        let said = page(metrics);
        let mut pages = 0;
        let asked = async {
            let run = Query::Run { run: "run".parse().unwrap() };
            let mut hear = |_| {
                pages += 1;
                ControlFlow::Continue(())
            };
            query(identity(&authority, operator.clone()), &Route::from(address), run, &mut hear)
                .await
        };
        let (heard, ()) =
            within(async { tokio::join!(asked, answer_without_end(&listener, &said)) }).await;
        assert!(matches!(heard, Err(OperatorError::TooMuch)), "{heard:?}");
        assert!(pages <= most, "{pages} pages of {metrics} metrics");
    }
}
