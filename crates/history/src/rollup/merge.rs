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
use super::batch::ranks::Ranks;
use super::batch::{Batch, DAY, KeyNumbers, Tuple};
use super::events::AccountDay;
use super::ids;
use super::resource::{Kept, MOST};
use super::row::{Key, Resource, Row, merge};
use super::store::{Stage, Staged};
use super::table::{Encoder, Table, encode, merge_with};

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
struct Partition<'b> {
    account: Option<AccountId>,
    day: i64,
    /// As [`merge`] makes them.
    rows: Vec<Row<'b>>,
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
    let ranks = Ranks::of(batches);
    // A day's rows may take more memory than its events, so those of as many days as threads are there at a time.
    let results = if days.len() >= 2 * threads {
        in_parallel(threads, &days, |day| {
            let (merged, partitions) = of_day(*day, batches, &ranks, stage)?;
            write_all(partitions, stage, 1)?;
            Ok(merged)
        })
    } else {
        // Too few to keep every thread busy.
        let of_days = days.chunks(threads.max(1)).map(|some| {
            let results = in_parallel(threads, some, |day| of_day(*day, batches, &ranks, stage));
            let (merged, partitions): (Vec<Merged>, Vec<_>) =
                results.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
            write_all(partitions.into_iter().flatten().collect(), stage, threads)?;
            Ok(merged.into_iter().sum())
        });
        of_days.collect()
    };
    results.into_iter().sum()
}

fn write_all(partitions: Vec<Partition<'_>>, stage: &Stage<'_>, threads: usize) -> Result<(), RollupError> {
    let partitions: Vec<Mutex<Partition<'_>>> = partitions.into_iter().map(Mutex::new).collect();
    let taken = |partition: &Mutex<Partition<'_>>| {
        let mut partition = partition.lock().unwrap_or_else(PoisonError::into_inner);
        write(partition.account, partition.day, std::mem::take(&mut partition.rows), stage)
    };
    in_parallel(threads, &partitions, taken).into_iter().collect()
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

/// The events of one day, told apart.
struct OfDay<'b> {
    /// Those of each batch.
    tuples: Vec<&'b [Tuple]>,
    /// Each with the numbers of its batch and its tuple; by their ids, and of copies the one that counts first.
    items: Vec<(u128, u32, u32)>,
}

impl<'b> OfDay<'b> {
    fn new(day: i64, batches: &'b [Batch]) -> OfDay<'b> {
        let of_batch = |batch: &'b Batch| {
            let own = batch.days.iter().find(|(own, _)| *own == day);
            own.map(|(_, tuples)| tuples.as_slice()).unwrap_or_default()
        };
        let tuples: Vec<&[Tuple]> = batches.iter().map(of_batch).collect();
        // By the first halves of the ids, which tell nearly all apart: plain numbers are sorted quicker than what belongs to them.
        let mut order: Vec<u128> = Vec::with_capacity(tuples.iter().map(|tuples| tuples.len()).sum());
        for (tuples, at) in tuples.iter().zip(0u32..) {
            let half = |(tuple, place): (&Tuple, u32)| u128::from(tuple.id[0]) << 64 | u128::from(at) << 32 | u128::from(place);
            order.extend(tuples.iter().zip(0..).map(half));
        }
        order.sort_unstable();
        let tuple = |at: u32, place: u32| tuples.get(at as usize)?.get(place as usize);
        let item = |half: &u128| {
            let [at, place] = [32, 0].map(|bits| u32::try_from(half >> bits & u128::from(u32::MAX)).unwrap_or_default());
            let [high, low] = tuple(at, place)?.id;
            Some((u128::from(high) << 64 | u128::from(low), at, place))
        };
        let mut items: Vec<(u128, u32, u32)> = order.iter().filter_map(item).collect();
        for alike in items.chunk_by_mut(|a, b| a.0 >> 64 == b.0 >> 64).filter(|alike| alike.len() > 1) {
            alike.sort_unstable_by_key(|item| item.0);
        }
        let of = |item: &(u128, u32, u32)| Some((batches.get(item.1 as usize)?, tuple(item.1, item.2)?));
        // Copies of an event that say different things: the same one counts in whatever order they were read.
        for copies in items.chunk_by_mut(|a, b| a.0 == b.0).filter(|copies| copies.len() > 1) {
            copies.sort_by_cached_key(|item| {
                of(item).map(|(batch, tuple)| {
                    let (account, key) = batch.key(tuple.key).unzip();
                    let resources: Vec<&str> = batch.list(tuple.resources).iter().map(|arn| batch.resources.arn(*arn)).collect();
                    let poor = poorness(account.flatten(), resources.is_empty());
                    (poor, account, key, tuple.second, batch.texts.text(tuple.region), resources)
                })
            });
        }
        OfDay { tuples, items }
    }

