//! Batches into the rollup: doubles told apart, events added up, rows merged with those that are there.
//!
//! In two steps, each in parallel: by day, because that is how ids are kept; then by account and day, because that is how
//! rows are. Everything is written into staged files; nothing that is in use is touched.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use leastwise::access::{AccountId, Timestamp};

use super::RollupError;
use super::batch::{Batch, DAY, Tuple};
use super::ids;
use super::row::{Key, Resource, Row, merge};
use super::store::{Stage, Staged};
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
    // A day's rows may take more memory than its events, so those of a few days are there at a time.
    for some in days.chunks(threads.max(1)) {
        let mut partitions = Vec::new();
        for result in in_parallel(threads, some, |day| of_day(*day, batches, stage)) {
            let (own, of_day) = result?;
            merged.new += own.new;
            merged.doubles += own.doubles;
            partitions.extend(of_day);
        }
        write_all(partitions, stage, threads)?;
    }
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
        let mut fresh = 0;
        stage_ids(*day, &ids, stage, &mut |_| fresh += 1)?.finish()?;
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

/// Stages the ids of a day with those that are sorted here, and calls `fresh` with the place of each new one.
fn stage_ids<'s>(
    day: i64,
    sorted: &[u128],
    stage: &'s Stage<'_>,
    fresh: &mut dyn FnMut(usize),
) -> Result<Staged<'s>, RollupError> {
    let path = format!("events/{}.ids", name_of_day(day));
    let known = ids::open(&stage.current(&path)).map_err(|error| stage.error(&path, &error))?;
    let mut file = stage.create(&path)?;
    ids::union(known, sorted, file.writer(), fresh).map_err(|error| stage.error(&path, &error))?;
    Ok(file)
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
    let sorted: Vec<u128> = items.iter().map(|item| item.0).collect();
    let mut fresh = Vec::new();
    let file = stage_ids(day, &sorted, stage, &mut |at| fresh.push(at))?;
    let new = fresh.len() as u64;
    let merged = Merged { new, doubles: items.len() as u64 - new };
    if new == 0 {
        file.discard();
        return Ok((merged, Vec::new()));
    }
    file.finish()?;
    drop(sorted);
    // Comparing keys is dear and there are few of them, so each is given its place first.
    let mut places: Vec<Vec<u32>> = batches.iter().map(|batch| vec![ABSENT; batch.keys.len()]).collect();
    let mut keys: Vec<(Option<AccountId>, Key<'b>, u32, u32)> = Vec::new();
    let events = || fresh.iter().filter_map(|at| items.get(*at)).filter_map(|item| Some((of(item)?, item.1)));
    for ((batch, tuple), at) in events() {
        if let Some(place) = places.get_mut(at as usize).and_then(|places| places.get_mut(tuple.key as usize))
            && *place == ABSENT
            && let Some((account, key)) = batch.key(tuple.key)
        {
            *place = 0;
            keys.push((account, key, at, tuple.key));
        }
    }
    keys.sort_unstable();
    for ((_, _, at, number), rank) in keys.iter().zip(0..) {
        if let Some(place) = places.get_mut(*at as usize).and_then(|places| places.get_mut(*number as usize)) {
            *place = rank;
        }
    }
    // Each call, and each resource that it names; sorted, those of one row are side by side.
    let mut parts: Vec<Part> = Vec::with_capacity(2 * fresh.len());
    for ((batch, tuple), at) in events() {
        let place = places.get(at as usize).and_then(|places| places.get(tuple.key as usize)).copied().unwrap_or(ABSENT);
        let part = Part { place, resource: 0, second: tuple.second, region: tuple.region };
        parts.push(part);
        parts.extend(batch.list(tuple.resources).iter().map(|resource| Part { resource: resource.saturating_add(1), ..part }));
    }
    parts.sort_unstable_by_key(|part| u64::from(part.place) << 32 | u64::from(part.resource));
    let mut partitions: Vec<Partition<'b>> = Vec::new();
    for of_key in parts.chunk_by(|a, b| a.place == b.place) {
        let Some((account, key, at, _)) = of_key.first().and_then(|part| keys.get(part.place as usize)) else { continue };
        let Some(batch) = batches.get(*at as usize) else { continue };
        let sum = |alike: &[Part]| {
            let resource = alike.first().and_then(|part| part.resource.checked_sub(1));
            (resource.map(|resource| batch.texts.text(resource)), Calls::of(alike))
        };
        let mut sums: Vec<(Option<&str>, Calls)> = of_key.chunk_by(|a, b| a.resource == b.resource).map(sum).collect();
        sums.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        if partitions.last().is_none_or(|last| last.account != *account) {
            partitions.push(Partition { account: *account, day, rows: Vec::new() });
        }
        let Some(partition) = partitions.last_mut() else { continue };
        let row = |(arn, calls): (Option<&'b str>, Calls)| {
            calls.row(*key, arn.map(|arn| Resource { arn: arn.into(), level: 0 }), day, batch)
        };
        partition.rows.extend(sums.into_iter().map(row));
    }
    Ok((merged, partitions))
}

/// No place yet.
const ABSENT: u32 = u32::MAX;

/// What a call adds to one row.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// Of its key, among the keys of the day.
    place: u32,
    /// 0 for the row of all the calls, otherwise one more than the number of the resource.
    resource: u32,
    second: u32,
    region: u32,
}

/// Some calls.
#[derive(Default)]
struct Calls {
    count: u64,
    first: u32,
    last: u32,
    region: u32,
    /// Mostly none.
    other_regions: Vec<u32>,
}

impl Calls {
    fn of(parts: &[Part]) -> Calls {
        let mut calls = Calls { count: parts.len() as u64, first: u32::MAX, ..Calls::default() };
        calls.region = parts.first().map(|part| part.region).unwrap_or_default();
        for part in parts {
            calls.first = calls.first.min(part.second);
            calls.last = calls.last.max(part.second);
            if calls.region != part.region && !calls.other_regions.contains(&part.region) {
                calls.other_regions.push(part.region);
            }
        }
        calls
    }

    fn row<'b>(&self, key: Key<'b>, resource: Option<Resource<'b>>, day: i64, batch: &'b Batch) -> Row<'b> {
        let regions = std::iter::once(&self.region).chain(&self.other_regions);
        let mut regions: Vec<&str> = regions.map(|region| batch.texts.text(*region)).collect();
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
