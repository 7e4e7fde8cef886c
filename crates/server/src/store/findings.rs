//! Findings as they are kept, and what people do with them: archive, for a reason and until a date, and reopen.
//!
//! A finding is ACTIVE or ARCHIVED while it is found, and RESOLVED when it no longer is; only an analysis resolves. One
//! that was resolved cannot be changed, and is deleted after 90 days. Archived until a date, it becomes active again then.

use std::collections::BTreeSet;

use leastwise::access::Timestamp;
use leastwise::findings::FindingKind;
use serde::Deserialize;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Arguments, AssertSqlSafe, Row, query};

use super::change::{Begun, Writing, change_rows};
use super::counters::{Moved, Tally};
use super::publication::settle;
use super::webhooks::tell;
use super::{Analyzer, Change, Store, StoreError};

/// Where a finding is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingStatus {
    /// It is there.
    Active,
    /// It is there, and somebody or a rule put it aside.
    Archived,
    /// It is gone.
    Resolved,
}

impl FindingStatus {
    /// All, in the order of their numbers in the store.
    pub const ALL: [FindingStatus; 3] = [FindingStatus::Active, FindingStatus::Archived, FindingStatus::Resolved];

    /// The provider's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FindingStatus::Active => "ACTIVE",
            FindingStatus::Archived => "ARCHIVED",
            FindingStatus::Resolved => "RESOLVED",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<FindingStatus> {
        FindingStatus::ALL.into_iter().find(|status| status.as_str() == text)
    }

    pub(super) fn number(self) -> i64 {
        self as i64
    }

    pub(super) fn of_number(number: i64) -> FindingStatus {
        match number {
            0 => FindingStatus::Active,
            1 => FindingStatus::Archived,
            _ => FindingStatus::Resolved,
        }
    }
}

/// What the numbers of statuses in the store mean at the moment, for one analyzer.
///
/// 0, 1 and 2 are active, archived and resolved. As long as a run writes, and after it has become visible until all its rows
/// are settled, there are others: 3 and 4 arrive (active, archived), 5 and 6 leave (active, archived), 7 and 8 come back (to be
/// active, archived). Before the run is visible they mean what was, after it what will be; so one flag changes them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Phase {
    /// The run that writes or settles; 0 for none.
    pub(super) run: i64,
    /// Whether that run is visible.
    pub(super) is_settling: bool,
}

impl Phase {
    /// That of an analyzer, as a connection sees it; of one that is gone, that of none.
    pub(super) async fn of(connection: &mut sqlx::AnyConnection, analyzer: i64) -> Result<Phase, StoreError> {
        let row =
            query("SELECT run, settling FROM analyzers WHERE id = $1").bind(analyzer).fetch_optional(&mut *connection).await?;
        match row {
            Some(row) => Ok(Phase { run: row.try_get(0)?, is_settling: row.try_get::<i64, _>(1)? != 0 }),
            None => Ok(Phase { run: 0, is_settling: false }),
        }
    }

    /// The numbers that mean a status.
    pub(super) fn numbers(self, status: FindingStatus) -> &'static [i64] {
        match (self.run != 0, self.is_settling, status) {
            (false, _, FindingStatus::Active) => &[0],
            (false, _, FindingStatus::Archived) => &[1],
            (false, _, FindingStatus::Resolved) => &[2],
            (true, false, FindingStatus::Active) => &[0, 5],
            (true, false, FindingStatus::Archived) => &[1, 6],
            (true, false, FindingStatus::Resolved) => &[2, 7, 8],
            (true, true, FindingStatus::Active) => &[0, 3, 7],
            (true, true, FindingStatus::Archived) => &[1, 4, 8],
            (true, true, FindingStatus::Resolved) => &[2, 5, 6],
        }
    }

    /// What a number means; nothing when nobody may see the finding.
    pub(super) fn status(self, number: i64) -> Option<FindingStatus> {
        FindingStatus::ALL.into_iter().find(|status| self.numbers(*status).contains(&number))
    }
}

/// Numbers as a list in SQL.
pub(super) fn listed(numbers: &[i64]) -> String {
    numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}