    /// Whether each event is new; none is yet.
    fn marks(&self) -> Vec<Vec<bool>> {
        self.tuples.iter().map(|tuples| vec![false; tuples.len()]).collect()
    }
}

/// What decides first which of differing copies counts: those that tell an account and resources are fuller.
fn poorness(account: Option<AccountId>, lacks_resources: bool) -> (bool, bool) {
    (account.is_none(), lacks_resources)
}

/// Tells doubles apart, stages the day's ids, and adds up what is new.
fn of_day<'b>(
    day: i64,
    batches: &'b [Batch],
    ranks: &Ranks,
    stage: &Stage<'_>,
) -> Result<(Merged, Vec<Partition<'b>>), RollupError> {
    let of_day = OfDay::new(day, batches);
    let sorted: Vec<u128> = of_day.items.iter().map(|item| item.0).collect();
    let mut is_fresh = of_day.marks();
    let mut new = 0;
    let file = stage_ids(day, &sorted, stage, &mut |at| {
        let item = of_day.items.get(at);
        if let Some(is) = item.and_then(|item| is_fresh.get_mut(item.1 as usize)?.get_mut(item.2 as usize)) {
            *is = true;
            new += 1;
        }
    })?;
    let OfDay { tuples, items } = of_day;
    let merged = Merged { new, doubles: items.len() as u64 - new };
    if new == 0 {
        file.discard();
        return Ok((merged, Vec::new()));
    }
    file.finish()?;
    drop((sorted, items));
    Ok((merged, partitions(day, batches, ranks, &tuples, &is_fresh)))
}

/// Tells copies apart in batches of one account and day, and adds up all but what is left out.
pub(crate) fn of_account_and_day(
    account: Option<AccountId>,
    day: i64,
    batches: &[Batch],
    left_out: &[u128],
) -> Result<AccountDay, String> {
    let of_day = OfDay::new(day, batches);
    let mut is_fresh = of_day.marks();
    let (mut with_resources, mut without) = (Vec::new(), Vec::new());
    let each = of_day.items.chunk_by(|a, b| a.0 == b.0).filter_map(<[_]>::first);
    for (id, batch, place) in each.filter(|item| left_out.binary_search(&item.0).is_err()) {
        let (at, place) = (*batch as usize, *place as usize);
        let tuple = of_day.tuples.get(at).and_then(|tuples| tuples.get(place));
        let (Some(batch), Some(tuple)) = (batches.get(at), tuple) else { continue };
        match batch.list(tuple.resources).is_empty() {
            true => without.push(*id),
            false => with_resources.push(*id),
        }
        if let Some(is) = is_fresh.get_mut(at).and_then(|is_fresh| is_fresh.get_mut(place)) {
            *is = true;
        }
    }
    let doubles = (of_day.items.len() - with_resources.len() - without.len()) as u64;
    // They are of one account.
    let partition = partitions(day, batches, &Ranks::of(batches), &of_day.tuples, &is_fresh).pop();
    let rows = partition.map_or_else(|| Ok(Vec::new()), |partition| file_of(account, day, &partition.rows))?;
    Ok(AccountDay { account, day, with_resources, without, doubles, rows })
}

/// Events that are to be left out when an account and day is added up again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The account.
    pub account: Option<AccountId>,
    /// The day, counted from 1970.
    pub day: i64,
    /// Their ids, sorted.
    pub ids: Vec<u128>,
}

