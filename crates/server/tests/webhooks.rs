//! Webhooks against receivers on this machine: a message for people is about all that changed, a test is sent at once, and a receiver that is
//! dead is asked once for all that waits. That nothing is sent where it must not be is tested beside the code, with a resolver of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use leastwise::access::Timestamp;
use leastwise::findings::FindingKind;
use leastwise_server::store::*;
use leastwise_server::{Inputs, InputsFailure, Network, Options, Visit};

struct Nothing;

impl Inputs for Nothing {
    fn mark(&self) -> u64 {
        0
    }

    fn present(&self) -> Timestamp {
        leastwise_server::clock::now()
    }

    fn analyse(&self, _present: Timestamp, _visit: &mut Visit<'_>) -> Result<(), InputsFailure> {
        Ok(())
    }
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// A receiver that answers with a status; what it got, heads and bodies.
fn receiver(status: u16) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let got: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = got.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                if let Some(value) = line.strip_prefix("content-length: ") {
                    length = value.trim().parse().unwrap();
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            kept.lock().unwrap().push(format!("{head}\n{}", String::from_utf8(body).unwrap()));
            write!(reader.into_inner(), "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        }
    });
    (format!("http://{address}/services/secret"), got)
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn hook(id: &str, url: &str, form: &str) -> Webhook {
    Webhook {
        id: id.to_owned(),
        url: url.to_owned(),
        form: form.to_owned(),
        secret: "secret".to_owned(),
        created: Timestamp::from_seconds(0),
        failures: 0,
        due: Timestamp::from_seconds(0),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn messages_for_people_are_about_many_findings_and_a_dead_receiver_gets_one_attempt_for_all() {
    let path = std::env::temp_dir().join(format!("leastwise-webhooks-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    let folder = Folder(path);
    let database = Location::Sqlite(folder.0.join("store.db"));
    let store = Store::open(&database).await.unwrap();
    let ((people, told), (dead, asked), (outside, never)) = (receiver(200), receiver(503), receiver(200));
    let change = Change::by("user:ada");
    store.create_webhook(&hook("people", &people, "slack"), &change).await.unwrap();
    store.create_webhook(&hook("dead", &dead, "generic"), &change).await.unwrap();
    // Another address of this machine, which is not allowed.
    let outside = outside.replace("127.0.0.1", "127.0.0.9");
    store.create_webhook(&hook("outside", &outside, "generic"), &change).await.unwrap();
    let new = NewAnalyzer {
        name: "org".to_owned(),
        arn: "arn:aws:access-analyzer:us-east-1:111122223333:analyzer/org".to_owned(),
        scope: Scope::Organization,
        unused_access_age: 90,
        exclusions: Vec::new(),
        tags: Vec::new(),
        rules: Vec::new(),
    };
    let analyzer = store.create_analyzer(&new, &change).await.unwrap();
    let found = |n: u64| FoundFinding {
        base: format!("{n:032x}"),
        content: "a".to_owned(),
        kind: FindingKind::UnusedIamRole,
        resource: format!("arn:aws:iam::111122223333:role/<b>{n}"),
        resource_type: ResourceType::Role,
        account: "111122223333".to_owned(),
        risk: Risk::WRITE,
        unused_actions: 0,
        services: Vec::new(),
        details: "[]".to_owned(),
        evidence: "{}".to_owned(),
    };
    let now = leastwise_server::clock::now();
    let mut run = store.begin_run(&analyzer, now).await.unwrap();
    run.take((0..40).map(found).collect()).await.unwrap();
    run.publish("{}", now).await.unwrap();

    let options = Options {
        rescan: Duration::from_secs(3_600),
        webhook_networks: vec![Network::parse("127.0.0.1").unwrap()],
        ..Options::of("127.0.0.1:0".parse().unwrap(), database)
    };
    let server = tokio::spawn(leastwise_server::serve(options, Arc::new(Nothing), |_, _| {}));
    until("people are told", async || store.waiting("people").await.unwrap().count == 0).await;
    {
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 1, "one message for all findings");
        assert!(told[0].contains("40 findings changed (40 open)") && told[0].contains("and 30 more"), "{}", told[0]);
        assert!(told[0].contains("&lt;b&gt;0") && !told[0].contains("<b>"), "{}", told[0]);
        assert!(told[0].contains("webhook-signature: v1,"), "{}", told[0]);
    }
    until("the dead one was asked", async || !store.delivery_log("dead", 10).await.unwrap().is_empty()).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(asked.lock().unwrap().len(), 1, "one attempt for all that waits");
    let log = store.delivery_log("dead", 10).await.unwrap();
    assert_eq!(
        (log.len(), log[0].outcome.as_str(), store.waiting("dead").await.unwrap().count),
        (1, "the receiver answers 503", 40)
    );

    // What is not allowed is not connected to, and says why without the address.
    until("the other one was refused", async || !store.delivery_log("outside", 10).await.unwrap().is_empty()).await;
    let log = store.delivery_log("outside", 10).await.unwrap();
    assert!(log[0].outcome.contains("not public") && !log[0].outcome.contains("services"), "{}", log[0].outcome);
    assert!(never.lock().unwrap().is_empty());

    // A test goes out at once, also to one that was dead.
    store.send_test("people", &change).await.unwrap();
    store.send_test("dead", &change).await.unwrap();
    until("the test arrives", async || told.lock().unwrap().iter().any(|one| one.contains("this is a test"))).await;
    until("the dead one is asked again", async || asked.lock().unwrap().len() == 2).await;
    server.abort();
}
