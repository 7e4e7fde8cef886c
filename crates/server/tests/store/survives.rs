//! What happens when the process is killed, the disk is full or the database goes away: nothing acknowledged is lost, nothing half
//! done is seen, and the store works again without a new start.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::bed::{Bed, Cluster, Folder, analyzer, found};
use leastwise::access::Timestamp;
use leastwise_server::store::*;

const FINDINGS: u64 = 300;

fn own_child(writer: &str, path: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", writer, "--nocapture", "--test-threads=1"]).env("LEASTWISE_TEST_STORE", path);
    command
}

fn path_of_parent() -> Location {
    Location::Sqlite(std::env::var_os("LEASTWISE_TEST_STORE").expect("only the other tests run this one").into())
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "said {line}").unwrap();
    out.flush().unwrap();
}

/// Writes until it is killed, and says what was acknowledged.
#[tokio::test]
#[ignore = "run by `nothing_acknowledged_is_lost_when_the_process_is_killed`"]
async fn writer() {
    let store = Store::open(&path_of_parent()).await.unwrap();
    let own = match store.analyzer("kill").await {
        Ok(own) => own,
        Err(_) => analyzer(&store, "kill", Scope::Organization).await,
    };
    let mut first = 0_u64;
    while !store.tags(&format!("arn:{first}")).await.unwrap().is_empty() {
        first += 1;
    }
    for round in first.. {
        store.tag(&format!("arn:{round}"), &[("round".to_owned(), round.to_string())], &Change::own()).await.unwrap();
        say(&format!("tag {round}"));
        let own = store.analyzer_of_arn(&own.arn).await.unwrap();
        let mut run = store.begin_run(&own, Timestamp::from_seconds(1_790_000_000)).await.unwrap();
        for part in 0..6 {
            let from = part * FINDINGS / 6;
            run.take((from..from + FINDINGS / 6).map(|n| found(n, &format!("round-{round:06}-"))).collect()).await.unwrap();
        }
        run.publish("{}", Timestamp::from_seconds(1_790_000_000)).await.unwrap();
        say(&format!("run {round}"));
        let query = Query { only: Some(FindingStatus::Active), limit: 1, ..Query::of(&own) };
        let id = store.list(&query).await.unwrap().findings[0].id.clone();
        store.archive(&own, std::slice::from_ref(&id), Some("because"), None, &Change::by("user:ada")).await.unwrap();
        say(&format!("archived {id}"));
    }
}

/// What a killed writer had said.
fn killed_after(mut child: Child, time: Duration) -> Vec<String> {
    let out = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(out).lines().map_while(Result::ok);
        lines.filter_map(|line| line.split_once("said ").map(|(_, said)| said.to_owned())).collect::<Vec<_>>()
    });
    std::thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let folder = Folder::new("killed");
    let path = folder.0.join("store.db");
    let mut said: Vec<String> = Vec::new();
    for _ in 0..20 {
        let mut noise = [0; 2];
        getrandom::fill(&mut noise).unwrap();
        let time = Duration::from_millis(150 + u64::from(u16::from_ne_bytes(noise)) % 700);
        let child = own_child("survives::writer", &path).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        said.extend(killed_after(child, time));

        let store = Store::open(&Location::Sqlite(path.clone())).await.unwrap();
        let Ok(own) = store.analyzer("kill").await else {
            assert!(said.is_empty(), "the analyzer is lost");
            continue;
        };
        let mut last_run = None;
        let mut archived = Vec::new();
        for line in &said {
            match line.split_once(' ').unwrap() {
                ("tag", round) => {
                    let tags = store.tags(&format!("arn:{round}")).await.unwrap();
                    assert_eq!(tags, [("round".to_owned(), round.to_owned())], "tag {round} is lost");
                }
                ("run", round) => last_run = Some(round.parse::<u64>().unwrap()),
                (_, id) => archived.push(id.to_owned()),
            }
        }
        // What is open is all of one analysis, and of none older than the last that was acknowledged.
        let open = Filter::parse(r#"{"status":{"neq":["RESOLVED"]}}"#).unwrap();
        let list = store.list(&Query { filter: open, limit: 10_000, ..Query::of(&own) }).await.unwrap().findings;
        assert!(list.is_empty() && last_run.is_none() || list.len() as u64 == FINDINGS, "{} findings are open", list.len());
        let mut rounds = Vec::new();
        for finding in &list {
            let details = store.finding(&own, &finding.id).await.unwrap().details;
            let at = details.find("round-").unwrap();
            rounds.push(details[at + 6..at + 12].parse::<u64>().unwrap());
        }
        rounds.dedup();
        assert!(rounds.len() <= 1, "findings of several analyses are open: {rounds:?}");
        assert!(rounds.first().copied() >= last_run, "the run {last_run:?} is lost, {rounds:?} is open");
        for id in &archived {
            let finding = store.finding(&own, id).await.unwrap().summary;
            assert_eq!(finding.archiving.unwrap().by, "user:ada", "{id}");
        }
        let statistics = store.statistics(&own, 1).await.unwrap();
        let counted = statistics.of_status(FindingStatus::Active) + statistics.of_status(FindingStatus::Archived);
        assert_eq!(counted, list.len() as u64);
        store.close().await;
    }
    assert!(said.iter().filter(|line| line.starts_with("run")).count() > 5, "the writers were killed too early to show anything");
}

