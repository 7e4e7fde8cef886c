//! Writes what an analysis found: only the differences, and all of them at once.
//!
//! A [`Run`] takes findings in the order of their base names and walks along the open findings of the store, which come in the
//! same order, page by page; neither is ever held as a whole. What is new, changed or gone is staged in short
//! transactions that nobody sees and nobody waits for. [`Run::publish`] makes it visible in one transaction, with the counters, the
//! history and the audit log. A run that is never published leaves nothing but staged rows, which the next run deletes.
//!
//! The life of a finding: what is found with the same content stays what it is, with its id and its status. Content that
//! changed, or that is gone, is RESOLVED; changed content is a new finding, with a new id. Content that comes back has its old id.
//! New findings are ACTIVE, or ARCHIVED when an archive rule fits.

use std::collections::{BTreeMap, VecDeque};

use leastwise::access::Timestamp;
use leastwise::access::time::DAY;
use leastwise::findings::FindingKind;
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Row, query};

use super::change::{Writing, log};
use super::findings::{kind_number, places};
use super::tally::Tally;
use super::{Analyzer, ArchiveRule, Change, FilterKey, FindingStatus, ResourceType, Risk, Store, StoreError};

/// For how many days a resolved finding is kept (the provider's rule).
pub const KEPT_DAYS: u32 = 90;

/// A finding of an analysis, as the store takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFinding {
    /// Kind and resource (and key), as a name: the same whatever the content. Runs take findings in the order of these.
    pub base: String,
    /// What is unused, as a digest: different content is another finding.
    pub content: String,
    /// What kind.
    pub kind: FindingKind,
    /// The ARN of the role or user.
    pub resource: String,
    /// Which of the two.
    pub resource_type: ResourceType,
    /// The account.
    pub account: String,
    /// What the unused access could do.
    pub risk: Risk,
    /// How many actions are unused.
    pub unused_actions: u32,
    /// The services with unused actions.
    pub services: Vec<String>,
    /// The provider's `findingDetails` (JSON of a list).
    pub details: String,
    /// Our own evidence (JSON of an object).
    pub evidence: String,
}

/// What a run changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunSummary {
    /// Findings of the analysis.
    pub found: u64,
    /// Of these, new.
    pub opened: u64,
    /// Findings that are gone, or have changed.
    pub resolved: u64,
}

/// A run, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// When it began.
    pub started: Timestamp,
    /// When its findings became visible; none when they did not.
    pub finished: Option<Timestamp>,
    /// What it changed.
    pub summary: RunSummary,
    /// Why it failed.
    pub problem: Option<String>,
    /// What was looked at and what could not be seen: JSON of an object with `coverage`, `problems`, `window` and `catalog`
    /// (`docs/schema/findings.v1.json`).
    pub report: Option<String>,
}

/// An open finding of the store.
#[derive(Debug)]
struct Open {
    seq: i64,
    base: String,
    content: String,
}

/// One that is new.
struct Opened {
    seq: i64,
    id: String,
    returns: bool,
    finding: FoundFinding,
}

/// An analysis that is being written.
#[derive(Debug)]
pub struct Run {
    store: Store,
    analyzer: Analyzer,
    rules: Vec<ArchiveRule>,
    id: i64,
    ahead: VecDeque<Open>,
    read_to: Option<String>,
    last_resource: Option<String>,
    last_base: Option<String>,
    summary: RunSummary,
}

const OPENED: i64 = 0;
const RESOLVED: i64 = 1;
const RETURNED: i64 = 2;
const REFRESHED: i64 = 3;

/// Findings that are written at once.
const ROWS: usize = 200;
/// Open findings that are read ahead.
const PAGE: i64 = 2_000;

