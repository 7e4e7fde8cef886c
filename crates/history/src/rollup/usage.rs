//! Answers from a rollup: rows for people and programs, and a ledger for the analysis.
//!
//! Reads one account at a time. What was read and what it covers comes from the same facts, by the same code, as when the logs
//! themselves are read, so that both ways conclude the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use leastwise::access::AccountId;
use leastwise::access::Timestamp;
use leastwise::access::time::DAY;
use leastwise::backtest::{RequestLog, Requested};
use leastwise::usage::{Attribution, Collector, EventMapper, Mapping, Recurrence};

use super::cover::DayCover;
use super::manifest::files;
#[cfg(feature = "s3")]
use super::mirror::{Mirror, Purpose};
use super::row::{Key, Outcome, PrincipalType, Row, merge};
use super::store::reading;
use super::stores::{StoreOptions, is_remote};
use super::table::Table;
use super::upgrade::{names, partitions};
use super::{MANIFEST, RollupError, version_of};
use crate::Reading;

/// A rollup, opened for reading.
#[derive(Debug)]
pub struct Usage {
    folder: PathBuf,
    _lock: Option<File>,
}

/// A row as people read it: calls that are alike, over all days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// The account whose logs tell of it; none when they do not say.
    pub account: Option<AccountId>,
    /// Whose permissions were used.
    pub principal: String,
    /// What the principal is.
    pub principal_type: PrincipalType,
    /// `eventSource`.
    pub source: String,
    /// `eventName`.
    pub name: String,
    /// The actions that the call means; none when it maps to nothing.
    pub actions: BTreeSet<String>,
    /// An ARN or a pattern, in rows by resource; none in the row of all the calls.
    pub resource: Option<String>,
    /// Whether the resource is a pattern for many.
    pub summarised: bool,
    /// What became of the calls.
    pub outcome: Outcome,
    /// How many.
    pub count: u64,
    /// When the first was.
    pub first: Timestamp,
    /// When the last was.
    pub last: Timestamp,
    /// In which regions.
    pub regions: BTreeSet<String>,
}

impl Usage {
    /// Opens the rollup in a folder, or in a store by way of its mirror.
    ///
    /// # Errors
    /// There is none, or it is being written.
    #[cfg_attr(not(feature = "s3"), allow(unused_variables))]
    pub fn open(folder: &Path, stores: &StoreOptions) -> Result<Usage, RollupError> {
        #[cfg(feature = "s3")]
        if is_remote(folder) {
            let mirror = Mirror::open(folder, stores, Purpose::Read)?;
            return Usage::open(&mirror.usage(), stores);
        }
        if is_remote(folder) {
            return Err(RollupError::NoStores { path: folder.to_owned() });
        }
        let lock = reading(folder)?;
        match version_of(folder)? {
            Some(_) => Ok(Usage { folder: folder.to_owned(), _lock: lock }),
            None => Err(RollupError::NoRollup { folder: folder.to_owned() }),
        }
    }

    /// Gives the rows of each account, merged over its days and sorted.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn rows(&self, give: &mut dyn FnMut(Option<AccountId>, &[Row<'_>])) -> Result<(), RollupError> {
        let all = partitions(&self.folder)?;
        for of_account in all.chunk_by(|a, b| a.0 == b.0) {
            let mut tables = Vec::new();
            for (_, _, path) in of_account {
                tables.push((path, table(path)?));
            }
            let mut rows = Vec::new();
            for (path, table) in &tables {
                let damaged = |message: String| RollupError::Damaged { path: (*path).clone(), message };
                rows.extend(table.rows().map_err(damaged)?);
            }
            let account = of_account.first().and_then(|(account, ..)| AccountId::parse(account));
            give(account, &merge(rows));
        }
        Ok(())
    }

    /// Fills a collector with every call, as if the events had been read from their logs, and says what was seen of the trails.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn collect(&self, collector: &mut Collector<'_, '_>) -> Result<Reading, RollupError> {
        let mut reading = Reading::default();
        self.rows(&mut |account, rows| {
            for of_key in rows.chunk_by(|a, b| a.key == b.key) {
                let Some((all, resources)) = of_key.split_first().filter(|(all, _)| all.resource.is_none()) else { continue };
                let Some(attribution) = all.key.principal_type.attribution(all.key.principal) else { continue };
                reading.events += all.count;
                let calls = recurrence(attribution, account, all);
                collector.recur(&calls);
                if calls.concerns_principals() {
                    for (row, resource) in resources.iter().filter_map(|row| Some((row, row.resource.as_ref()?))) {
                        collector.concern(&calls, &resource.arn, resource.level > 0, Timestamp::from_seconds(row.last));
                    }
                }
            }
        })?;
        let path = self.folder.join(MANIFEST);
        let bytes = fs::read(&path).map_err(|error| RollupError::io("read", &path, &error))?;
        files(bytes, &mut |_, file| {
            reading.files += 1;
            file.flaw.into_iter().for_each(|flaw| reading.observed.miss(flaw));
            reading.problems.extend(file.problems);
        })
        .map_err(|message| RollupError::Damaged { path, message })?;
        let covered = self.folder.join("coverage");
        for name in if covered.is_dir() { names(&covered)? } else { Vec::new() } {
            let path = covered.join(&name);
            let Some(day) = name.strip_suffix(".parquet").and_then(Timestamp::parse) else { continue };
            let bytes = fs::read(&path).map_err(|error| RollupError::io("read", &path, &error))?;
            let cover = DayCover::decode(bytes).map_err(|message| RollupError::Damaged { path, message })?;
            cover.observations(day.seconds().div_euclid(DAY)).for_each(|observation| reading.observed.observe(observation));
        }
        Ok(reading)
    }
}