/// Stages what the rollup becomes with accounts and days that were added up elsewhere. Where that holds events that were
/// counted before, or in a fuller copy for another account, nothing is staged and those are told instead.
pub(crate) fn take_in(all: &[AccountDay], stage: &Stage<'_>, threads: usize) -> Result<Vec<LeftOut>, RollupError> {
    let mut days: BTreeMap<i64, Vec<&AccountDay>> = BTreeMap::new();
    all.iter().for_each(|one| days.entry(one.day).or_default().push(one));
    let days: Vec<(i64, Vec<&AccountDay>)> = days.into_iter().collect();
    let left_out = in_parallel(threads, &days, |(day, of_day)| ids_of(*day, of_day, stage));
    let left_out: Vec<LeftOut> = left_out.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    if !left_out.is_empty() {
        stage.discard();
        return Ok(left_out);
    }
    in_parallel(threads, all, |one| rows_of(one, stage)).into_iter().collect::<Result<(), _>>()?;
    Ok(left_out)
}

/// Stages the ids of a day, and tells those that must not count.
fn ids_of(day: i64, of_day: &[&AccountDay], stage: &Stage<'_>) -> Result<Vec<LeftOut>, RollupError> {
    let mut runs: Vec<_> = of_day
        .iter()
        .flat_map(|one| [(&one.with_resources, false), (&one.without, true)].map(|(ids, lacks)| (one.account, ids, lacks)))
        .filter(|(_, ids, _)| !ids.is_empty())
        .collect();
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    // In the order of the law of differing copies.
    runs.sort_by_key(|(account, _, lacks)| (poorness(*account, *lacks), *account));
    let numbered = runs.iter().zip(0u32..).flat_map(|((_, ids, _), number)| ids.iter().map(move |id| (*id, number)));
    let mut items: Vec<(u128, u32)> = numbered.collect();
    // Finds that they come in sorted runs; of equal ids the first stays first.
    items.sort_by_key(|item| item.0);
    let sorted: Vec<u128> = items.iter().map(|item| item.0).collect();
    let mut counts = vec![false; items.len()];
    let file = stage_ids(day, &sorted, stage, &mut |at| {
        if let Some(counts) = counts.get_mut(at) {
            *counts = true;
        }
    })?;
    file.finish()?;
    let mut left_out: BTreeMap<Option<AccountId>, Vec<u128>> = BTreeMap::new();
    for ((id, run), _) in items.iter().zip(counts).filter(|(_, counts)| !counts) {
        if let Some((account, ..)) = runs.get(*run as usize) {
            left_out.entry(*account).or_default().push(*id);
        }
    }
    Ok(left_out.into_iter().map(|(account, ids)| LeftOut { account, day, ids }).collect())
}

/// Stages the rows of an account and day that were added up elsewhere, after counting them again.
fn rows_of(one: &AccountDay, stage: &Stage<'_>) -> Result<(), RollupError> {
    let events = (one.with_resources.len() + one.without.len()) as u64;
    let path = path_of(one.account, one.day);
    let damaged = |message: String| {
        let message = format!("what was added up of it elsewhere cannot be read: {message}");
        RollupError::Damaged { path: stage.current(&path), message }
    };
    let mut calls = 0;
    if !one.rows.is_empty() {
        let table = Table::read(one.rows.clone()).map_err(damaged)?;
        let rows = table.rows().map_err(damaged)?;
        calls = rows.iter().filter(|row| row.resource.is_none()).map(|row| row.count).sum();
        if calls == events && stage.current(&path).exists() {
            return write(one.account, one.day, rows, stage);
        }
    }
    if calls != events {
        return Err(RollupError::Miscounted { what: "calls that were counted", expected: events, found: calls });
    }
    if events > 0 { stage.put(&path, &one.rows) } else { Ok(()) }
}

