//! `leastwise cluster` and `ingest --cluster`: the rollup of one machine, byte by byte, whatever becomes of workers and scheduler.
//!
//! Every test has processes of the built command on this machine, with ports of their own. A log in a bucket of the tests' own
//! that is not given yet holds a job up for as long as a test wants it to be in the middle.

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

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use harness::store::{Fault, Store};
use harness::{Folder, Ran, leastwise, logs, organization, small, tree};
use leastwise_demo::Options;

/// A process of the command, killed at the end of the test.
struct Role {
    child: Child,
    first_line: String,
}

impl Role {
    fn start(arguments: &[&str]) -> Role {
        let mut child = Command::new(env!("CARGO_BIN_EXE_leastwise"))
            .arg("cluster")
            // Its own keys for stores; the address comes with the job.
            .envs([("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_REGION", "eu-west-1")])
            .env_remove("AWS_ENDPOINT_URL")
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut first_line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first_line).unwrap();
        Role { child, first_line }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One cluster at a time: a test measures how long workers are silent, and another test's processes would keep them from speaking.
static ALONE: Mutex<()> = Mutex::new(());

/// A scheduler and its workers.
struct Cluster {
    _alone: MutexGuard<'static, ()>,
    scheduler: Role,
    workers: Vec<Role>,
    address: String,
}

impl Cluster {
    fn start(workers: usize, folder: &Folder) -> Cluster {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let scheduler = Role::start(&["scheduler", "--listen", "127.0.0.1:0", "--worker-timeout", "8"]);
        let address = scheduler.first_line.trim().rsplit(' ').next().unwrap().to_owned();
        assert!(address.starts_with("127.0.0.1:") && !address.ends_with(":0"), "{}", scheduler.first_line);
        let mut cluster = Cluster { _alone: alone, scheduler, workers: Vec::new(), address };
        (0..workers).for_each(|_| cluster.add_worker(folder));
        cluster
    }

    /// Starts a worker and waits until its scheduler knows it.
    fn add_worker(&mut self, folder: &Folder) {
        // All in the same place.
        let given = ["worker", "--scheduler", &self.address, "--port", "0", "--cores", "1", "--work", &folder.path("work")];
        self.workers.push(Role::start(&given));
        std::thread::sleep(Duration::from_millis(1500));
    }

