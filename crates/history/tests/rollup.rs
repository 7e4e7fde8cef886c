//! The rollup as a library: rows of one log, and folders of an earlier version.

#![cfg(feature = "rollup")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // A test may fail where its helpers do.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use leastwise::access::{AccessKeyId, AccountsReader, PrincipalArn};
use leastwise::usage::{Collector, EventMapper};
use leastwise_history::ReadOptions;
use leastwise_history::rollup::{IngestOptions, MOST_RESOURCES, StoreOptions, Usage, by_call, ingest};
use leastwise_policy::Catalogue;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("leastwise-rollup-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A log of `count` reads of different objects, two of each.
fn log(folder: &Folder, count: usize) -> PathBuf {
    let record = |at: usize| {
        let object = at / 2;
        format!(
            r#"{{"userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ann"}},"eventTime":"2026-03-01T12:{:02}:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-west-1","requestParameters":{{"bucketName":"b","key":"in/{object}"}},"eventID":"e-{at}","eventType":"AwsApiCall","recipientAccountId":"111122223333"}}"#,
            at % 60
        )
    };
    let path = folder.0.join("log.json");
    let records: Vec<String> = (0..count).map(record).collect();
    fs::write(&path, format!("{{\"Records\":[{}]}}", records.join(","))).unwrap();
    path
}

fn rows(folder: &Path, resources: bool) -> Vec<String> {
    let mapper = EventMapper::new(Catalogue::embedded());
    let mut all = Vec::new();
    Usage::open(folder, &StoreOptions::default())
        .unwrap()
        .rows(&mut |account, rows| {
            all.extend(by_call(account, rows, &mapper, resources).iter().map(|row| format!("{row:?}")));
        })
        .unwrap();
    all
}

fn ingested(log: &Path, out: &Path) {
    let mapper = EventMapper::new(Catalogue::embedded());
    ingest(&[log.to_owned()], out, &mapper, &IngestOptions::of_threads(1), &|_| {}).unwrap();
}

#[test]
fn more_resources_than_are_kept_become_patterns_and_are_marked() {
    let folder = Folder::new("patterns");
    let out = folder.0.join("usage");
    ingested(&log(&folder, 2 * MOST_RESOURCES), &out);
    assert_eq!(rows(&out, true).len(), MOST_RESOURCES + 1);
    fs::remove_dir_all(&out).unwrap();
    ingested(&log(&folder, 2 * MOST_RESOURCES + 2), &out);
    let all = rows(&out, true);
    assert_eq!(all.len(), 2);
    assert!(all[1].contains("arn:aws:s3:::b/in/*") && all[1].contains("summarised: true"), "{all:?}");
}

#[test]
fn a_first_commit_that_was_killed_half_way_is_ended_by_the_next_run() {
    let folder = Folder::new("first");
    let (path, out, half) = (log(&folder, 20), folder.0.join("usage"), folder.0.join("half"));
    ingested(&path, &out);
    let names = [
        "calls/111122223333/2026-03-01.parquet",
        "coverage/2026-03-01.parquet",
        "events/2026-03-01.ids",
        "files.parquet",
        "usage.json",
    ];
    fs::create_dir_all(half.join(".staging")).unwrap();
    fs::create_dir_all(half.join("calls/111122223333")).unwrap();
    fs::copy(out.join(names[0]), half.join(names[0])).unwrap();
    for (at, name) in names.iter().enumerate().skip(1) {
        fs::copy(out.join(name), half.join(format!(".staging/{at}"))).unwrap();
    }
    let journal: String = names.iter().enumerate().map(|(at, name)| format!("{at}\t{name}\n")).collect();
    fs::write(half.join(".journal"), journal + "end").unwrap();
    assert!(Usage::open(&half, &StoreOptions::default()).unwrap_err().to_string().contains("was killed"));
    ingested(&path, &half);
    assert_eq!(rows(&half, true), rows(&out, true));
}

/// Makes a folder of version 1 of one of today: without the columns that came later.
fn downgrade(out: &Path) {
    let path = out.join("calls/111122223333/2026-03-01.parquet");
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&path).unwrap()).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().unwrap();
    let schema = batches[0].schema();
    let kept: Vec<usize> = (0..schema.fields().len())
        .filter(|at| !["mayTag", "resourceLevel", "principalId", "accessKeyId"].contains(&schema.field(*at).name().as_str()))
        .collect();
    let schema = Arc::new(schema.project(&kept).unwrap());
    let mut writer = ArrowWriter::try_new(fs::File::create(&path).unwrap(), schema, None).unwrap();
    batches.iter().for_each(|batch| writer.write(&batch.project(&kept).unwrap()).unwrap());
    writer.close().unwrap();
    fs::write(out.join("usage.json"), "{\"schema\":\"leastwise.usage/1\"}\n").unwrap();
}

