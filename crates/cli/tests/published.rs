//! `leastwise ingest --out s3://…`: usage in a bucket is byte for byte that of a folder, whatever becomes of a run while it
//! publishes and of the store that it writes to, and two runs never mix. Against the store of ours, which heeds conditions.

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
use std::process::{Child, Stdio};

use harness::store::{Fault, Store, deliver};
use harness::{Folder, Ran, leastwise, tree};

const OUT: &str = "s3://logs/a/usage";

/// The arguments of an ingest from below a prefix into the bucket.
fn arguments<'a>(from: &'a str, mirror: &'a str) -> Vec<&'a str> {
    vec!["ingest", from, "--out", OUT, "--mirror", mirror, "--request-timeout", "1", "--threads", "1"]
}

fn ingest(store: &Store, from: &str, mirror: &str) -> Ran {
    store.run(&arguments(from, mirror))
}

fn start(store: &Store, from: &str, mirror: &str) -> Child {
    store.command().args(arguments(from, mirror)).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(child: Child) -> Ran {
    let done = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { status: done.status.code().unwrap(), out: text(done.stdout), err: text(done.stderr) }
}

/// What is in the bucket below the rollup, without the journal, which stays.
fn published(store: &Store) -> BTreeMap<String, Vec<u8>> {
    let state = store.state.lock().unwrap();
    let below = state.objects.iter().filter_map(|(key, bytes)| Some((key.strip_prefix("a/usage/")?, bytes)));
    below.filter(|(name, _)| *name != ".journal").map(|(name, bytes)| (name.to_owned(), bytes.clone())).collect()
}

/// What a folder of usage holds of the logs below these prefixes.
fn in_a_folder(store: &Store, folder: &Folder, name: &str, from: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let out = folder.path(name);
    for from in from {
        assert_eq!(store.ingest(&[from], &out).status, 0);
    }
    let named = |(path, bytes): (PathBuf, Vec<u8>)| (path.to_str().unwrap().to_owned(), bytes);
    tree(&out).into_iter().map(named).collect()
}

fn is_same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>, when: &str) {
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{when}");
    let differing: Vec<_> =
        expected.iter().filter(|(name, bytes)| found.get(*name) != Some(bytes)).map(|(name, _)| name).collect();
    assert!(differing.is_empty(), "{when}: {differing:?} differ");
}

/// A store with deliveries of two regions over so many days.
fn store_of(folder: &Folder, name: &str, days: u32) -> Store {
    let store = Store::new();
    store.put_folder(&deliver(&folder.path(name), days), "AWSLogs");
    store
}

const ONE: &str = "s3://logs/AWSLogs/111122223333/CloudTrail/eu-west-1";
const OTHER: &str = "s3://logs/AWSLogs/111122223333/CloudTrail/us-east-1";
const BOTH: &str = "s3://logs/AWSLogs";

#[test]
fn usage_beside_its_logs_in_a_bucket_is_no_log() {
    let folder = Folder::new();
    let store = store_of(&folder, "logs", 9);
    let mirror = folder.path("mirror");
    for (more, read) in [(vec![], "18 of 18"), (vec![], "0 of 18"), (vec!["--since", "2026-01-01"], "0 of 18")] {
        let ran = store.run(&[arguments("s3://logs", &mirror), more].concat());
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
        assert!(ran.out.contains(&format!("{read} files read now")), "{}", ran.out);
    }
}

