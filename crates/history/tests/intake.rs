//! Portions that were added up elsewhere: the same bytes as one machine's, and nothing at all when they do not add up.

#![cfg(feature = "rollup")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // A test may fail where its helpers do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use leastwise::access::AccountId;
use leastwise::usage::EventMapper;
use leastwise_history::ReadOptions;
use leastwise_history::rollup::events::{EventReader, EventRow};
use leastwise_history::rollup::row::{Key, Resource, Row};
use leastwise_history::rollup::{FileReport, IngestOptions, Intake, Portion, RollupError, StoreOptions, ingest, known_ids};
use leastwise_policy::Catalogue;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("leastwise-intake-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("logs")).unwrap();
        Folder(path)
    }

    fn logs(&self) -> PathBuf {
        self.0.join("logs").canonicalize().unwrap()
    }

    /// A log of the calls from one number to another, two of each object.
    fn log(&self, name: &str, calls: std::ops::Range<usize>) {
        let record = |at: usize| {
            let (day, object) = (1 + at % 3, at / 2);
            format!(
                r#"{{"userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ann"}},"eventTime":"2026-03-0{day}T12:{:02}:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-west-1","requestParameters":{{"bucketName":"b","key":"in/{object}"}},"eventID":"e-{at}","eventType":"AwsApiCall","recipientAccountId":"111122223333"}}"#,
                at % 60
            )
        };
        let records: Vec<String> = calls.map(record).collect();
        fs::write(self.logs().join(name), format!("{{\"Records\":[{}]}}", records.join(","))).unwrap();
    }

    fn tree(&self, name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        fn walk(folder: &Path, root: &Path, out: &mut BTreeMap<PathBuf, Vec<u8>>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && path.file_name().unwrap() == ".staging" {
                    // What was begun and not done counts nowhere; the next run removes it.
                } else if path.is_dir() {
                    walk(&path, root, out);
                } else if path.file_name().unwrap() != ".lock" {
                    out.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
                }
            }
        }
        let mut out = BTreeMap::new();
        walk(&self.0.join(name), &self.0.join(name), &mut out);
        out
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An event without what it borrows.
struct Owned {
    id: u128,
    account: Option<AccountId>,
    key: Key<'static>,
    time: i64,
    region: String,
    resources: Vec<String>,
}

impl Owned {
    fn of(row: &EventRow<'_>) -> Owned {
        let text = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let key = Key { principal: text(row.key.principal), source: text(row.key.source), name: text(row.key.name), ..row.key };
        let resources = row.resources.iter().map(|text| (*text).to_owned()).collect();
        Owned { id: row.id, account: row.account, key, time: row.time, region: row.region.to_owned(), resources }
    }
}

/// Reads and adds up in the plainest way.
fn read(intake: &Intake, range: std::ops::Range<usize>) -> (Vec<FileReport>, Vec<Owned>) {
    let mapper = EventMapper::new(Catalogue::embedded());
    let mut reader = EventReader::new(&mapper);
    let (mut reports, mut events) = (Vec::new(), Vec::new());
    for log in &intake.logs()[range] {
        reports.push(reader.rows(Path::new(&log.name), &ReadOptions::default(), &mut |row| events.push(Owned::of(&row))));
    }
    (reports, events)
}

fn added_up<'e>(intake: &Intake, reports: Vec<FileReport>, events: &'e [Owned]) -> Portion<'e> {
    let mut seen = BTreeSet::new();
    for day in events.iter().map(|event| event.time.div_euclid(86_400)).collect::<BTreeSet<i64>>() {
        if let Some(known) = intake.known(day).unwrap() {
            known_ids(Path::new(&known.place), 0, known.count, &mut |id| assert!(seen.insert((day, id)))).unwrap();
        }
    }
    let mut portion = Portion { reports, ..Portion::default() };
    for event in events {
        let day = event.time.div_euclid(86_400);
        if !seen.insert((day, event.id)) {
            portion.doubles += 1;
            continue;
        }
        portion.ids.entry(day).or_default().push(event.id);
        let rows = portion.rows.entry((event.account, day)).or_default();
        let row = |resource| Row {
            key: event.key,
            resource,
            count: 1,
            first: event.time,
            last: event.time,
            regions: vec![&*event.region],
        };
        rows.push(row(None));
        rows.extend(event.resources.iter().map(|arn| row(Some(Resource { arn: arn.as_str().into(), level: 0 }))));
    }
    portion
}

