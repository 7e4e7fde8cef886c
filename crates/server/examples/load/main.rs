//! A store of very many made-up findings, served, and measured by a client that signs its requests; for `bench/run serve`.
//!
//! `load fill FILE FINDINGS` makes the store; `load serve FILE FINDINGS` serves it on loopback beside analyses without end, says
//! its address and key, and ends with its input; `load drive ADDRESS KEY SECRET SECONDS RATE` asks, and prints one JSON line.
//! Part of no build.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod drive;
mod made_up;

use std::sync::Arc;
use std::time::Duration;

use leastwise::access::Timestamp;
use leastwise_server::store::{Location, Store};
use leastwise_server::{Inputs, InputsFailure, Options, Visit};

/// The findings come from `made_up`; the server's own cycle has nothing to read.
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

fn serve(path: String, count: u64, is_open: bool) {
    let location = Location::Sqlite(path.into());
    let wanted = leastwise_server::api_keys::Wanted {
        name: "load".to_owned(),
        scope: leastwise_server::auth::Scope::Administer,
        accounts: Vec::new(),
        expires: None,
    };
    let key = leastwise_server::api_keys::add(&location, wanted).unwrap();
    let options = Options {
        rescan: Duration::from_secs(3_600),
        insecure_no_auth: is_open,
        ..Options::of("127.0.0.1:0".parse().unwrap(), location.clone())
    };
    std::thread::spawn(move || {
        leastwise_server::run(options, Arc::new(Nothing), |address, _| {
            println!("{address} {} {}", key.id, key.secret.expose());
        })
        .unwrap();
    });
    if count > 0 {
        std::thread::spawn(move || {
            leastwise_server::wait(async {
                let store = Store::open(&location).await.unwrap();
                for round in 1.. {
                    let (summary, marked, settled) = made_up::analyse(&store, count, 1 + round).await;
                    eprintln!("beside it: {summary:?} in {marked:.1?} and {settled:.1?}");
                }
            })
            .unwrap();
        });
    }
    // Until whoever started it is gone.
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

fn fill(path: &str, count: u64) {
    leastwise_server::wait(async {
        let store = Store::open(&Location::Sqlite(path.into())).await.unwrap();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let waits = tokio::spawn(made_up::longest_wait(store.clone(), stopped));
        made_up::fill(&store, count).await;
        stop.send(true).unwrap();
        println!("the longest that another change had to wait: {:.0?}", waits.await.unwrap());
        store.close().await;
    })
    .unwrap();
}

fn main() {
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(std::io::stderr).with_ansi(false).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match texts.as_slice() {
        ["fill", path, count] => fill(path, count.parse().unwrap()),
        ["serve", path, count] => serve((*path).to_owned(), count.parse().unwrap(), false),
        ["serve-open", path, count] => serve((*path).to_owned(), count.parse().unwrap(), true),
        ["drive", address, key, secret, seconds, rate] => {
            let asked = drive::SignedRequest {
                address: (*address).to_owned(),
                key: (*key).to_owned(),
                secret: (*secret).to_owned(),
                seconds: seconds.parse().unwrap(),
                rate: rate.parse().unwrap(),
            };
            let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            threads.block_on(drive::drive(asked));
        }
        _ => panic!("see the first lines of examples/load/main.rs"),
    }
}
