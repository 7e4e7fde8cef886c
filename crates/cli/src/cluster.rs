//! `leastwise cluster`: the roles that read logs on many machines for `leastwise ingest --cluster`.
//!
//! Starts them and says where they listen; what they do is the crate `leastwise-cluster`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::{Args, Subcommand};
use leastwise_cluster::{Address, ClusterError, SchedulerOptions, WorkerOptions, scheduler, worker};
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::failure::{Exit, Failure};
use crate::ingest::size;
use crate::output::{print, remark};

pub(crate) const HELP: &str = "Example, on one machine:
  leastwise cluster scheduler &
  leastwise cluster worker --scheduler 127.0.0.1:50050 --cores 2 &
  leastwise ingest logs/ --out usage/ --cluster 127.0.0.1:50050

The ports know no passwords: let only machines of the cluster reach them. docs/cluster.md tells how to start it on several hosts
and on Kubernetes, and how many workers logs need.";

/// What `leastwise cluster` takes.
#[derive(Debug, Args)]
pub(crate) struct ClusterArguments {
    #[command(subcommand)]
    role: Role,
    /// Also tell what the engine does; without it only what it warns of.
    #[arg(long, global = true)]
    verbose: bool,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Give out work to workers; one for a cluster.
    Scheduler {
        /// Where to listen; only machines of the cluster may reach it.
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:50050")]
        listen: SocketAddr,
        /// After so many seconds of silence a worker is lost, and others do its work.
        #[arg(long, value_name = "SECONDS", default_value_t = 12, value_parser = clap::value_parser!(u64).range(8..=3600))]
        worker_timeout: u64,
    },
    /// Read logs for a scheduler.
    Worker(WorkerArguments),
}

#[derive(Debug, Args)]
struct WorkerArguments {
    /// The scheduler.
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    scheduler: Address,
    /// Which address to listen on; only machines of the cluster may reach it.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// The name or address that the others reach it by; where the scheduler sees it unless given.
    #[arg(long, value_name = "HOST")]
    advertise: Option<String>,
    /// The port that others fetch rows from; 0 is any free one.
    #[arg(long, default_value_t = 50051)]
    port: u16,
    /// How many tasks run at a time; as many as there are processors unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    cores: Option<u16>,
    /// Memory for adding up, before it goes on on disk, such as 4GB; 70 % of the machine's unless given.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<u64>,
    /// Where rows on their way are kept; a folder of its own below the system's folder for such things unless given.
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
}

/// Runs a role until it is stopped.
pub(crate) fn run(arguments: &ClusterArguments) -> Result<Exit, Failure> {
    let most = if arguments.verbose { LevelFilter::Info } else { LevelFilter::Warn };
    // There is nobody else who could have set one.
    let _ = log::set_logger(&LOGGER).map(|()| log::set_max_level(most));
    let warn_of = |listen: IpAddr| {
        if !listen.is_loopback() {
            remark(&format!("warning: {listen}: whoever reaches this port can have files read; it knows no passwords"));
        }
    };
    match &arguments.role {
        Role::Scheduler { listen, worker_timeout } => {
            warn_of(listen.ip());
            let options = SchedulerOptions { listen: *listen, worker_timeout: *worker_timeout };
            scheduler(&options, &|address| told(&format!("scheduler listens on {address}\n")))
        }
        Role::Worker(given) => {
            warn_of(given.listen);
            let processors = || std::thread::available_parallelism().map_or(1, usize::from);
            let own = || std::env::temp_dir().join(format!("leastwise-worker-{}", std::process::id()));
            let options = WorkerOptions {
                scheduler: given.scheduler.clone(),
                listen: given.listen,
                advertise: given.advertise.clone(),
                port: given.port,
                cores: given.cores.map_or_else(processors, usize::from),
                memory: given.memory,
                work: given.work.clone().unwrap_or_else(own),
            };
            let host = given.advertise.clone().unwrap_or_else(|| given.listen.to_string());
            let cores = options.cores;
            worker(&options, &|port| told(&format!("worker listens on {host}:{port}, {cores} tasks at a time\n")))
        }
    }
    .map_err(|error| failed(&error))?;
    Ok(Exit::Clean)
}

/// What the engine tells, on standard error; the same again is not said again.
struct ToStandardError {
    last: Mutex<String>,
}

static LOGGER: ToStandardError = ToStandardError { last: Mutex::new(String::new()) };

impl Log for ToStandardError {
    fn enabled(&self, facts: &Metadata<'_>) -> bool {
        // Libraries below tell what only their authors want to know.
        facts.level() <= Level::Warn || facts.target().starts_with("ballista")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let text = format!("{}: {}: {}", record.level().as_str().to_ascii_lowercase(), record.target(), record.args());
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if *last != text {
                remark(&text);
                *last = text;
            }
        }
    }

    fn flush(&self) {}
}

/// Says it to whoever listens; a role does not end because nobody does.
fn told(text: &str) {
    let _ = print(text);
}

/// What becomes of an error of the cluster.
pub(crate) fn failed(error: &ClusterError) -> Failure {
    Failure::bad_input(error.to_string(), error.help())
}

/// Reads `HOST:PORT`.
pub(crate) fn address(text: &str) -> Result<Address, String> {
    Address::parse(text).ok_or_else(|| "write it as HOST:PORT, such as 10.0.0.1:50050".to_owned())
}