impl Store {
    /// Begins to write an analysis.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin_run(&self, analyzer: &Analyzer, at: Timestamp) -> Result<Run, StoreError> {
        let mut writing = self.writing().await?;
        unstage(&mut writing, analyzer.id).await?;
        let row = query("INSERT INTO runs (analyzer, started, found, opened, resolved) VALUES ($1, $2, 0, 0, 0) RETURNING id")
            .bind(analyzer.id)
            .bind(at.seconds())
            .fetch_one(&mut *writing)
            .await?;
        writing.commit().await?;
        Ok(Run {
            store: self.clone(),
            analyzer: analyzer.clone(),
            rules: self.rules_of(analyzer.id, None, 1_000).await?,
            id: row.try_get(0)?,
            ahead: VecDeque::new(),
            read_to: Some(String::new()),
            last_resource: None,
            last_base: None,
            summary: RunSummary::default(),
        })
    }

    /// The last runs of an analyzer, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn runs(&self, analyzer: &Analyzer, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let rows = query(
            "SELECT started, finished, found, opened, resolved, problem, report FROM runs WHERE analyzer = $1 ORDER BY id DESC LIMIT $2",
        )
        .bind(analyzer.id)
        .bind(i64::from(limit))
        .fetch_all(self.reads())
        .await?;
        let number = |n: i64| u64::try_from(n).unwrap_or_default();
        rows.iter()
            .map(|row| {
                Ok(RunRow {
                    started: Timestamp::from_seconds(row.try_get(0)?),
                    finished: row.try_get::<Option<i64>, _>(1)?.map(Timestamp::from_seconds),
                    summary: RunSummary {
                        found: number(row.try_get(2)?),
                        opened: number(row.try_get(3)?),
                        resolved: number(row.try_get(4)?),
                    },
                    problem: row.try_get(5)?,
                    report: row.try_get(6)?,
                })
            })
            .collect()
    }

    /// Deletes findings that were resolved 90 days ago or earlier, and says how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_old(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut deleted = 0;
        loop {
            let mut writing = self.writing().await?;
            let rows = query(
                "SELECT seq, analyzer, account, kind, risk, created, id FROM findings WHERE status = 2 AND updated <= $1 LIMIT 500",
            )
            .bind(now.days_before(KEPT_DAYS).seconds())
            .fetch_all(&mut *writing)
            .await?;
            if rows.is_empty() {
                return Ok(deleted);
            }
            let mut tally = Tally::default();
            for row in &rows {
                let (seq, analyzer): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
                let account: String = row.try_get(2)?;
                tally.count(analyzer, &account, row.try_get(3)?, 2, -1);
                tally.facet(analyzer, 2, "risk", row.try_get::<i64, _>(4)?.to_string(), -1);
                tally.facet(analyzer, 2, "day", row.try_get::<i64, _>(5)?.div_euclid(DAY).to_string(), -1);
                for service in query("SELECT service FROM services WHERE finding = $1").bind(seq).fetch_all(&mut *writing).await?
                {
                    tally.facet(analyzer, 2, "service", service.try_get(0)?, -1);
                }
                for table in [
                    "DELETE FROM services WHERE finding = $1",
                    "DELETE FROM details WHERE finding = $1",
                    "DELETE FROM findings WHERE seq = $1",
                ] {
                    query(table).bind(seq).execute(&mut *writing).await?;
                }
                let id: String = row.try_get(6)?;
                query("DELETE FROM recommendations WHERE finding = $1").bind(id).execute(&mut *writing).await?;
            }
            tally.write(&mut writing).await?;
            writing.commit().await?;
            deleted += rows.len() as u64;
        }
    }

    /// Takes or keeps a lease until `seconds` from now; false when another holder has it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn lease(&self, name: &str, holder: &str, now: Timestamp, seconds: i64) -> Result<bool, StoreError> {
        let mut writing = self.writing().await?;
        let done = query(
            "INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
             SET holder = excluded.holder, until = excluded.until WHERE leases.holder = excluded.holder OR leases.until < $4",
        )
        .bind(name)
        .bind(holder)
        .bind(now.seconds().saturating_add(seconds))
        .bind(now.seconds())
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Gives a lease back.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn release(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        query("DELETE FROM leases WHERE name = $1 AND holder = $2").bind(name).bind(holder).execute(&mut *writing).await?;
        writing.commit().await?;
        Ok(())
    }
}

