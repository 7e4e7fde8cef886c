//! How often the logs are read: once for every tracking period that some analyzer has, however many analyzers have it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use leastwise::access::Timestamp;
use leastwise::analysis::{Analysis, Records};
use leastwise::usage::{EventMapper, Rules, TrackingPeriod};
use leastwise_policy::Catalogue;
use leastwise_server::store::{Change, Location, NewAnalyzer, Scope, Store};
use leastwise_server::{Inputs, InputsFailure, Options, Visit};

/// Inputs in which nobody is, that count how often their logs are read.
struct Counted(Arc<AtomicUsize>);

impl Inputs for Counted {
    fn mark(&self) -> u64 {
        0
    }

    fn present(&self) -> Timestamp {
        Timestamp::parse("2026-11-01").unwrap()
    }

    fn analyse(&self, present: Timestamp, visit: &mut Visit<'_>) -> Result<(), InputsFailure> {
        let catalogue = Catalogue::embedded();
        let period = TrackingPeriod::ending(present, 90).unwrap();
        let analysis = Analysis::new(EventMapper::new(catalogue), Records::default(), period, Rules::default());
        visit(analysis, &|_| {
            self.0.fetch_add(1, Ordering::SeqCst);
        });
        Ok(())
    }
}

/// Makes an analyzer, and waits until it was analysed.
async fn analysed(store: &Store, name: &str, days: u32) {
    let new = NewAnalyzer {
        name: name.to_owned(),
        arn: format!("arn:aws:access-analyzer:us-east-1:111122223333:analyzer/{name}"),
        scope: Scope::Organization,
        unused_access_age: days,
        exclusions: Vec::new(),
        tags: Vec::new(),
        rules: Vec::new(),
    };
    store.create_analyzer(&new, &Change::own()).await.unwrap();
    let begun = Instant::now();
    while store.analyzer(name).await.unwrap().is_pending {
        assert!(begun.elapsed() < Duration::from_secs(30), "{name} is not analysed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// How often the logs were read, once it is no less than expected.
async fn readings(count: &AtomicUsize, expected: usize) -> usize {
    let begun = Instant::now();
    while count.load(Ordering::SeqCst) < expected && begun.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    count.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_analyzer_has_the_logs_read_only_when_no_other_has_its_tracking_period() {
    let folder = std::env::temp_dir().join(format!("leastwise-readings-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let database = Location::Sqlite(folder.join("store.db"));
    let store = Store::open(&database).await.unwrap();
    let options = Options {
        rescan: Duration::from_millis(50),
        insecure_no_auth: true,
        ..Options::of("127.0.0.1:0".parse().unwrap(), database)
    };
    let count = Arc::new(AtomicUsize::new(0));
    let server = tokio::spawn(leastwise_server::serve(options, Arc::new(Counted(count.clone())), |_, _| {}));
    analysed(&store, "first", 90).await;
    assert_eq!(readings(&count, 1).await, 1);
    analysed(&store, "same-period", 90).await;
    // By the time that the third is analysed, all reading for the second is over.
    analysed(&store, "other-period", 30).await;
    assert_eq!(readings(&count, 2).await, 2);
    analysed(&store, "other-period-again", 30).await;
    analysed(&store, "third-period", 7).await;
    assert_eq!(readings(&count, 3).await, 3);
    server.abort();
    std::fs::remove_dir_all(&folder).ok();
}