#[test]
fn a_folder_of_version_1_is_read_and_the_next_ingest_brings_it_to_the_present() {
    let folder = Folder::new("upgrade");
    let (path, out) = (log(&folder, 20), folder.0.join("usage"));
    ingested(&path, &out);
    let present = rows(&out, true);
    downgrade(&out);
    assert_eq!(rows(&out, true), present, "these requests have no tags, and people are not shown whether they may have");
    let old = fs::read(out.join("calls/111122223333/2026-03-01.parquet")).unwrap();
    ingested(&path, &out);
    assert_eq!(rows(&out, true), present);
    assert!(fs::read_to_string(out.join("usage.json")).unwrap().contains("usage/3"));
    assert_ne!(fs::read(out.join("calls/111122223333/2026-03-01.parquet")).unwrap(), old);
    fs::write(out.join("usage.json"), "{\"schema\":\"leastwise.usage/4\"}\n").unwrap();
    let error = Usage::open(&out, &StoreOptions::default()).unwrap_err();
    assert!(error.to_string().contains("version `4`; known are 1 to 3"), "{error}");
}

/// Records that tell whose use it is in every way that the ledger knows.
const WHOSE: &str = r#"{"Records":[
{"userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLEANN000001","arn":"arn:aws:iam::111122223333:user/ann.old","accountId":"111122223333","accessKeyId":"AKIAEXAMPLEONE000001"},
 "eventTime":"2026-03-01T12:00:00Z","eventSource":"iam.amazonaws.com","eventName":"ListRoles","awsRegion":"us-east-1","eventID":"1","eventType":"AwsApiCall","recipientAccountId":"111122223333"},
{"userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLEANN000001","arn":"arn:aws:iam::111122223333:user/ann","accountId":"111122223333","accessKeyId":"ASIAEXAMPLE000000001"},
 "eventTime":"2026-03-02T12:00:00Z","eventSource":"iam.amazonaws.com","eventName":"ListUsers","awsRegion":"us-east-1","eventID":"2","eventType":"AwsApiCall","recipientAccountId":"111122223333"},
{"userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLEANN000001","arn":"arn:aws:iam::111122223333:user/ann","accountId":"111122223333"},"responseElements":{"ConsoleLogin":"Success"},
 "eventTime":"2026-03-03T12:00:00Z","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"us-east-1","eventID":"3","eventType":"AwsConsoleSignIn","recipientAccountId":"111122223333"},
{"userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLEANN000001","arn":"arn:aws:iam::111122223333:user/ann","accountId":"111122223333"},"responseElements":{"ConsoleLogin":"Failure"},
 "eventTime":"2026-03-04T12:00:00Z","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"us-east-1","eventID":"4","eventType":"AwsConsoleSignIn","recipientAccountId":"111122223333"},
{"userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLEJOB000001:ann","arn":"arn:aws:sts::111122223333:assumed-role/job/ann","sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::111122223333:role/job","principalId":"x"}}},
 "responseElements":{"SwitchRole":"Success"},"additionalEventData":{"SwitchFrom":"arn:aws:iam::111122223333:user/ann"},
 "eventTime":"2026-03-05T12:00:00Z","eventSource":"signin.amazonaws.com","eventName":"SwitchRole","awsRegion":"us-east-1","eventID":"5","eventType":"AwsConsoleSignIn","recipientAccountId":"111122223333"},
{"userIdentity":{"type":"AWSService","invokedBy":"lambda.amazonaws.com"},"requestParameters":{"roleArn":"arn:aws:iam::111122223333:role/made/run","roleSessionName":"s"},
 "eventTime":"2026-03-06T12:00:00Z","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","awsRegion":"eu-west-1","eventID":"6","eventType":"AwsApiCall","recipientAccountId":"111122223333"},
{"userIdentity":{"type":"AWSService","invokedBy":"ec2.amazonaws.com"},"errorCode":"AccessDenied","requestParameters":{"roleArn":"arn:aws:iam::111122223333:role/never","roleSessionName":"s"},
 "eventTime":"2026-03-06T12:00:00Z","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","awsRegion":"eu-west-1","eventID":"7","eventType":"AwsApiCall","recipientAccountId":"111122223333"}
]}"#;