/// The number of a kind in the store.
pub(super) fn kind_number(kind: FindingKind) -> i64 {
    match kind {
        FindingKind::UnusedIamRole => 0,
        FindingKind::UnusedIamUserAccessKey => 1,
        FindingKind::UnusedIamUserPassword => 2,
        FindingKind::UnusedPermission => 3,
    }
}

pub(super) fn kind_of_number(number: i64) -> FindingKind {
    match number {
        0 => FindingKind::UnusedIamRole,
        1 => FindingKind::UnusedIamUserAccessKey,
        2 => FindingKind::UnusedIamUserPassword,
        _ => FindingKind::UnusedPermission,
    }
}

/// What sort of principal a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceType {
    /// `AWS::IAM::Role`.
    Role,
    /// `AWS::IAM::User`.
    User,
}

impl ResourceType {
    /// Both, in the order of their numbers in the store.
    pub const ALL: [ResourceType; 2] = [ResourceType::Role, ResourceType::User];

    /// The provider's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ResourceType::Role => "AWS::IAM::Role",
            ResourceType::User => "AWS::IAM::User",
        }
    }

    pub(super) fn number(self) -> i64 {
        self as i64
    }
}

/// What the unused access could do if somebody took it over; a set, greater where it is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Risk(pub u8);

impl Risk {
    /// It can create, change or delete.
    pub const WRITE: Risk = Risk(1);
    /// It can read contents.
    pub const DATA_ACCESS: Risk = Risk(2);
    /// It can grant permissions.
    pub const PERMISSIONS_MANAGEMENT: Risk = Risk(4);
    /// It can give itself more than it has.
    pub const ESCALATION: Risk = Risk(8);
    /// All, the worst first, with their names.
    pub const ALL: [(Risk, &'static str); 4] = [
        (Risk::ESCALATION, "escalation"),
        (Risk::PERMISSIONS_MANAGEMENT, "permissionsManagement"),
        (Risk::DATA_ACCESS, "dataAccess"),
        (Risk::WRITE, "write"),
    ];

    /// Both sets together.
    #[must_use]
    pub fn and(self, other: Risk) -> Risk {
        Risk(self.0 | other.0)
    }

    /// Whether it has all of another set.
    #[must_use]
    pub fn has(self, other: Risk) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names, the worst first.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Risk::ALL.into_iter().filter(move |(risk, _)| self.has(*risk)).map(|(_, name)| name)
    }
}

/// Who put a finding aside, why, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Archiving {
    /// `key:ID`, `user:NAME`, or `rule:NAME` for an archive rule.
    pub by: String,
    /// Why.
    pub why: Option<String>,
    /// Until when; for good unless told.
    pub until: Option<Timestamp>,
}

/// What lists show of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingSummary {
    /// Counts up with every new finding.
    pub seq: i64,
    /// Its id: a UUID, unique in the store.
    pub id: String,
    /// What is unused.
    pub kind: FindingKind,
    /// Where it is in its life.
    pub status: FindingStatus,
    /// The ARN of the role or user.
    pub resource: String,
    /// Which of the two.
    pub resource_type: ResourceType,
    /// The account of the resource.
    pub account: String,
    /// What the unused access could do.
    pub risk: Risk,
    /// How many actions are unused; 0 for what is no finding about permissions.
    pub unused_actions: u32,
    /// When it was first found.
    pub created: Timestamp,
    /// When it was last looked at.
    pub analysed: Timestamp,
    /// When it or its status last changed.
    pub updated: Timestamp,
    /// Who put it aside.
    pub archiving: Option<Archiving>,
}

/// A finding, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What lists show of it.
    pub summary: FindingSummary,
    /// The ARN of the analyzer.
    pub analyzer_arn: String,
    /// The provider's `findingDetails`: JSON of a list such as `[{"unusedPermissionDetails": {…}}]`.
    pub details: String,
    /// Our own `evidence`: JSON of an object (`docs/schema/findings.v1.json`).
    pub evidence: String,
}

