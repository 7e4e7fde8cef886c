//! One ingest on the cluster: portions of logs, a question to the engine for each, and the answer into the rollup.
//!
//! The engine reads, tells copies apart and adds up; what comes back is counted again by the rollup before anything is
//! written. A portion is committed wholly or not at all, so that after a lost scheduler only the rest is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ballista::prelude::SessionContextExt;
use ballista_core::extension::SessionConfigExt;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use leastwise::access::Timestamp;
use leastwise_history::rollup::row::Row;
use leastwise_history::rollup::{FileReport, Ingested, Intake, NewLog, Portion, Progress, StoreOptions};

use crate::bytes::{EVENT, KNOWN, REPORT, read_event, read_row};
use crate::error::ClusterError;
use crate::functions::{self, IDS, LOG, bytes_of};
use crate::listing::{self, Line, Wanted};
use crate::roles::runtime;
use crate::stores;

/// Where a scheduler is: a host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name or an address; one of version 6 in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Address {
    /// Reads `HOST:PORT`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Address> {
        let (host, port) = text.rsplit_once(':')?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        (!host.is_empty() && (bracketed || !host.contains([':', '/', '@']))).then_some(())?;
        Some(Address { host: host.to_owned(), port: port.parse().ok()? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// How to ingest on a cluster.
#[derive(Debug, Clone)]
pub struct JobOptions {
    /// The scheduler.
    pub scheduler: Address,
    /// Leave out what happened before this moment.
    pub since: Option<Timestamp>,
    /// The most bytes that one compressed log may unpack to.
    pub max_unpacked: u64,
    /// How to talk to object stores, here and on the workers, whose keys are their own.
    pub stores: StoreOptions,
    /// About how many bytes of memory to use here, for what comes back. It decides how much is asked for at a time.
    pub memory: u64,
    /// Threads that merge here, at least 1.
    pub threads: usize,
}

/// So many bytes of memory are reckoned with for what comes back of one packed byte of logs.
const MEMORY_PER_BYTE: u64 = 8;
/// A task reads about so many packed bytes.
const TASK: u64 = 8 << 20;
/// At least and at most so many tasks: few machines should be busy, and many not wait for the scheduler.
const TASKS: (usize, usize) = (8, 512);
/// So many known ids are one line of the list.
const IDS_AT_ONCE: u64 = 1 << 20;
/// An id is so much less work than a log's packed bytes of the same size.
const IDS_EASIER: u64 = 8;

/// Adds the logs at `paths` to the rollup in the folder `out`, as `leastwise_history::rollup::ingest` does, but lets the
/// workers of a cluster read them and add up. Workers must find what is in folders at the same paths, and have keys of their
/// own for what is in stores; a rollup there is published after each portion.
///
/// # Errors
/// The cluster is not there or gives up, what it answers does not add up, or the rollup cannot be written. What was
/// committed before stays.
pub fn ingest(
    paths: &[PathBuf],
    out: &Path,
    options: &JobOptions,
    progress: &dyn Fn(Progress),
) -> Result<Ingested, ClusterError> {
    let intake = Intake::open(paths, out, options.since, &options.stores, options.threads)?;
    if intake.logs().is_empty() {
        return Ok(intake.told());
    }
    ready(&options.scheduler)?;
    let mut job = Job { intake, options, runtime: runtime("client")? };
    let done = job.run(progress);
    // What cannot be removed now is removed by the next run.
    let _ = job.intake.unshare();
    done?;
    Ok(job.intake.told())
}

struct Job<'o> {
    intake: Intake,
    options: &'o JobOptions,
    runtime: tokio::runtime::Runtime,
}

impl Job<'_> {
    fn run(&mut self, progress: &dyn Fn(Progress)) -> Result<(), ClusterError> {
        let mut shown = Progress { of_bytes: self.intake.logs().iter().map(|log| log.size).sum(), ..Progress::default() };
        progress(shown);
        for range in portions(self.intake.logs(), (self.options.memory / MEMORY_PER_BYTE).max(1)) {
            let logs = self.intake.logs().get(range.clone()).unwrap_or_default();
            shown.files += logs.len() as u64;
            shown.bytes += logs.iter().map(|log| log.size).sum::<u64>();
            shown.events += self.portion(range)?;
            progress(shown);
        }
        Ok(())
    }

    /// Reads the logs of a range and commits them; says how many events they have.
    fn portion(&mut self, range: Range<usize>) -> Result<u64, ClusterError> {
        let logs = self.intake.logs().get(range.clone()).unwrap_or_default();
        // A delivery holds events of its day, and of the end of the one before.
        let mut days: BTreeSet<i64> = logs.iter().filter_map(|log| log.day).flat_map(|day| [day - 1, day]).collect();
        loop {
            let batches = self.asked(range.clone(), &days)?;
            let portion = answer(&batches, self.options.threads)?;
            let mut missed = Vec::new();
            for day in portion.ids.keys().filter(|day| !days.contains(*day)) {
                if self.intake.known(*day)?.is_some() {
                    missed.push(*day);
                }
            }
            if missed.is_empty() {
                let events = portion.reports.iter().map(FileReport::events).sum();
                self.intake.commit(range, portion)?;
                return Ok(events);
            }
            // There are events of days on which others were counted before: ask again, with those.
            days.extend(missed);
        }
    }

    /// Asks the engine about the logs of a range, and the events that are known of these days.
    fn asked(&mut self, range: Range<usize>, days: &BTreeSet<i64>) -> Result<Vec<RecordBatch>, ClusterError> {
        let mut lines = Vec::new();
        for log in self.intake.logs().get(range).unwrap_or_default() {
            let (place, tag) = (log.name.clone(), log.tag.clone());
            lines.push(Line { place, kind: LOG, day: 0, from: 0, count: 0, size: log.size, tag, weight: log.size });
        }
        for day in days {
            let Some(known) = self.intake.known(*day)? else { continue };
            let mut from = 0;
            while from < known.count {
                let count = (known.count - from).min(IDS_AT_ONCE);
                let weight = count * 16 / IDS_EASIER;
                lines.push(Line {
                    place: known.place.clone(),
                    kind: IDS,
                    day: *day,
                    from,
                    count,
                    size: count * 16,
                    tag: known.tag.clone(),
                    weight,
                });
                from += count;
            }
        }
        let weight: u64 = lines.iter().map(|line| line.weight).sum();
        let tasks = usize::try_from(weight / TASK).unwrap_or(usize::MAX).clamp(TASKS.0, TASKS.1);
        let since = self.options.since.map(Timestamp::seconds);
        let stores = self.options.stores.clone();
        let wanted = Wanted { since, max_unpacked: self.options.max_unpacked, stores };
        let files = listing::files(lines, tasks, &wanted)?;
        let shared = self.intake.share(files).map_err(|error| ClusterError::Listing { message: error.to_string() })?;
        self.runtime.block_on(self.ask(&shared, tasks)).map_err(|error| match ready(&self.options.scheduler) {
            // That it went away is what happened, whatever the engine says of it.
            Err(lost @ ClusterError::Unreachable { .. }) => lost,
            _ => ClusterError::Job { message: error.strip_backtrace() },
        })
    }

    async fn ask(&self, shared: &str, tasks: usize) -> Result<Vec<RecordBatch>, DataFusionError> {
        let config = stores::config()
            .set_str(stores::ENDPOINT, self.options.stores.endpoint.as_deref().unwrap_or_default())
            .set_u64(stores::TIMEOUT, self.options.stores.timeout.as_secs())
            .with_ballista_job_name("leastwise ingest")
            .with_ballista_adaptive_query_planner(false)
            .with_target_partitions(tasks)
            .with_collect_statistics(false)
            // Nearly every event is there once: adding up before the shuffle is for nothing.
            .set_u64("datafusion.execution.skip_partial_aggregation_probe_rows_threshold", 8192);
        let runtime = stores::runtime(&config, None)?;
        let state = SessionStateBuilder::new().with_default_features().with_config(config).with_runtime_env(runtime).build();
        let context = SessionContext::remote_with_state(&format!("df://{}", self.options.scheduler), state).await?;
        for function in functions::all() {
            context.register_udf(function.as_ref().clone());
        }
        context.register_parquet("files", &stores::folder_of(shared), ParquetReadOptions::default()).await?;
        context.sql(QUESTION).await?.collect().await
    }
}