/// Adds up the events of a day that are new; there are as many lists of events, and of whether they are new, as batches.
fn partitions<'b>(
    day: i64,
    batches: &'b [Batch],
    ranks: &Ranks,
    tuples: &[&'b [Tuple]],
    is_fresh: &[Vec<bool>],
) -> Vec<Partition<'b>> {
    // In the order in which they were read: by their ids they are all over the memory.
    let fresh = || batches.iter().zip(tuples).zip(is_fresh).map(|((batch, tuples), is)| (batch, fresh_of(tuples, is)));
    let mut keys: Vec<OfKey<'b>> = Vec::new();
    let mut order: Vec<(KeyNumbers, u32)> = Vec::new();
    let mut places: Vec<Vec<u32>> = Vec::with_capacity(batches.len());
    for (at, (batch, fresh)) in fresh().enumerate() {
        let mut own = vec![ABSENT; batch.keys()];
        for tuple in fresh {
            let Some(place) = own.get_mut(tuple.key as usize) else { continue };
            if *place == ABSENT
                && let Some(ranks) = ranks.key(at, batch, tuple.key)
            {
                *place = u32::try_from(keys.len()).unwrap_or(ABSENT);
                keys.push(OfKey { batch, number: tuple.key, calls: Calls::default(), named: 0, end: 0 });
                order.push((ranks, *place));
            }
            if let Some(key) = keys.get_mut(*place as usize) {
                key.calls.add(tuple.second, tuple.region);
                key.named += batch.list(tuple.resources).len();
            }
        }
        places.push(own);
    }
    // The calls that name resources, those of one key side by side.
    let mut end = 0;
    for key in &mut keys {
        (key.end, end) = (end, end + key.named);
    }
    let mut parts = vec![Part::default(); end];
    for ((batch, fresh), places) in fresh().zip(&places) {
        for tuple in fresh {
            let Some(key) = places.get(tuple.key as usize).and_then(|place| keys.get_mut(*place as usize)) else { continue };
            for resource in batch.list(tuple.resources) {
                if let Some(part) = parts.get_mut(key.end) {
                    *part = Part { resource: *resource, second: tuple.second, region: tuple.region };
                }
                key.end += 1;
            }
        }
    }
    order.sort_unstable();
    let of_account = |order: &[(KeyNumbers, u32)]| {
        let own = |(_, place): &(KeyNumbers, u32)| keys.get(*place as usize);
        let account = order.first().and_then(own).and_then(|first| first.batch.key(first.number)?.0);
        let most = order.iter().filter_map(own).map(|key| 1 + key.named.min(MOST)).sum();
        let mut rows = Vec::with_capacity(most);
        for of_key in order.chunk_by(|a, b| a.0 == b.0) {
            add_rows(of_key.iter().filter_map(own), &mut parts, day, &mut rows);
        }
        Partition { account, day, rows }
    };
    order.chunk_by(|a, b| a.0.account == b.0.account).map(of_account).collect()
}

/// No place yet.
const ABSENT: u32 = u32::MAX;

/// Adds the rows of one key, of what several batches have of it.
fn add_rows<'b: 'k, 'k>(of_key: impl Iterator<Item = &'k OfKey<'b>>, parts: &mut [Part], day: i64, rows: &mut Vec<Row<'b>>) {
    let (begin, mut batches, mut first) = (rows.len(), 0, None);
    for own in of_key {
        // The first one's texts for all of them: texts that are the same ones are compared at once.
        let Some(key) = first.or_else(|| Some(own.batch.key(own.number)?.1)) else { continue };
        (batches, first) = (batches + 1, Some(key));
        rows.push(own.calls.row(key, None, day, own.batch));
        own.resources(key, parts.get_mut(own.end - own.named..own.end).unwrap_or_default(), day, rows);
    }
    if batches > 1 || rows.len() - begin > MOST + 1 {
        let merged = merge(rows.split_off(begin));
        rows.extend(merged);
    }
}

/// What the new events of a batch add up to for one key.
struct OfKey<'b> {
    batch: &'b Batch,
    number: u32,
    calls: Calls,
    /// How often they name a resource.
    named: usize,
    /// Where those end, among those of all keys.
    end: usize,
}

