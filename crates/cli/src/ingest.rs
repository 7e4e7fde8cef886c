//! `leastwise ingest`: adds logs to a folder of usage, each event once, reading only what is new.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use leastwise::access::Timestamp;
use leastwise::usage::EventMapper;
use leastwise_history::ReadOptions;
use leastwise_history::rollup::{IngestOptions, Ingested, Progress, RollupError, ingest, is_remote};
use leastwise_policy::Catalogue;

use crate::failure::{Exit, Failure};
use crate::output::{print, remark};
use crate::stores::StoreArguments;

pub(crate) const HELP: &str = "Examples:
  leastwise ingest logs/ --out usage/
      the first time all of it, the next time only what is new
  leastwise ingest AWSLogs/ --out usage/ --since 2026-08-01
      nothing that was delivered before that day is looked at
  leastwise ingest s3://bucket/AWSLogs --out usage/
      straight from the bucket (in a build with the feature `s3`)
  leastwise ingest s3://bucket/AWSLogs --out s3://bucket/usage
      usage in a bucket too, by way of a mirror on this machine
  leastwise analyze exports/ --usage usage/
      the findings, without reading the logs again

A run that is killed loses and doubles nothing: run it again. Ctrl-C keeps what was read so far (status 130), with --cluster what was committed. Exit status 1: some file or record could not be read; it is named,
and `analyze` calls nothing unused that it would have shown. docs/usage.md tells what is in the folder.";

/// What `leastwise ingest` takes.
#[derive(Debug, Args)]
pub(crate) struct IngestArguments {
    /// CloudTrail logs of any form: files, folders of any depth, and `s3://bucket/prefix`.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The folder of usage, or `s3://bucket/prefix`; made when it is not there, added to when it is.
    #[arg(long, value_name = "DIR|URL")]
    out: PathBuf,
    /// Leave out what happened before this day or moment.
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// About how much memory to use, such as 512MB; 96 MiB a thread and 64 MiB besides unless given, with --cluster 2 GiB.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<u64>,
    /// How many threads read; as many as there are processors unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Let the workers of this scheduler read; they must find folders at the same paths, and have keys of their own for buckets.
    #[cfg(feature = "cluster")]
    #[arg(long, value_name = "HOST:PORT", value_parser = crate::cluster::address)]
    cluster: Option<leastwise_cluster::Address>,
    #[command(flatten)]
    stores: StoreArguments,
    /// The most bytes that one compressed log may unpack to.
    #[arg(long, value_name = "BYTES", default_value_t = ReadOptions::default().max_unpacked)]
    max_unpacked: u64,
}

/// Problems that are listed one by one.
const PROBLEMS: usize = 50;

/// Runs the command.
pub(crate) fn run(arguments: &IngestArguments) -> Result<Exit, Failure> {
    let since = arguments.since.as_deref().map(|text| {
        Timestamp::parse(text)
            .ok_or_else(|| Failure::bad_input(format!("`{text}` is no date"), "write it as 2026-11-01 or 2026-11-01T12:00:00Z"))
    });
    if let Some(path) = arguments.paths.iter().find(|path| !is_remote(path) && !path.exists()) {
        return Err(Failure::bad_input(format!("{}: is not there", path.display()), "name files or folders of logs"));
    }
    let threads = arguments.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let standard = IngestOptions::of_threads(threads);
    let options = IngestOptions {
        read: ReadOptions { max_unpacked: arguments.max_unpacked, ..ReadOptions::default() },
        since: since.transpose()?,
        stores: arguments.stores.options(),
        memory: arguments.memory.map_or(standard.memory, |memory| usize::try_from(memory).unwrap_or(usize::MAX)),
        ..standard
    };
    let bar = Bar::new();
    let here = || {
        stop_when_interrupted(&options.stop);
        let mapper = EventMapper::new(Catalogue::embedded());
        ingest(&arguments.paths, &arguments.out, &mapper, &options, &|progress| bar.show(progress)).map_err(failed)
    };
    #[cfg(feature = "cluster")]
    let done = match &arguments.cluster {
        Some(scheduler) => on_cluster(scheduler, arguments, &options, &bar)?,
        None => here()?,
    };
    #[cfg(not(feature = "cluster"))]
    let done = here()?;
    bar.shown.finish_and_clear();
    let shown = arguments.out.display();
    for problem in done.problems.iter().take(PROBLEMS) {
        remark(&format!("warning: {problem}"));
    }
    if done.problems.len() > PROBLEMS {
        remark(&format!("warning: {} more problems", done.problems.len() - PROBLEMS));
    }
    print(&format!("{shown}: {}\n", summary(&done)))?;
    if done.stopped {
        remark("stopped: what was read is kept, and the next run reads the rest");
        return Ok(Exit::Interrupted);
    }
    Ok(if done.problems.is_empty() { Exit::Clean } else { Exit::Findings })
}