/// What the engine is asked. Inside out: events of all files; each once, as its fullest copy, with the number of its copies;
/// the rows that it counts in; those added up.
const QUESTION: &str = r#"
    select c['row'] as "row", sum(c['n']) as n, min(c['at']) as "first", max(c['at']) as "last"
    from (
        select unnest(counted_in(event, call, copies)) as c
        from (
            select e['event'] as event, min(e['call']) as call, count(*) as copies
            from (
                select unnest(read_cloudtrail(place, kind, day, "from", count, since, "limit", size, tag, endpoint, "timeout")) as e
                from files
            )
            group by e['event']
        )
    )
    group by c['row']"#;

/// Cuts the logs into ranges of so many packed bytes, at least one log each.
fn portions(logs: &[NewLog], most: u64) -> Vec<Range<usize>> {
    let (mut ranges, mut begin, mut bytes) = (Vec::new(), 0, 0u64);
    for (log, at) in logs.iter().zip(0..) {
        if at > begin && bytes.saturating_add(log.size) > most {
            ranges.push(begin..at);
            (begin, bytes) = (at, 0);
        }
        bytes = bytes.saturating_add(log.size);
    }
    if begin < logs.len() {
        ranges.push(begin..logs.len());
    }
    ranges
}

/// What the engine answered, read on so many threads.
fn answer(batches: &[RecordBatch], threads: usize) -> Result<Portion<'_>, ClusterError> {
    let shares: Vec<&[RecordBatch]> = batches.chunks(batches.len().div_ceil(threads.max(1)).max(1)).collect();
    let parts: Vec<Result<Portion<'_>, ClusterError>> = std::thread::scope(|scope| {
        let parts: Vec<_> = shares.into_iter().map(|share| scope.spawn(move || part_of(share))).collect();
        parts.into_iter().map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let mut portion = Portion::default();
    for part in parts {
        let part = part?;
        portion.reports.extend(part.reports);
        portion.doubles += part.doubles;
        part.ids.into_iter().for_each(|(day, ids)| portion.ids.entry(day).or_default().extend(ids));
        part.rows.into_iter().for_each(|(place, rows)| portion.rows.entry(place).or_default().extend(rows));
    }
    Ok(portion)
}