#[test]
fn usage_in_a_bucket_is_that_of_a_folder_and_a_run_without_news_writes_nothing() {
    let folder = Folder::new();
    let store = store_of(&folder, "logs", 9);
    let expected = in_a_folder(&store, &folder, "here", &[ONE]);
    let (first, second) = (folder.path("first"), folder.path("second"));
    store.written();
    let ran = ingest(&store, ONE, &first);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(ran.out.starts_with(&format!("{OUT}: 9 of 9 files read now")), "{}", ran.out);
    is_same(&published(&store), &expected, "first");
    assert!(!store.written().is_empty());
    for (mirror, fetches) in [(&first, false), (&second, true), (&second, false)] {
        store.asked();
        let ran = ingest(&store, ONE, mirror);
        assert!(ran.status == 0 && ran.out.contains("0 of 9 files"), "{}{}", ran.out, ran.err);
        assert_eq!(store.written(), [] as [String; 0]);
        let gets = store.asked().0;
        assert_eq!(gets.iter().any(|key| key.ends_with(".parquet")), fetches, "{gets:?}");
    }
    // News come by one mirror, and to another one, whose rollup was older.
    let expected = in_a_folder(&store, &folder, "here", &[BOTH]);
    assert_eq!(ingest(&store, BOTH, &second).status, 0);
    is_same(&published(&store), &expected, "news");
    let writes = store.written();
    assert!(!writes.iter().any(|write| write.ends_with("usage.json")), "only what differs is written: {writes:?}");
    let ran = ingest(&store, BOTH, &first);
    assert!(ran.out.contains("0 of 18 files"), "{}{}", ran.out, ran.err);
    assert_eq!(store.written(), [] as [String; 0]);
    is_same(&published(&store), &expected, "after");

    // Whoever asks sees the same as in the folder, and writes nothing.
    let third = folder.path("third");
    let shown = store.run(&["usage", OUT, "--mirror", &third, "--format", "ndjson"]);
    let here = leastwise(&["usage", &folder.path("here"), "--format", "ndjson"], "");
    assert_eq!((shown.status, shown.out, shown.err.as_str()), (0, here.out, ""));
    let org = folder.path("org");
    leastwise(&["demo", "--out", &org], "");
    let analyze = ["analyze", &org, "--as-of", "2026-10-12", "--format", "json", "--usage"];
    let here = leastwise(&[&analyze[..], &[&folder.path("here")]].concat(), "");
    let there = store.run(&[&analyze[..], &[OUT, "--mirror", &third]].concat());
    assert!(here.out.len() > 1000 && there.out == here.out && there.status == here.status, "{}", there.err);
    assert_eq!(store.written(), [] as [String; 0]);
    let nowhere = store.run(&["usage", "s3://logs/nowhere", "--mirror", &third]);
    assert!(
        nowhere.status == 2 && nowhere.err.contains("s3://logs/nowhere: is no folder of `leastwise ingest`"),
        "{}",
        nowhere.err
    );
}

#[test]
fn a_run_that_is_killed_at_any_write_loses_and_doubles_nothing() {
    let folder = Folder::new();
    let whole = store_of(&folder, "logs", 1);
    let before = [Store::new(), Store::new()];
    let logs = whole.state.lock().unwrap().objects.clone();
    before.iter().for_each(|store| store.state.lock().unwrap().objects.clone_from(&logs));
    // Once nothing is there, once the half.
    assert_eq!(ingest(&before[1], ONE, &folder.path("before")).status, 0);
    let expected = in_a_folder(&whole, &folder, "here", &[BOTH]);
    for (begun, from) in before.iter().enumerate() {
        for behind in [false, true] {
            for at in 0.. {
                let when = format!("begun {begun}, behind {behind}, at {at}");
                let store = Store::new();
                store.state.lock().unwrap().objects = from.state.lock().unwrap().objects.clone();
                let mirror = folder.path(&format!("mirror-{begun}-{behind}-{at}"));
                store.state.lock().unwrap().stop_at = Some((at, behind));
                let mut child = start(&store, BOTH, &mirror);
                let stopped = store.wait_until_stopped(|| child.try_wait().unwrap().is_none());
                child.kill().unwrap();
                child.wait().unwrap();
                store.go_on();
                if !stopped {
                    assert!(at > 10, "{when}: there were so few writes");
                    is_same(&published(&store), &expected, &when);
                    break;
                }
                // Another machine, or the same one.
                let next = if at % 2 == 0 { folder.path(&format!("other-{begun}-{behind}-{at}")) } else { mirror };
                store.asked();
                let ran = ingest(&store, BOTH, &next);
                assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{when}: {}", ran.out);
                let mut found = published(&store);
                found.retain(|name, _| !name.starts_with(".staging/"));
                is_same(&found, &expected, &when);
                let gets = store.asked().0;
                let read = gets.iter().any(|key| key.starts_with("AWSLogs/"));
                assert!(at % 2 == 0 || !read, "{when}: what this machine had read was read again");
                let again = ingest(&store, BOTH, &next);
                assert!(again.out.contains("0 of 2 files") && again.status == 0, "{when}: {}{}", again.out, again.err);
            }
        }
    }
}

