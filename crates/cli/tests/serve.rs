//! `leastwise serve` over the demo: the findings of `analyze` are in the store within seconds, changes of the exports are
//! noticed, a copy can be made and put back, and a signal ends it.
#![cfg(all(feature = "serve", unix))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use leastwise::access::Timestamp;
use leastwise_server::store::{Change, FindingStatus, Location, Query, Store, StoreError, Webhook};
use leastwise_server::wait;

const AS_OF: [&str; 2] = ["--as-of", "2026-11-01"];

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("leastwise-serve-{name}-{}", std::process::id()));
        std::fs::remove_dir_all(&path).ok();
        Folder(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn leastwise(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leastwise")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(data: &str) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_leastwise"))
            .args(["serve", "--data", data, "--listen", "127.0.0.1:0", "--rescan", "1", "--insecure-no-auth"])
            .args(["--webhook-network", "127.0.0.0/8"])
            .args(AS_OF)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.strip_prefix("listening on http://").and_then(|rest| rest.split(',').next());
        let Some(address) = address.map(str::to_owned) else {
            let mut why = String::new();
            child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            panic!("{line}{why}");
        };
        Server { child, address }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Asks it to end; its log.
    fn stop(mut self) -> String {
        let ended = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(ended.success());
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{log}");
        log
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The open findings in a store: kind and resource, sorted.
fn kept(path: &Path) -> Result<Vec<String>, StoreError> {
    wait(async {
        let store = Store::open(&Location::Sqlite(path.to_owned())).await?;
        let analyzer = store.analyzer("leastwise").await?;
        let query = Query { only: Some(FindingStatus::Active), limit: 10_000, ..Query::of(&analyzer) };
        let list = store.list(&query).await?.findings;
        store.close().await;
        let mut found: Vec<String> =
            list.into_iter().map(|finding| format!("{} {}", finding.kind.as_str(), finding.resource)).collect();
        found.sort();
        Ok(found)
    })
    .unwrap()
}

fn analysed(data: &str) -> Vec<String> {
    let done = leastwise(&["analyze", data, AS_OF[0], AS_OF[1], "--format", "ndjson"]);
    let row = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        format!("{} {}", row["findingType"].as_str().unwrap(), row["resource"].as_str().unwrap())
    };
    let mut found: Vec<String> = text(&done.stdout).lines().map(row).collect();
    found.sort();
    found
}