impl Run {
    /// Takes findings, whose base names must be greater than all that came before.
    ///
    /// # Errors
    /// When the store fails, or a name is out of order.
    pub async fn take(&mut self, findings: Vec<FoundFinding>) -> Result<(), StoreError> {
        let (mut new, mut gone, mut refreshed) = (Vec::new(), Vec::new(), Vec::new());
        for finding in findings {
            if self.last_base.as_ref().is_some_and(|last| *last >= finding.base) {
                return Err(StoreError::Unexpected(format!("finding `{}` is out of order", finding.base)));
            }
            self.last_base = Some(finding.base.clone());
            self.last_resource = Some(finding.resource.clone());
            self.summary.found += 1;
            while let Some(open) = self.open_up_to(&finding.base, false).await? {
                gone.push(open.seq);
            }
            match self.open_up_to(&finding.base, true).await? {
                Some(open) if names_of(&open.content) == finding.content => {
                    if open.content != full_content(&finding) {
                        refreshed.push((open.seq, finding));
                    }
                }
                Some(open) => {
                    gone.push(open.seq);
                    new.push(finding);
                }
                None => new.push(finding),
            }
        }
        for gone in gone.chunks(ROWS) {
            self.stage_gone(gone).await?;
        }
        for refreshed in refreshed.chunks(ROWS) {
            self.stage_refreshed(refreshed).await?;
        }
        let mut new = new.into_iter().peekable();
        while new.peek().is_some() {
            let part: Vec<FoundFinding> = new.by_ref().take(ROWS).collect();
            self.stage_new(part).await?;
        }
        Ok(())
    }

    /// The next open finding whose base is less than `base`, or equal if `equal`.
    async fn open_up_to(&mut self, base: &str, equal: bool) -> Result<Option<Open>, StoreError> {
        if self.ahead.is_empty() {
            self.read_ahead().await?;
        }
        let fits = |open: &Open| if equal { open.base == base } else { open.base.as_str() < base };
        Ok(if self.ahead.front().is_some_and(fits) { self.ahead.pop_front() } else { None })
    }

    async fn read_ahead(&mut self) -> Result<(), StoreError> {
        let Some(read_to) = self.read_to.clone() else { return Ok(()) };
        let rows = query(
            "SELECT seq, base, content FROM findings WHERE analyzer = $1 AND base > $2 AND status < 2 ORDER BY base LIMIT $3",
        )
        .bind(self.analyzer.id)
        .bind(&read_to)
        .bind(PAGE)
        .fetch_all(self.store.reads())
        .await?;
        for row in &rows {
            self.ahead.push_back(Open { seq: row.try_get(0)?, base: row.try_get(1)?, content: row.try_get(2)? });
        }
        self.read_to = self.ahead.back().map(|open| open.base.clone());
        Ok(())
    }

    async fn stage_gone(&mut self, gone: &[i64]) -> Result<(), StoreError> {
        let mut writing = self.store.writing().await?;
        let sql = format!(
            "INSERT INTO staged (analyzer, seq, change, id, base, content, kind, status, resource, resource_type, account, risk, unused) \
             SELECT analyzer, seq, {RESOLVED}, id, base, content, kind, 2, resource, resource_type, account, risk, unused \
             FROM findings WHERE seq IN ({})",
            places(1, gone.len())
        );
        let mut insert = query(AssertSqlSafe(sql));
        for seq in gone {
            insert = insert.bind(*seq);
        }
        insert.execute(&mut *writing).await?;
        writing.commit().await?;
        self.summary.resolved += gone.len() as u64;
        Ok(())
    }

    /// What shows the same content with other dates gets them when the run is published; until then they wait under a negative number.
    async fn stage_refreshed(&mut self, refreshed: &[(i64, FoundFinding)]) -> Result<(), StoreError> {
        let mut writing = self.store.writing().await?;
        let rows: Vec<(i64, &str, &FoundFinding)> = refreshed.iter().map(|(seq, finding)| (*seq, "", finding)).collect();
        insert_staged(&mut writing, &self.analyzer, REFRESHED, &rows, &|_| None).await?;
        insert_details(&mut writing, refreshed.iter().map(|(seq, finding)| (-*seq, finding))).await?;
        writing.commit().await?;
        Ok(())
    }