pub(super) const COLUMNS: &str = "seq, id, kind, status, resource, resource_type, account, risk, unused, created, analysed, updated, \
     archived_by, archived_why, archived_until";

/// A row of [`COLUMNS`], in their order.
#[derive(Debug, Deserialize)]
pub(super) struct FindingRow {
    seq: i64,
    id: String,
    kind: i64,
    status: i64,
    resource: String,
    resource_type: i64,
    account: String,
    risk: i64,
    unused: i64,
    created: i64,
    analysed: i64,
    updated: i64,
    archived_by: Option<String>,
    archived_why: Option<String>,
    archived_until: Option<i64>,
}

impl FindingRow {
    /// Reads the first columns of a row.
    fn of(row: &AnyRow) -> Result<FindingRow, StoreError> {
        Ok(FindingRow {
            seq: row.try_get(0)?,
            id: row.try_get(1)?,
            kind: row.try_get(2)?,
            status: row.try_get(3)?,
            resource: row.try_get(4)?,
            resource_type: row.try_get(5)?,
            account: row.try_get(6)?,
            risk: row.try_get(7)?,
            unused: row.try_get(8)?,
            created: row.try_get(9)?,
            analysed: row.try_get(10)?,
            updated: row.try_get(11)?,
            archived_by: row.try_get(12)?,
            archived_why: row.try_get(13)?,
            archived_until: row.try_get(14)?,
        })
    }

    /// What it says. What is still there was looked at when the analyzer's last analysis was.
    pub(super) fn summary(self, phase: Phase, analysed: Option<Timestamp>) -> FindingSummary {
        let status = phase.status(self.status).unwrap_or(FindingStatus::Resolved);
        let looked_at = Timestamp::from_seconds(self.analysed);
        let (why, until) = (self.archived_why, self.archived_until.map(Timestamp::from_seconds));
        FindingSummary {
            seq: self.seq,
            id: self.id,
            kind: kind_of_number(self.kind),
            status,
            resource: self.resource,
            resource_type: if self.resource_type == 0 { ResourceType::Role } else { ResourceType::User },
            account: self.account,
            risk: Risk(u8::try_from(self.risk).unwrap_or_default()),
            unused_actions: u32::try_from(self.unused).unwrap_or_default(),
            created: Timestamp::from_seconds(self.created),
            analysed: if status == FindingStatus::Resolved {
                looked_at
            } else {
                analysed.map_or(looked_at, |at| at.max(looked_at))
            },
            updated: Timestamp::from_seconds(self.updated),
            archiving: self.archived_by.map(|by| Archiving { by, why, until }),
        }
    }
}

