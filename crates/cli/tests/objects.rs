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

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use harness::{Folder, Ran, root, tree};

/// How the store answers a request for an object, instead of giving it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    Internal,
    SlowDown,
    Silence,
    /// Half of it, and then the connection ends.
    Half,
    /// Half of it, as if that were all.
    Short,
    Gone,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    /// Faults to come, one a request; with true the last one stays.
    faults: HashMap<String, (Vec<Fault>, bool)>,
    list_faults: Vec<Fault>,
    gets: Vec<String>,
    listed: usize,
    lists: usize,
}

/// A bucket `logs`, listed in pages of 7.
#[derive(Clone)]
struct Store {
    state: Arc<Mutex<State>>,
    port: u16,
}

const PAGE: usize = 7;

impl Store {
    fn new() -> Store {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let store = Store { state: Arc::default(), port: listener.local_addr().unwrap().port() };
        let state = Arc::clone(&store.state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                thread::spawn(move || serve(stream, &state));
            }
        });
        store
    }

    fn put(&self, key: &str, bytes: &[u8]) {
        self.state.lock().unwrap().objects.insert(key.to_owned(), bytes.to_vec());
    }

    fn put_folder(&self, folder: &Path, prefix: &str) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let key = format!("{prefix}/{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() { self.put_folder(&path, &key) } else { self.put(&key, &fs::read(&path).unwrap()) }
        }
    }

    fn fault(&self, key: &str, faults: &[Fault], stays: bool) {
        self.state.lock().unwrap().faults.insert(key.to_owned(), (faults.to_vec(), stays));
    }

    fn keys(&self) -> Vec<String> {
        self.state.lock().unwrap().objects.keys().cloned().collect()
    }

    /// What was asked for since the last time: objects, and how many keys were listed.
    fn asked(&self) -> (Vec<String>, usize) {
        let mut state = self.state.lock().unwrap();
        let gets = std::mem::take(&mut state.gets);
        (gets, std::mem::take(&mut state.listed))
    }

    fn ingest(&self, arguments: &[&str], out: &str) -> Ran {
        let done = Command::new(env!("CARGO_BIN_EXE_leastwise"))
            .arg("ingest")
            .args(arguments)
            .args(["--out", out, "--endpoint-url", &format!("http://127.0.0.1:{}", self.port), "--request-timeout", "1"])
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_REGION", "eu-west-1")
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { status: done.status.code().unwrap(), out: text(done.stdout), err: text(done.stderr) }
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut range = None;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            if header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("range: bytes=") {
                let (from, to) = value.trim().split_once('-').unwrap();
                range = Some((from.parse::<usize>().unwrap(), to.parse::<usize>().ok()));
            }
        }
        let mut parts = line.split(' ');
        let (method, target) = (parts.next().unwrap(), parts.next().unwrap());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let key = decoded(path.strip_prefix("/logs").unwrap()).trim_start_matches('/').to_owned();
        let answered = if key.is_empty() {
            writer.write_all(&list(query, state)).is_ok()
        } else {
            give(&mut writer, method == "HEAD", &key, range, state)
        };
        if !answered {
            return;
        }
    }
}

fn error(status: &str, code: &str) -> Vec<u8> {
    let body = format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>");
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Gives an object; false when the connection is to end.
fn give(writer: &mut TcpStream, head: bool, key: &str, range: Option<(usize, Option<usize>)>, state: &Mutex<State>) -> bool {
    let (object, fault) = {
        let mut state = state.lock().unwrap();
        if !head {
            state.gets.push(key.to_owned());
        }
        let fault = state.faults.get_mut(key).filter(|_| !head).and_then(|(faults, stays)| match (faults.len(), *stays) {
            (0, _) => None,
            (1, true) => faults.first().copied(),
            _ => Some(faults.remove(0)),
        });
        (state.objects.get(key).cloned(), fault)
    };
    match fault {
        Some(Fault::Internal) => return writer.write_all(&error("500 Internal Server Error", "InternalError")).is_ok(),
        Some(Fault::SlowDown) => return writer.write_all(&error("503 Slow Down", "SlowDown")).is_ok(),
        Some(Fault::Gone) => return writer.write_all(&error("404 Not Found", "NoSuchKey")).is_ok(),
        Some(Fault::Silence) => {
            thread::sleep(Duration::from_secs(3));
            return false;
        }
        Some(Fault::Half | Fault::Short) | None => {}
    }
    let Some(mut object) = object else { return writer.write_all(&error("404 Not Found", "NoSuchKey")).is_ok() };
    if fault == Some(Fault::Short) {
        object.truncate(object.len() / 2);
    }
    let (from, to) = range.map_or((0, object.len()), |(from, to)| (from, to.map_or(object.len(), |to| to + 1)));
    let body = &object[from..to];
    let status = match range {
        Some(_) => format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{}", to - 1, object.len()),
        None => "200 OK".to_owned(),
    };
    let head_text = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"{}\"\r\nLast-Modified: Thu, 01 Oct 2026 00:00:00 GMT\r\n\r\n",
        body.len(),
        key.len()
    );
    if writer.write_all(head_text.as_bytes()).is_err() || head {
        return head;
    }
    let shown = if fault == Some(Fault::Half) { &body[..body.len() / 2] } else { body };
    writer.write_all(shown).is_ok() && fault != Some(Fault::Half)
}