    async fn stage_new(&mut self, findings: Vec<FoundFinding>) -> Result<(), StoreError> {
        let mut writing = self.store.writing().await?;
        let row = query("UPDATE numbers SET next = next + $1 WHERE name = 'finding' RETURNING next")
            .bind(i64::try_from(findings.len()).unwrap_or(i64::MAX))
            .fetch_one(&mut *writing)
            .await?;
        let end: i64 = row.try_get(0)?;
        let first = end - i64::try_from(findings.len()).unwrap_or_default();
        let ids: Vec<String> = findings.iter().map(|finding| wire_id(&self.analyzer, finding)).collect();
        let sql = format!("SELECT id, seq FROM findings WHERE id IN ({})", places(1, ids.len()));
        let mut known = query(AssertSqlSafe(sql));
        for id in &ids {
            known = known.bind(id);
        }
        let mut returning: BTreeMap<String, i64> = BTreeMap::new();
        for row in known.fetch_all(&mut *writing).await? {
            returning.insert(row.try_get(0)?, row.try_get(1)?);
        }
        let new: Vec<Opened> = findings
            .into_iter()
            .zip(ids)
            .zip(first..)
            .map(|((finding, id), seq)| {
                let known = returning.get(&id).copied();
                Opened { seq: known.unwrap_or(seq), returns: known.is_some(), id, finding }
            })
            .collect();
        let rule = |finding: &FoundFinding| {
            let value = |key: FilterKey| match key {
                FilterKey::Resource => finding.resource.as_str(),
                FilterKey::ResourceType => finding.resource_type.as_str(),
                FilterKey::ResourceOwnerAccount => finding.account.as_str(),
                FilterKey::FindingType => finding.kind.as_str(),
                FilterKey::Status | FilterKey::Id => "",
            };
            self.rules.iter().find(|rule| rule.filter.admits(value)).map(|rule| format!("rule:{}", rule.name))
        };
        for (change, returns) in [(OPENED, false), (RETURNED, true)] {
            let rows: Vec<(i64, &str, &FoundFinding)> =
                new.iter().filter(|one| one.returns == returns).map(|one| (one.seq, one.id.as_str(), &one.finding)).collect();
            insert_staged(&mut writing, &self.analyzer, change, &rows, &rule).await?;
        }
        let fresh = || new.iter().filter(|one| !one.returns);
        let details = new.iter().map(|one| (if one.returns { -one.seq } else { one.seq }, &one.finding));
        insert_details(&mut writing, details).await?;
        let services: Vec<(&str, i64)> =
            fresh().flat_map(|one| one.finding.services.iter().map(|service| (service.as_str(), one.seq))).collect();
        for part in services.chunks(4 * ROWS) {
            let values: Vec<String> = (0..part.len()).map(|at| format!("($1, ${}, ${})", 2 * at + 2, 2 * at + 3)).collect();
            let sql = format!("INSERT INTO services (analyzer, service, finding) VALUES {}", values.join(", "));
            let mut insert = query(AssertSqlSafe(sql)).bind(self.analyzer.id);
            for (service, seq) in part {
                insert = insert.bind(*service).bind(*seq);
            }
            insert.execute(&mut *writing).await?;
        }
        writing.commit().await?;
        self.summary.opened += new.len() as u64;
        Ok(())
    }