/// `$from, $from+1, …`: so many places.
pub(super) fn places(from: usize, count: usize) -> String {
    (from..from + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
}

/// So many ids are asked for at once.
pub(super) const BATCH: usize = 200;

impl Store {
    /// A finding of an analyzer, whole.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn finding(&self, analyzer: &Analyzer, id: &str) -> Result<Finding, StoreError> {
        // Details that came with a visible run wait under a negative number until they are settled.
        let sql = format!(
            "SELECT {COLUMNS}, run, settling, known.details, known.evidence, fresh.details, fresh.evidence FROM findings \
             JOIN (SELECT id AS analyzer_id, run, settling FROM analyzers) AS of_run ON analyzer_id = analyzer \
             JOIN details AS known ON known.finding = seq LEFT JOIN details AS fresh ON fresh.finding = -seq \
             WHERE id = $1 AND analyzer = $2"
        );
        let row = query(AssertSqlSafe(sql)).bind(id).bind(analyzer.id).fetch_optional(self.reads()).await?;
        let row = row.ok_or_else(|| StoreError::missing("finding", id))?;
        let phase = Phase { run: row.try_get(15)?, is_settling: row.try_get::<i64, _>(16)? != 0 };
        if phase.status(row.try_get(3)?).is_none() {
            return Err(StoreError::missing("finding", id));
        }
        let text = |known: usize, fresh: usize| -> Result<String, StoreError> {
            let fresh = if phase.is_settling { row.try_get::<Option<String>, _>(fresh)? } else { None };
            fresh.map_or_else(|| Ok(row.try_get(known)?), Ok)
        };
        Ok(Finding {
            summary: FindingRow::of(&row)?.summary(phase, analyzer.analysed),
            analyzer_arn: analyzer.arn.clone(),
            details: text(17, 19)?,
            evidence: text(18, 20)?,
        })
    }

    /// The ids of the open findings of an analyzer about a resource.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn findings_of_resource(&self, analyzer: &Analyzer, resource: &str) -> Result<Vec<String>, StoreError> {
        let mut reading = self.reading().await?;
        let phase = Phase::of(&mut reading, analyzer.id).await?;
        let mut open = phase.numbers(FindingStatus::Active).to_vec();
        open.extend(phase.numbers(FindingStatus::Archived));
        let sql = format!(
            "SELECT id FROM findings WHERE analyzer = $1 AND status IN ({}) AND kind IN (0, 1, 2, 3) AND resource = $2 ORDER BY kind, status, seq",
            listed(&open)
        );
        let rows = query(AssertSqlSafe(sql)).bind(analyzer.id).bind(resource).fetch_all(&mut *reading).await?;
        let ids = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
        Ok(ids)
    }

    /// Puts findings aside; who does it is the change's actor. Says how many were active before.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when an id is no finding of the analyzer; nothing is changed then.
    pub async fn archive(
        &self,
        analyzer: &Analyzer,
        ids: &[String],
        why: Option<&str>,
        until: Option<Timestamp>,
        change: &Change,
    ) -> Result<u64, StoreError> {
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(0) };
        self.lock(&mut writing, analyzer.id).await?;
        all_there(&mut writing, analyzer, ids).await?;
        let archived = archive(&mut writing, analyzer.id, ids, &change.actor, why, until, change.at).await?;
        for id in ids {
            super::change::log(&mut writing, change, "ArchiveFinding", id, why).await?;
        }
        let note = format!("{archived} findings archived");
        self.finish(writing, change, "UpdateFindings", &analyzer.arn, Some(&note), "").await?;
        Ok(archived)
    }

    /// Makes archived findings active again. Says how many were archived before.
    ///
    /// # Errors
    /// As [`Store::archive`].
    pub async fn reopen(&self, analyzer: &Analyzer, ids: &[String], change: &Change) -> Result<u64, StoreError> {
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(0) };
        self.lock(&mut writing, analyzer.id).await?;
        all_there(&mut writing, analyzer, ids).await?;
        let reopened = reopen(&mut writing, analyzer.id, ids, change.at).await?;
        for id in ids {
            super::change::log(&mut writing, change, "ReopenFinding", id, None).await?;
        }
        let note = format!("{reopened} findings reopened");
        self.finish(writing, change, "UpdateFindings", &analyzer.arn, Some(&note), "").await?;
        Ok(reopened)
    }

    /// Makes active again what was archived until now or earlier, and says how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn reopen_due(&self, now: Timestamp) -> Result<u64, StoreError> {
        let due =
            query("SELECT id, analyzer FROM findings WHERE archived_until IS NOT NULL AND archived_until <= $1 LIMIT 10000")
                .bind(now.seconds())
                .fetch_all(self.reads())
                .await?;
        let mut reopened = 0;
        for row in &due {
            let (id, analyzer): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            let change = Change { at: now, ..Change::own() };
            let Begun::Fresh(mut writing) = self.begin(&change).await? else { continue };
            self.lock(&mut writing, analyzer).await?;
            reopened += reopen(&mut writing, analyzer, std::slice::from_ref(&id), now).await?;
            self.finish(writing, &change, "ReopenFinding", &id, Some("the time for which it was archived is over"), "").await?;
        }
        Ok(reopened)
    }

    /// On PostgreSQL, lets one transaction at a time change the findings of an analyzer; SQLite has one writer anyway.
    pub(super) async fn lock(&self, writing: &mut Writing, analyzer: i64) -> Result<(), StoreError> {
        if self.dialect() == super::Dialect::Postgres {
            query("SELECT id FROM analyzers WHERE id = $1 FOR UPDATE").bind(analyzer).fetch_optional(&mut **writing).await?;
        }
        Ok(())
    }
}

