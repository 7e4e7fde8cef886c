//! One ingest on the cluster: portions of logs, a question to the engine for each, and the answer into the rollup.
//!
//! The engine deals the logs out, brings together what belongs together and has it added up; what comes back is counted
//! again by the rollup before anything is written. A portion is committed wholly or not at all, so that after a lost scheduler only the rest is read.

use std::fmt;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ballista::prelude::SessionContextExt;
use ballista_core::config::BALLISTA_SHUFFLE_COMPRESSION_CODEC;
use ballista_core::extension::SessionConfigExt;
use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::common::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use leastwise::access::Timestamp;
use leastwise_history::rollup::events::AccountDay;
use leastwise_history::rollup::{Committed, FileReport, Ingested, Intake, LeftOut, NewLog, Portion, Progress, StoreOptions};
use tokio::task::JoinHandle;

use crate::bytes::{self, EVENTS, REPORT, key};
use crate::error::ClusterError;
use crate::functions::{self, bytes_of};
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
const MEMORY_PER_BYTE: u64 = 4;
/// A task reads about so many packed bytes. Each costs some milliseconds besides, on its worker and where its answer is fetched.
const TASK: u64 = 16 << 20;
/// So many tasks for each worker at least, so that none is idle while another has much to do.
const TASKS_PER_WORKER: usize = 2;
/// At most so many tasks.
const MOST_TASKS: usize = 512;
/// At most so many packed bytes are a portion: what comes of one account and day of it must fit into one message.
const MOST_AT_ONCE: u64 = 2 << 30;
/// So many bytes may come in one message; the engine cuts answers between rows, not within.
pub(crate) const MOST_IN_MESSAGE: u32 = 1 << 30;
/// A portion with events that were counted before is asked for again so often.
const TRIES: usize = 3;

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
    let workers = ready(&options.scheduler)?;
    let mut job = Job { intake, options, workers, runtime: runtime("client")? };
    let done = job.run(progress);
    // What cannot be removed now is removed by the next run.
    let _ = job.intake.unshare();
    done?;
    Ok(job.intake.told())
}

struct Job<'o> {
    intake: Intake,
    options: &'o JobOptions,
    /// How many there were at the beginning.
    workers: usize,
    runtime: tokio::runtime::Runtime,
}

/// A question that the engine was asked.
enum Asked {
    Running(JoinHandle<Result<Vec<RecordBatch>, DataFusionError>>),
    Answered(Vec<RecordBatch>),
}

impl Job<'_> {
    /// Reads and commits all portions. While one is committed, the next one is read already.
    fn run(&mut self, progress: &dyn Fn(Progress)) -> Result<(), ClusterError> {
        let mut shown = Progress { of_bytes: self.intake.logs().iter().map(|log| log.size).sum(), ..Progress::default() };
        progress(shown);
        let ranges = portions(self.intake.logs(), (self.options.memory / MEMORY_PER_BYTE).clamp(1, MOST_AT_ONCE));
        let mut next = None;
        for (range, following) in ranges.iter().zip(ranges.iter().skip(1).map(Some).chain([None])) {
            let asked = next.take().map_or_else(|| self.ask(range, &[]), Ok)?;
            let portion = self.answer(asked)?;
            // Whatever becomes of the next one, this one is committed.
            let asked = following.map(|range| self.ask(range, &[]));
            let logs = self.intake.logs().get(range.clone()).unwrap_or_default();
            shown.files += logs.len() as u64;
            shown.bytes += logs.iter().map(|log| log.size).sum::<u64>();
            shown.events += portion.reports.iter().map(FileReport::events).sum::<u64>();
            next = match self.intake.commit(range.clone(), portion)? {
                Committed::Done => asked.transpose()?,
                Committed::Without(left_out) => {
                    // The list of logs that is read now would be replaced.
                    let answered = asked.map(|asked| asked.and_then(|asked| self.answered(asked)));
                    self.commit_without(range, left_out)?;
                    answered.transpose()?.map(Asked::Answered)
                }
            };
            progress(shown);
        }
        Ok(())
    }

    /// Reads the logs of a range again, and commits them without these events.
    fn commit_without(&mut self, range: &Range<usize>, mut left_out: Vec<LeftOut>) -> Result<(), ClusterError> {
        for _ in 0..TRIES {
            let asked = self.ask(range, &left_out)?;
            let portion = self.answer(asked)?;
            match self.intake.commit(range.clone(), portion)? {
                Committed::Done => return Ok(()),
                // Of logs that could not be read before.
                Committed::Without(more) => left_out.extend(more),
            }
        }
        let message = "events that were counted before came again although they were to be left out".to_owned();
        Err(ClusterError::Answer { message })
    }

    /// What the engine answers, as the rollup takes it.
    fn answer(&self, asked: Asked) -> Result<Portion, ClusterError> {
        portion_of(&self.answered(asked)?)
    }

    /// Waits for the answer.
    fn answered(&self, asked: Asked) -> Result<Vec<RecordBatch>, ClusterError> {
        let asked = match asked {
            Asked::Running(asked) => asked,
            Asked::Answered(batches) => return Ok(batches),
        };
        let failed = |message: String| match ready(&self.options.scheduler) {
            // That it went away is what happened, whatever the engine says of it.
            Err(lost @ ClusterError::Unreachable { .. }) => lost,
            _ => ClusterError::Job { message },
        };
        let answer = self.runtime.block_on(asked).map_err(|error| failed(error.to_string()))?;
        answer.map_err(|error| failed(error.strip_backtrace()))
    }

    /// Asks the engine about the logs of a range without these events.
    fn ask(&mut self, range: &Range<usize>, left_out: &[LeftOut]) -> Result<Asked, ClusterError> {
        let logs = self.intake.logs().get(range.clone()).unwrap_or_default();
        let logs = logs.iter().map(|log| Line::Log { place: log.name.clone(), size: log.size, tag: log.tag.clone() });
        let left_out = left_out
            .iter()
            .map(|LeftOut { account, day, ids }| Line::LeftOut { key: key(*account, *day).to_vec(), ids: bytes::ids(ids) });
        let lines: Vec<Line> = logs.chain(left_out).collect();
        let weight: u64 = lines.iter().map(Line::weight).sum();
        let least = self.workers.saturating_mul(TASKS_PER_WORKER).clamp(1, MOST_TASKS);
        let tasks = usize::try_from(weight / TASK).unwrap_or(usize::MAX).clamp(least, MOST_TASKS);
        let since = self.options.since.map(Timestamp::seconds);
        let stores = self.options.stores.clone();
        let wanted = Wanted { since, max_unpacked: self.options.max_unpacked, stores };
        let files = listing::files(lines, tasks, &wanted)?;
        let shared = self.intake.share(files).map_err(|error| ClusterError::Listing { message: error.to_string() })?;
        let question = question(self.options.scheduler.clone(), self.options.stores.clone(), shared, tasks);
        Ok(Asked::Running(self.runtime.spawn(question)))
    }
}