    /// Makes the analysis visible, and says what changed. `report` is what [`RunRow::report`] will be.
    ///
    /// # Errors
    /// When the store fails; nothing is visible then.
    pub async fn publish(mut self, report: &str, at: Timestamp) -> Result<RunSummary, StoreError> {
        let mut gone = Vec::new();
        loop {
            if self.ahead.is_empty() {
                self.read_ahead().await?;
            }
            let Some(open) = self.ahead.pop_front() else { break };
            gone.push(open.seq);
            if gone.len() == ROWS {
                self.stage_gone(&std::mem::take(&mut gone)).await?;
            }
        }
        if !gone.is_empty() {
            self.stage_gone(&gone).await?;
        }
        let mut writing = self.store.writing().await?;
        self.store.lock(&mut writing, self.analyzer.id).await?;
        let there = query("SELECT id FROM analyzers WHERE id = $1").bind(self.analyzer.id).fetch_optional(&mut *writing).await?;
        if there.is_none() {
            unstage(&mut writing, self.analyzer.id).await?;
            writing.commit().await?;
            return Err(StoreError::missing("analyzer", self.analyzer.name.clone()));
        }
        self.tally(&mut writing, at).await?.write(&mut writing).await?;
        for (statement, dated) in PUBLISH {
            let statement = query(statement).bind(self.analyzer.id);
            let statement = if dated { statement.bind(at.seconds()) } else { statement };
            statement.execute(&mut *writing).await?;
        }
        super::webhooks::tell(&mut writing, self.analyzer.id, at).await?;
        query("UPDATE analyzers SET analysed = $1, analysed_revision = $2, last_resource = $3, status = 'ACTIVE' WHERE id = $4")
            .bind(at.seconds())
            .bind(self.analyzer.revision)
            .bind(self.last_resource.as_deref())
            .bind(self.analyzer.id)
            .execute(&mut *writing)
            .await?;
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let RunSummary { found, opened, resolved } = self.summary;
        query("UPDATE runs SET finished = $1, found = $2, opened = $3, resolved = $4, report = $5 WHERE id = $6")
            .bind(at.seconds())
            .bind(number(found))
            .bind(number(opened))
            .bind(number(resolved))
            .bind(report)
            .bind(self.id)
            .execute(&mut *writing)
            .await?;
        query("UPDATE runs SET report = NULL WHERE analyzer = $1 AND id < $2 AND report IS NOT NULL")
            .bind(self.analyzer.id)
            .bind(self.id)
            .execute(&mut *writing)
            .await?;
        if opened + resolved > 0 {
            let note = format!("{found} findings, {opened} new, {resolved} resolved");
            let change = Change { at, ..Change::own() };
            log(&mut writing, &change, "Analyse", &self.analyzer.arn, Some(&note)).await?;
        }
        writing.commit().await?;
        self.store.keep_history(at).await?;
        Ok(self.summary)
    }