#[test]
fn portions_added_up_elsewhere_give_the_bytes_of_one_machine() {
    let folder = Folder::new("same");
    folder.log("a.json", 0..400);
    folder.log("b.json", 300..500);
    folder.log("c.json", 0..50);
    fs::write(folder.logs().join("d.json"), "{\"Records\":[{\"eventTime\":7}]}").unwrap();
    let mapper = EventMapper::new(Catalogue::embedded());
    let one = ingest(&[folder.logs()], &folder.0.join("one"), &mapper, &IngestOptions::of_threads(1), &|_| {}).unwrap();
    let mut intake = Intake::open(&[folder.logs()], &folder.0.join("many"), None, &StoreOptions::default(), 2).unwrap();
    assert_eq!(intake.logs().len(), 4);
    for range in [0..1, 1..4] {
        let (reports, events) = read(&intake, range.clone());
        let portion = added_up(&intake, reports, &events);
        intake.commit(range, portion).unwrap();
    }
    assert_eq!(intake.told(), one);
    assert_eq!(one.problems.len(), 1);
    assert!(folder.tree("many") == folder.tree("one"), "the same bytes");
    let again = Intake::open(&[folder.logs()], &folder.0.join("many"), None, &StoreOptions::default(), 1).unwrap();
    assert_eq!((again.logs().len(), again.told().listed), (0, 4));
}

#[test]
fn a_portion_that_does_not_add_up_is_refused_by_name_and_changes_nothing() {
    let folder = Folder::new("wrong");
    folder.log("a.json", 0..40);
    folder.log("b.json", 30..60);
    let mut intake = Intake::open(&[folder.logs()], &folder.0.join("many"), None, &StoreOptions::default(), 1).unwrap();
    let (reports, events) = read(&intake, 0..1);
    let portion = added_up(&intake, reports, &events);
    intake.commit(0..1, portion).unwrap();
    let before = folder.tree("many");
    let mut refused = |what: &str, spoil: &dyn Fn(&mut Portion<'_>)| {
        let (reports, events) = read(&intake, 1..2);
        let mut portion = added_up(&intake, reports, &events);
        spoil(&mut portion);
        match intake.commit(1..2, portion) {
            Err(RollupError::Miscounted { what: named, expected, found }) => {
                assert_eq!(named, what);
                assert_ne!(expected, found);
            }
            other => panic!("{what}: {other:?}"),
        }
        assert!(folder.tree("many") == before, "{what}");
    };
    refused("logs that were read", &|portion| portion.reports.clear());
    refused("reports of logs", &|portion| portion.reports.push(portion.reports[0].clone()));
    refused("events that were read", &|portion| portion.doubles += 1);
    refused("events that were read", &|portion| drop(portion.ids.pop_first()));
    refused("calls that were counted", &|portion| portion.rows.values_mut().next().unwrap()[0].count += 1);
    refused("calls that were counted", &|portion| drop(portion.rows.pop_first()));
    // Events that were counted before, given as new.
    refused("new events", &|portion| {
        let (of_before, events) =
            read(&Intake::open(&[folder.logs()], &folder.0.join("other"), None, &StoreOptions::default(), 1).unwrap(), 0..1);
        drop(of_before);
        let known = events.iter().find(|event| event.time.div_euclid(86_400) == *portion.ids.keys().next().unwrap()).unwrap();
        let ids = portion.ids.values_mut().next().unwrap();
        ids[0] = known.id;
    });
    // What was refused is still to be read.
    drop(intake);
    let mut intake = Intake::open(&[folder.logs()], &folder.0.join("many"), None, &StoreOptions::default(), 1).unwrap();
    assert_eq!(intake.logs().len(), 1);
    let (reports, events) = read(&intake, 0..1);
    let portion = added_up(&intake, reports, &events);
    intake.commit(0..1, portion).unwrap();
    let mapper = EventMapper::new(Catalogue::embedded());
    ingest(&[folder.logs()], &folder.0.join("one"), &mapper, &IngestOptions::of_threads(1), &|_| {}).unwrap();
    assert!(folder.tree("many") == folder.tree("one"), "the same bytes");
}