/// The file of an account and a day, decoded.
fn table(path: &Path) -> Result<Table, RollupError> {
    let bytes = fs::read(path).map_err(|error| RollupError::io("read", path, &error))?;
    Table::read(bytes).map_err(|message| RollupError::Damaged { path: path.to_owned(), message })
}

impl Usage {
    /// Fills a log of requests with every call, as far as rows tell them: a row without a resource stands for those that name
    /// none, and a pattern for a resource that nobody knows any more.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn replay(&self, log: &mut RequestLog<'_>) -> Result<(), RollupError> {
        for (account, _, path) in partitions(&self.folder)? {
            let table = table(&path)?;
            let rows = merge(table.rows().map_err(|message| RollupError::Damaged { path: path.clone(), message })?);
            for of_key in rows.chunk_by(|a, b| a.key == b.key) {
                let Some((all, resources)) = of_key.split_first().filter(|(all, _)| all.resource.is_none()) else { continue };
                let Some(attribution) = all.key.principal_type.attribution(all.key.principal) else { continue };
                let named: u64 = resources.iter().map(|row| row.count).sum();
                let nameless = all.count.checked_sub(named).filter(|left| *left > 0).map(|left| (all, left));
                let requests: Vec<Requested<'_>> = resources
                    .iter()
                    .map(|row| (row, row.count))
                    .chain(nameless)
                    .map(|(row, count)| Requested {
                        resource: row.resource.as_ref().filter(|of| of.level == 0).map(|of| of.arn.as_ref()),
                        regions: row.regions.as_slice(),
                        count,
                        first: Timestamp::from_seconds(row.first),
                        last: Timestamp::from_seconds(row.last),
                    })
                    .collect();
                let calls = recurrence(attribution, AccountId::parse(&account), all);
                log.recur(&calls, &requests);
            }
        }
        Ok(())
    }
}

/// The row of all the calls of a key, as what it says of them.
fn recurrence<'r>(attribution: Attribution, account: Option<AccountId>, row: &Row<'r>) -> Recurrence<'r> {
    Recurrence {
        attribution,
        id: row.key.id,
        access_key: row.key.access_key,
        account,
        kind: row.key.kind,
        may_tag: row.key.may_tag,
        source: row.key.source,
        name: row.key.name,
        denied: row.key.outcome == Outcome::Denied,
        failed: row.key.outcome != Outcome::Ok,
        count: row.count,
        first: Timestamp::from_seconds(row.first),
        last: Timestamp::from_seconds(row.last),
    }
}

/// The rows of an account as people read them: one for each principal, call and outcome, and with `resources` one for each
/// resource besides.
#[must_use]
pub fn by_call(account: Option<AccountId>, rows: &[Row<'_>], mapper: &EventMapper<'_>, resources: bool) -> Vec<UsageRow> {
    type Place<'a> = (&'a str, PrincipalType, &'a str, &'a str, Outcome, Option<&'a str>);
    let mut merged: BTreeMap<Place<'_>, UsageRow> = BTreeMap::new();
    let wanted = |row: &&Row<'_>| resources || row.resource.is_none();
    for row in rows.iter().filter(wanted) {
        let Key { principal, principal_type, source, name, outcome, kind, may_tag, .. } = row.key;
        let resource = row.resource.as_ref().map(|resource| resource.arn.as_ref());
        let shown = merged.entry((principal, principal_type, source, name, outcome, resource)).or_insert_with(|| UsageRow {
            account,
            principal: principal.to_owned(),
            principal_type,
            source: source.to_owned(),
            name: name.to_owned(),
            actions: BTreeSet::new(),
            resource: resource.map(str::to_owned),
            summarised: false,
            outcome,
            count: 0,
            first: Timestamp::from_seconds(row.first),
            last: Timestamp::from_seconds(row.last),
            regions: BTreeSet::new(),
        });
        if let Mapping::Actions { used, .. } = mapper.map_kind(kind, may_tag, source, name) {
            shown.actions.extend(used.iter().map(ToString::to_string));
        }
        shown.summarised |= row.resource.as_ref().is_some_and(|resource| resource.level > 0);
        shown.count += row.count;
        shown.first = shown.first.min(Timestamp::from_seconds(row.first));
        shown.last = shown.last.max(Timestamp::from_seconds(row.last));
        shown.regions.extend(row.regions.as_slice().iter().map(|region| (*region).to_owned()));
    }
    merged.into_values().collect()
}