async fn all_there(writing: &mut Writing, analyzer: &Analyzer, ids: &[String]) -> Result<(), StoreError> {
    let phase = Phase::of(&mut *writing, analyzer.id).await?;
    let mut known = BTreeSet::new();
    for ids in ids.chunks(BATCH) {
        let sql = format!("SELECT id, status FROM findings WHERE +analyzer = $1 AND id IN ({})", places(2, ids.len()));
        let mut rows = query(AssertSqlSafe(sql)).bind(analyzer.id);
        for id in ids {
            rows = rows.bind(id);
        }
        for row in rows.fetch_all(&mut **writing).await? {
            if phase.status(row.try_get(1)?).is_some() {
                known.insert(row.try_get::<String, _>(0)?);
            }
        }
    }
    match ids.iter().find(|id| !known.contains(*id)) {
        Some(missing) => Err(StoreError::missing("finding", missing.clone())),
        None => Ok(()),
    }
}

/// Puts active findings aside.
pub(super) async fn archive(
    writing: &mut Writing,
    analyzer: i64,
    ids: &[String],
    by: &str,
    why: Option<&str>,
    until: Option<Timestamp>,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let mut archived = 0;
    for ids in ids.chunks(BATCH) {
        // One that is archived already gets the new reason; its status and the counters stay.
        let known = decided(writing, analyzer, ids).await?;
        let moved: Vec<Moved> = known.iter().filter(|one| matches!(one.status, 0 | 5)).cloned().collect();
        let seqs: Vec<i64> = known.iter().filter(|one| matches!(one.status, 0 | 1 | 5 | 6)).map(|one| one.seq).collect();
        Tally::of_move(writing, &moved, |status| status + 1).await?.write(writing).await?;
        if seqs.is_empty() {
            continue;
        }
        let sql = "UPDATE findings SET status = CASE status WHEN 0 THEN 1 WHEN 5 THEN 6 ELSE status END, updated = $1, \
                   archived_by = $2, archived_why = $3, archived_until = $4 WHERE seq IN {rows}";
        let values = |values: &mut AnyArguments| {
            values.add(at.seconds())?;
            values.add(by)?;
            values.add(why)?;
            values.add(until.map(Timestamp::seconds))
        };
        change_rows(writing, sql, values, seqs.iter().copied()).await?;
        tell(writing, &seqs).await?;
        archived += moved.len() as u64;
    }
    Ok(archived)
}

/// Makes archived findings active.
async fn reopen(writing: &mut Writing, analyzer: i64, ids: &[String], at: Timestamp) -> Result<u64, StoreError> {
    let mut reopened = 0;
    for ids in ids.chunks(BATCH) {
        let known = decided(writing, analyzer, ids).await?;
        let moved: Vec<Moved> = known.into_iter().filter(|one| matches!(one.status, 1 | 6)).collect();
        Tally::of_move(writing, &moved, |status| status - 1).await?.write(writing).await?;
        let seqs: Vec<i64> = moved.iter().map(|one| one.seq).collect();
        if seqs.is_empty() {
            continue;
        }
        let sql = "UPDATE findings SET status = status - 1, updated = $1, archived_by = NULL, archived_why = NULL, \
                   archived_until = NULL WHERE seq IN {rows}";
        change_rows(writing, sql, |values| values.add(at.seconds()), seqs.iter().copied()).await?;
        tell(writing, &seqs).await?;
        reopened += moved.len() as u64;
    }
    Ok(reopened)
}

/// Some findings of an analyzer as they stand, none of them in the middle of a visible run.
async fn decided(writing: &mut Writing, analyzer: i64, ids: &[String]) -> Result<Vec<Moved>, StoreError> {
    let mut known: Vec<Moved> = Moved::by_id(writing, analyzer, ids).await?.into_values().collect();
    if Phase::of(&mut *writing, analyzer).await?.is_settling {
        settle(writing, analyzer, &known).await?;
        known = Moved::by_id(writing, analyzer, ids).await?.into_values().collect();
    }
    Ok(known)
}