/// What a ledger says of the principals of `WHOSE`.
fn told(fill: &dyn Fn(&mut Collector<'_, '_>)) -> String {
    let mapper = EventMapper::new(Catalogue::embedded());
    let mut collector = Collector::new(&mapper);
    fill(&mut collector);
    let mut ledger = collector.finish();
    let details = br#"{"UserDetailList":[{"UserName":"ann","UserId":"AIDAEXAMPLEANN000001","Arn":"arn:aws:iam::111122223333:user/ann","CreateDate":"2024-01-01T00:00:00Z"}],"RoleDetailList":[],"GroupDetailList":[],"Policies":[],"IsTruncated":false}"#;
    let mut reader = AccountsReader::new();
    reader.read("details.json", details);
    ledger.identify(&reader.finish().0.principals);
    let arn = |name: &str| PrincipalArn::parse(&format!("arn:aws:iam::111122223333:{name}")).unwrap();
    let ann = arn("user/ann");
    let key = AccessKeyId::parse("AKIAEXAMPLEONE000001").unwrap();
    format!(
        "{:?}\n{:?}\n{:?} {:?}\n{:?} {:?} {:?}\n{:?}",
        ledger.uses(&ann),
        ledger.key_uses(&ann, Some(&key), &[&key]),
        ledger.last_sign_in(&ann),
        ledger.other_names(&ann),
        ledger.assumed(&arn("role/job")),
        ledger.assumed(&arn("role/made/run")),
        ledger.assumed(&arn("role/never")),
        ledger.recorded(),
    )
}

#[test]
fn a_rollup_tells_whose_use_it_is_as_the_logs_do() {
    let folder = Folder::new("whose");
    let (path, out) = (folder.0.join("log.json"), folder.0.join("usage"));
    fs::write(&path, WHOSE).unwrap();
    ingested(&path, &out);
    let logs = told(&|collector| {
        leastwise_history::read(std::slice::from_ref(&path), &ReadOptions::default(), &mut |event| collector.record(event));
    });
    let usage = Usage::open(&out, &StoreOptions::default()).unwrap();
    let rollup = told(&|collector| {
        usage.collect(collector).unwrap();
    });
    assert_eq!(rollup, logs);
    for part in [
        "iam:ListRoles",
        "iam:ListUsers",
        "sts:AssumeRole",
        "user/ann.old",
        "by: \"lambda.amazonaws.com\"",
        "by: \"arn:aws:iam::111122223333:user/ann\"",
    ] {
        assert!(logs.contains(part), "{part}: {logs}");
    }
    let time = |text| format!("{:?}", leastwise::access::Timestamp::parse(text).unwrap());
    assert!(logs.contains(&time("2026-03-03T12:00:00Z")) && logs.contains("None\n"), "{logs}");
}
