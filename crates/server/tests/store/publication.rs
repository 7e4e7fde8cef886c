//! A run at every stage: while it is written nothing of it is seen, and from the moment that it is visible all of it, whatever is asked.

use std::collections::BTreeMap;

use crate::bed::{Bed, analyzer, found};
use FindingStatus::{Active, Archived, Resolved};
use leastwise::access::Timestamp;
use leastwise_server::store::*;

fn at(day: i64) -> Timestamp {
    Timestamp::from_seconds(1_790_000_000 + day * 86_400)
}

/// What is seen, by id: status, and the content that the details show.
type Seen = BTreeMap<String, (FindingStatus, String)>;

/// Looks at an analyzer in every way there is, and makes sure that they all say the same.
async fn seen(store: &Store) -> Seen {
    let own = store.analyzer("staged").await.unwrap();
    let plain = Query { limit: 10_000, ..Query::of(&own) };
    let all = store.list(&plain).await.unwrap().findings;
    let ids = |list: &[FindingSummary]| {
        let mut ids: Vec<String> = list.iter().map(|one| one.id.clone()).collect();
        ids.sort();
        ids
    };
    for key in [
        SortKey::Updated,
        SortKey::Resource,
        SortKey::Risk,
        SortKey::Status,
        SortKey::FindingType,
        SortKey::Account,
        SortKey::ResourceType,
        SortKey::Id,
    ] {
        let (mut asked, mut paged) = (Query { sort: Sort { key, descending: false }, limit: 11, ..plain.clone() }, Vec::new());
        loop {
            let page = store.list(&asked).await.unwrap();
            paged.extend(page.findings);
            match page.next {
                Some(next) => asked.after = Some(next),
                None => break,
            }
        }
        assert_eq!(ids(&paged), ids(&all), "{key:?}");
    }
    let statistics = store.statistics(&own, 100).await.unwrap();
    let mut accounts: BTreeMap<String, u64> = BTreeMap::new();
    for finding in all.iter().filter(|one| one.status == Active) {
        *accounts.entry(finding.account.clone()).or_default() += 1;
    }
    let counted: BTreeMap<String, u64> = statistics.accounts.iter().map(|one| (one.account.clone(), one.active)).collect();
    assert_eq!(counted, accounts);
    for status in FindingStatus::ALL {
        let of_status: Vec<FindingSummary> = all.iter().filter(|one| one.status == status).cloned().collect();
        assert_eq!(statistics.of_status(status), of_status.len() as u64, "{status:?}");
        let filter = Filter::parse(&format!("{{\"status\":{{\"eq\":[\"{}\"]}}}}", status.as_str())).unwrap();
        let listed = store.list(&Query { filter, ..plain.clone() }).await.unwrap().findings;
        assert_eq!(ids(&listed), ids(&of_status), "{status:?}");
        for facet in [Facet::Risk, Facet::Day] {
            let counted: u64 = store.facets(&own, facet, status).await.unwrap().iter().map(|(_, n)| n).sum();
            assert_eq!(counted, of_status.len() as u64, "{facet:?} {status:?}");
        }
    }
    let mut seen = Seen::new();
    for one in all {
        let whole = store.finding(&own, &one.id).await.unwrap();
        assert_eq!(whole.summary, one);
        let open = store.findings_of_resource(&own, &one.resource).await.unwrap();
        assert_eq!(open.contains(&one.id), one.status != Resolved);
        seen.insert(one.id, (one.status, whole.details));
    }
    seen
}

fn with(n: u64, content: &str, shown: &str) -> FoundFinding {
    FoundFinding { details: format!("[\"{shown}{n}\"]"), ..found(n, content) }
}

