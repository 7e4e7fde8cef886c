//! Batches into the rollup: doubles told apart, events added up, rows merged with those that are there.
//!
//! In two steps, each in parallel: by day, because that is how ids are kept; then by account and day, because that is how
//! rows are. Everything is written into staged files; nothing that is in use is touched.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;
use leastwise::access::{AccountId, Timestamp};

use super::RollupError;
use super::batch::{Batch, DAY, Tuple};
use super::ids;
use super::row::{Key, Resource, Row, merge};
use super::store::Stage;
use super::table::{Table, encode};

/// Runs `work` for each task on so many threads; the results in the order of the tasks.
pub(crate) fn in_parallel<T: Sync, R: Send>(threads: usize, tasks: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut done = Vec::new();
        while let Some((at, task)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, tasks.get(at)?))) {
            done.push((at, work(task)));
        }
        done
    };
    if threads <= 1 || tasks.len() <= 1 {
        return run().into_iter().map(|(_, result)| result).collect();
    }
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(tasks.len())).map(|_| scope.spawn(run)).collect();
        let mut done = run();
        for other in others {
            match other.join() {
                Ok(results) => done.extend(results),
                // A panic of a thread is a panic of the whole.
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The name of a day, counted from 1970.
pub(crate) fn name_of_day(day: i64) -> String {
    Timestamp::from_seconds(day.saturating_mul(DAY)).to_string().chars().take_while(|c| *c != 'T').collect()
}

/// The account's folder.
pub(crate) fn folder_of(account: Option<AccountId>) -> String {
    account.map_or_else(|| "unknown".to_owned(), |account| account.to_string())
}

/// The events of an account on a day, added up.
pub(crate) struct Partition<'b> {
    pub(crate) account: Option<AccountId>,
    pub(crate) day: i64,
    pub(crate) rows: Vec<Row<'b>>,
}

/// What became of the events of some batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Merged {
    pub(crate) new: u64,
    pub(crate) doubles: u64,
}

/// Stages what the rollup becomes with the events of these batches.
pub(crate) fn stage(batches: &[Batch], stage: &Stage<'_>, threads: usize) -> Result<Merged, RollupError> {
    let mut days: Vec<i64> = batches.iter().flat_map(|batch| batch.days.iter().map(|(day, _)| *day)).collect();
    days.sort_unstable();
    days.dedup();
    let mut merged = Merged::default();
    let mut partitions = Vec::new();
    for result in in_parallel(threads, &days, |day| of_day(*day, batches, stage)) {
        let (own, of_day) = result?;
        merged.new += own.new;
        merged.doubles += own.doubles;
        partitions.extend(of_day);
    }
    write_all(partitions, stage, threads)?;
    Ok(merged)
}

/// Stages what the rollup becomes with events that were told apart and added up elsewhere; says how many of the ids are new.
pub(crate) fn add_up(
    ids: BTreeMap<i64, Vec<u128>>,
    partitions: Vec<Partition<'_>>,
    stage: &Stage<'_>,
    threads: usize,
) -> Result<u64, RollupError> {
    let days: Vec<(i64, Mutex<Vec<u128>>)> = ids.into_iter().map(|(day, ids)| (day, Mutex::new(ids))).collect();
    let of_day = |(day, ids): &(i64, Mutex<Vec<u128>>)| -> Result<u64, RollupError> {
        let mut ids = std::mem::take(&mut *ids.lock().unwrap_or_else(PoisonError::into_inner));
        ids.sort_unstable();
        let path = format!("events/{}.ids", name_of_day(*day));
        let known = ids::open(&stage.current(&path)).map_err(|error| stage.error(&path, &error))?;
        let (mut file, mut fresh) = (stage.create(&path)?, 0);
        ids::union(known, &ids, file.writer(), &mut |_| fresh += 1).map_err(|error| stage.error(&path, &error))?;
        file.finish()?;
        Ok(fresh)
    };
    let fresh = in_parallel(threads, &days, of_day).into_iter().sum::<Result<u64, _>>()?;
    write_all(partitions, stage, threads)?;
    Ok(fresh)
}

fn write_all(partitions: Vec<Partition<'_>>, stage: &Stage<'_>, threads: usize) -> Result<(), RollupError> {
    let partitions: Vec<Mutex<Partition<'_>>> = partitions.into_iter().map(Mutex::new).collect();
    in_parallel(threads, &partitions, |partition| write(partition, stage)).into_iter().collect()
}

