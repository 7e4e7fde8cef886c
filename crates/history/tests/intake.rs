//! Portions that were added up elsewhere: the same bytes as one machine's, and nothing at all when they do not add up.

#![cfg(feature = "rollup")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // A test may fail where its helpers do.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use leastwise::access::AccountId;
use leastwise::usage::EventMapper;
use leastwise_history::ReadOptions;
use leastwise_history::rollup::events::{AccountDay, EventReader, add_up};
use leastwise_history::rollup::{
    Committed, FileReport, IngestOptions, Intake, LeftOut, Portion, RollupError, StoreOptions, ingest,
};
use leastwise_policy::Catalogue;
use proptest::prelude::*;

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
    fn log(&self, name: &str, calls: Range<usize>) {
        let record = |at: usize| {
            let (day, object) = (1 + at % 3, at / 2);
            format!(
                r#"{{"userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ann"}},"eventTime":"2026-03-0{day}T12:{:02}:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-west-1","requestParameters":{{"bucketName":"b","key":"in/{object}"}},"eventID":"e-{at}","eventType":"AwsApiCall","recipientAccountId":"111122223333"}}"#,
                at % 60
            )
        };
        self.log_of(name, &calls.map(record).collect::<Vec<String>>());
    }

    fn log_of(&self, name: &str, records: &[String]) {
        fs::write(self.logs().join(name), format!("{{\"Records\":[{}]}}", records.join(","))).unwrap();
    }

    /// The rollup of one machine.
    fn one(&self) -> leastwise_history::rollup::Ingested {
        let mapper = EventMapper::new(Catalogue::embedded());
        ingest(&[self.logs()], &self.0.join("one"), &mapper, &IngestOptions::of_threads(1), &|_| {}).unwrap()
    }

    fn intake(&self, name: &str) -> Intake {
        Intake::open(&[self.logs()], &self.0.join(name), None, &StoreOptions::default(), 2).unwrap()
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

type Parcels = BTreeMap<(Option<AccountId>, i64), Vec<Vec<u8>>>;

/// Reads logs, every so many of them as a machine of its own.
fn read(intake: &Intake, range: Range<usize>, at_once: usize) -> (Vec<FileReport>, Parcels) {
    let mapper = EventMapper::new(Catalogue::embedded());
    let (mut reports, mut parcels) = (Vec::new(), Parcels::new());
    for logs in intake.logs()[range].chunks(at_once) {
        let mut reader = EventReader::new(&mapper);
        let give = &mut |account, day, parcel: &[u8]| parcels.entry((account, day)).or_default().push(parcel.to_owned());
        for log in logs {
            reports.push(reader.read(Path::new(&log.name), &ReadOptions::default(), give));
        }
        reader.finish(give);
    }
    (reports, parcels)
}

/// What an engine makes of the logs of a range.
fn portion(intake: &Intake, range: Range<usize>, at_once: usize, left_out: &[LeftOut]) -> Portion {
    let (reports, parcels) = read(intake, range, at_once);
    let days = parcels.into_iter().map(|((account, day), parcels)| {
        let of_it = left_out.iter().find(|some| (some.account, some.day) == (account, day));
        let parcels: Vec<&[u8]> = parcels.iter().map(Vec::as_slice).collect();
        let one = add_up(account, day, &parcels, of_it.map(|some| some.ids.as_slice()).unwrap_or_default()).unwrap();
        AccountDay::decode(&one.encode()).unwrap()
    });
    Portion { reports, days: days.collect() }
}

/// Commits the logs of a range; says whether it had to ask twice.
fn commit(intake: &mut Intake, range: Range<usize>, at_once: usize) -> bool {
    let Committed::Without(left_out) = intake.commit(range.clone(), portion(intake, range.clone(), at_once, &[])).unwrap() else {
        return false;
    };
    let without = portion(intake, range.clone(), at_once, &left_out);
    assert_eq!(intake.commit(range, without).unwrap(), Committed::Done);
    true
}

#[test]
fn portions_added_up_elsewhere_give_the_bytes_of_one_machine() {
    let folder = Folder::new("same");
    folder.log("a.json", 0..400);
    folder.log("b.json", 300..500);
    folder.log("c.json", 0..50);
    folder.log("d.json", 500..600);
    fs::write(folder.logs().join("e.json"), "{\"Records\":[{\"eventTime\":7}]}").unwrap();
    let one = folder.one();
    let mut intake = folder.intake("many");
    assert_eq!(intake.logs().len(), 5);
    // Only what was counted before is asked for twice.
    assert_eq!([0..1, 1..3, 3..5].map(|range| commit(&mut intake, range, 2)), [false, true, false]);
    assert_eq!(intake.told(), one);
    assert_eq!(one.problems.len(), 1);
    assert!(folder.tree("many") == folder.tree("one"), "the same bytes");
    let again = folder.intake("many");
    assert_eq!((again.logs().len(), again.told().listed), (0, 5));
}

/// A record of which copies say different things: another account or none, with resources or without, other principals,
/// regions and moments.
fn record((id, account, object, rest): (usize, usize, usize, usize)) -> String {
    let account = ["111122223333", "444455556666", ""][account];
    let account = if account.is_empty() { String::new() } else { format!(r#","recipientAccountId":"{account}""#) };
    let object = ["a", "b", ""][object];
    let object =
        if object.is_empty() { String::new() } else { format!(r#","requestParameters":{{"bucketName":"b","key":"{object}"}}"#) };
    let (user, region, minute) = (["ann", "ben"][rest % 2], ["eu-west-1", "us-east-1"][rest / 2], rest);
    format!(
        r#"{{"userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/{user}"}},"eventTime":"2026-03-0{}T12:0{minute}:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"{region}","eventID":"e-{id}","eventType":"AwsApiCall"{account}{object}}}"#,
        1 + id % 2
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn differing_copies_count_as_on_one_machine_wherever_they_are_read(
        logs in proptest::collection::vec(proptest::collection::vec((0..12usize, 0..3usize, 0..3usize, 0..4usize), 0..12), 1..6),
        cut in 0..6usize,
        at_once in 1..4usize,
    ) {
        let folder = Folder::new("copies");
        for (log, name) in logs.iter().zip(0..) {
            folder.log_of(&format!("{name}.json"), &log.iter().copied().map(record).collect::<Vec<_>>());
        }
        let one = folder.one();
        let mut intake = folder.intake("many");
        let (all, cut) = (logs.len(), cut.min(logs.len()));
        commit(&mut intake, 0..cut, at_once);
        commit(&mut intake, cut..all, at_once);
        let told = intake.told();
        prop_assert_eq!((told.new, told.doubles), (one.new, one.doubles));
        // Which copy counts is decided among those that are read together.
        if cut == 0 || cut == all {
            prop_assert!(folder.tree("many") == folder.tree("one"), "the same bytes");
        } else {
            let ids = |name: &str| folder.tree(name).into_iter().filter(|(path, _)| path.starts_with("events")).collect::<Vec<_>>();
            prop_assert!(ids("many") == ids("one"), "the same events");
        }
    }
}

#[test]
fn a_portion_that_does_not_add_up_is_refused_by_name_and_changes_nothing() {
    let folder = Folder::new("wrong");
    folder.log("a.json", 0..40);
    folder.log("b.json", 40..70);
    let mut intake = folder.intake("many");
    commit(&mut intake, 0..1, 1);
    let before = folder.tree("many");
    let mut refused = |what: &str, spoil: &dyn Fn(&mut Portion)| {
        let mut portion = portion(&intake, 1..2, 1, &[]);
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
    refused("events that were read", &|portion| portion.days[0].doubles += 1);
    refused("events that were read", &|portion| drop(portion.days.pop()));
    refused("accounts and days", &|portion| {
        let one = portion.days[0].clone();
        portion.days.push(AccountDay { with_resources: Vec::new(), rows: Vec::new(), ..one });
    });
    refused("calls that were counted", &|portion| portion.days[0].rows = portion.days[1].rows[..0].to_vec());
    refused("calls that were counted", &|portion| {
        let ids = &mut portion.days[0].with_resources;
        ids.truncate(ids.len() - 1);
        portion.days[0].doubles += 1;
    });
    // Rows that are no file.
    let mut broken = portion(&intake, 1..2, 1, &[]);
    broken.days[0].rows.truncate(100);
    assert!(matches!(intake.commit(1..2, broken), Err(RollupError::Damaged { .. })));
    assert!(folder.tree("many") == before);
    // What was refused is still to be read.
    drop(intake);
    let mut intake = folder.intake("many");
    assert_eq!(intake.logs().len(), 1);
    commit(&mut intake, 0..1, 1);
    folder.one();
    assert!(folder.tree("many") == folder.tree("one"), "the same bytes");
}

#[test]
fn what_is_cut_off_on_its_way_is_no_parcel_and_no_day() {
    let folder = Folder::new("cut");
    folder.log("a.json", 0..6);
    let (_, parcels) = read(&folder.intake("many"), 0..1, 1);
    assert_eq!(parcels.len(), 3);
    for ((account, day), parcels) in parcels {
        let parcel = parcels[0].as_slice();
        let whole = add_up(account, day, &[parcel], &[]).unwrap();
        assert_eq!((whole.with_resources.len(), whole.without.len(), whole.doubles), (2, 0, 0));
        for cut in 0..parcel.len() {
            assert!(add_up(account, day, &[&parcel[..cut]], &[]).is_err(), "{cut}");
        }
        assert!(add_up(account, day, &[&[parcel, b"x"].concat()], &[]).is_err());
        // Another version of the program, and numbers of keys, regions and lists that are not there: behind version and count, and
        // in an event behind its id and second.
        let head = env!("CARGO_PKG_VERSION").len() + 1;
        for at in [0, head + 24, head + 28, head + 32] {
            let mut other = parcel.to_vec();
            other[at] = 200;
            assert!(add_up(account, day, &[&other], &[]).is_err(), "{at}");
        }
        let bytes = whole.encode();
        for cut in 0..bytes.len() - whole.rows.len() {
            assert!(AccountDay::decode(&bytes[..cut]).is_none(), "{cut}");
        }
        let mut other = bytes.clone();
        other[0] = b'x';
        assert!(AccountDay::decode(&bytes).is_some() && AccountDay::decode(&other).is_none());
    }
}
