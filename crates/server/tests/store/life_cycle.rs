//! The life of findings in the store: opened, archived, mended, resolved, forgotten; and the numbers that go with it.

use crate::bed::{Bed, analyzer, found};
use leastwise::access::Timestamp;
use leastwise_server::store::*;

fn at(day: i64) -> Timestamp {
    Timestamp::from_seconds(1_790_000_000 + day * 86_400)
}

async fn analyse(store: &Store, analyzer: &Analyzer, findings: Vec<FoundFinding>, day: i64) -> RunSummary {
    let analyzer = store.analyzer(&analyzer.name).await.unwrap();
    let mut run = store.begin_run(&analyzer, at(day)).await.unwrap();
    for part in findings.chunks(3) {
        run.take(part.to_vec()).await.unwrap();
    }
    run.publish("{}", at(day)).await.unwrap()
}

async fn listed(store: &Store, analyzer: &Analyzer) -> Vec<FindingSummary> {
    let analyzer = store.analyzer(&analyzer.name).await.unwrap();
    let sort = Sort { key: SortKey::Resource, descending: false };
    store.list(&Query { sort, ..Query::of(&analyzer) }).await.unwrap().findings
}

/// The counters say what counting says.
async fn counters_are_right(store: &Store, analyzer: &Analyzer) {
    let analyzer = store.analyzer(&analyzer.name).await.unwrap();
    let all = store.list(&Query { limit: 10_000, ..Query::of(&analyzer) }).await.unwrap().findings;
    let statistics = store.statistics(&analyzer, 10).await.unwrap();
    for status in FindingStatus::ALL {
        let of_status: Vec<&FindingSummary> = all.iter().filter(|finding| finding.status == status).collect();
        assert_eq!(statistics.of_status(status), of_status.len() as u64, "{status:?}");
        for facet in [Facet::Risk, Facet::Day] {
            let facets = store.facets(&analyzer, facet, status).await.unwrap();
            assert_eq!(facets.iter().map(|(_, n)| n).sum::<u64>(), of_status.len() as u64, "{facet:?} {status:?}");
        }
        let services = store.facets(&analyzer, Facet::Service, status).await.unwrap();
        let permissions = of_status.iter().filter(|finding| finding.unused_actions > 0).count() as u64;
        for (service, n) in services {
            assert_eq!(n, permissions, "{service} {status:?}");
        }
    }
}