    /// Gives the run up, and keeps why.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn abandon(self, problem: &str) -> Result<(), StoreError> {
        let mut writing = self.store.writing().await?;
        unstage(&mut writing, self.analyzer.id).await?;
        query("UPDATE runs SET problem = $1 WHERE id = $2").bind(problem).bind(self.id).execute(&mut *writing).await?;
        writing.commit().await?;
        Ok(())
    }

    /// What publishing changes the counters by.
    async fn tally(&self, writing: &mut Writing, at: Timestamp) -> Result<Tally, StoreError> {
        let mut tally = Tally::default();
        let id = self.analyzer.id;
        // What comes: as staged. What goes: as it stands now, since somebody may have archived it meanwhile.
        const COMES: &str = "FROM staged WHERE staged.analyzer = $1 AND staged.change IN (0, 2)";
        const GOES: &str =
            "FROM staged JOIN findings ON findings.seq = staged.seq WHERE staged.analyzer = $1 AND staged.change IN (1, 2)";
        for (of, rows, sign) in [("staged", COMES, 1), ("findings", GOES, -1)] {
            let sql = format!(
                "SELECT {of}.account, {of}.kind, {of}.status, COUNT(*) {rows} GROUP BY {of}.account, {of}.kind, {of}.status"
            );
            for row in query(AssertSqlSafe(sql)).bind(id).fetch_all(&mut **writing).await? {
                let account: String = row.try_get(0)?;
                tally.count(id, &account, row.try_get(1)?, row.try_get(2)?, sign * row.try_get::<i64, _>(3)?);
            }
            let sql = format!("SELECT {of}.status, {of}.risk, COUNT(*) {rows} GROUP BY {of}.status, {of}.risk");
            for row in query(AssertSqlSafe(sql)).bind(id).fetch_all(&mut **writing).await? {
                let risk: i64 = row.try_get(1)?;
                tally.facet(id, row.try_get(0)?, "risk", risk.to_string(), sign * row.try_get::<i64, _>(2)?);
            }
            let joined = rows.replacen(" WHERE", " JOIN services ON services.finding = staged.seq WHERE", 1);
            let sql = format!("SELECT {of}.status, service, COUNT(*) {joined} GROUP BY {of}.status, service");
            for row in query(AssertSqlSafe(sql)).bind(id).fetch_all(&mut **writing).await? {
                tally.facet(id, row.try_get(0)?, "service", row.try_get(1)?, sign * row.try_get::<i64, _>(2)?);
            }
        }
        // What goes is there still, as resolved.
        for row in query("SELECT account, kind, COUNT(*) FROM staged WHERE analyzer = $1 AND change = 1 GROUP BY account, kind")
            .bind(id)
            .fetch_all(&mut **writing)
            .await?
        {
            let account: String = row.try_get(0)?;
            tally.count(id, &account, row.try_get(1)?, 2, row.try_get(2)?);
        }
        for row in query("SELECT risk, COUNT(*) FROM staged WHERE analyzer = $1 AND change = 1 GROUP BY risk")
            .bind(id)
            .fetch_all(&mut **writing)
            .await?
        {
            tally.facet(id, 2, "risk", row.try_get::<i64, _>(0)?.to_string(), row.try_get(1)?);
        }
        for row in query(
            "SELECT service, COUNT(*) FROM staged JOIN services ON services.finding = staged.seq \
             WHERE staged.analyzer = $1 AND staged.change = 1 GROUP BY service",
        )
        .bind(id)
        .fetch_all(&mut **writing)
        .await?
        {
            tally.facet(id, 2, "service", row.try_get(0)?, row.try_get(1)?);
        }
        // Days: what is new was created today; what returns keeps its day.
        for row in query("SELECT status, COUNT(*) FROM staged WHERE analyzer = $1 AND change = 0 GROUP BY status")
            .bind(id)
            .fetch_all(&mut **writing)
            .await?
        {
            tally.facet(id, row.try_get(0)?, "day", at.seconds().div_euclid(DAY).to_string(), row.try_get(1)?);
        }
        for row in query(
            "SELECT findings.status, staged.status, findings.created / 86400, COUNT(*) FROM staged JOIN findings ON findings.seq = staged.seq \
             WHERE staged.analyzer = $1 AND staged.change IN (1, 2) GROUP BY findings.status, staged.status, findings.created / 86400",
        )
        .bind(id)
        .fetch_all(&mut **writing)
        .await?
        {
            let (from, to, day, n): (i64, i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
            tally.facet(id, from, "day", day.to_string(), -n);
            tally.facet(id, to, "day", day.to_string(), n);
        }
        Ok(tally)
    }
}

/// What publishing does, in this order: `$1` is the analyzer, and `$2` the time where it is said to be.
const PUBLISH: [(&str, bool); 7] = [
    (
        "UPDATE findings SET status = 2, updated = $2, analysed = $2, archived_until = NULL \
         WHERE seq IN (SELECT seq FROM staged WHERE analyzer = $1 AND change = 1)",
        true,
    ),
    (
        "INSERT INTO findings (seq, id, analyzer, base, content, kind, status, resource, resource_type, account, risk, unused, created, \
         analysed, updated, archived_by) \
         SELECT seq, id, analyzer, base, content, kind, status, resource, resource_type, account, risk, unused, CAST($2 AS BIGINT), \
         CAST($2 AS BIGINT), CAST($2 AS BIGINT), archived_by FROM staged WHERE analyzer = $1 AND change = 0 ORDER BY seq",
        true,
    ),
    (
        "UPDATE findings SET status = staged.status, content = staged.content, risk = staged.risk, updated = $2, analysed = $2, \
         archived_by = staged.archived_by, archived_why = NULL, archived_until = NULL \
         FROM staged WHERE staged.seq = findings.seq AND staged.analyzer = $1 AND staged.change = 2",
        true,
    ),
    (
        "UPDATE findings SET content = staged.content, analysed = $2 \
         FROM staged WHERE staged.seq = findings.seq AND staged.analyzer = $1 AND staged.change = 3",
        true,
    ),
    ("DELETE FROM details WHERE finding IN (SELECT seq FROM staged WHERE analyzer = $1 AND change IN (2, 3))", false),
    (
        "UPDATE details SET finding = -finding WHERE finding IN (SELECT -seq FROM staged WHERE analyzer = $1 AND change IN (2, 3))",
        false,
    ),
    ("DELETE FROM staged WHERE analyzer = $1", false),
];

