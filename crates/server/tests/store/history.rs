//! History: every day has its numbers, the last one those of the moment, and an account costs rows only when its numbers change.

use crate::bed::{Bed, analyzer, found};
use leastwise::access::Timestamp;
use leastwise_server::store::*;
use sqlx::Row;

fn at(day: i64) -> Timestamp {
    Timestamp::from_seconds(1_790_000_000 + day * 86_400)
}

/// Writes an analysis of a day that found these of `found`.
async fn analyse(store: &Store, name: &str, numbers: impl Iterator<Item = u64>, day: i64) -> Run {
    let own = store.analyzer(name).await.unwrap();
    let mut run = store.begin_run(&own, at(day)).await.unwrap();
    run.take(numbers.map(|n| found(n, "a")).collect()).await.unwrap();
    run
}

/// The account of these findings; it has 1, 6, 11 and so on.
const CHANGING: &str = "111122223334";
/// An account whose findings stay.
const STEADY: &str = "111122223335";

/// Active, archived and resolved findings of an account, day by day, as the store has them on a day.
async fn days(store: &Store, name: &str, account: &str, from: i64, now: i64) -> Vec<(i64, u64, u64, u64)> {
    let own = store.analyzer(name).await.unwrap();
    let first = at(0).seconds() / 86_400;
    let days = store.account_trend(&own, account, at(from), at(now)).await.unwrap();
    days.iter().map(|day| (day.day.seconds() / 86_400 - first, day.active, day.archived, day.resolved)).collect()
}

/// Rows of the history of accounts.
async fn rows(bed: &Bed, table: &str) -> i64 {
    let url = match &bed.location {
        Location::Sqlite(path) => format!("sqlite:{}", path.to_str().unwrap().replace(' ', "%20")),
        Location::Postgres(url) => url.clone(),
    };
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
    let count = sqlx::query(sql).fetch_one(&pool).await.unwrap().try_get(0).unwrap();
    pool.close().await;
    count
}

async fn accounts(bed: &Bed) {
    let store = &bed.store;
    for name in ["own", "other"] {
        analyzer(store, name, Scope::Organization).await;
        analyse(store, name, 0..10, 0).await.publish("{}", at(0)).await.unwrap();
    }
    assert_eq!(days(store, "own", CHANGING, -5, 0).await, [(0, 2, 0, 0)], "nothing is known of the days before");
    assert_eq!(rows(bed, "account_history").await, 10, "two analyzers, five accounts");
    // Rounds in which nothing happens cost nothing, on whatever day.
    for day in [0, 1, 2] {
        store.keep_history(at(day)).await.unwrap();
    }
    assert_eq!(rows(bed, "account_history").await, 10);

    // One finding is gone, and two days later somebody puts the other one aside.
    analyse(store, "own", (0..10).filter(|n| *n != 1), 3).await.publish("{}", at(3)).await.unwrap();
    assert_eq!(rows(bed, "account_history").await, 11);
    let own = store.analyzer("own").await.unwrap();
    let all = store.list(&Query { only: Some(FindingStatus::Active), limit: 100, ..Query::of(&own) }).await.unwrap().findings;
    let last: Vec<String> = all.iter().filter(|one| one.account == CHANGING).map(|one| one.id.clone()).collect();
    assert_eq!(last.len(), 1);
    store.archive(&own, &last, None, None, &Change { at: at(5), ..Change::own() }).await.unwrap();

    // Before anything of it is in the history the trends end with it.
    assert_eq!(days(store, "own", CHANGING, 4, 5).await, [(4, 1, 0, 1), (5, 0, 1, 1)]);
    let trend = store.trend(&own, at(0), at(5)).await.unwrap();
    let of = |day, status| {
        let day = Timestamp::from_seconds(at(day).seconds().div_euclid(86_400) * 86_400);
        trend.iter().filter(|point| point.day == day && point.status == status).map(|point| point.count).sum::<u64>()
    };
    assert_eq!((of(3, FindingStatus::Active), of(5, FindingStatus::Active), of(5, FindingStatus::Archived)), (9, 8, 1));

    store.keep_history(at(5)).await.unwrap();
    let known = [(0, 2, 0, 0), (1, 2, 0, 0), (2, 2, 0, 0), (3, 1, 0, 1), (4, 1, 0, 1), (5, 0, 1, 1), (6, 0, 1, 1), (7, 0, 1, 1)];
    assert_eq!(days(store, "own", CHANGING, 0, 7).await, known, "days between changes are as the one before");
    assert_eq!(days(store, "own", CHANGING, 2, 7).await, known[2..], "the first day is as the last change before it");
    assert_eq!(days(store, "own", STEADY, 0, 2).await, [(0, 2, 0, 0), (1, 2, 0, 0), (2, 2, 0, 0)]);
    assert_eq!(days(store, "other", CHANGING, 0, 1).await, [(0, 2, 0, 0), (1, 2, 0, 0)], "another analyzer is not concerned");
    assert_eq!(days(store, "own", "999999999999", 0, 7).await, []);

    // A run that is visible and not settled counts already, and one that is not visible does not.
    let run = analyse(store, "own", 10..20, 8).await;
    store.keep_history(at(8)).await.unwrap();
    assert_eq!(days(store, "own", CHANGING, 8, 8).await, [(8, 0, 1, 1)]);
    run.show("{}", at(8)).await.unwrap();
    store.keep_history(at(8)).await.unwrap();
    assert_eq!(days(store, "own", CHANGING, 8, 9).await, [(8, 2, 0, 2), (9, 2, 0, 2)]);

    // What is left of an analyzer that is gone is cleared away, and no more.
    store.delete_analyzer("own", &Change::own()).await.unwrap();
    store.clear_away().await.unwrap();
    assert_eq!((rows(bed, "account_history").await, rows(bed, "account_history_end").await), (5, 5));
}

crate::bed::on_both!(
    an_account_has_its_own_trend_which_ends_with_the_present_and_has_rows_only_for_changes => accounts,
);
