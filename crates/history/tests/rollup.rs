//! The rollup as a library: rows of one log, and folders of an earlier version.

#![cfg(feature = "rollup")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // A test may fail where its helpers do.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use leastwise::usage::EventMapper;
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

/// Makes a folder of version 1 of one of today: without two columns.
fn downgrade(out: &Path) {
    let path = out.join("calls/111122223333/2026-03-01.parquet");
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&path).unwrap()).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().unwrap();
    let schema = batches[0].schema();
    let kept: Vec<usize> = (0..schema.fields().len())
        .filter(|at| !["mayTag", "resourceLevel"].contains(&schema.field(*at).name().as_str()))
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
    assert!(fs::read_to_string(out.join("usage.json")).unwrap().contains("usage/2"));
    assert_ne!(fs::read(out.join("calls/111122223333/2026-03-01.parquet")).unwrap(), old);
    fs::write(out.join("usage.json"), "{\"schema\":\"leastwise.usage/3\"}\n").unwrap();
    let error = Usage::open(&out, &StoreOptions::default()).unwrap_err();
    assert!(error.to_string().contains("version `3`; known are 1 to 2"), "{error}");
}
