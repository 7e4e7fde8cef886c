//! Lists against the obvious way: every sort and many filters, page by page, are what filtering and sorting everything gives.

use crate::bed::{Bed, analyzer, found};
use leastwise::access::Timestamp;
use leastwise_server::store::*;

fn at(day: i64) -> Timestamp {
    Timestamp::from_seconds(1_790_000_000 + day * 86_400)
}

/// Some hundred findings of all kinds, statuses, accounts and ages, and a second analyzer that must not be seen.
async fn filled(store: &Store) -> Analyzer {
    let own = analyzer(store, "lists", Scope::Organization).await;
    let other = analyzer(store, "other", Scope::Organization).await;
    for (day, findings) in [(0, 0..150_u64), (1, 20..220), (5, 40..260)] {
        let own = store.analyzer("lists").await.unwrap();
        let mut run = store.begin_run(&own, at(day)).await.unwrap();
        run.take(findings.map(|n| found(n, &if n % 11 == 0 { format!("x{day}") } else { "a".to_owned() })).collect())
            .await
            .unwrap();
        run.publish("{}", at(day)).await.unwrap();
        let all =
            store.list(&Query { only: Some(FindingStatus::Active), limit: 1000, ..Query::of(&own) }).await.unwrap().findings;
        let ids: Vec<String> = all.into_iter().step_by(7).map(|finding| finding.id).collect();
        store.archive(&own, &ids, None, None, &Change { at: at(day + 2), ..Change::own() }).await.unwrap();
    }
    let mut run = store.begin_run(&other, at(9)).await.unwrap();
    run.take((0..50).map(|n| found(n, "other")).collect()).await.unwrap();
    run.publish("{}", at(9)).await.unwrap();
    store.analyzer(&own.name).await.unwrap()
}

async fn pages(store: &Store, query: &Query) -> Vec<FindingSummary> {
    let (mut all, mut query) = (Vec::new(), query.clone());
    loop {
        let page = store.list(&query).await.unwrap();
        assert!(page.findings.len() <= query.limit as usize);
        let empty = page.findings.is_empty();
        all.extend(page.findings);
        match page.next {
            Some(next) => {
                assert!(
                    !empty || query.look < LOOK,
                    "a page that is not the last has something on it, unless little was looked at"
                );
                // As it goes through a client.
                query.after = Some(Cursor::parse(&next.to_string(), query.sort).unwrap());
                assert_eq!(query.after.as_ref(), Some(&next));
            }
            None => return all,
        }
    }
}

fn admits(query: &Query, finding: &FindingSummary) -> bool {
    let value = |key: FilterKey| match key {
        FilterKey::Resource => finding.resource.as_str(),
        FilterKey::ResourceType => finding.resource_type.as_str(),
        FilterKey::ResourceOwnerAccount => finding.account.as_str(),
        FilterKey::FindingType => finding.kind.as_str(),
        FilterKey::Status => finding.status.as_str(),
        FilterKey::Id => finding.id.as_str(),
    };
    query.filter.admits(value)
        && query.only.is_none_or(|only| finding.status == only)
        && finding.risk.has(query.risk)
        && query.service.as_deref().is_none_or(|service| finding.unused_actions > 0 && ["s3", "iam"].contains(&service))
        && query.created_from.is_none_or(|from| finding.created >= from)
        && query.created_before.is_none_or(|before| finding.created < before)
}

/// What the list is sorted by, as a text that sorts in the same way.
fn key(sort: SortKey, finding: &FindingSummary) -> String {
    match sort {
        SortKey::Created => format!("{:012}", finding.seq),
        SortKey::Updated => format!("{:012} {:012}", finding.updated.seconds(), finding.seq),
        SortKey::Resource => format!("{} {:012}", finding.resource, finding.seq),
        SortKey::Risk => format!("{:03} {:012}", finding.risk.0, finding.seq),
        SortKey::Id => finding.id.clone(),
        SortKey::Status => format!("{}", finding.status as u8),
        SortKey::FindingType => finding.kind.as_str().to_owned(),
        SortKey::Account => finding.account.clone(),
        SortKey::ResourceType => finding.resource_type.as_str().to_owned(),
    }
}

const SORTS: [SortKey; 9] = [
    SortKey::Created,
    SortKey::Updated,
    SortKey::Resource,
    SortKey::Risk,
    SortKey::Status,
    SortKey::FindingType,
    SortKey::Account,
    SortKey::ResourceType,
    SortKey::Id,
];

