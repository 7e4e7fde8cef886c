//! A small object store of our own for tests, one bucket in memory, which answers badly on purpose.
//!
//! Reads, listings in pages of 7, conditional puts and deletes, as S3 answers them; tags are of the content. It counts what it
//! is asked, and can stop at any write, before or behind it, so that a test can kill whoever waits for the answer.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use super::Ran;

/// How the store answers a request for an object, instead of giving it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    Internal,
    SlowDown,
    Silence,
    /// Half of it, and then the connection ends.
    Half,
    /// Half of it, as if that were all.
    Short,
    Gone,
    /// It is given whole, once the test lets go of it.
    Held,
    /// A write is done, and the connection ends before it is said.
    Unsaid,
}

#[derive(Default)]
pub struct State {
    pub objects: BTreeMap<String, Vec<u8>>,
    /// Faults to come, one a request; with true the last one stays.
    pub faults: HashMap<String, (Vec<Fault>, bool)>,
    pub list_faults: Vec<Fault>,
    /// The last bytes of keys, with faults of writes to them.
    pub faults_of_writes: HashMap<String, Vec<Fault>>,
    gets: Vec<String>,
    /// Puts and deletions that were done.
    writes: Vec<String>,
    /// Stop at the write of that number, counted from 0 since the last time that anybody asked; with true behind it.
    pub stop_at: Option<(usize, bool)>,
    stopped: bool,
    /// An object is asked for that the test holds.
    holds: bool,
    let_go: bool,
    /// It does what is asked under no condition, as some stores do.
    pub unconditional: bool,
    listed: usize,
    lists: usize,
}

/// A bucket `logs`, listed in pages of 7.
#[derive(Clone)]
pub struct Store {
    pub state: Arc<Mutex<State>>,
    wake: Arc<Condvar>,
    port: u16,
}

const PAGE: usize = 7;

impl Store {
    pub fn new() -> Store {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let store = Store { state: Arc::default(), wake: Arc::default(), port: listener.local_addr().unwrap().port() };
        let serving = store.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                thread::spawn(move || serving.serve(stream));
            }
        });
        store
    }

    pub fn put(&self, key: &str, bytes: &[u8]) {
        self.state.lock().unwrap().objects.insert(key.to_owned(), bytes.to_vec());
    }

    pub fn put_folder(&self, folder: &Path, prefix: &str) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let key = format!("{prefix}/{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() { self.put_folder(&path, &key) } else { self.put(&key, &fs::read(&path).unwrap()) }
        }
    }

    pub fn fault(&self, key: &str, faults: &[Fault], stays: bool) {
        self.state.lock().unwrap().faults.insert(key.to_owned(), (faults.to_vec(), stays));
    }

    pub fn keys(&self) -> Vec<String> {
        self.state.lock().unwrap().objects.keys().cloned().collect()
    }

    /// What was asked for since the last time: objects, and how many keys were listed.
    pub fn asked(&self) -> (Vec<String>, usize) {
        let mut state = self.state.lock().unwrap();
        let gets = std::mem::take(&mut state.gets);
        (gets, std::mem::take(&mut state.listed))
    }

    /// What was written since the last time.
    pub fn written(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().writes)
    }

    /// Waits until it has stopped at a write; false when that does not come while `waiting` says so.
    pub fn wait_until_stopped(&self, mut waiting: impl FnMut() -> bool) -> bool {
        let mut state = self.state.lock().unwrap();
        while !state.stopped {
            state = self.wake.wait_timeout(state, Duration::from_millis(10)).unwrap().0;
            if !state.stopped && !waiting() {
                return false;
            }
        }
        true
    }

    /// Waits until an object is asked for that has [`Fault::Held`].
    pub fn wait_until_held(&self, within: Duration) {
        let state = self.state.lock().unwrap();
        let (_state, waited) = self.wake.wait_timeout_while(state, within, |state| !state.holds).unwrap();
        assert!(!waited.timed_out(), "nothing that is held was asked for within {within:?}");
    }

    /// Gives what is held.
    pub fn let_go(&self) {
        self.state.lock().unwrap().let_go = true;
        self.wake.notify_all();
    }

    /// Goes on after a stop.
    pub fn go_on(&self) {
        let mut state = self.state.lock().unwrap();
        state.stopped = false;
        self.wake.notify_all();
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The command, with keys and address of this store.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leastwise"));
        command
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ENDPOINT_URL", self.endpoint());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        let done = self.command().args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { status: done.status.code().unwrap(), out: text(done.stdout), err: text(done.stderr) }
    }

    pub fn ingest(&self, arguments: &[&str], out: &str) -> Ran {
        self.run(&[&["ingest"], arguments, &["--out", out, "--request-timeout", "1"]].concat())
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

/// What was asked for, besides method and target.
#[derive(Default)]
struct Asked {
    range: Option<(usize, Option<usize>)>,
    if_match: Option<String>,
    if_none_match: bool,
    body: Vec<u8>,
}

impl Store {
    fn serve(&self, stream: TcpStream) {
        let mut writer = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let (mut asked, mut length) = (Asked::default(), 0);
            loop {
                let mut header = String::new();
                if reader.read_line(&mut header).unwrap_or(0) == 0 || header.trim().is_empty() {
                    break;
                }
                let (name, value) = header.split_once(':').unwrap();
                let value = value.trim();
                match name.to_ascii_lowercase().as_str() {
                    "range" => {
                        let (from, to) = value.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
                        asked.range = Some((from.parse().unwrap(), to.parse().ok()));
                    }
                    "if-match" => asked.if_match = Some(value.to_owned()),
                    "if-none-match" => asked.if_none_match = true,
                    "content-length" => length = value.parse().unwrap(),
                    _ => {}
                }
            }
            asked.body = vec![0; length];
            if reader.read_exact(&mut asked.body).is_err() {
                return;
            }
            let mut parts = line.split(' ');
            let (method, target) = (parts.next().unwrap(), parts.next().unwrap());
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let key = decoded(path.strip_prefix("/logs").unwrap()).trim_start_matches('/').to_owned();
            let answered = match method {
                "GET" if key.is_empty() => writer.write_all(&list(query, &self.state)).is_ok(),
                "GET" | "HEAD" => give(&mut writer, method == "HEAD", &key, &asked, self),
                _ => self.write(&mut writer, method, &key, &asked),
            };
            if !answered {
                return;
            }
        }
    }

    /// Stops here when it was told to; the connection ends then.
    fn stops(&self, done: bool) -> bool {
        let mut state = self.state.lock().unwrap();
        let so_far = state.writes.len().saturating_sub(usize::from(done));
        if !state.stop_at.is_some_and(|(at, behind)| behind == done && so_far >= at) {
            return false;
        }
        // Others go on.
        (state.stop_at, state.stopped) = (None, true);
        self.wake.notify_all();
        drop(self.wake.wait_while(state, |state| state.stopped).unwrap());
        true
    }

    /// Puts or deletes; false when the connection is to end.
    fn write(&self, writer: &mut TcpStream, method: &str, key: &str, asked: &Asked) -> bool {
        if self.stops(false) {
            return false;
        }
        let (answer, said) = {
            let mut state = self.state.lock().unwrap();
            let of_key = state.faults_of_writes.iter_mut().find(|(end, _)| key.ends_with(end.as_str()));
            let fault = of_key.and_then(|(_, faults)| faults.pop());
            match fault {
                None => (state.change(method, key, asked), true),
                Some(Fault::Unsaid) => (state.change(method, key, asked), false),
                Some(Fault::Internal) => (error("500 Internal Server Error", "InternalError"), true),
                Some(Fault::SlowDown) => (error("503 Slow Down", "SlowDown"), true),
                Some(Fault::Gone) => (error("403 Forbidden", "AccessDenied"), true),
                Some(_) => return false,
            }
        };
        !self.stops(true) && said && writer.write_all(&answer).is_ok()
    }
}