#[test]
fn two_runs_at_once_never_mix() {
    let folder = Folder::new();
    let logs = store_of(&folder, "logs", 1);
    let expected = in_a_folder(&logs, &folder, "here", &[BOTH]);
    let (mut overtaken, mut ends) = (0, 0);
    for behind in [false, true] {
        for at in 0.. {
            let when = format!("behind {behind}, at {at}");
            let store = Store::new();
            store.state.lock().unwrap().objects = logs.state.lock().unwrap().objects.clone();
            let (one, other) = (folder.path(&format!("one-{behind}-{at}")), folder.path(&format!("other-{behind}-{at}")));
            store.state.lock().unwrap().stop_at = Some((at, behind));
            let mut slow = start(&store, ONE, &one);
            if !store.wait_until_stopped(|| slow.try_wait().unwrap().is_none()) {
                slow.wait().unwrap();
                break;
            }
            // Another one comes and goes while the first one waits for an answer, which then never comes.
            let quick = ingest(&store, OTHER, &other);
            assert_eq!((quick.status, quick.err.as_str()), (0, ""), "{when}: {}", quick.out);
            store.go_on();
            let slow = ended(slow);
            match slow.status {
                0 => ends += 1,
                _ => {
                    overtaken += 1;
                    assert!(
                        slow.status == 2 && slow.err.contains(&format!("{OUT}: somebody else wrote to it meanwhile")),
                        "{}",
                        slow.err
                    );
                }
            }
            // What was published stays so. Who was overtaken may find that the other one had ended its publication for it.
            for (from, mirror, stays) in [(OTHER, &other, true), (ONE, &one, slow.status == 0)] {
                let ran = ingest(&store, from, mirror);
                assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{when}: {}", ran.out);
                assert!(!stays || ran.out.contains("0 of 1 files"), "{when}: {}", ran.out);
            }
            let mut found = published(&store);
            found.retain(|name, _| !name.starts_with(".staging/"));
            is_same(&found, &expected, &when);
        }
    }
    assert!(overtaken > 2 && ends > 2, "{overtaken} {ends}");
}

#[test]
fn a_store_that_answers_writes_badly_holds_the_same_in_the_end() {
    let folder = Folder::new();
    let store = store_of(&folder, "logs", 2);
    let expected = in_a_folder(&store, &folder, "here", &[BOTH]);
    let faults = [
        (".journal", vec![Fault::Unsaid, Fault::Internal, Fault::Unsaid]),
        ("files.parquet", vec![Fault::Silence, Fault::SlowDown]),
        ("usage.json", vec![Fault::Unsaid]),
        ("/condition", vec![Fault::Unsaid, Fault::Internal]),
        ("/0", vec![Fault::Unsaid, Fault::Half]),
    ];
    store.state.lock().unwrap().faults_of_writes = faults.map(|(end, faults)| (end.to_owned(), faults)).into();
    let ran = ingest(&store, BOTH, &folder.path("mirror"));
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(store.state.lock().unwrap().faults_of_writes.values().all(Vec::is_empty));
    is_same(&published(&store), &expected, "all borne");

    // What fails in the end is named, and the next run publishes without reading the logs again.
    let refused = store_of(&folder, "logs", 2);
    refused.state.lock().unwrap().faults_of_writes.insert("files.parquet".to_owned(), vec![Fault::Gone; 1]);
    let ran = ingest(&refused, BOTH, &folder.path("refused"));
    assert_eq!(ran.status, 2, "{}", ran.out);
    assert!(ran.err.contains(&format!("cannot write {OUT}/files.parquet: ")), "{}", ran.err);
    // Whoever reads meanwhile is told that it is not whole.
    let ran = refused.run(&["usage", OUT, "--mirror", &folder.path("reader")]);
    assert!(ran.status == 2 && ran.err.contains("is publishing there, or was killed while it did"), "{}", ran.err);
    refused.asked();
    let ran = ingest(&refused, BOTH, &folder.path("refused"));
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(!refused.asked().0.iter().any(|key| key.starts_with("AWSLogs/")));
    is_same(&published(&refused), &expected, "after a refusal");
}

