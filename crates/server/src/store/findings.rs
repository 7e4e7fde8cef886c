//! Findings as they are kept, and what people do with them: archive, for a reason and until a date, and reopen.
//!
//! A finding is ACTIVE or ARCHIVED while it is found, and RESOLVED when it no longer is; only an analysis resolves. One
//! that was resolved cannot be changed, and is deleted after 90 days. Archived until a date, it becomes active again then.

use leastwise::access::Timestamp;
use leastwise::findings::FindingKind;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row, query};

use super::change::{Begun, Writing};
use super::tally::{Moved, Tally};
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

/// Reads a row of [`COLUMNS`]. What is still there was looked at when the analyzer's last analysis was.
pub(super) fn read(row: &AnyRow, analysed: Option<Timestamp>) -> Result<FindingSummary, StoreError> {
    let status = FindingStatus::of_number(row.try_get(3)?);
    let looked_at = Timestamp::from_seconds(row.try_get(10)?);
    let by: Option<String> = row.try_get(12)?;
    let why = row.try_get(13)?;
    let until = row.try_get::<Option<i64>, _>(14)?.map(Timestamp::from_seconds);
    Ok(FindingSummary {
        seq: row.try_get(0)?,
        id: row.try_get(1)?,
        kind: kind_of_number(row.try_get(2)?),
        status,
        resource: row.try_get(4)?,
        resource_type: if row.try_get::<i64, _>(5)? == 0 { ResourceType::Role } else { ResourceType::User },
        account: row.try_get(6)?,
        risk: Risk(u8::try_from(row.try_get::<i64, _>(7)?).unwrap_or_default()),
        unused_actions: u32::try_from(row.try_get::<i64, _>(8)?).unwrap_or_default(),
        created: Timestamp::from_seconds(row.try_get(9)?),
        analysed: if status == FindingStatus::Resolved { looked_at } else { analysed.map_or(looked_at, |at| at.max(looked_at)) },
        updated: Timestamp::from_seconds(row.try_get(11)?),
        archiving: by.map(|by| Archiving { by, why, until }),
    })
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
        let sql = format!(
            "SELECT {COLUMNS}, details, evidence FROM findings JOIN details ON details.finding = findings.seq \
             WHERE id = $1 AND analyzer = $2"
        );
        let row = query(AssertSqlSafe(sql)).bind(id).bind(analyzer.id).fetch_optional(self.reads()).await?;
        let row = row.ok_or_else(|| StoreError::missing("finding", id))?;
        Ok(Finding {
            summary: read(&row, analyzer.analysed)?,
            analyzer_arn: analyzer.arn.clone(),
            details: row.try_get(15)?,
            evidence: row.try_get(16)?,
        })
    }

    /// The ids of the open findings of an analyzer about a resource.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn findings_of_resource(&self, analyzer: &Analyzer, resource: &str) -> Result<Vec<String>, StoreError> {
        let mut ids = Vec::new();
        for kind in 0..4_i64 {
            for status in 0..2_i64 {
                let rows = query("SELECT id FROM findings WHERE analyzer = $1 AND status = $2 AND kind = $3 AND resource = $4")
                    .bind(analyzer.id)
                    .bind(status)
                    .bind(kind)
                    .bind(resource)
                    .fetch_all(self.reads())
                    .await?;
                for row in &rows {
                    ids.push(row.try_get(0)?);
                }
            }
        }
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
        let archived = archive(&mut writing, analyzer, ids, &change.actor, why, until, change.at).await?;
        tell(&mut writing, analyzer.id, change.at).await?;
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
        let reopened = reopen(&mut writing, ids, change.at).await?;
        tell(&mut writing, analyzer.id, change.at).await?;
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
            reopened += reopen(&mut writing, std::slice::from_ref(&id), now).await?;
            tell(&mut writing, analyzer, now).await?;
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
    for id in ids {
        let row = query("SELECT 1 FROM findings WHERE id = $1 AND analyzer = $2")
            .bind(id)
            .bind(analyzer.id)
            .fetch_optional(&mut **writing)
            .await?;
        if row.is_none() {
            return Err(StoreError::missing("finding", id.clone()));
        }
    }
    Ok(())
}

/// Puts active findings aside.
pub(super) async fn archive(
    writing: &mut Writing,
    analyzer: &Analyzer,
    ids: &[String],
    by: &str,
    why: Option<&str>,
    until: Option<Timestamp>,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let mut archived = 0;
    for ids in ids.chunks(BATCH) {
        // One that is archived already gets the new reason; its status and the counters stay.
        let moved = Moved::of_ids(writing, ids, FindingStatus::Active).await?;
        let sql = format!(
            "UPDATE findings SET status = 1, updated = $1, archived_by = $2, archived_why = $3, archived_until = $4 \
             WHERE analyzer = $5 AND status < 2 AND id IN ({})",
            places(6, ids.len())
        );
        let mut update =
            query(AssertSqlSafe(sql)).bind(at.seconds()).bind(by).bind(why).bind(until.map(Timestamp::seconds)).bind(analyzer.id);
        for id in ids {
            update = update.bind(id);
        }
        update.execute(&mut **writing).await?;
        archived += moved.len() as u64;
        Tally::of_move(writing, &moved, FindingStatus::Archived).await?.write(writing).await?;
    }
    Ok(archived)
}

/// Makes archived findings active.
async fn reopen(writing: &mut Writing, ids: &[String], at: Timestamp) -> Result<u64, StoreError> {
    let mut reopened = 0;
    for ids in ids.chunks(BATCH) {
        let moved = Moved::of_ids(writing, ids, FindingStatus::Archived).await?;
        let sql = format!(
            "UPDATE findings SET status = 0, updated = $1, archived_by = NULL, archived_why = NULL, archived_until = NULL \
             WHERE status = 1 AND id IN ({})",
            places(2, ids.len())
        );
        let mut update = query(AssertSqlSafe(sql)).bind(at.seconds());
        for id in ids {
            update = update.bind(id);
        }
        update.execute(&mut **writing).await?;
        reopened += moved.len() as u64;
        Tally::of_move(writing, &moved, FindingStatus::Active).await?.write(writing).await?;
    }
    Ok(reopened)
}
