//! Batches into the rollup: doubles told apart, events added up, rows merged with those that are there.
//!
//! In two steps, each in parallel: by day, because that is how ids are kept; then by account and day, because that is how
//! rows are. Everything is written into staged files; nothing that is in use is touched.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::iter::Sum;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use hashbrown::{HashMap, HashSet};
use leastwise::access::{AccountId, Timestamp};

use super::RollupError;
use super::batch::{Batch, DAY, Tuple};
use super::ids;
use super::resource::{Kept, MOST};
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

impl Sum for Merged {
    fn sum<I: Iterator<Item = Merged>>(all: I) -> Merged {
        all.fold(Merged::default(), |sum, one| Merged { new: sum.new + one.new, doubles: sum.doubles + one.doubles })
    }
}

/// Stages what the rollup becomes with the events of these batches.
pub(crate) fn stage(batches: &[Batch], stage: &Stage<'_>, threads: usize) -> Result<Merged, RollupError> {
    let mut days: Vec<i64> = batches.iter().flat_map(|batch| batch.days.iter().map(|(day, _)| *day)).collect();
    days.sort_unstable();
    days.dedup();
    // A day's rows may take more memory than its events, so those of as many days as threads are there at a time.
    let results = if days.len() >= 2 * threads {
        in_parallel(threads, &days, |day| {
            let (merged, partitions) = of_day(*day, batches, stage)?;
            write_all(partitions, stage, 1)?;
            Ok(merged)
        })
    } else {
        // Too few to keep every thread busy.
        let of_days = days.chunks(threads.max(1)).map(|some| {
            let results = in_parallel(threads, some, |day| of_day(*day, batches, stage));
            let (merged, partitions): (Vec<Merged>, Vec<_>) =
                results.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
            write_all(partitions.into_iter().flatten().collect(), stage, threads)?;
            Ok(merged.into_iter().sum())
        });
        of_days.collect()
    };
    results.into_iter().sum()
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
                let resources: Vec<&str> = batch.list(tuple.resources).iter().map(|arn| batch.resources.arn(*arn)).collect();
                let poor = (account.flatten().is_none(), resources.is_empty());
                (poor, account, key, tuple.second, batch.texts.text(tuple.region), resources)
            })
        });
    }
    let sorted: Vec<u128> = items.iter().map(|item| item.0).collect();
    let mut is_fresh: Vec<Vec<bool>> = tuples.iter().map(|tuples| vec![false; tuples.len()]).collect();
    let mut new = 0;
    let file = stage_ids(day, &sorted, stage, &mut |at| {
        let item = items.get(at);
        if let Some(is) = item.and_then(|item| is_fresh.get_mut(item.1 as usize)?.get_mut(item.2 as usize)) {
            *is = true;
            new += 1;
        }
    })?;
    let merged = Merged { new, doubles: items.len() as u64 - new };
    if new == 0 {
        file.discard();
        return Ok((merged, Vec::new()));
    }
    file.finish()?;
    drop((sorted, items));
    Ok((merged, partitions(day, batches, &tuples, &is_fresh)))
}