/// The tag of a content.
fn tag(content: &[u8]) -> String {
    let hash =
        content.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    format!("\"{hash:016x}\"")
}

impl State {
    fn change(&mut self, method: &str, key: &str, asked: &Asked) -> Vec<u8> {
        if method == "POST" {
            let body = String::from_utf8(asked.body.clone()).unwrap();
            for part in body.split("<Key>").skip(1) {
                let key = part.split("</Key>").next().unwrap();
                self.objects.remove(key);
                self.writes.push(format!("DELETE {key}"));
            }
            let body = "<?xml version=\"1.0\"?><DeleteResult></DeleteResult>";
            return format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes();
        }
        if method == "DELETE" {
            self.objects.remove(key);
            self.writes.push(format!("DELETE {key}"));
            return b"HTTP/1.1 204 No Content\r\n\r\n".to_vec();
        }
        assert_eq!(method, "PUT");
        let present = self.objects.get(key).map(|content| tag(content));
        if !self.unconditional && asked.if_match.is_some() && present.is_none() {
            return error("404 Not Found", "NoSuchKey");
        }
        let fails = asked.if_none_match && present.is_some() || asked.if_match.is_some() && asked.if_match != present;
        if fails && !self.unconditional {
            return error("412 Precondition Failed", "PreconditionFailed");
        }
        self.writes.push(format!("PUT {key}"));
        self.objects.insert(key.to_owned(), asked.body.clone());
        format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: {}\r\n\r\n", tag(&asked.body)).into_bytes()
    }
}

fn error(status: &str, code: &str) -> Vec<u8> {
    let body = format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>");
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Gives an object; false when the connection is to end.
fn give(writer: &mut TcpStream, head: bool, key: &str, asked: &Asked, store: &Store) -> bool {
    let range = asked.range;
    let (object, fault) = {
        let mut state = store.state.lock().unwrap();
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
        Some(Fault::Held) => {
            let mut state = store.state.lock().unwrap();
            state.holds = true;
            store.wake.notify_all();
            drop(store.wake.wait_while(state, |state| !state.let_go).unwrap());
        }
        Some(Fault::Half | Fault::Short | Fault::Unsaid) | None => {}
    }
    let Some(mut object) = object else { return writer.write_all(&error("404 Not Found", "NoSuchKey")).is_ok() };
    let tag = tag(&object);
    if asked.if_match.as_ref().is_some_and(|wanted| *wanted != tag) {
        return writer.write_all(&error("412 Precondition Failed", "PreconditionFailed")).is_ok();
    }
    if fault == Some(Fault::Short) {
        object.truncate(object.len() / 2);
    }
    let (from, to) =
        range.map_or((0, object.len()), |(from, to)| (from, to.map_or(object.len(), |to| (to + 1).min(object.len()))));
    let body = &object[from..to];
    let status = match range {
        Some(_) => format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{}", to - 1, object.len()),
        None => "200 OK".to_owned(),
    };
    let head_text = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: {tag}\r\nLast-Modified: Thu, 01 Oct 2026 00:00:00 GMT\r\n\r\n",
        body.len()
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
                let (tag, size) = (tag(object).replace('"', "&quot;"), object.len());
                body.push_str(&format!("<Contents><Key>{key}</Key><LastModified>2026-10-01T00:00:00.000Z</LastModified><ETag>{tag}</ETag><Size>{size}</Size></Contents>"));
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
pub fn deliver(folder: &str, days: u32) -> PathBuf {
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