#[test]
fn what_is_no_place_for_usage_is_refused_before_anything_is_written() {
    let folder = Folder::new();
    let store = store_of(&folder, "logs", 1);
    let mirror = folder.path("mirror");
    let ran = store.run(&["ingest", ONE, "--out", BOTH, "--mirror", &mirror]);
    assert!(ran.status == 2 && ran.err.contains("s3://logs/AWSLogs: is no folder of `leastwise ingest`"), "{}", ran.err);
    assert_eq!(store.written(), [] as [String; 0]);
    store.state.lock().unwrap().unconditional = true;
    let ran = ingest(&store, ONE, &mirror);
    assert!(ran.status == 2 && ran.err.contains("does not heed conditions of writes"), "{}", ran.err);
    assert!(store.written().iter().all(|write| write.contains("/.staging/")));
    store.state.lock().unwrap().unconditional = false;
    let missing =
        store.command().args(["ingest", ONE, "--out", OUT]).env_remove("HOME").env_remove("XDG_CACHE_HOME").output().unwrap();
    let told = String::from_utf8(missing.stderr).unwrap();
    assert!(missing.status.code() == Some(2) && told.contains("name a folder by `--mirror`"), "{told}");
}

#[test]
fn what_a_mirror_has_lost_is_fetched_again_and_what_somebody_did_to_it_is_undone() {
    let folder = Folder::new();
    let store = store_of(&folder, "logs", 2);
    let alone = in_a_folder(&store, &folder, "here", &[BOTH]);
    let mirrors = folder.path("mirrors");
    assert_eq!(ingest(&store, BOTH, &mirrors).status, 0);
    let own = fs::read_dir(&mirrors).unwrap().next().unwrap().unwrap().path();
    for file in ["usage/files.parquet", "usage/events/2026-10-01.ids", "index.json", "usage/usage.json"] {
        fs::remove_file(own.join(file)).unwrap();
        store.written();
        let ran = ingest(&store, BOTH, &mirrors);
        assert!(ran.status == 0 && ran.out.contains("0 of 4 files"), "{file}: {}{}", ran.out, ran.err);
        assert_eq!(store.written(), [] as [String; 0]);
        assert!(own.join(file).is_file());
    }
    // What a killed run had decided here, of a state that others have left behind, is never done.
    store.put_folder(Path::new(&folder.path("logs")).join("AWSLogs").as_path(), "more/AWSLogs");
    let expected = in_a_folder(&store, &folder, "here", &["s3://logs/more"]);
    assert_eq!(ingest(&store, "s3://logs/more", &folder.path("others")).status, 0);
    fs::create_dir_all(own.join("usage/.staging")).unwrap();
    fs::write(own.join("usage/.staging/0"), "nonsense").unwrap();
    fs::write(own.join("usage/.journal"), "0\tfiles.parquet\nend").unwrap();
    let ran = ingest(&store, BOTH, &mirrors);
    assert!(ran.status == 0 && ran.out.contains("0 of 4 files"), "{}{}", ran.out, ran.err);
    is_same(&published(&store), &expected, "after what others did");
    // The bucket is the truth: what was deleted and put there by other means holds.
    store.state.lock().unwrap().objects.retain(|key, _| !key.starts_with("a/usage/"));
    let ran = ingest(&store, BOTH, &mirrors);
    assert!(ran.status == 0 && ran.out.contains("4 of 4 files"), "{}{}", ran.out, ran.err);
    is_same(&published(&store), &alone, "after a deletion");
}