async fn life(bed: &Bed) {
    let store = &bed.store;
    let own = analyzer(store, "life", Scope::Organization).await;
    assert!(own.is_pending);
    let first = vec![found(1, "a"), found(2, "a"), found(3, "a"), found(4, "a")];
    let summary = analyse(store, &own, first.clone(), 0).await;
    assert_eq!(summary, RunSummary { found: 4, opened: 4, resolved: 0 });
    let before = listed(store, &own).await;
    assert_eq!(before.len(), 4);
    assert!(before.iter().all(|finding| finding.status == FindingStatus::Active && finding.created == at(0)));
    assert!(!store.analyzer("life").await.unwrap().is_pending);
    counters_are_right(store, &own).await;

    // Archived, with a reason; the next analysis leaves it so, and its id.
    let change = Change { at: at(1), ..Change::by("user:ada") };
    let ids = [before[0].id.clone()];
    assert_eq!(store.archive(&own, &ids, Some("needed in winter"), Some(at(10)), &change).await.unwrap(), 1);
    counters_are_right(store, &own).await;
    assert_eq!(analyse(store, &own, first.clone(), 2).await, RunSummary { found: 4, opened: 0, resolved: 0 });
    let after = listed(store, &own).await;
    assert_eq!(after.iter().map(|one| &one.id).collect::<Vec<_>>(), before.iter().map(|one| &one.id).collect::<Vec<_>>());
    assert_eq!(after[0].status, FindingStatus::Archived);
    let archiving = after[0].archiving.clone().unwrap();
    assert_eq!(
        (archiving.by.as_str(), archiving.why.as_deref(), archiving.until),
        ("user:ada", Some("needed in winter"), Some(at(10)))
    );
    assert!(after.iter().all(|finding| finding.analysed == at(2)), "what is still there was looked at again");
    assert_eq!(after[1].updated, at(0));

    // One is mended in part, one is gone.
    let second = vec![found(1, "a"), found(2, "less"), found(4, "a")];
    assert_eq!(analyse(store, &own, second.clone(), 3).await, RunSummary { found: 3, opened: 1, resolved: 2 });
    let now = listed(store, &own).await;
    let of = |resource: &str, status: FindingStatus| {
        now.iter().filter(|one| one.resource.ends_with(resource) && one.status == status).count()
    };
    assert_eq!(
        (of("r2", FindingStatus::Resolved), of("r2", FindingStatus::Active), of("r3", FindingStatus::Resolved)),
        (1, 1, 1)
    );
    counters_are_right(store, &own).await;

    // What comes back has its old id.
    let third = vec![found(1, "a"), found(2, "less"), found(3, "a"), found(4, "a")];
    analyse(store, &own, third.clone(), 4).await;
    let back = listed(store, &own).await;
    let third_id =
        |list: &[FindingSummary]| list.iter().find(|one| one.resource.ends_with("r3")).map(|one| (one.id.clone(), one.status));
    assert_eq!(third_id(&back).map(|(id, status)| (id == before[2].id, status)), Some((true, FindingStatus::Active)));
    counters_are_right(store, &own).await;

    // The time for which it was archived is over.
    assert_eq!(store.reopen_due(at(9)).await.unwrap(), 0);
    assert_eq!(store.reopen_due(at(10)).await.unwrap(), 1);
    assert_eq!(store.reopen_due(at(10)).await.unwrap(), 0);
    counters_are_right(store, &own).await;

    // Resolved ones go after ninety days, and only those.
    assert_eq!(store.delete_old(at(3 + 89)).await.unwrap(), 0);
    assert_eq!(store.delete_old(at(3 + 90)).await.unwrap(), 1);
    assert_eq!(listed(store, &own).await.len(), 4);
    counters_are_right(store, &own).await;

    let trend = store.trend(&own, at(0), at(93)).await.unwrap();
    assert!(trend.iter().any(|point| point.status == FindingStatus::Active && point.count > 0));
    let audit = store.audit(Some(&ids[0]), None, 10).await.unwrap();
    assert_eq!(audit.iter().map(|row| row.action.as_str()).collect::<Vec<_>>(), ["ReopenFinding", "ArchiveFinding"]);
    assert_eq!(audit[1].note.as_deref(), Some("needed in winter"));
}

