//! `leastwise ingest s3://…` against a small store of ours that answers badly on purpose: what it gives in the end counts as the
//! same logs in a folder do, what it does not give is named, and nothing counts twice. `scripts/test-objects` does it with moto.

#![cfg(feature = "s3")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unreachable_pub
)]

mod harness;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use harness::store::{Fault, Store, deliver};
use harness::{Folder, tree};

/// Rows and ids of a folder of usage.
fn counted(folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = tree(folder);
    files.retain(|path, _| ["calls", "events", "coverage"].iter().any(|part| path.starts_with(part)));
    files
}

#[test]
fn a_store_that_answers_badly_gives_the_same_usage_as_a_folder_and_the_next_run_fetches_nothing() {
    let folder = Folder::new();
    let logs = deliver(&folder.path("logs"), 6);
    let (here, there) = (folder.path("here"), folder.path("there"));
    assert_eq!(harness::leastwise(&["ingest", logs.to_str().unwrap(), "--out", &here], "").status, 0);
    let store = Store::new();
    store.put_folder(&logs, "org/AWSLogs");
    store.put("org/AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/10/01/d.json.gz", b"no log");
    store.put("org/AWSLogs/111122223333/Config/eu-west-1/2026/10/1/ConfigHistory/c.json.gz", b"no log of ours");
    store.put("org2/AWSLogs/x.json", b"not asked for");
    let keys: Vec<String> = store.keys().into_iter().filter(|key| key.contains("/CloudTrail/")).collect();
    store.fault(&keys[0], &[Fault::Internal, Fault::SlowDown, Fault::Internal], false);
    store.fault(&keys[2], &[Fault::Silence], false);
    store.fault(&keys[4], &[Fault::Half], false);
    store.state.lock().unwrap().list_faults = vec![Fault::Internal, Fault::Internal];
    let ran = store.ingest(&["s3://logs/org", "--threads", "2"], &there);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(ran.out.contains("12 of 12 files read now, 60 events: 60 new"), "{}", ran.out);
    assert_eq!(counted(&there), counted(&here));
    let (gets, _) = store.asked();
    assert!(gets.iter().all(|key| keys.contains(key)), "{gets:?}");
    assert_eq!(gets.len(), 12 + 3 + 1 + 1);
    let again = store.ingest(&["s3://logs/org/"], &there);
    assert!(again.status == 0 && again.out.contains("0 of 12 files read now, 0 events"), "{} {}", again.out, again.err);
    assert_eq!(store.asked().0, [] as [String; 0]);
    // One object by its name, which was read before under the same one.
    let one = store.ingest(&[&format!("s3://logs/{}", keys[3])], &there);
    assert!(one.out.contains("0 of 1 files"), "{} {}", one.out, one.err);
}

#[test]
fn what_the_store_does_not_give_is_named_and_the_next_run_reads_it_alone() {
    let folder = Folder::new();
    let logs = deliver(&folder.path("logs"), 4);
    let (here, there) = (folder.path("here"), folder.path("there"));
    harness::leastwise(&["ingest", logs.to_str().unwrap(), "--out", &here], "");
    let store = Store::new();
    store.put_folder(&logs, "AWSLogs");
    let keys = store.keys();
    store.fault(&keys[1], &[Fault::Gone], true);
    store.fault(&keys[3], &[Fault::Short], true);
    store.fault(&keys[6], &[Fault::Internal], true);
    let ran = store.ingest(&["s3://logs"], &there);
    assert_eq!(ran.status, 1, "{}", ran.out);
    assert!(ran.out.contains("25 events: 25 new"), "{}", ran.out);
    for (at, told) in [(1, "was listed and is gone"), (3, "bytes where"), (6, "cannot be fetched")] {
        let expected = format!("s3://logs/{}: ", keys[at]);
        assert!(ran.err.lines().any(|line| line.contains(&expected) && line.contains(told)), "{told}: {}", ran.err);
    }
    assert_eq!(ran.err.lines().count(), 3, "{}", ran.err);
    store.state.lock().unwrap().faults.clear();
    store.asked();
    let ran = store.ingest(&["s3://logs"], &there);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    let mut gets = store.asked().0;
    gets.sort();
    assert_eq!(gets, [keys[1].clone(), keys[3].clone(), keys[6].clone()]);
    assert_eq!(counted(&there), counted(&here));
}

#[test]
fn a_bucket_that_may_not_be_listed_is_named_and_forgotten_when_it_may() {
    let folder = Folder::new();
    let logs = deliver(&folder.path("logs"), 4);
    let out = folder.path("usage");
    let store = Store::new();
    store.put_folder(&logs, "AWSLogs");
    store.state.lock().unwrap().list_faults = vec![Fault::Gone];
    let ran = store.ingest(&["s3://logs/AWSLogs"], &out);
    assert_eq!(ran.status, 1);
    assert!(ran.err.contains("s3://logs/AWSLogs: cannot be listed: "), "{}", ran.err);
    let ran = store.ingest(&["s3://logs/AWSLogs"], &out);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    let fresh = folder.path("fresh");
    store.ingest(&["s3://logs/AWSLogs"], &fresh);
    assert_eq!(
        fs::read(Path::new(&out).join("files.parquet")).unwrap(),
        fs::read(Path::new(&fresh).join("files.parquet")).unwrap()
    );
}

#[test]
fn from_a_moment_on_earlier_days_are_not_even_listed() {
    let folder = Folder::new();
    let logs = deliver(&folder.path("logs"), 28);
    let out = folder.path("usage");
    let store = Store::new();
    store.put_folder(&logs, "a/AWSLogs/o-1");
    for at in 0..40 {
        store.put(&format!("a/AWSLogs/o-1/111122223333/Config/eu-west-1/2026/10/1/c{at}.json.gz"), b"");
        store.put(&format!("a/AWSLogs/o-1/111122223333/CloudTrail-Digest/eu-west-1/2026/10/28/d{at}.json.gz"), b"");
    }
    for prefix in ["s3://logs/a", "s3://logs/a/AWSLogs/o-1/111122223333/CloudTrail/eu-west-1"] {
        let ran = store.ingest(&[prefix, "--since", "2026-10-27"], &out);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
        let (_, listed) = store.asked();
        assert!(listed < 16, "{listed} keys and folders were listed below {prefix}");
    }
    let ran = store.ingest(&["s3://logs/a", "--since", "2026-10-27"], &out);
    assert!(ran.out.contains("0 of 4 files read now"), "{}", ran.out);
}

#[test]
fn a_long_log_is_fetched_in_pieces() {
    let folder = Folder::new();
    let long = "x".repeat(700);
    let record = |at: u32| {
        format!(
            r#"{{"eventID":"long-{at}","eventTime":"2026-10-01T10:00:00Z","eventSource":"ec2.amazonaws.com","eventName":"DescribeInstances","awsRegion":"eu-west-1","recipientAccountId":"111122223333","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ann"}},"userAgent":"{long}"}}"#
        )
    };
    let text = (0..19_000).map(record).collect::<Vec<_>>().join("\n");
    assert!(text.len() > 17 << 20);
    let (here, there) = (folder.path("here"), folder.path("there"));
    let file = folder.file("long.json", &text);
    harness::leastwise(&["ingest", &file, "--out", &here], "");
    let store = Store::new();
    store.put("long.json", text.as_bytes());
    store.fault("long.json", &[Fault::Internal, Fault::Half], false);
    let ran = store.ingest(&["s3://logs/long.json"], &there);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert_eq!(counted(&there), counted(&here));
    assert!(store.asked().0.len() > 3);
}