async fn lists(bed: &Bed) {
    let store = &bed.store;
    let own = filled(store).await;
    let everything = store.list(&Query { limit: 10_000, ..Query::of(&own) }).await.unwrap().findings;
    assert!(everything.len() > 260, "{}", everything.len());
    for status in FindingStatus::ALL {
        assert!(everything.iter().any(|finding| finding.status == status), "{status:?}");
    }
    let id = everything[17].id.clone();
    let resource = everything[30].resource.clone();
    let filters = [
        "{}".to_owned(),
        r#"{"status":{"eq":["ACTIVE"]}}"#.to_owned(),
        r#"{"status":{"neq":["ACTIVE"]},"findingType":{"eq":["UnusedPermission","UnusedIAMRole"]}}"#.to_owned(),
        r#"{"resource":{"contains":["r1","r22"]}}"#.to_owned(),
        r#"{"resourceType":{"eq":["AWS::IAM::User"]}}"#.to_owned(),
        r#"{"resourceType":{"neq":["AWS::IAM::User"]},"resource":{"neq":["x"],"contains":["role/"]}}"#.to_owned(),
        r#"{"resourceOwnerAccount":{"eq":["111122223333","111122223335","000000000000"]}}"#.to_owned(),
        r#"{"resourceOwnerAccount":{"eq":["111122223333","111122223334","111122223336"],"neq":["111122223334"]},"resource":{"contains":["/r1"]}}"#.to_owned(),
        r#"{"resourceOwnerAccount":{"neq":["111122223333"],"contains":["34"]},"status":{"contains":["CHIV"]}}"#.to_owned(),
        r#"{"resourceOwnerAccount":{"eq":["111122223334"]},"findingType":{"contains":["User"]}}"#.to_owned(),
        format!(r#"{{"id":{{"eq":["{id}","nothing"]}}}}"#),
        format!(r#"{{"resource":{{"eq":["{resource}"]}},"status":{{"exists":true}}}}"#),
        {
            let some: Vec<&str> = everything.iter().step_by(19).take(20).map(|finding| finding.resource.as_str()).collect();
            serde_json::json!({"resource": {"eq": some}, "resourceOwnerAccount": {"neq": ["111122223333"]}}).to_string()
        },
        r#"{"resource":{"exists":false}}"#.to_owned(),
        r#"{"resourceOwnerAccount":{"exists":true},"findingType":{"neq":["UnusedIAMRole"]}}"#.to_owned(),
    ];
    let plain = Query::of(&own);
    let mut queries: Vec<Query> =
        filters.iter().map(|text| Query { filter: Filter::parse(text).unwrap(), ..plain.clone() }).collect();
    queries.push(Query { risk: Risk::ESCALATION.and(Risk::WRITE), ..plain.clone() });
    queries.push(Query { service: Some("s3".to_owned()), only: Some(FindingStatus::Active), ..plain.clone() });
    queries.push(Query { service: Some("ec2".to_owned()), ..plain.clone() });
    let some = Filter::parse(r#"{"resourceOwnerAccount":{"eq":["111122223333","111122223335"]}}"#).unwrap();
    queries.push(Query { filter: some, risk: Risk::WRITE, ..plain.clone() });
    queries.push(Query { created_from: Some(at(1)), created_before: Some(at(4)), ..plain.clone() });
    let mut nonempty = 0;
    for query in &queries {
        for key_of in SORTS {
            for (descending, limit, look) in [(false, 7, LOOK), (true, 50, LOOK), (true, 1000, 40), (false, 9, 13)] {
                let query = Query { sort: Sort { key: key_of, descending }, limit, look, ..query.clone() };
                let what = format!("{} {key_of:?} {descending} {limit} {look}", query.filter);
                let listed = pages(store, &query).await;
                let keys: Vec<String> = listed.iter().map(|finding| key(key_of, finding)).collect();
                let sorted = if descending { keys.is_sorted_by(|a, b| a >= b) } else { keys.is_sorted() };
                assert!(sorted, "{what}: {keys:?}");
                let ids = |list: Vec<&FindingSummary>| {
                    let mut ids: Vec<String> = list.into_iter().map(|finding| finding.id.clone()).collect();
                    ids.sort();
                    ids
                };
                let expected = everything.iter().filter(|finding| admits(&query, finding)).collect();
                assert_eq!(ids(listed.iter().collect()), ids(expected), "{what}");
                nonempty += usize::from(!listed.is_empty());
            }
        }
    }
    assert!(nonempty > queries.len() * 20);
}

/// With so little looked at for a page, some pages are short, and the list is the same.
async fn short(bed: &Bed) {
    let store = &bed.store;
    let own = filled(store).await;
    let filter = Filter::parse(r#"{"resource":{"contains":["/r25"]}}"#).unwrap();
    let rare = Query { filter, look: 20, ..Query::of(&own) };
    let page = store.list(&rare).await.unwrap();
    assert!(page.findings.len() < 100 && page.next.is_some(), "the page ends where enough was looked at");
    let whole = store.list(&Query { look: LOOK, ..rare.clone() }).await.unwrap();
    assert!(whole.next.is_none() && whole.findings.len() > 5);
    assert_eq!(store.list_within(&rare, std::time::Duration::from_secs(60)).await.unwrap(), whole);
    assert_eq!(pages(store, &rare).await, whole.findings);
}

async fn moving(bed: &Bed) {
    let store = &bed.store;
    let own = filled(store).await;
    let query = Query { limit: 20, sort: Sort { key: SortKey::Resource, descending: false }, ..Query::of(&own) };
    let before: Vec<String> = pages(store, &query).await.into_iter().map(|finding| finding.id).collect();
    let (mut query, mut seen, mut step) = (query, Vec::new(), 0_usize);
    loop {
        let page = store.list(&query).await.unwrap();
        seen.extend(page.findings.into_iter().map(|finding| finding.id));
        let Some(next) = page.next else { break };
        query.after = Some(next);
        // Somebody archives and reopens meanwhile, before and behind the place of the reader.
        for at in [step * 3, before.len() - 1 - step] {
            let id = [before[at].clone()];
            if store.archive(&own, &id, None, None, &Change::own()).await.unwrap() == 0 {
                store.reopen(&own, &id, &Change::own()).await.unwrap();
            }
        }
        step += 1;
    }
    assert_eq!(seen, before, "every finding is shown once although statuses change between the pages");
}

crate::bed::on_both!(
    lists_are_what_filtering_and_sorting_everything_gives => lists,
    a_page_ends_where_enough_was_looked_at_and_the_list_goes_on => short,
    nothing_is_shown_twice_or_left_out_when_findings_change_between_pages => moving,
);
