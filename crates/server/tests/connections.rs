//! What strangers can do with connections alone: half heads, trickling bodies, silence, too many at once, and a stop in the midst of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use leastwise::access::Timestamp;
use leastwise_server::store::Location;
use leastwise_server::{Inputs, InputsFailure, Limits, Options, Visit};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("leastwise-connections-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Inputs that a mistake of ours cannot read.
struct Faulty;

impl Inputs for Faulty {
    fn mark(&self) -> u64 {
        0
    }

    fn present(&self) -> Timestamp {
        leastwise_server::clock::now()
    }

    fn analyse(&self, _present: Timestamp, _visit: &mut Visit<'_>) -> Result<(), InputsFailure> {
        panic!("on purpose");
    }
}

/// Short times and few places.
fn limits() -> Limits {
    Limits {
        connections: 20,
        connections_per_address: 20,
        head_timeout: Duration::from_millis(800),
        body_timeout: Duration::from_millis(1_200),
        request_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_millis(2_000),
        write_timeout: Duration::from_secs(2),
        stop_timeout: Duration::from_secs(2),
    }
}

struct Server {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
    _folder: Folder,
}

async fn start(name: &str) -> Server {
    let folder = Folder::new(name);
    let database = Location::Sqlite(folder.0.join("store.db"));
    let options = Options { limits: limits(), ..Options::of("127.0.0.1:0".parse().unwrap(), database) };
    let (said, address) = std::sync::mpsc::channel();
    let task = tokio::spawn(async move {
        leastwise_server::serve(options, Arc::new(Faulty), move |address, _| said.send(address).unwrap()).await.unwrap();
    });
    let address = tokio::task::spawn_blocking(move || address.recv().unwrap()).await.unwrap();
    Server { address, task, _folder: folder }
}

fn open(address: SocketAddr, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    stream
}

/// What the server says until it closes the connection, and how long that takes.
fn rest(mut stream: TcpStream) -> (String, Duration) {
    let (started, mut said) = (Instant::now(), Vec::new());
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => said.extend_from_slice(&buffer[..n]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the connection stays open: {error}"),
        }
    }
    (String::from_utf8_lossy(&said).into_owned(), started.elapsed())
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> tokio::task::JoinHandle<T> {
    tokio::task::spawn_blocking(work)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn half_heads_silence_and_trickling_bodies_end_and_the_analysis_that_panics_ends_alone() {
    let server = start("slow").await;
    let address = server.address;
    let silent = blocking(move || rest(open(address, "")));
    let half = blocking(move || rest(open(address, "GET / HTTP/1.1\r\nhost: x\r\nx-a: ")));
    let kept = blocking(move || rest(open(address, &HEALTH.replace("connection: close\r\n", ""))));
    let body = blocking(move || {
        let mut stream = open(address, "PUT /analyzer HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n");
        let mut trickle = stream.try_clone().unwrap();
        let writer = std::thread::spawn(move || {
            for _ in 0..50 {
                std::thread::sleep(Duration::from_millis(100));
                if trickle.write_all(b" ").is_err() {
                    break;
                }
            }
        });
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut first = [0; 12];
        let started = Instant::now();
        let answered = stream.read_exact(&mut first).is_ok();
        drop(stream);
        writer.join().unwrap();
        (answered, started.elapsed())
    });
    let (said, after) = silent.await.unwrap();
    assert!(said.is_empty() && after < Duration::from_secs(3), "{after:?}");
    let (_, after) = half.await.unwrap();
    assert!(after < Duration::from_secs(3), "{after:?}");
    let (said, after) = kept.await.unwrap();
    assert!(
        said.starts_with("HTTP/1.1 200") && after > Duration::from_millis(1_200),
        "a kept connection stays for a while: {after:?}"
    );
    let (_, after) = body.await.unwrap();
    assert!(after < Duration::from_secs(4), "{after:?}");
    assert!(blocking(move || rest(open(address, HEALTH))).await.unwrap().0.starts_with("HTTP/1.1 200"));
    server.task.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn when_all_places_are_taken_health_is_answered_still_and_all_else_is_busy() {
    let server = start("busy").await;
    let address = server.address;
    let held: Vec<TcpStream> = (0..20).map(|_| open(address, "GET / HTTP/1.1\r\n")).collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (said, _) = blocking(move || rest(open(address, HEALTH))).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    let (said, _) = blocking(move || rest(open(address, "GET /sign-in HTTP/1.1\r\nhost: x\r\n\r\n"))).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 503") && said.contains("retry-after"), "{said}");
    // Ever so many more push each other out, and health is answered.
    let _more: Vec<TcpStream> = (0..200).map(|_| open(address, "GET / HTTP/1.1\r\n")).collect();
    let (said, _) = blocking(move || rest(open(address, HEALTH))).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    drop(held);
    server.task.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn heads_and_forms_that_are_too_long_are_refused_and_not_read() {
    let server = start("long").await;
    let address = server.address;
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx-a: {}\r\n\r\n", "a".repeat(200_000));
    let (said, _) = blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(head.as_bytes()).ok();
        rest(stream)
    })
    .await
    .unwrap();
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431") || said.starts_with("HTTP/1.1 400"), "{said}");
    let form = format!("name={}&password=x", "n".repeat(1_000_000));
    let request = format!(
        "POST /sign-in HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let (said, _) = blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(request.as_bytes()).ok();
        rest(stream)
    })
    .await
    .unwrap();
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    assert!(!said.contains("nnnnnnnn"), "what is too long is not shown again");
    server.task.abort();
}