impl<'b> OfKey<'b> {
    /// The rows of the resources that the calls name, in order. Where there are more than are kept, patterns of them, as [`merge`] would make.
    fn resources(&self, key: Key<'b>, parts: &mut [Part], day: i64, rows: &mut Vec<Row<'b>>) {
        parts.sort_unstable_by_key(|part| part.resource);
        let mut sums: Vec<(&'b str, Calls)> = Vec::new();
        for alike in parts.chunk_by(|a, b| a.resource == b.resource) {
            let mut calls = Calls::default();
            alike.iter().for_each(|part| calls.add(part.second, part.region));
            sums.extend(alike.first().map(|part| (self.batch.resources.arn(part.resource), calls)));
        }
        let mut row = |arn: Cow<'b, str>, level: u8, calls: &Calls| {
            rows.push(calls.row(key, Some(Resource { arn, level }), day, self.batch));
        };
        if sums.len() <= MOST || !is_too_many(sums.iter().map(|(arn, _)| *arn)) {
            for alike in in_order(&sums).chunk_by(|a, b| a.0 == b.0) {
                let mut all = Calls::default();
                alike.iter().for_each(|(_, calls)| all.absorb(calls));
                alike.first().into_iter().for_each(|(arn, _)| row(Cow::Borrowed(arn), 0, &all));
            }
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

/// What is said of ARNs, in the order of those. The ones of a key begin alike, and few bytes behind that tell nearly all apart:
/// to compare whole texts takes longer than everything else.
fn in_order<'s, 'a, T>(sums: &'s [(&'a str, T)]) -> Vec<(&'a str, &'s T)> {
    let mut alike = sums.first().map_or(&[][..], |(arn, _)| arn.as_bytes());
    for (arn, _) in sums {
        if !arn.as_bytes().starts_with(alike) {
            let shared = alike.iter().zip(arn.bytes()).take_while(|(a, b)| **a == *b).count();
            alike = alike.get(..shared).unwrap_or_default();
        }
    }
    let behind = |arn: &str| {
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(arn.bytes().skip(alike.len())).for_each(|(to, byte)| *to = byte);
        u64::from_be_bytes(bytes)
    };
    let mut order: Vec<_> = sums.iter().map(|(arn, of)| (behind(arn), *arn, of)).collect();
    order.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
    order.into_iter().map(|(_, arn, of)| (arn, of)).collect()
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
        let regions = regions.map(|region| batch.texts.text(*region)).collect();
        let start = day.saturating_mul(DAY);
        let (first, last) = (start + i64::from(self.first), start + i64::from(self.last));
        Row { key, resource, count: self.count, first, last, regions }
    }
}

/// The file of the rows of an account and day.
fn path_of(account: Option<AccountId>, day: i64) -> String {
    format!("calls/{}/{}.parquet", folder_of(account), name_of_day(day))
}

/// What stands in it: merged rows.
fn file_of(account: Option<AccountId>, day: i64, rows: &[Row<'_>]) -> Result<Vec<u8>, String> {
    let account = account.map(|account| account.to_string());
    encode(account.as_deref(), &name_of_day(day), rows)
}

/// Stages the merged rows of an account and day, with those that are there.
fn write(account: Option<AccountId>, day: i64, rows: Vec<Row<'_>>, stage: &Stage<'_>) -> Result<(), RollupError> {
    let path = path_of(account, day);
    let damaged = |message: String| RollupError::Damaged { path: stage.current(&path), message };
    let Some(known) = stage.read(&path)? else {
        return stage.put(&path, &file_of(account, day, &rows).map_err(damaged)?);
    };
    let (account, day) = (account.map(|account| account.to_string()), name_of_day(day));
    let mut encoder = Encoder::new(account.as_deref(), &day).map_err(damaged)?;
    merge_with(known, rows, &mut encoder).map_err(damaged)?;
    stage.put(&path, &encoder.finish().map_err(damaged)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arns_are_in_the_order_of_their_texts(shared in "[a:]{0,9}", arns in proptest::collection::vec("[a-c\u{0}é:]{0,11}", 0..40)) {
            let sums: Vec<(String, usize)> = arns.into_iter().map(|arn| format!("{shared}{arn}")).zip(0..).collect();
            let sums: Vec<(&str, usize)> = sums.iter().map(|(arn, at)| (arn.as_str(), *at)).collect();
            let mut expected = sums.clone();
            expected.sort_unstable();
            let mut found: Vec<(&str, usize)> = in_order(&sums).into_iter().map(|(arn, at)| (arn, *at)).collect();
            prop_assert!(found.is_sorted_by_key(|(arn, _)| *arn));
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