    fn ingest(&self, arguments: &[&str], out: &str) -> Ran {
        leastwise(&[&["ingest"], arguments, &["--out", out, "--cluster", &self.address]].concat(), "")
    }
}

/// An ingest that runs while the test does something else.
struct Running(Child);

impl Running {
    fn start(store: &Store, address: &str, arguments: &[&str], out: &str) -> Running {
        let child = store
            .command()
            .arg("ingest")
            .args(arguments)
            .args(["--out", out, "--cluster", address, "--request-timeout", "120"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running(child)
    }

    /// Its end, which must come in time.
    fn end(mut self, within: Duration) -> Ran {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > within {
                self.0.kill().unwrap();
                panic!("the job has not ended within {within:?}");
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        let (mut out, mut err) = (String::new(), String::new());
        self.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        Ran { status: status.code().unwrap(), out, err }
    }
}

fn local(arguments: &[&str], out: &str) -> Ran {
    leastwise(&[&["ingest"], arguments, &["--out", out]].concat(), "")
}

/// The names of the files in which two folders of usage differ.
fn differing(one: &str, other: &str) -> Vec<PathBuf> {
    let (one, other) = (tree(one), tree(other));
    let names = one.keys().chain(other.keys()).filter(|name| one.get(*name) != other.get(*name));
    names.cloned().collect::<BTreeSet<PathBuf>>().into_iter().collect()
}

/// Every row of a folder of usage, by resource too, as text.
fn rows(out: &str) -> Vec<String> {
    let ran = leastwise(&["usage", out, "--format", "ndjson", "--resources"], "");
    assert_eq!(ran.status, 0, "{}", ran.err);
    ran.out.lines().map(str::to_owned).collect()
}

/// One record; copies of it may say less.
fn record(id: &str, day: &str, account: Option<&str>, object: Option<&str>) -> String {
    let account = account.map(|account| format!(r#","recipientAccountId":"{account}""#)).unwrap_or_default();
    let object = object.map(|key| format!(r#","requestParameters":{{"bucketName":"b","key":"{key}"}}"#)).unwrap_or_default();
    format!(
        r#"{{"userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ann"}},"eventTime":"{day}T12:00:01Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-west-1","eventID":"{id}","eventType":"AwsApiCall"{account}{object}}}"#
    )
}

fn log(records: &[String]) -> String {
    format!("{{\"Records\":[{}]}}", records.join(","))
}

#[test]
fn the_rollup_of_a_cluster_is_that_of_one_machine() {
    let folder = Folder::new();
    let cluster = Cluster::start(2, &folder);
    let logs_at =
        format!("{}/cloudtrail", organization(&folder, &Options { data_events: true, unmapped_events: true, ..small(1) }));
    // Deliveries that came twice, under other names.
    for (at, path) in logs(&logs_at).iter().enumerate().filter(|(at, _)| at % 3 == 0) {
        fs::copy(path, format!("{logs_at}/again-{at}.json.gz")).unwrap();
    }
    // Copies that say different things, events without an id, and more resources than are kept.
    let account = Some("111122223333");
    let mut all: Vec<String> =
        (0..300).map(|at| record(&format!("r-{at}"), "2026-03-01", account, Some(&format!("in/{at}")))).collect();
    all.push(record("poor", "2026-03-01", None, None));
    all.push(record("poor", "2026-03-01", account, None));
    all.push(record("poor", "2026-03-01", account, Some("x\\u0000y")));
    all.push(record("poor", "2026-03-01", account, Some("x")));
    all.push(record("same", "2026-03-01", account, None));
    all.push(record("same", "2026-03-02", account, None));
    all.push(record("a", "2026-03-02", account, None).replace(r#""eventID":"a","#, ""));
    all.push(record("a", "2026-03-02", account, None).replace(r#""eventID":"a","#, ""));
    fs::write(format!("{logs_at}/differing.json"), log(&all)).unwrap();
    all.reverse();
    fs::write(format!("{logs_at}/reversed.json"), log(&all)).unwrap();
    let (one, many) = (folder.path("one"), folder.path("many"));
    let (of_one, of_many) = (local(&[&logs_at], &one), cluster.ingest(&[&logs_at], &many));
    assert_eq!((of_many.status, of_many.err.as_str()), (0, ""), "{}", of_many.out);
    assert_eq!(of_many.out.replace(&many, ""), of_one.out.replace(&one, ""), "the same is said");
    assert_eq!(rows(&many), rows(&one));
    assert_eq!(differing(&many, &one), [] as [PathBuf; 0], "the same bytes");
    assert!(rows(&one).len() > 300);

    // The same in portions, the second of which meets events that the first has counted; and a run with nothing new.
    let (parts, late) = (folder.path("parts"), format!("{logs_at}/late.json"));
    assert_eq!(cluster.ingest(&[&format!("{logs_at}/differing.json")], &parts).status, 0);
    assert_eq!(cluster.ingest(&[&logs_at, "--memory", "1MB"], &parts).status, 0);
    assert_eq!(differing(&parts, &one), [] as [PathBuf; 0], "the same bytes");
    let again = cluster.ingest(&[&logs_at], &many);
    assert!(again.out.contains(" 0 of ") && again.status == 0, "{}{}", again.out, again.err);
    // What comes late, of a day that the path does not tell, is told apart from what was counted.
    fs::write(&late, log(&[record("same", "2026-03-02", account, None), record("new", "2026-03-02", account, None)])).unwrap();
    let (of_one, of_many) = (local(&[&logs_at], &one), cluster.ingest(&[&logs_at], &many));
    assert!(of_many.out.contains("1 of ") && of_many.out.contains("2 events: 1 new, 1 counted before"), "{}", of_many.out);
    assert_eq!(of_many.out.replace(&many, ""), of_one.out.replace(&one, ""));
    assert_eq!(differing(&many, &one), [] as [PathBuf; 0], "the same bytes");

    // Only a part of the time.
    let since = ["--since", "2026-10-29T12:00:00Z"];
    let (one, many) = (folder.path("one-since"), folder.path("many [since]*?"));
    local(&[&[logs_at.as_str()], &since[..]].concat(), &one);
    cluster.ingest(&[&[logs_at.as_str()], &since[..]].concat(), &many);
    assert_eq!(differing(&many, &one), [] as [PathBuf; 0], "the same bytes");
}

#[test]
fn a_broken_log_is_named_with_its_place_and_the_rest_is_counted() {
    let folder = Folder::new();
    let mut cluster = Cluster::start(1, &folder);
    let logs_at = format!("{}/cloudtrail", organization(&folder, &small(9)));
    let packed = fs::read(&logs(&logs_at)[0]).unwrap();
    fs::write(format!("{logs_at}/cut.json.gz"), &packed[..packed.len() - 20]).unwrap();
    let good = record("g", "2026-03-01", Some("111122223333"), None);
    fs::write(format!("{logs_at}/third.json"), log(&[good.clone(), good, "{\"eventTime\":7}".to_owned()])).unwrap();
    std::os::unix::fs::symlink(folder.path("nowhere"), format!("{logs_at}/gone.json")).unwrap();
    let (one, many) = (folder.path("one"), folder.path("many"));
    let (of_one, of_many) = (local(&[&logs_at], &one), cluster.ingest(&[&logs_at], &many));
    assert_eq!(of_many.status, 1, "{}", of_many.err);
    assert!(of_many.err.contains("third.json: record 3: ") && of_many.err.contains("cut.json.gz: "), "{}", of_many.err);
    assert_eq!(of_many.err, of_one.err);
    assert_eq!(differing(&many, &one), [] as [PathBuf; 0], "the same bytes");
    // A log that the bound on unpacking stops is stopped there too.
    let bounded = cluster.ingest(&[&logs_at, "--max-unpacked", "1000"], &folder.path("bounded"));
    assert!(bounded.err.contains("it unpacks to more than 1000 bytes"), "{}", bounded.err);
    // A worker that ends takes its own files with it, and no others.
    folder.file("work/mine", "x");
    assert!(fs::read_dir(folder.path("work")).unwrap().count() == 2);
    let worker = cluster.workers.first_mut().unwrap();
    assert!(Command::new("kill").arg(worker.child.id().to_string()).status().unwrap().success());
    assert!(worker.child.wait().unwrap().success());
    let left: Vec<_> = fs::read_dir(folder.path("work")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["mine"]);
}

/// A bucket with the logs of a small organization, and their address.
fn bucket(folder: &Folder, seed: u64) -> (Store, &'static str) {
    let store = Store::new();
    store.put_folder(Path::new(&format!("{}/cloudtrail", organization(folder, &small(seed)))), "org");
    (store, "s3://logs/org")
}

#[test]
fn a_worker_that_is_killed_in_the_middle_changes_nothing() {
    let folder = Folder::new();
    let mut cluster = Cluster::start(2, &folder);
    let (store, logs_at) = bucket(&folder, 3);
    let (one, many) = (folder.path("one"), folder.path("many"));
    assert_eq!(store.ingest(&[logs_at], &one).status, 0);
    let keys = store.keys();
    store.fault(&keys[keys.len() / 2], &[Fault::Held], false);
    let running = Running::start(&store, &cluster.address, &[logs_at], &many);
    store.wait_until_held(Duration::from_secs(60));
    cluster.workers[0].kill();
    store.let_go();
    let ran = running.end(Duration::from_secs(60));
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert_eq!(differing(&many, &one), [] as [PathBuf; 0], "the same bytes");
}

#[test]
fn after_a_lost_scheduler_another_run_reads_only_the_rest() {
    let folder = Folder::new();
    let mut cluster = Cluster::start(1, &folder);
    let (store, logs_at) = bucket(&folder, 4);
    store.fault(store.keys().last().unwrap(), &[Fault::Held], false);
    let many = folder.path("many");
    // So little memory that there are several portions; the last one is held up.
    let few = ["--memory", "250KB"];
    let running = Running::start(&store, &cluster.address, &[&[logs_at], &few[..]].concat(), &many);
    store.wait_until_held(Duration::from_secs(60));
    assert!(Path::new(&many).join("calls").exists(), "no portion was committed");
    cluster.scheduler.kill();
    let ran = running.end(Duration::from_secs(60));
    assert_eq!(ran.status, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("error: ") && ran.err.contains("running again reads only the rest"), "{}", ran.err);
    let ingest = |address: &str, more: &[&str]| store.ingest(&[&[logs_at, "--cluster", address], more].concat(), &many);
    // Nobody is there: the same is said before anything begins.
    let ran = ingest(&cluster.address, &[]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains(&format!("no scheduler answers at `{}`", cluster.address)), "{}", ran.err);
    drop(cluster);
    store.let_go();
    let one = folder.path("one");
    let of_one = store.ingest(&[logs_at], &one);
    let listed: u64 = number_before(&of_one.out, " of ");
    // A cluster without workers says so; with one, the rest is read.
    let mut cluster = Cluster::start(0, &folder);
    let ran = ingest(&cluster.address, &[]);
    assert_eq!((ran.status, ran.err.contains("has no workers")), (2, true), "{}", ran.err);
    cluster.add_worker(&folder);
    let ran = ingest(&cluster.address, &few);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let read = number_before(&ran.out, " of ");
    assert!(read > 0 && read < listed, "{}", ran.out);
    assert_eq!(differing(&many, &one), [] as [PathBuf; 0], "the same bytes");
}

/// The number that stands before a text.
fn number_before(text: &str, mark: &str) -> u64 {
    let before = text.split(mark).next().unwrap();
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn logs_in_a_bucket_are_fetched_by_the_workers_and_count_as_on_one_machine() {
    let folder = Folder::new();
    let cluster = Cluster::start(2, &folder);
    let logs_at = format!("{}/cloudtrail", organization(&folder, &small(5)));
    let long = record("long", "2026-03-01", Some("111122223333"), None).replacen(
        '{',
        &format!(r#"{{"userAgent":"{}","#, "x".repeat(700)),
        1,
    );
    let long: Vec<String> = (0..22_000).map(|at| long.replace("\"long\"", &format!("\"long-{at}\""))).collect();
    fs::write(format!("{logs_at}/long.json"), long.join("\n")).unwrap();
    assert!(fs::metadata(format!("{logs_at}/long.json")).unwrap().len() > 17 << 20);
    let store = Store::new();
    store.put_folder(Path::new(&logs_at), "org");
    let keys = store.keys();
    store.fault(&keys[0], &[Fault::Internal, Fault::SlowDown], false);
    store.fault(&keys[1], &[Fault::Half], false);
    store.fault(&keys[2], &[Fault::Silence], false);
    let (one, many, folder_of_logs) = (folder.path("one"), folder.path("many"), folder.path("of-folder"));
    let of_one = store.ingest(&["s3://logs/org"], &one);
    store.asked();
    let of_many = store.ingest(&["s3://logs/org", "--cluster", &cluster.address], &many);
    assert_eq!((of_many.status, of_many.err.as_str()), (0, ""), "{}", of_many.out);
    assert_eq!(of_many.out.replace(&many, ""), of_one.out.replace(&one, ""), "the same is said");
    assert_eq!(differing(&many, &one), [] as [PathBuf; 0], "the same bytes");
    local(&[&logs_at], &folder_of_logs);
    assert_eq!(rows(&many), rows(&folder_of_logs));
    let mut gets = store.asked().0;
    gets.sort();
    gets.dedup();
    assert_eq!(gets, keys, "each was fetched");
    let again = store.ingest(&["s3://logs/org", "--cluster", &cluster.address], &many);
    assert!(again.out.contains(" 0 of ") && again.status == 0, "{}{}", again.out, again.err);
    assert_eq!(store.asked().0, [] as [String; 0]);

    // What the store does not give is named as on one machine, and the next run reads it.
    store.fault(&keys[3], &[Fault::Gone], true);
    store.fault(&keys[4], &[Fault::Short], true);
    let (one, many) = (folder.path("one-lacking"), folder.path("many-lacking"));
    let of_one = store.ingest(&["s3://logs/org"], &one);
    let of_many = store.ingest(&["s3://logs/org", "--cluster", &cluster.address], &many);
    assert_eq!((of_many.status, of_many.err.lines().count()), (1, 2), "{}", of_many.err);
    assert!(of_many.err.contains(&format!("s3://logs/{}: was listed and is gone", keys[3])), "{}", of_many.err);
    assert_eq!(of_many.err, of_one.err);
    store.state.lock().unwrap().faults.clear();
    let of_many = store.ingest(&["s3://logs/org", "--cluster", &cluster.address], &many);
    assert_eq!((of_many.status, of_many.err.as_str()), (0, ""), "{}", of_many.out);
    assert!(of_many.out.contains(" 2 of "), "{}", of_many.out);
    assert_eq!(rows(&many), rows(&folder_of_logs));
}

#[test]
fn logs_and_usage_in_a_bucket_need_no_folder_that_the_machines_share() {
    let folder = Folder::new();
    let mut cluster = Cluster::start(2, &folder);
    let logs_at = format!("{}/cloudtrail", organization(&folder, &small(6)));
    // Events of one day that come in two portions, and again in a later run.
    let account = Some("111122223333");
    let records = |ids: std::ops::Range<u32>| {
        log(&ids.map(|id| record(&format!("r-{id}"), "2026-03-01", account, None)).collect::<Vec<_>>())
    };
    fs::write(format!("{logs_at}/a-first.json"), records(0..300)).unwrap();
    fs::write(format!("{logs_at}/z-second.json"), records(200..400)).unwrap();
    let store = Store::new();
    store.put_folder(Path::new(&logs_at), "org");
    let (one, out, mirror) = (folder.path("one"), "s3://logs/kept/50% here", folder.path("mirror"));
    let published = || -> BTreeMap<PathBuf, Vec<u8>> {
        let state = store.state.lock().unwrap();
        let below = state.objects.iter().filter_map(|(key, bytes)| Some((key.strip_prefix("kept/50% here/")?, bytes)));
        below.filter(|(name, _)| *name != ".journal").map(|(name, bytes)| (PathBuf::from(name), bytes.clone())).collect()
    };
    let is_same = |when: &str| {
        let (found, expected) = (published(), tree(&one));
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{when}");
        assert!(found == expected, "{when}: other bytes");
    };
    let ingest = |address: &str, mirror: &str| {
        store.ingest(&["s3://logs/org", "--cluster", address, "--mirror", mirror, "--memory", "250KB"], out)
    };
    store.fault(&store.keys()[0], &[Fault::Internal, Fault::Half], false);
    let of_one = store.ingest(&["s3://logs/org"], &one);
    let of_many = ingest(&cluster.address, &mirror);
    assert_eq!((of_many.status, of_many.err.as_str()), (0, ""), "{}", of_many.out);
    assert_eq!(of_many.out.replace(out, ""), of_one.out.replace(&one, ""), "the same is said");
    assert!(of_many.out.contains(" counted before"), "{}", of_many.out);
    is_same("all of it");
    let publications = store.written().iter().filter(|write| write.ends_with("/.journal")).count();
    assert!(publications >= 4, "each portion is published: {publications}");

    // From another machine, with what is known read where it is published; then nothing.
    store.put("org/late.json", records(350..450).as_bytes());
    let other = folder.path("other");
    let (of_one, of_many) = (store.ingest(&["s3://logs/org"], &one), ingest(&cluster.address, &other));
    assert_eq!((of_many.status, of_many.err.as_str()), (0, ""), "{}", of_many.out);
    assert!(of_many.out.contains("1 of ") && of_many.out.contains("100 events: 50 new, 50 counted before"), "{}", of_many.out);
    assert_eq!(of_many.out.replace(out, ""), of_one.out.replace(&one, ""));
    is_same("what came late");
    store.written();
    assert!(ingest(&cluster.address, &mirror).out.contains(" 0 of "));
    assert_eq!(store.written(), [] as [String; 0]);

    // A run that was killed between two portions: the next one, from another machine, reads only the rest.
    store.state.lock().unwrap().objects.retain(|key, _| !key.starts_with("kept/"));
    store.written();
    store.state.lock().unwrap().stop_at = Some((60, false));
    let arguments = [
        "ingest",
        "s3://logs/org",
        "--cluster",
        &cluster.address,
        "--mirror",
        &folder.path("killed"),
        "--memory",
        "250KB",
        "--out",
        out,
    ];
    let mut child = store.command().args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    assert!(store.wait_until_stopped(|| child.try_wait().unwrap().is_none()), "there were so few writes");
    child.kill().unwrap();
    child.wait().unwrap();
    store.go_on();
    cluster.workers[1].kill();
    let ran = ingest(&cluster.address, &folder.path("next"));
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    is_same("after a kill");
}