/// Deletes what a run has staged for an analyzer.
async fn unstage(writing: &mut Writing, analyzer: i64) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM services WHERE analyzer = $1 AND finding IN (SELECT seq FROM staged WHERE analyzer = $1 AND change = 0)",
        "DELETE FROM details WHERE finding IN (SELECT seq FROM staged WHERE analyzer = $1 AND change = 0)",
        "DELETE FROM details WHERE finding IN (SELECT -seq FROM staged WHERE analyzer = $1 AND change IN (2, 3))",
        "DELETE FROM staged WHERE analyzer = $1",
    ] {
        query(statement).bind(analyzer).execute(&mut **writing).await?;
    }
    Ok(())
}

async fn insert_staged(
    writing: &mut Writing,
    analyzer: &Analyzer,
    change: i64,
    rows: &[(i64, &str, &FoundFinding)],
    rule: &(dyn Fn(&FoundFinding) -> Option<String> + Sync),
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let values: Vec<String> = (0..rows.len()).map(|at| format!("($1, {change}, {})", places(12 * at + 2, 12))).collect();
    let sql = format!(
        "INSERT INTO staged (analyzer, change, seq, id, base, content, kind, status, resource, resource_type, account, risk, unused, \
         archived_by) VALUES {}",
        values.join(", ")
    );
    let archivings: Vec<Option<String>> = rows.iter().map(|(_, _, finding)| rule(finding)).collect();
    let mut insert = query(AssertSqlSafe(sql)).bind(analyzer.id);
    for ((seq, id, finding), by) in rows.iter().zip(archivings) {
        let status = if by.is_some() { FindingStatus::Archived } else { FindingStatus::Active };
        insert = insert
            .bind(*seq)
            .bind(*id)
            .bind(&finding.base)
            .bind(full_content(finding))
            .bind(kind_number(finding.kind))
            .bind(status.number())
            .bind(&finding.resource)
            .bind(finding.resource_type.number())
            .bind(&finding.account)
            .bind(i64::from(finding.risk.0))
            .bind(i64::from(finding.unused_actions))
            .bind(by);
    }
    insert.execute(&mut **writing).await?;
    Ok(())
}

async fn insert_details<'f>(
    writing: &mut Writing,
    rows: impl Iterator<Item = (i64, &'f FoundFinding)>,
) -> Result<(), StoreError> {
    let rows: Vec<(i64, &FoundFinding)> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let values: Vec<String> = (0..rows.len()).map(|at| format!("({})", places(3 * at + 1, 3))).collect();
    let sql = format!("INSERT INTO details (finding, details, evidence) VALUES {}", values.join(", "));
    let mut insert = query(AssertSqlSafe(sql));
    for (seq, finding) in &rows {
        insert = insert.bind(*seq).bind(&finding.details).bind(&finding.evidence);
    }
    insert.execute(&mut **writing).await?;
    Ok(())
}

/// Content, and behind a colon what is shown of it: dates may change while the content stays.
fn full_content(finding: &FoundFinding) -> String {
    format!("{}:{}", finding.content, digest(&[&finding.details]))
}

fn names_of(full: &str) -> &str {
    full.split(':').next().unwrap_or(full)
}

fn digest(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    super::settings::hex(&hash.finalize()).chars().take(32).collect()
}

/// A finding's id: of the analyzer, what it is about, and its content; with the dashes of a UUID.
fn wire_id(analyzer: &Analyzer, finding: &FoundFinding) -> String {
    let created = analyzer.created.to_string();
    let digits = digest(&["leastwise-wire-finding 1", &analyzer.arn, &created, &finding.base, &finding.content]);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}