fn list(query: &str, state: &Mutex<State>) -> Vec<u8> {
    let asked: HashMap<String, String> =
        query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), decoded(value))).collect();
    let of = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let mut state = state.lock().unwrap();
    state.lists += 1;
    if let Some(fault) = state.list_faults.pop() {
        return match fault {
            Fault::Internal => error("500 Internal Server Error", "InternalError"),
            _ => error("403 Forbidden", "AccessDenied"),
        };
    }
    let (prefix, delimiter, after) = (of("prefix"), of("delimiter"), of("start-after").max(of("continuation-token")));
    let mut body = String::from("<?xml version=\"1.0\"?><ListBucketResult>");
    let (mut shown, mut last, mut folder) = (0, String::new(), String::new());
    let mut more = false;
    for (key, object) in state.objects.iter().filter(|(key, _)| key.starts_with(&prefix) && **key > after) {
        if shown == PAGE {
            more = true;
            break;
        }
        let below = key[prefix.len()..].find('/').filter(|_| delimiter == "/").map(|at| key[..prefix.len() + at + 1].to_owned());
        match below {
            Some(below) if below == folder => {}
            Some(below) => {
                body.push_str(&format!("<CommonPrefixes><Prefix>{below}</Prefix></CommonPrefixes>"));
                folder = below;
                shown += 1;
            }
            None => {
                let (tag, size) = (key.len(), object.len());
                body.push_str(&format!("<Contents><Key>{key}</Key><LastModified>2026-10-01T00:00:00.000Z</LastModified><ETag>\"{tag}\"</ETag><Size>{size}</Size></Contents>"));
                shown += 1;
            }
        }
        last.clone_from(key);
    }
    state.listed += shown;
    let next = if more { format!("<NextContinuationToken>{last}</NextContinuationToken>") } else { String::new() };
    body.push_str(&format!("<IsTruncated>{more}</IsTruncated><KeyCount>{shown}</KeyCount>{next}</ListBucketResult>"));
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Deliveries of two regions over so many days, one a day and region, of a few events each.
fn deliver(folder: &str, days: u32) -> PathBuf {
    let root = Path::new(folder).join("AWSLogs");
    for day in 1..=days {
        for region in ["eu-west-1", "us-east-1"] {
            let place = root.join(format!("111122223333/CloudTrail/{region}/2026/10/{day:02}"));
            fs::create_dir_all(&place).unwrap();
            let record = |at: u32| {
                format!(
                    r#"{{"eventID":"{region}-{day}-{at}","eventTime":"2026-10-{day:02}T10:{at:02}:00Z","eventSource":"ec2.amazonaws.com","eventName":"DescribeInstances","awsRegion":"{region}","recipientAccountId":"111122223333","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ann"}},"readOnly":true}}"#
                )
            };
            let text = format!("{{\"Records\":[{}]}}", (0..5).map(record).collect::<Vec<_>>().join(","));
            let name = format!("111122223333_CloudTrail_{region}_202610{day:02}T1010Z_x.json.gz");
            let mut packer =
                flate2::write::GzEncoder::new(fs::File::create(place.join(name)).unwrap(), flate2::Compression::fast());
            packer.write_all(text.as_bytes()).unwrap();
            packer.finish().unwrap();
        }
    }
    root
}

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

#[test]
fn a_rollup_in_a_bucket_is_refused_with_what_to_do() {
    let folder = Folder::new();
    let logs = deliver(&folder.path("logs"), 1);
    let ran = harness::leastwise(&["ingest", logs.to_str().unwrap(), "--out", "s3://bucket/usage"], "");
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("cannot be written into an object store") && ran.err.contains("aws s3 sync"), "{}", ran.err);
    assert!(!root().join("s3:").exists());
}