/// Asks the engine about the logs of a shared list, in so many tasks.
async fn question(
    scheduler: Address,
    options: StoreOptions,
    shared: String,
    tasks: usize,
) -> Result<Vec<RecordBatch>, DataFusionError> {
    let config = stores::config()
        .set_str(stores::ENDPOINT, options.endpoint.as_deref().unwrap_or_default())
        .set_u64(stores::TIMEOUT, options.timeout.as_secs())
        .with_ballista_job_name("leastwise ingest")
        .with_ballista_grpc_client_max_message_size(MOST_IN_MESSAGE as usize)
        .with_ballista_adaptive_query_planner(false)
        .with_target_partitions(tasks)
        .with_collect_statistics(false)
        // Ids do not get smaller, and rows have their own.
        .set_str(BALLISTA_SHUFFLE_COMPRESSION_CODEC, "none");
    let runtime = stores::runtime(&config, None)?;
    let state = SessionStateBuilder::new().with_default_features().with_config(config).with_runtime_env(runtime).build();
    let context = SessionContext::remote_with_state(&format!("df://{scheduler}"), state).await?;
    for function in functions::all() {
        context.register_udf(function.as_ref().clone());
    }
    context.register_parquet("files", &stores::folder_of(&shared), ParquetReadOptions::default()).await?;
    context.sql(QUESTION).await?.collect().await
}

/// What the engine is asked. Inside out: the parts of all logs; those of one account and day together; these added up.
const QUESTION: &str = r#"
    select add_up(of, parts) as answer
    from (
        select p['of'] as of, array_agg(p['part']) as parts
        from (
            select unnest(read_cloudtrail(place, key, left_out, since, "limit", size, tag, endpoint, "timeout")) as p
            from files
        )
        group by p['of']
    )"#;

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

/// What the engine answered.
fn portion_of(batches: &[RecordBatch]) -> Result<Portion, ClusterError> {
    let wrong = |message: String| ClusterError::Answer { message };
    let mut portion = Portion::default();
    for batch in batches {
        let [answers] = batch.columns() else { return Err(wrong("there is not 1 column".to_owned())) };
        let answers = bytes_of(answers).map_err(|error| wrong(error.strip_backtrace()))?;
        for at in 0..answers.len() {
            match answers.value(at).split_first() {
                Some((&REPORT, report)) => portion.reports.push(FileReport::decode(report).map_err(wrong)?),
                Some((&EVENTS, one)) => {
                    portion.days.push(
                        AccountDay::decode(one)
                            .ok_or_else(|| wrong("an account's day is cut off, or of another version".to_owned()))?,
                    );
                }
                _ => return Err(wrong("there is something else than reports and days".to_owned())),
            }
        }
    }
    Ok(portion)
}

/// Whoever does not answer in so long is not there.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the scheduler how many workers it has.
pub(crate) fn ready(scheduler: &Address) -> Result<usize, ClusterError> {
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
        // `ready: 2 executors registered`
        Some("200") => Ok(text.rsplit_once("ready: ").and_then(|(_, told)| told.split(' ').next()?.parse().ok()).unwrap_or(1)),
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
