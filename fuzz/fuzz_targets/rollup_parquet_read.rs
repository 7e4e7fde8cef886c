//! Any bytes in the place of a rollup's Parquet file: reading it is refused or gives rows, and never panics.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use leastwise::usage::EventMapper;
use leastwise_history::rollup::{IngestOptions, StoreOptions, Usage, ingest};
use leastwise_policy::Catalogue;
use libfuzzer_sys::fuzz_target;

const EVENT: &str = r#"{"Records":[{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/ana","accountId":"111122223333","userName":"ana"},"eventTime":"2026-10-01T10:00:00Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.1","userAgent":"x","eventID":"11111111-1111-4111-8111-111111111111","eventType":"AwsApiCall","readOnly":true,"managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}]}"#;

fn parquet_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            parquet_files(&path, out);
        } else if path.extension().is_some_and(|ending| ending == "parquet") {
            out.push(path);
        }
    }
}

/// A rollup of one event, and its file.
static ROLLUP: LazyLock<(PathBuf, PathBuf)> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("leastwise-fuzz-rollup-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (log, out) = (folder.join("log.json"), folder.join("usage"));
    std::fs::write(&log, EVENT).expect("a log");
    let mapper = EventMapper::new(Catalogue::embedded());
    ingest(&[log], &out, &mapper, &IngestOptions::of_threads(1), &|_| {}).expect("a rollup");
    let mut files = Vec::new();
    parquet_files(&out, &mut files);
    (out, files.pop().expect("a file of the rollup"))
});

fuzz_target!(|bytes: &[u8]| {
    let (folder, file) = &*ROLLUP;
    std::fs::write(file, bytes).expect("the file");
    if let Ok(usage) = Usage::open(folder, &StoreOptions::default()) {
        usage.rows(&mut |_, rows| assert!(!rows.is_empty())).ok();
    }
});