/// Adds up the events of a day that are new; there are as many lists of events, and of whether they are new, as batches.
fn partitions<'b>(day: i64, batches: &'b [Batch], tuples: &[&'b [Tuple]], is_fresh: &[Vec<bool>]) -> Vec<Partition<'b>> {
    // In the order in which they were read: by their ids they are all over the memory.
    let fresh = || batches.iter().zip(tuples).zip(is_fresh).map(|((batch, tuples), is)| (batch, fresh_of(tuples, is)));
    // Comparing keys is dear and there are few of them, so each is given its place first.
    let mut keys: Vec<OfKey<'b>> = Vec::new();
    let mut places: Vec<Vec<u32>> = Vec::with_capacity(batches.len());
    for (batch, fresh) in fresh() {
        let mut own = vec![ABSENT; batch.keys()];
        for tuple in fresh {
            let Some(place) = own.get_mut(tuple.key as usize) else { continue };
            if *place == ABSENT
                && let Some((account, key)) = batch.key(tuple.key)
            {
                *place = u32::try_from(keys.len()).unwrap_or(ABSENT);
                keys.push(OfKey { batch, account, key, calls: Calls::default(), named: 0 });
            }
            if let Some(key) = keys.get_mut(*place as usize) {
                key.calls.add(tuple.second, tuple.region);
                key.named += batch.list(tuple.resources).len();
            }
        }
        places.push(own);
    }
    // The calls that name resources, those of one key side by side.
    let mut ends: Vec<usize> = Vec::with_capacity(keys.len());
    let mut end = 0;
    for key in &keys {
        ends.push(end);
        end += key.named;
    }
    let mut parts = vec![Part::default(); end];
    for ((batch, fresh), places) in fresh().zip(&places) {
        for tuple in fresh {
            let Some(end) = places.get(tuple.key as usize).and_then(|place| ends.get_mut(*place as usize)) else { continue };
            for resource in batch.list(tuple.resources) {
                if let Some(part) = parts.get_mut(*end) {
                    *part = Part { resource: *resource, second: tuple.second, region: tuple.region };
                }
                *end += 1;
            }
        }
    }
    let mut order: Vec<(&OfKey<'b>, usize)> = keys.iter().zip(ends).collect();
    order.sort_by(|(a, _), (b, _)| a.account.cmp(&b.account).then_with(|| a.key.order(&b.key)));
    let mut partitions: Vec<Partition<'b>> = Vec::new();
    for of_account in order.chunk_by(|(a, _), (b, _)| a.account == b.account) {
        let most: usize = of_account.iter().map(|(key, _)| 1 + key.named.min(MOST)).sum();
        let mut rows = Vec::with_capacity(most);
        for (key, end) in of_account {
            rows.push(key.calls.row(key.key, None, day, key.batch));
            key.resources(parts.get_mut(end.saturating_sub(key.named)..*end).unwrap_or_default(), day, &mut rows);
        }
        let account = of_account.first().and_then(|(key, _)| key.account);
        partitions.push(Partition { account, day, rows });
    }
    partitions
}

/// No place yet.
const ABSENT: u32 = u32::MAX;

/// What the new events of a batch add up to for one key.
struct OfKey<'b> {
    batch: &'b Batch,
    account: Option<AccountId>,
    key: Key<'b>,
    calls: Calls,
    /// How often they name a resource.
    named: usize,
}

impl<'b> OfKey<'b> {
    /// The rows of the resources that the calls name. Where there are more than are kept, patterns of them, as [`merge`] would make.
    fn resources(&self, parts: &mut [Part], day: i64, rows: &mut Vec<Row<'b>>) {
        parts.sort_unstable_by_key(|part| part.resource);
        let mut sums: Vec<(&'b str, Calls)> = Vec::new();
        for alike in parts.chunk_by(|a, b| a.resource == b.resource) {
            let mut calls = Calls::default();
            alike.iter().for_each(|part| calls.add(part.second, part.region));
            sums.extend(alike.first().map(|part| (self.batch.resources.arn(part.resource), calls)));
        }
        let mut row = |arn: Cow<'b, str>, level: u8, calls: &Calls| {
            rows.push(calls.row(self.key, Some(Resource { arn, level }), day, self.batch));
        };
        if sums.len() <= MOST || !is_too_many(sums.iter().map(|(arn, _)| *arn)) {
            sums.sort_unstable_by_key(|(arn, _)| *arn);
            sums.dedup_by(|next, last| {
                let is_same = next.0 == last.0;
                if is_same {
                    last.1.absorb(&next.1);
                }
                is_same
            });
            sums.iter().for_each(|(arn, calls)| row(Cow::Borrowed(arn), 0, calls));
            return;
        }
        // To sort them all would take longer than everything else.
        let mut patterns: HashMap<Kept<'b>, Calls> = HashMap::new();
        for (arn, calls) in &sums {
            patterns.entry(Kept::of(arn, 1)).or_default().absorb(calls);
        }
        let mut patterns: Vec<(Cow<'b, str>, Calls)> =
            patterns.into_iter().map(|(kept, calls)| (kept.pattern(), calls)).collect();
        patterns.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        patterns.into_iter().for_each(|(arn, calls)| row(arn, 1, &calls));
    }
}

/// Whether more resources are named than are kept for a key.
fn is_too_many<'a>(arns: impl Iterator<Item = &'a str>) -> bool {
    let mut known = HashSet::new();
    arns.into_iter().any(|arn| known.insert(arn) && known.len() > MOST)
}

/// The events that are new.
fn fresh_of<'t>(tuples: &'t [Tuple], is_fresh: &'t [bool]) -> impl Iterator<Item = &'t Tuple> {
    tuples.iter().zip(is_fresh).filter(|(_, is)| **is).map(|(tuple, _)| tuple)
}

/// A call that names a resource.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    resource: u32,
    second: u32,
    region: u32,
}

/// Some calls.
#[derive(Debug, Default)]
struct Calls {
    count: u64,
    first: u32,
    last: u32,
    region: u32,
    /// Mostly none.
    other_regions: Vec<u32>,
}

impl Calls {
    fn add(&mut self, second: u32, region: u32) {
        self.add_some(1, second, second, region);
    }

    fn absorb(&mut self, other: &Calls) {
        self.add_some(other.count, other.first, other.last, other.region);
        other.other_regions.iter().for_each(|region| self.add_region(*region));
    }

    fn add_some(&mut self, count: u64, first: u32, last: u32, region: u32) {
        if self.count == 0 {
            (self.first, self.region) = (first, region);
        }
        self.count += count;
        self.first = self.first.min(first);
        self.last = self.last.max(last);
        self.add_region(region);
    }

    fn add_region(&mut self, region: u32) {
        if self.region != region && !self.other_regions.contains(&region) {
            self.other_regions.push(region);
        }
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