/// The same on a cluster. More memory makes larger portions, which keep more workers busy.
#[cfg(feature = "cluster")]
fn on_cluster(
    scheduler: &leastwise_cluster::Address,
    arguments: &IngestArguments,
    options: &IngestOptions,
    bar: &Bar,
) -> Result<Ingested, Failure> {
    let options = leastwise_cluster::JobOptions {
        scheduler: scheduler.clone(),
        since: options.since,
        max_unpacked: options.read.max_unpacked,
        stores: options.stores.clone(),
        memory: arguments.memory.unwrap_or(2 << 30),
        threads: options.threads,
    };
    let done = leastwise_cluster::ingest(&arguments.paths, &arguments.out, &options, &|progress| bar.show(progress));
    done.map_err(|error| crate::cluster::failed(&error))
}

/// The first Ctrl-C ends the run behind the logs that are being read; the second ends it at once, which loses and doubles
/// nothing either.
fn stop_when_interrupted(stop: &Arc<AtomicBool>) {
    let stop = Arc::clone(stop);
    // Without a handler Ctrl-C ends the program at once.
    let _ = ctrlc::set_handler(move || {
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(Exit::Interrupted as i32);
        }
    });
}

fn summary(done: &Ingested) -> String {
    let mut text = format!("{} of {} files read now, {} events: {} new", done.read, done.listed, done.events, done.new);
    if done.doubles > 0 {
        text.push_str(&format!(", {} counted before", done.doubles));
    }
    if done.too_old > 0 {
        text.push_str(&format!("; {} files are too old", done.too_old));
    }
    if done.ignored > 0 {
        text.push_str(&format!("; {} files are no logs", done.ignored));
    }
    text
}

/// What becomes of an error of the rollup.
pub(crate) fn failed(error: RollupError) -> Failure {
    Failure::bad_input(error.to_string(), error.help())
}

/// Progress on standard error, when that is a terminal.
struct Bar {
    shown: ProgressBar,
    /// Threads tell in any order.
    furthest: AtomicU64,
}

impl Bar {
    fn new() -> Bar {
        let shown = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let form = "{bar:30} {bytes} of {total_bytes}, {msg}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(form) {
            shown.set_style(style);
        }
        Bar { shown, furthest: AtomicU64::new(0) }
    }

    fn show(&self, progress: Progress) {
        if self.shown.is_hidden() || self.furthest.fetch_max(progress.events, Ordering::Relaxed) > progress.events {
            return;
        }
        self.shown.set_length(progress.of_bytes);
        self.shown.set_position(progress.bytes);
        let seconds = self.shown.elapsed().as_secs_f64().max(0.001);
        self.shown.set_message(format!("{:.0} events/s", progress.events as f64 / seconds));
    }
}

/// A number of bytes: `1048576`, `512MB`, `2 GiB`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim().bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.trim().split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err("write it as 512MB, 512MiB or in bytes".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "write it as 512MB, 512MiB or in bytes".to_owned())?;
    number.checked_mul(factor).filter(|size| *size > 0).ok_or_else(|| "is no amount of memory".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_people_write_them() {
        for (text, bytes) in [("512MB", 512_000_000), ("1", 1), ("2 GiB", 2 << 30), ("64mib", 64 << 20), ("3k", 3000)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MB", "-1", "0", "1TBB", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