/// Writes until there is no room, waits to be told that there is, and writes again.
#[tokio::test]
#[ignore = "run by `a_full_disk_is_said_and_survived`"]
async fn filler() {
    let store = Store::open(&path_of_parent()).await.unwrap();
    let own = analyzer(&store, "full", Scope::Organization).await;
    let note = "x".repeat(100_000);
    let tags = [("note".to_owned(), note)];
    let mut round = 0;
    let error = loop {
        match store.tag(&format!("arn:{round}"), &tags, &Change::own()).await {
            Ok(()) => round += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full(_)), "{error:?}");
    assert!(error.to_string().contains("no room left"), "{error}");
    // Reading goes on.
    assert_eq!(store.tags("arn:0").await.unwrap().len(), 1);
    say(&format!("full {round}"));
    std::io::stdin().read_line(&mut String::new()).unwrap();
    store.tag("arn:after", &tags, &Change::own()).await.unwrap();
    for known in 0..round {
        assert_eq!(store.tags(&format!("arn:{known}")).await.unwrap().len(), 1, "{known} is lost");
    }
    assert_eq!(store.analyzer("full").await.unwrap(), own);
    say("recovered");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_survived() {
    let folder = Folder::new("full");
    let path = folder.0.join("store.db");
    // No file may become larger than 6 MB, until the limit is lifted from outside.
    let child = own_child("survives::filler", &path);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; exec prlimit --fsize=6000000:unlimited \"$0\" \"$@\""])
        .arg(child.get_program())
        .args(child.get_args());
    let mut child = limited.env("LEASTWISE_TEST_STORE", &path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let full = lines.find(|line| line.contains("said full")).expect("the store says that there is no room");
    assert!(!full.ends_with(" 0"), "{full}");
    let lifted =
        Command::new("prlimit").args(["--pid", &child.id().to_string(), "--fsize=unlimited:unlimited"]).status().unwrap();
    assert!(lifted.success());
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert!(lines.any(|line| line.contains("said recovered")), "the store works again");
    assert!(child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_is_said_and_its_return_is_noticed() {
    let bed = Bed::postgres().await;
    let store = &bed.store;
    analyzer(store, "lost", Scope::Account).await;
    let cluster = bed.cluster();
    cluster.down();
    for _ in 0..2 {
        let error = store.analyzer("lost").await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable(_)), "{error:?}");
        assert!(error.to_string().starts_with("the store cannot be reached"), "{error}");
    }
    let error = store.create_analyzer(&crate::bed::new_analyzer("new", Scope::Account), &Change::own()).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(store.ping().await.is_err());
    cluster.up();
    assert_eq!(store.analyzer("lost").await.unwrap().name, "lost");
    store.create_analyzer(&crate::bed::new_analyzer("new", Scope::Account), &Change::own()).await.unwrap();
    store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_to_postgresql_is_encrypted_as_the_address_says_and_never_silently_plain() {
    let folder = Folder::new("encrypted");
    let (cluster, root) = Cluster::encrypted(&folder.0);
    let open = async |mode: &str| Store::open(&Location::parse(&cluster.url_with(mode)).unwrap()).await;
    // The cluster takes nothing but encrypted connections.
    assert!(open("disable").await.unwrap_err().to_string().contains("no encryption"), "{:?}", open("disable").await.unwrap_err());
    for mode in ["prefer", "require", &format!("verify-full&sslrootcert={}", root.display())] {
        open(mode).await.unwrap_or_else(|error| panic!("{mode}: {error}")).ping().await.unwrap();
    }
    let error = open("verify-full").await.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    // And one that cannot encrypt is refused when it has to.
    let other = Folder::new("plain");
    let plain = Cluster::start(&other.0);
    let error = Store::open(&Location::parse(&plain.url_with("require")).unwrap()).await.unwrap_err().to_string();
    assert!(error.contains("TLS"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_database_do_not_get_in_each_others_way() {
    let bed = Bed::postgres().await;
    let one = &bed.store;
    let other = Store::open(&bed.location).await.unwrap();
    let own = analyzer(one, "two", Scope::Organization).await;
    let now = Timestamp::from_seconds(1_790_000_000);
    assert!(one.lease("cycle", "one", now, 60).await.unwrap());
    assert!(!other.lease("cycle", "other", now, 60).await.unwrap());
    assert!(one.lease("cycle", "one", now, 60).await.unwrap(), "its holder may renew it");
    assert!(other.lease("cycle", "other", Timestamp::from_seconds(1_790_000_061), 60).await.unwrap(), "it runs out");
    let mut run = one.begin_run(&own, now).await.unwrap();
    run.take((0..50).map(|n| found(n, "a")).collect()).await.unwrap();
    run.publish("{}", now).await.unwrap();
    let ids: Vec<String> = one.list(&Query::of(&own)).await.unwrap().findings.into_iter().map(|finding| finding.id).collect();
    // Both archive and reopen the same findings again and again; the counters never come apart.
    let work = |store: Store, ids: Vec<String>, own: Analyzer| async move {
        for ids in ids.chunks(5) {
            store.archive(&own, ids, None, None, &Change::by("user:ada")).await.unwrap();
            store.reopen(&own, &ids[..2], &Change::by("user:ada")).await.unwrap();
        }
    };
    let (left, right) = (tokio::spawn(work(one.clone(), ids.clone(), own.clone())), tokio::spawn(work(other, ids, own.clone())));
    left.await.unwrap();
    right.await.unwrap();
    let statistics = one.statistics(&own, 1).await.unwrap();
    let (active, archived) = (statistics.of_status(FindingStatus::Active), statistics.of_status(FindingStatus::Archived));
    assert_eq!(active + archived, 50);
    let filter = Filter::parse(r#"{"status":{"eq":["ARCHIVED"]}}"#).unwrap();
    assert_eq!(one.list(&Query { filter, ..Query::of(&own) }).await.unwrap().findings.len() as u64, archived);
}