/// Tells doubles apart, stages the day's ids, and adds up what is new.
fn of_day<'b>(day: i64, batches: &'b [Batch], stage: &Stage<'_>) -> Result<(Merged, Vec<Partition<'b>>), RollupError> {
    let of_batch = |batch: &'b Batch| {
        let own = batch.days.iter().find(|(own, _)| *own == day);
        own.map(|(_, tuples)| tuples.as_slice()).unwrap_or_default()
    };
    let tuples: Vec<&[Tuple]> = batches.iter().map(of_batch).collect();
    let mut items: Vec<(u128, u32, u32)> = Vec::with_capacity(tuples.iter().map(|tuples| tuples.len()).sum());
    for (tuples, at) in tuples.iter().zip(0..) {
        items.extend(tuples.iter().zip(0..).map(|(tuple, place)| {
            let [high, low] = tuple.id;
            (u128::from(high) << 64 | u128::from(low), at, place)
        }));
    }
    let of = |item: &(u128, u32, u32)| -> Option<(&'b Batch, Tuple)> {
        Some((batches.get(item.1 as usize)?, *tuples.get(item.1 as usize)?.get(item.2 as usize)?))
    };
    items.sort_unstable_by_key(|item| item.0);
    // Copies of an event that say different things: the same one counts in whatever order they were read.
    for copies in items.chunk_by_mut(|a, b| a.0 == b.0).filter(|copies| copies.len() > 1) {
        copies.sort_by_cached_key(|item| {
            of(item).map(|(batch, tuple)| {
                let (account, key) = batch.key(tuple.key).unzip();
                let resources: Vec<&str> = batch.list(tuple.resources).iter().map(|text| batch.texts.text(*text)).collect();
                let poor = (account.flatten().is_none(), resources.is_empty());
                (poor, account, key, tuple.second, batch.texts.text(tuple.region), resources)
            })
        });
    }
    let path = format!("events/{}.ids", name_of_day(day));
    let sorted: Vec<u128> = items.iter().map(|item| item.0).collect();
    let mut fresh = Vec::new();
    let known = ids::open(&stage.current(&path)).map_err(|error| stage.error(&path, &error))?;
    let mut file = stage.create(&path)?;
    ids::union(known, &sorted, file.writer(), &mut |at| fresh.push(at)).map_err(|error| stage.error(&path, &error))?;
    let new = fresh.len() as u64;
    let merged = Merged { new, doubles: items.len() as u64 - new };
    if new == 0 {
        file.discard();
        return Ok((merged, Vec::new()));
    }
    file.finish()?;
    drop(sorted);
    let mut sums: HashMap<(u32, u32), Sum> = HashMap::new();
    for (batch, tuple, of_batch) in fresh.iter().filter_map(|at| items.get(*at)).filter_map(|item| {
        let (batch, tuple) = of(item)?;
        Some((batch, tuple, item.1))
    }) {
        let sum = sums.entry((of_batch, tuple.key)).or_default();
        sum.all.add(&tuple);
        for resource in batch.list(tuple.resources) {
            sum.resources.entry(*resource).or_default().add(&tuple);
        }
    }
    let mut accounts: BTreeMap<Option<AccountId>, Vec<Row<'b>>> = BTreeMap::new();
    for ((at, key), sum) in sums {
        let Some((batch, (account, key))) = batches.get(at as usize).and_then(|batch| Some((batch, batch.key(key)?))) else {
            continue;
        };
        let rows = accounts.entry(account).or_default();
        rows.push(sum.all.row(key, None, day, batch));
        for (resource, calls) in sum.resources {
            let resource = Resource { arn: batch.texts.text(resource).into(), level: 0 };
            rows.push(calls.row(key, Some(resource), day, batch));
        }
    }
    Ok((merged, accounts.into_iter().map(|(account, rows)| Partition { account, day, rows }).collect()))
}

/// The calls of one key.
#[derive(Default)]
struct Sum {
    all: Calls,
    resources: HashMap<u32, Calls>,
}

#[derive(Default)]
struct Calls {
    count: u64,
    first: u32,
    last: u32,
    regions: Vec<u32>,
}

impl Calls {
    fn add(&mut self, tuple: &Tuple) {
        self.first = if self.count == 0 { tuple.second } else { self.first.min(tuple.second) };
        self.last = self.last.max(tuple.second);
        self.count += 1;
        if !self.regions.contains(&tuple.region) {
            self.regions.push(tuple.region);
        }
    }

    fn row<'b>(&self, key: Key<'b>, resource: Option<Resource<'b>>, day: i64, batch: &'b Batch) -> Row<'b> {
        let mut regions: Vec<&str> = self.regions.iter().map(|region| batch.texts.text(*region)).collect();
        regions.sort_unstable();
        let start = day.saturating_mul(DAY);
        let (first, last) = (start + i64::from(self.first), start + i64::from(self.last));
        Row { key, resource, count: self.count, first, last, regions }
    }
}

/// Stages the rows of an account and day, with those that are there.
fn write(partition: &Mutex<Partition<'_>>, stage: &Stage<'_>) -> Result<(), RollupError> {
    let mut partition = partition.lock().unwrap_or_else(PoisonError::into_inner);
    let mut rows = std::mem::take(&mut partition.rows);
    let day = name_of_day(partition.day);
    let path = format!("calls/{}/{day}.parquet", folder_of(partition.account));
    let damaged = |message: String| RollupError::Damaged { path: stage.current(&path), message };
    let known = match stage.read(&path)? {
        Some(bytes) => Some(Table::read(bytes).map_err(damaged)?),
        None => None,
    };
    if let Some(known) = &known {
        rows.extend(known.rows().map_err(damaged)?);
    }
    let account = partition.account.map(|account| account.to_string());
    let bytes = encode(account.as_deref(), &day, &merge(rows)).map_err(damaged)?;
    stage.put(&path, &bytes)
}