/// Waits until something holds, which it must within a minute.
fn soon<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{what} does not happen");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_analyze_finds_is_served_and_changes_are_noticed_and_copies_can_be_put_back() {
    let (data, other) = (Folder::new("data"), Folder::new("copies"));
    let made = leastwise(&["demo", "--out", data.path()]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    std::fs::create_dir_all(&other.0).unwrap();
    let store = data.0.join("leastwise.db");
    let expected = analysed(data.path());
    assert!(expected.len() > 10);

    let server = Server::start(data.path());
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200"));
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200"));
    let found = soon("the first analysis", || kept(&store).ok().filter(|found| !found.is_empty()));
    assert_eq!(found, expected);
    // The store in the folder is no export.
    assert_eq!(analysed(data.path()), expected);

    // A copy is made while the server runs, and cannot be put back then.
    let copy = other.0.join("copy.db");
    let copy = copy.to_str().unwrap();
    let done = leastwise(&["backup", "--data", data.path(), "--out", copy]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(kept(Path::new(copy)).unwrap(), expected);
    assert_eq!(leastwise(&["backup", "--data", data.path(), "--out", copy]).status.code(), Some(2), "nothing is written over");
    let refused = leastwise(&["restore", copy, "--data", data.path()]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("is in use; stop the server first"), "{}", text(&refused.stderr));

    // Other exports, other findings: without the logs and reports there is nothing to say that something is unused.
    let away = other.0.join("away");
    let accounts: Vec<PathBuf> = std::fs::read_dir(&data.0).unwrap().map(|entry| entry.unwrap().path()).collect();
    std::fs::create_dir_all(&away).unwrap();
    for path in accounts {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && !name.contains("account") {
            std::fs::rename(&path, away.join(name)).unwrap();
        }
    }
    let fewer = analysed(data.path());
    assert_ne!(fewer, expected);
    soon("the second analysis", || kept(&store).ok().filter(|found| *found == fewer));
    let log = server.stop();
    assert!(log.contains("resolved"), "{log}");

    // Put back, it is as it was; what was there is kept.
    let restored = leastwise(&["restore", copy, "--data", data.path()]);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    assert_eq!(kept(&store).unwrap(), expected);
    assert_eq!(kept(&data.0.join("leastwise.db.before-restore")).unwrap(), fewer);

    // What is no store is refused, and nothing is changed.
    let bad = other.0.join("bad.db");
    std::fs::write(&bad, "no store\n".repeat(1_000)).unwrap();
    let refused = leastwise(&["restore", bad.to_str().unwrap(), "--data", data.path()]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    assert_eq!(kept(&store).unwrap(), expected);
}

/// Takes one request of a webhook: its id, and the connection to answer on.
fn one_delivery(receiver: &TcpListener) -> (String, TcpStream) {
    let (stream, _) = receiver.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut reader = BufReader::new(stream);
    let (mut id, mut length) = (String::new(), 0);
    reader.read_line(&mut String::new()).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name {
            "webhook-id" => id = value.to_owned(),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (id, reader.into_inner())
}

#[test]
fn what_a_webhook_did_not_acknowledge_is_delivered_again_after_a_crash_and_a_slow_receiver_delays_no_other() {
    let data = Folder::new("crash");
    assert!(leastwise(&["demo", "--out", data.path()]).status.success());
    let path = data.0.join("leastwise.db");
    let server = Server::start(data.path());
    soon("the first analysis", || kept(&path).ok().filter(|found| !found.is_empty()));
    let (receiver, slow) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let id = wait(async {
        let store = Store::open(&Location::Sqlite(path.clone())).await.unwrap();
        // The slow one sorts before the other, takes connections, and never answers.
        for (id, listener) in [("a-slow", &slow), ("b-quick", &receiver)] {
            let hook = Webhook {
                id: id.to_owned(),
                url: format!("http://{}/hook", listener.local_addr().unwrap()),
                form: "eventbridge".to_owned(),
                secret: "secret".to_owned(),
                created: Timestamp::from_seconds(0),
                failures: 0,
                due: Timestamp::from_seconds(0),
            };
            store.create_webhook(&hook, &Change::own()).await.unwrap();
        }
        let analyzer = store.analyzer("leastwise").await.unwrap();
        let first = store.list(&Query { only: Some(FindingStatus::Active), ..Query::of(&analyzer) }).await.unwrap().findings;
        let ids = vec![first[0].id.clone(), first[1].id.clone()];
        store.archive(&analyzer, &ids, Some("for a test"), None, &Change::by("user:ada")).await.unwrap();
        store.close().await;
        ids
    })
    .unwrap();
    let begun = Instant::now();
    let (first, unanswered) = one_delivery(&receiver);
    assert!(begun.elapsed() < Duration::from_secs(9), "it waits for the slow one");
    assert!(id.iter().any(|id| first.starts_with(id.as_str())), "{first}");
    // Killed after it was sent and before it was acknowledged.
    drop(server);
    drop(unanswered);
    let server = Server::start(data.path());
    let mut got = Vec::new();
    while got.len() < 2 {
        let (id, mut stream) = one_delivery(&receiver);
        write!(stream, "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
        got.push(id);
    }
    assert!(got.contains(&first), "{first} came again, with the same id: {got:?}");
    got.dedup();
    assert_eq!(got.len(), 2, "what was acknowledged does not come again");
    let left = soon("both are written down as delivered", || {
        wait(async {
            let store = Store::open(&Location::Sqlite(path.clone())).await.unwrap();
            let left = (store.waiting("b-quick").await.unwrap().count, store.waiting("a-slow").await.unwrap().count);
            store.close().await;
            (left.0 == 0).then_some(left.1)
        })
        .unwrap()
    });
    assert_eq!(left, 2, "the slow one has not been told anything yet");
    drop(server);
}

#[test]
fn what_cannot_be_served_is_said_with_advice() {
    let nowhere = leastwise(&["serve", "--data", "/nowhere/at/all"]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(text(&nowhere.stderr).contains("is no folder"), "{}", text(&nowhere.stderr));
    let data = Folder::new("advice");
    std::fs::create_dir_all(&data.0).unwrap();
    for (arguments, message) in [
        (["--database", "mysql://x"], "is no database"),
        (["--database", "postgres://user:secret@127.0.0.1:1/db"], "cannot be reached"),
        (["--as-of", "yesterday"], "`yesterday` is no date"),
        (["--listen", "192.0.2.1:80"], "cannot listen"),
        (["--tls-certificate", "/nowhere.pem"], "--tls-key"),
    ] {
        let done = leastwise(&["serve", "--data", data.path(), arguments[0], arguments[1]]);
        assert_eq!(done.status.code(), Some(2), "{arguments:?}");
        assert!(text(&done.stderr).contains(message), "{arguments:?}: {}", text(&done.stderr));
        assert!(!text(&done.stderr).contains("secret"), "{}", text(&done.stderr));
    }
    let tls = ["--tls-certificate", "/nowhere.pem", "--tls-key", "/nowhere.key"];
    let done = leastwise(&[&["serve", "--data", data.path()], tls.as_slice()].concat());
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stderr).contains("/nowhere.pem: No such file"), "{}", text(&done.stderr));
    let open = leastwise(&["serve", "--data", data.path(), "--listen", "0.0.0.0:0", "--insecure-no-auth"]);
    assert_eq!(open.status.code(), Some(2));
    assert!(text(&open.stderr).contains("on loopback only"), "{}", text(&open.stderr));
}

#[test]
fn two_hundred_half_open_connections_do_not_keep_the_server_from_ending() {
    let data = Folder::new("half-open");
    std::fs::create_dir_all(&data.0).unwrap();
    let server = Server::start(data.path());
    let mut held = Vec::new();
    for n in 0..200 {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        // Some say nothing, some half of a head, some half of a body.
        let part = [
            "",
            "GET / HTTP/1.1\r\nhost: localhost\r\n",
            "PUT /analyzer HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{",
        ][n % 3];
        stream.write_all(part.as_bytes()).unwrap();
        held.push(stream);
    }
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200"));
    let begun = Instant::now();
    server.stop();
    assert!(begun.elapsed() < Duration::from_secs(28), "{:?}", begun.elapsed());
    drop(held);
}

#[test]
fn two_servers_that_begin_at_once_on_one_new_store_both_start() {
    let data = Folder::new("at-once");
    std::fs::create_dir_all(&data.0).unwrap();
    for _ in 0..3 {
        std::fs::remove_file(data.0.join("leastwise.db")).ok();
        let path = data.path().to_owned();
        let starts: Vec<_> = (0..3)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || Server::start(&path).get("/readyz"))
            })
            .collect();
        for start in starts {
            assert!(start.join().unwrap().starts_with("HTTP/1.1 200"));
        }
    }
}

#[test]
fn a_store_that_others_can_read_is_mended_with_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let data = Folder::new("open");
    std::fs::create_dir_all(&data.0).unwrap();
    let mode = |name: &str| std::fs::metadata(data.0.join(name)).unwrap().permissions().mode() & 0o777;
    Server::start(data.path()).stop();
    assert_eq!(mode("leastwise.db"), 0o600);
    std::fs::set_permissions(data.0.join("leastwise.db"), std::fs::Permissions::from_mode(0o664)).unwrap();
    let log = Server::start(data.path()).stop();
    assert_eq!(mode("leastwise.db"), 0o600);
    assert!(log.contains("others could read or change the store"), "{log}");
    assert!(!Server::start(data.path()).stop().contains("others could read"));
}