/// The same for some of the answer.
fn part_of(batches: &[RecordBatch]) -> Result<Portion<'_>, ClusterError> {
    let wrong = |message: &str| ClusterError::Answer { message: message.to_owned() };
    let mut portion = Portion::default();
    let mut rows: BTreeMap<_, Vec<Row<'_>>> = BTreeMap::new();
    for batch in batches {
        let [row, n, first, last] = batch.columns() else { return Err(wrong("there are not 4 columns")) };
        let number = |array| AsArray::as_primitive_opt::<Int64Type>(array);
        let (Some(row), Some(n), Some(first), Some(last)) = (bytes_of(row), number(n), number(first), number(last)) else {
            return Err(wrong("the columns have other types"));
        };
        for at in 0..row.len() {
            let bytes = row.value(at);
            let count = u64::try_from(n.value(at)).map_err(|_| wrong("a count is negative"))?;
            match bytes.split_first() {
                Some((&EVENT, _)) => {
                    let (day, id) = read_event(bytes).ok_or_else(|| wrong("an event is cut off"))?;
                    portion.ids.entry(day).or_default().push(id);
                    portion.doubles += count.saturating_sub(1);
                }
                Some((&KNOWN, _)) => portion.doubles += count,
                Some((&REPORT, report)) => {
                    let report = FileReport::decode(report).map_err(|message| ClusterError::Answer { message })?;
                    if count != 1 {
                        let message = format!("{}: is reported {count} times", report.name());
                        return Err(ClusterError::Answer { message });
                    }
                    portion.reports.push(report);
                }
                _ => {
                    let calls = read_row(bytes).ok_or_else(|| wrong("a row is cut off"))?;
                    let (first, last) = (first.value(at), last.value(at));
                    let row = Row { key: calls.key, resource: calls.resource, count, first, last, regions: vec![calls.region] };
                    rows.entry((calls.account, calls.day)).or_default().push(row);
                }
            }
        }
    }
    portion.rows = rows;
    Ok(portion)
}

/// Whoever does not answer in so long is not there.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether the scheduler answers, and has workers.
fn ready(scheduler: &Address) -> Result<(), ClusterError> {
    let unreachable = |message: String| ClusterError::Unreachable { address: scheduler.to_string(), message };
    let asked = || -> std::io::Result<String> {
        let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
        for address in scheduler.to_string().to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(mut stream) => {
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.write_all(
                        format!("GET /readyz HTTP/1.1\r\nhost: {scheduler}\r\nconnection: close\r\n\r\n").as_bytes(),
                    )?;
                    let mut text = Vec::new();
                    stream.take(4096).read_to_end(&mut text)?;
                    return Ok(String::from_utf8_lossy(&text).into_owned());
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    };
    let text = asked().map_err(|error| unreachable(error.to_string()))?;
    match text.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some("503") => Err(ClusterError::NoWorkers { address: scheduler.to_string() }),
        _ => Err(unreachable("what answers is no scheduler".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_a_host_and_a_port() {
        for text in ["localhost:50050", "10.0.0.1:1", "[::1]:50050", "a.b-c.example:65535"] {
            assert_eq!(Address::parse(text).map(|address| address.to_string()).as_deref(), Some(text));
        }
        for text in ["", "localhost", ":1", "localhost:", "localhost:70000", "http://x:1", "::1:50", "a@b:1"] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }
}