/// Sixty findings, some archived, some resolved; then a run in which some go, come back, change, look different, and are new.
async fn prepared(store: &Store) -> (Vec<FoundFinding>, Seen, Seen) {
    analyzer(store, "staged", Scope::Organization).await;
    let rule = Filter::parse(r#"{"resource":{"contains":["/r9","/r58"]}}"#).unwrap();
    for (day, findings) in [(0, 0..60_u64), (1, 0..50)] {
        let own = store.analyzer("staged").await.unwrap();
        let mut run = store.begin_run(&own, at(day)).await.unwrap();
        run.take(findings.map(|n| with(n, "a", "old")).collect()).await.unwrap();
        run.publish("{}", at(day)).await.unwrap();
    }
    store.create_rule("staged", "nines", &rule, &Change::own()).await.unwrap();
    let own = store.analyzer("staged").await.unwrap();
    let active = store.list(&Query { only: Some(Active), limit: 1000, ..Query::of(&own) }).await.unwrap().findings;
    let ids: Vec<String> = active.iter().step_by(4).map(|one| one.id.clone()).collect();
    store.archive(&own, &ids, Some("why"), Some(at(50)), &Change { at: at(2), ..Change::own() }).await.unwrap();
    let next: Vec<FoundFinding> = (10..100)
        .map(|n| match n {
            20..30 => with(n, "b", "changed"),
            30..40 => with(n, "a", "redated"),
            55..57 => with(n, "a", "back"),
            _ => with(n, "a", "old"),
        })
        .collect();
    let before = seen(store).await;
    assert!([Active, Archived, Resolved].iter().all(|status| before.values().any(|(own, _)| own == status)));
    // What will be.
    let mut after = before.clone();
    let by_resource: BTreeMap<String, String> = {
        let all = store.list(&Query { limit: 1000, ..Query::of(&own) }).await.unwrap().findings;
        all.into_iter().map(|one| (one.resource, one.id)).collect()
    };
    for n in 0..60 {
        let one = after.get_mut(&by_resource[&found(n, "").resource]).unwrap();
        match n {
            0..10 | 20..30 => one.0 = Resolved,
            30..40 => one.1 = format!("[\"redated{n}\"]"),
            55..57 => *one = (Active, format!("[\"back{n}\"]")),
            // Comes back, and a rule fits.
            58 => *one = (Archived, format!("[\"old{n}\"]")),
            57..60 => *one = (Active, format!("[\"old{n}\"]")),
            50..55 => *one = (Active, format!("[\"old{n}\"]")),
            _ => {}
        }
    }
    (next, before, after)
}

/// The expected state with what is new, whose ids nobody knows beforehand.
fn new_ones_added(mut expected: Seen, got: &Seen) -> Seen {
    for (id, (status, details)) in
        got.iter().filter(|(id, _)| !expected.contains_key(*id)).map(|(id, seen)| (id.clone(), seen.clone())).collect::<Vec<_>>()
    {
        let n: u64 = details.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
        let rule = n >= 90;
        assert_eq!(status, if rule { Archived } else { Active }, "{details}");
        assert!(
            (20..30).contains(&n) && details.contains("changed") || (60..100).contains(&n) && details.contains("old"),
            "{details}"
        );
        expected.insert(id, (status, details));
    }
    expected
}

async fn stages(bed: &Bed) {
    let store = &bed.store;
    let (next, before, after) = prepared(store).await;
    let own = store.analyzer("staged").await.unwrap();
    let mut run = store.begin_run(&own, at(3)).await.unwrap();
    for part in next.chunks(13) {
        run.take(part.to_vec()).await.unwrap();
        assert_eq!(seen(store).await, before, "nothing of a run that is being written is seen");
    }
    run.show("{}", at(4)).await.unwrap();
    let shown = seen(store).await;
    assert_eq!(shown.len(), before.len() + 50);
    assert_eq!(shown, new_ones_added(after, &shown), "all of it is seen before it is settled");
    // The next run settles it first, and what is seen stays.
    let again = store.begin_run(&store.analyzer("staged").await.unwrap(), at(5)).await.unwrap();
    assert_eq!(seen(store).await, shown);
    again.abandon("enough").await.unwrap();
    assert_eq!(seen(store).await, shown);
}

async fn taken_back(bed: &Bed) {
    let store = &bed.store;
    let (next, before, _) = prepared(store).await;
    let own = store.analyzer("staged").await.unwrap();
    let mut run = store.begin_run(&own, at(3)).await.unwrap();
    run.take(next.clone()).await.unwrap();
    // Somebody else begins: what this run still writes is refused.
    let other = store.begin_run(&own, at(4)).await.unwrap();
    assert_eq!(seen(store).await, before);
    assert!(matches!(run.take(vec![with(200, "a", "late")]).await, Err(StoreError::Unexpected(_))));
    run.abandon("was overtaken").await.unwrap();
    assert_eq!(seen(store).await, before);
    other.abandon("no reason").await.unwrap();
    assert_eq!(seen(store).await, before);
    assert_eq!(
        store.runs(&own, 2).await.unwrap().iter().map(|run| run.problem.as_deref()).collect::<Vec<_>>(),
        [Some("no reason"), Some("was overtaken")]
    );
}

/// People archive and reopen while a run is written, and after it is visible and not settled.
async fn people(bed: &Bed) {
    let store = &bed.store;
    let (next, before, after) = prepared(store).await;
    let own = store.analyzer("staged").await.unwrap();
    let mut run = store.begin_run(&own, at(3)).await.unwrap();
    run.take(next).await.unwrap();
    let change = Change { at: at(3), ..Change::by("user:ada") };
    // Every tenth finding, whatever becomes of it.
    let some = |all: &Seen, status: FindingStatus| -> Vec<String> {
        all.iter().filter(|(_, (own, _))| *own == status).map(|(id, _)| id.clone()).step_by(3).collect()
    };
    let (aside, again) = (some(&before, Active), some(&before, Archived));
    assert_eq!(store.archive(&own, &aside, Some("meanwhile"), None, &change).await.unwrap(), aside.len() as u64);
    assert_eq!(store.reopen(&own, &again, &change).await.unwrap(), again.len() as u64);
    let (mut expected, mut later) = (before.clone(), after.clone());
    for (ids, status) in [(&aside, Archived), (&again, Active)] {
        for id in ids {
            expected.get_mut(id).unwrap().0 = status;
            if later[id].0 != Resolved {
                later.get_mut(id).unwrap().0 = status;
            }
        }
    }
    assert_eq!(seen(store).await, expected);
    run.show("{}", at(4)).await.unwrap();
    let shown = seen(store).await;
    let mut expected = new_ones_added(later, &shown);
    assert_eq!(shown, expected);
    let resolved = shown.iter().find(|(id, (status, _))| *status == Resolved && before[*id].0 == Active).unwrap().0.clone();
    let (aside, again) = (some(&shown, Active), some(&shown, Archived));
    store.archive(&own, &aside, Some("after"), None, &change).await.unwrap();
    store.reopen(&own, &again, &change).await.unwrap();
    assert_eq!(
        store.archive(&own, std::slice::from_ref(&resolved), None, None, &change).await.unwrap(),
        0,
        "what is resolved stays so"
    );
    for (ids, status) in [(&aside, Archived), (&again, Active)] {
        for id in ids {
            expected.get_mut(id).unwrap().0 = status;
        }
    }
    assert_eq!(seen(store).await, expected);
    store.begin_run(&own, at(5)).await.unwrap().abandon("enough").await.unwrap();
    assert_eq!(seen(store).await, expected);
}

async fn cleared(bed: &Bed) {
    let store = &bed.store;
    let own = analyzer(store, "staged", Scope::Organization).await;
    let mut run = store.begin_run(&own, at(0)).await.unwrap();
    run.take((0..700).map(|n| found(n, "a")).collect()).await.unwrap();
    run.publish("{}", at(0)).await.unwrap();
    store.delete_analyzer("staged", &Change::own()).await.unwrap();
    // One of the same name has nothing of the old one, not even within the same second.
    let next = analyzer(store, "staged", Scope::Organization).await;
    assert!(seen(store).await.is_empty());
    let mut run = store.begin_run(&next, at(0)).await.unwrap();
    run.take((0..20).map(|n| found(n, "a")).collect()).await.unwrap();
    run.publish("{}", at(0)).await.unwrap();
    assert_eq!(seen(store).await.len(), 20);
    assert_eq!(store.clear_away().await.unwrap(), 700);
    assert_eq!(store.clear_away().await.unwrap(), 0);
    assert_eq!(seen(store).await.len(), 20);
}

crate::bed::on_both!(
    nothing_of_a_run_is_seen_before_it_is_visible_and_all_of_it_from_then_on => stages,
    a_run_that_is_given_up_or_overtaken_leaves_everything_as_it_was => taken_back,
    people_may_archive_and_reopen_at_every_stage_of_a_run => people,
    a_deleted_analyzer_is_forgotten_at_once_and_cleared_away_later => cleared,
);
