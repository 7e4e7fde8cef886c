//! The published logs beside the project, read without loss. Skipped, with the reason, when they are not there: name
//! their folder in `LEASTWISE_SHARED_DATA`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::path::Path;

use leastwise::usage::{Collector, EventMapper};
use leastwise_history::{ReadOptions, read};
use leastwise_policy::Catalogue;

#[test]
fn published_logs_are_read_without_loss() {
    let Some(folder) = std::env::var_os("LEASTWISE_SHARED_DATA") else {
        println!("skipped: LEASTWISE_SHARED_DATA does not name the folder of shared data");
        return;
    };
    let mapper = EventMapper::new(Catalogue::embedded());
    for (name, events) in [("invictus/CloudTrail", 2900), ("stratus", 310), ("otrf/datasets/atomic/aws", 103)] {
        let path = Path::new(&folder).join("cloudtrail").join(name);
        let mut collector = Collector::new(&mapper);
        let mut pairs: BTreeMap<(String, String), u64> = BTreeMap::new();
        let reading = read(&[path], &ReadOptions::default(), &mut |event| {
            *pairs.entry((event.source.to_string(), event.name.to_string())).or_default() += 1;
            collector.record(event);
        });
        let ledger = collector.finish();
        let recorded = ledger.recorded();
        println!("{name}: {} events, {} pairs, {} principals", reading.events, pairs.len(), ledger.principals().count());
        println!("  mapped {}, no calls {:?}, unmapped {:?}", recorded.mapped, recorded.not_api_calls, recorded.unmapped);
        println!(
            "  services {:?}, others {}, unattributable {:?}",
            recorded.of_services, recorded.of_others, recorded.unattributable
        );
        for principal in ledger.principals() {
            println!("  {principal} {:?}", ledger.activity(principal).1);
        }
        assert_eq!(reading.events, events, "{name}");
        assert_eq!(reading.duplicates, 0);
        assert_eq!(reading.problems, []);
        assert!(recorded.unmapped.len() <= 1, "{:?}", recorded.unmapped);
    }
}
