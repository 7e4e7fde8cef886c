//! What webhooks have not been told yet, and what people accepted: nothing that lasts is left out, however quickly it changes.

use crate::bed::{Bed, analyzer, found};
use leastwise::access::Timestamp;
use leastwise_server::store::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_790_000_000 + seconds)
}

fn hook(id: &str) -> Webhook {
    Webhook {
        id: id.to_owned(),
        url: "https://hooks.example/x".to_owned(),
        form: "ocsf".to_owned(),
        secret: "secret".to_owned(),
        created: at(0),
        failures: 0,
        due: Timestamp::from_seconds(0),
    }
}

fn row(outcome: &str) -> DeliveryRow {
    DeliveryRow { at: at(0), kind: "finding".to_owned(), subject: "one".to_owned(), outcome: outcome.to_owned() }
}

async fn deliveries(bed: &Bed) {
    let store = &bed.store;
    let own = analyzer(store, "telling", Scope::Organization).await;
    let change = |seconds: i64| Change { at: at(seconds), ..Change::by("user:ada") };
    store.create_webhook(&hook("one"), &change(0)).await.unwrap();
    store.create_webhook(&hook("two"), &change(0)).await.unwrap();
    let mut run = store.begin_run(&own, at(1)).await.unwrap();
    run.take((0..5).map(|n| found(n, "a")).collect()).await.unwrap();
    assert!(store.deliveries("one", at(100), 10).await.unwrap().is_empty(), "nobody is told of what is not visible");
    run.publish("{}", at(2)).await.unwrap();
    let due = store.deliveries("one", at(2), 10).await.unwrap();
    assert_eq!((due.len(), store.deliveries("one", at(1), 10).await.unwrap().len()), (5, 0));
    for delivery in &due {
        store.delivered("one", std::slice::from_ref(delivery), &row("delivered")).await.unwrap();
    }
    assert_eq!((store.waiting("one").await.unwrap().count, store.waiting("two").await.unwrap().count), (0, 5));

    // While one state is on its way there is another, within the same second: it stays due.
    let id = due[0].finding.clone();
    let ids = std::slice::from_ref(&id);
    store.archive(&own, ids, None, None, &change(9)).await.unwrap();
    let first = store.deliveries("one", at(9), 10).await.unwrap().remove(0);
    store.reopen(&own, ids, &change(9)).await.unwrap();
    store.delivered("one", std::slice::from_ref(&first), &row("delivered")).await.unwrap();
    let second = store.deliveries("one", at(9), 10).await.unwrap();
    assert_eq!(second.len(), 1, "the later state is still to be told");
    assert!(second[0].version > first.version);
    // What failed is due later, and says why.
    store.postpone(&second[0], at(50), &row("the receiver answers 422")).await.unwrap();
    assert!(store.deliveries("one", at(49), 10).await.unwrap().is_empty());
    assert_eq!(store.deliveries("one", at(50), 10).await.unwrap()[0].attempts, 1);
    assert_eq!(store.waiting("one").await.unwrap().problem.as_deref(), Some("the receiver answers 422"));
    let log = store.delivery_log("one", 100).await.unwrap();
    assert_eq!((log.len(), log[0].outcome.as_str(), log[1].outcome.as_str()), (7, "the receiver answers 422", "delivered"));

    // A receiver that is dead is noted once for all that waits, and the log is bounded; an answer makes it live again.
    for attempt in 0..300 {
        store.suspend("two", at(1_000 + attempt), &row("no answer"), false).await.unwrap();
    }
    let dead = store.webhooks().await.unwrap().into_iter().find(|own| own.id == "two").unwrap();
    assert_eq!((dead.failures, dead.due, store.waiting("two").await.unwrap().count), (300, at(1_299), 5));
    assert_eq!(
        (store.delivery_log("two", 1_000).await.unwrap().len(), store.delivery_log("one", 1_000).await.unwrap().len()),
        (200, 7)
    );
    store.delivered("two", &[], &row("delivered")).await.unwrap();
    assert_eq!(store.webhooks().await.unwrap().into_iter().find(|own| own.id == "two").unwrap().failures, 0);

    // Its address is in no line of the log of changes.
    let audit = store.audit(None, None, 1_000).await.unwrap();
    assert!(audit.iter().any(|row| row.action == "CreateWebhook"));
    assert!(!audit.iter().any(|row| format!("{row:?}").contains("hooks.example")));

    // What an analysis finds mended is told too; what goes with its webhook is not.
    let own = store.analyzer("telling").await.unwrap();
    let mut run = store.begin_run(&own, at(60)).await.unwrap();
    run.take((0..4).map(|n| found(n, "a")).collect()).await.unwrap();
    run.publish("{}", at(61)).await.unwrap();
    assert_eq!(store.deliveries("one", at(61), 10).await.unwrap().len(), 2);
    store.delete_webhook("two", &change(62)).await.unwrap();
    assert_eq!(store.waiting("two").await.unwrap().count, 0);
    assert_eq!(store.webhooks().await.unwrap(), [hook("one")]);

    store.accept(&id, 2, "{\"a\":1}", &change(70)).await.unwrap();
    store.accept(&id, 1, "{\"a\":2}", &change(71)).await.unwrap();
    let accepted = store.acceptance(&id).await.unwrap().unwrap();
    assert_eq!((accepted.alternative, accepted.actor.as_str(), accepted.at), (1, "user:ada", at(71)));
    assert_eq!(store.acceptance("nothing").await.unwrap(), None);
}

crate::bed::on_both!(each_state_that_lasts_is_due_until_it_was_delivered => deliveries);