async fn rules(bed: &Bed) {
    let store = &bed.store;
    let own = analyzer(store, "rules", Scope::Organization).await;
    let filter = Filter::parse(r#"{"resource":{"contains":["/r2"]},"findingType":{"eq":["UnusedIAMUserPassword"]}}"#).unwrap();
    store.create_rule("rules", "second", &filter, &Change::own()).await.unwrap();
    assert!(matches!(store.create_rule("rules", "second", &filter, &Change::own()).await, Err(StoreError::Exists { .. })));
    analyse(store, &own, vec![found(1, "a"), found(2, "a"), found(3, "a")], 0).await;
    let status = |list: &[FindingSummary]| list.iter().map(|one| one.status).collect::<Vec<_>>();
    use FindingStatus::{Active, Archived};
    assert_eq!(status(&listed(store, &own).await), [Active, Archived, Active]);
    // A changed rule touches what is there only when it is applied.
    let wider = Filter::parse(r#"{"resource":{"contains":["/r3"]}}"#).unwrap();
    store.update_rule("rules", "second", &wider, &Change::own()).await.unwrap();
    analyse(store, &own, vec![found(1, "a"), found(2, "a"), found(3, "a")], 1).await;
    assert_eq!(status(&listed(store, &own).await), [Active, Archived, Active]);
    assert_eq!(store.apply_rule("rules", "second", &Change::own()).await.unwrap(), 1);
    assert_eq!(status(&listed(store, &own).await), [Active, Archived, Archived]);
    counters_are_right(store, &own).await;
    // Two at once do not get past the quota together.
    let both = async |from: u32| {
        let mut made = 0;
        for n in 0..60 {
            let name = format!("r-{}", from + n);
            match store.create_rule("rules", &name, &wider, &Change::own()).await {
                Ok(()) => made += 1,
                Err(StoreError::Quota { most, .. }) => assert_eq!(most, MOST_RULES),
                Err(other) => panic!("{other}"),
            }
        }
        made
    };
    let (one, other) = tokio::join!(both(0), both(1_000));
    assert_eq!(one + other + 1, MOST_RULES);
    store.delete_rule("rules", "second", &Change::own()).await.unwrap();
    assert!(matches!(store.rule("rules", "second").await, Err(StoreError::NotFound { .. })));
    store.delete_analyzer("rules", &Change::own()).await.unwrap();
    assert!(matches!(store.analyzer("rules").await, Err(StoreError::NotFound { .. })));
}

async fn tokens(bed: &Bed) {
    let store = &bed.store;
    let token = |digest: &str| ClientToken { operation: "CreateAnalyzer", token: "t-1".to_owned(), digest: digest.to_owned() };
    let change = |digest: &str| Change { token: Some(token(digest)), ..Change::own() };
    let new = crate::bed::new_analyzer("tokens", Scope::Account);
    let made = store.create_analyzer(&new, &change("one")).await.unwrap();
    assert_eq!(store.create_analyzer(&new, &change("one")).await.unwrap(), made);
    assert_eq!(store.create_analyzer(&new, &change("other")).await, Err(StoreError::TokenReused));
    assert!(matches!(store.create_analyzer(&new, &Change::own()).await, Err(StoreError::Exists { .. })));
    // It is remembered for a day.
    let now = made.created;
    assert_eq!(store.forget_tokens(now).await.unwrap(), 0);
    assert_eq!(store.create_analyzer(&new, &change("one")).await.unwrap(), made);
    assert_eq!(store.forget_tokens(Timestamp::from_seconds(now.seconds() + 86_401)).await.unwrap(), 1);
    assert!(matches!(store.create_analyzer(&new, &change("one")).await, Err(StoreError::Exists { .. })));
}

async fn half(bed: &Bed) {
    let store = &bed.store;
    let own = analyzer(store, "half", Scope::Organization).await;
    analyse(store, &own, vec![found(1, "a"), found(2, "a")], 0).await;
    let before = listed(store, &own).await;
    let analyzer = store.analyzer("half").await.unwrap();
    let mut run = store.begin_run(&analyzer, at(1)).await.unwrap();
    run.take(vec![found(2, "b"), found(5, "a")]).await.unwrap();
    assert_eq!(listed(store, &own).await, before, "nothing of a run is visible before it is published");
    counters_are_right(store, &own).await;
    drop(run);
    // The next run finds what the last one left, and is not misled by it.
    let summary = analyse(store, &own, vec![found(1, "a"), found(2, "a"), found(5, "a")], 2).await;
    assert_eq!(summary, RunSummary { found: 3, opened: 1, resolved: 0 });
    let new = listed(store, &own).await.into_iter().find(|finding| finding.resource.ends_with("/r5")).unwrap();
    let finding = store.finding(&own, &new.id).await.unwrap();
    assert_eq!(finding.details, found(5, "a").details);
    counters_are_right(store, &own).await;
}

crate::bed::on_both!(
    a_finding_lives_from_opened_to_forgotten_and_the_counters_follow => life,
    archive_rules_act_on_what_is_new_and_when_applied => rules,
    a_client_token_makes_a_change_repeatable_and_no_other => tokens,
    a_run_that_was_not_published_is_invisible_and_does_no_harm => half,
);
