//! Writes what an analysis found: only the differences, and all of them at once.
//!
//! A [`Run`] takes findings in the order of their base names and walks along the open findings of the store, which come in the
//! same order, page by page; neither is ever held as a whole. What is new, changed or gone is marked in short
//! transactions that nobody sees and nobody waits for. [`Run::publish`] makes it visible by one flag, with the log of the run and
//! the audit log; what follows on it is in `publication.rs`. A run that is never published leaves marks, which the next run takes back.
//!
//! The life of a finding: what is found with the same content stays what it is, with its id and its status. Content that
//! changed, or that is gone, is RESOLVED; changed content is a new finding, with a new id. Content that comes back has its old id.
//! New findings are ACTIVE, or ARCHIVED when an archive rule fits.

use std::collections::VecDeque;

use leastwise::access::Timestamp;
use leastwise::findings::FindingKind;
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Row, query};

use super::change::{Writing, change_rows, log, nothing};
use super::counters::{Moved, Tally};
use super::findings::{Phase, kind_number, places};
use super::{Analyzer, ArchiveRule, Change, FilterKey, ResourceType, Risk, Store, StoreError};

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

/// An analysis that is being written.
#[derive(Debug)]
pub struct Run {
    store: Store,
    analyzer: Analyzer,
    rules: Vec<ArchiveRule>,
    id: i64,
    started: Timestamp,
    ahead: VecDeque<Open>,
    read_to: Option<String>,
    last_resource: Option<String>,
    last_base: Option<String>,
    summary: RunSummary,
}

/// Staged: comes back, with a status of its own besides.
const RETURNED: i64 = 1;
/// Staged: shows the same with other dates.
const REFRESHED: i64 = 2;

/// Findings that are written at once.
const ROWS: usize = 300;
/// Open findings that are read ahead.
const PAGE: i64 = 2_000;

impl Store {
    /// Begins to write an analysis.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin_run(&self, analyzer: &Analyzer, at: Timestamp) -> Result<Run, StoreError> {
        self.end_run(analyzer.id).await?;
        let mut writing = self.writing().await?;
        self.lock(&mut writing, analyzer.id).await?;
        let row = query("INSERT INTO runs (analyzer, started, found, opened, resolved) VALUES ($1, $2, 0, 0, 0) RETURNING id")
            .bind(analyzer.id)
            .bind(at.seconds())
            .fetch_one(&mut *writing)
            .await?;
        let id: i64 = row.try_get(0)?;
        query("UPDATE analyzers SET run = $1, settling = 0 WHERE id = $2")
            .bind(id)
            .bind(analyzer.id)
            .execute(&mut *writing)
            .await?;
        writing.commit().await?;
        Ok(Run {
            store: self.clone(),
            analyzer: analyzer.clone(),
            rules: self.rules_of(analyzer.id, None, 1_000).await?,
            id,
            started: at,
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
            self.mark_gone(gone).await?;
        }
        for refreshed in refreshed.chunks(ROWS) {
            self.stage_refreshed(refreshed).await?;
        }
        for new in new.chunks(ROWS) {
            self.write_new(new).await?;
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

    /// Begins to write for this run, if it is the one that writes still.
    async fn writing(&self) -> Result<Writing, StoreError> {
        let mut writing = self.store.writing().await?;
        self.store.lock(&mut writing, self.analyzer.id).await?;
        let there = query("SELECT id FROM analyzers WHERE id = $1").bind(self.analyzer.id).fetch_optional(&mut *writing).await?;
        if there.is_none() {
            return Err(StoreError::missing("analyzer", self.analyzer.name.clone()));
        }
        match Phase::of(&mut writing, self.analyzer.id).await? {
            Phase { run, is_settling: false } if run == self.id => Ok(writing),
            _ => Err(StoreError::Unexpected("another server has begun an analysis of the same analyzer".to_owned())),
        }
    }

    async fn mark_gone(&mut self, gone: &[i64]) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        let mut gone = Moved::of_seqs(&mut writing, gone).await?;
        gone.retain(|one| matches!(one.status, 0 | 1));
        Tally::of_move(&mut writing, &gone, |status| status + 5).await?.write(&mut writing).await?;
        let sql = "UPDATE findings SET status = status + 5 WHERE seq IN {rows}";
        change_rows(&mut writing, sql, nothing, gone.iter().map(|one| one.seq)).await?;
        writing.commit().await?;
        self.summary.resolved += gone.len() as u64;
        Ok(())
    }

    /// What shows the same content with other dates gets them when the run is visible; until then they wait under a negative number.
    async fn stage_refreshed(&mut self, refreshed: &[(i64, FoundFinding)]) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        let rows: Vec<(i64, &FoundFinding)> = refreshed.iter().map(|(seq, finding)| (*seq, finding)).collect();
        insert_staged(&mut writing, self.analyzer.id, REFRESHED, &rows).await?;
        insert_details(&mut writing, rows.iter().map(|(seq, finding)| (-*seq, *finding))).await?;
        writing.commit().await?;
        Ok(())
    }

    /// The rule that puts a new finding aside, if there is one.
    fn rule(&self, finding: &FoundFinding) -> Option<String> {
        let value = |key: FilterKey| match key {
            FilterKey::Resource => finding.resource.as_str(),
            FilterKey::ResourceType => finding.resource_type.as_str(),
            FilterKey::ResourceOwnerAccount => finding.account.as_str(),
            FilterKey::FindingType => finding.kind.as_str(),
            FilterKey::Status | FilterKey::Id => "",
        };
        self.rules.iter().find(|rule| rule.filter.admits(value)).map(|rule| format!("rule:{}", rule.name))
    }

    /// Writes findings that are new, which nobody sees yet, and marks those that come back.
    async fn write_new(&mut self, findings: &[FoundFinding]) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        let row = query("UPDATE numbers SET next = next + $1 WHERE name = 'finding' RETURNING next")
            .bind(i64::try_from(findings.len()).unwrap_or(i64::MAX))
            .fetch_one(&mut *writing)
            .await?;
        let end: i64 = row.try_get(0)?;
        let first = end - i64::try_from(findings.len()).unwrap_or_default();
        let ids: Vec<String> = findings.iter().map(|finding| wire_id(&self.analyzer, finding)).collect();
        let known = Moved::by_id(&mut writing, self.analyzer.id, &ids).await?;
        let (mut new, mut back) = (Vec::new(), Vec::new());
        for ((finding, id), seq) in findings.iter().zip(&ids).zip(first..) {
            match known.get(id) {
                None => new.push((seq, id.as_str(), finding, self.rule(finding))),
                Some(known) => back.push((known, finding, self.rule(finding))),
            }
        }
        self.insert_new(&mut writing, &new).await?;
        self.mark_back(&mut writing, &back).await?;
        writing.commit().await?;
        self.summary.opened += findings.len() as u64;
        Ok(())
    }

    async fn insert_new(
        &self,
        writing: &mut Writing,
        new: &[(i64, &str, &FoundFinding, Option<String>)],
    ) -> Result<(), StoreError> {
        if new.is_empty() {
            return Ok(());
        }
        let values: Vec<String> = (0..new.len()).map(|at| format!("($1, $2, $2, $2, {})", places(12 * at + 3, 12))).collect();
        let sql = format!(
            "INSERT INTO findings (analyzer, created, analysed, updated, seq, id, base, content, kind, status, resource, resource_type, \
             account, risk, unused, archived_by) VALUES {}",
            values.join(", ")
        );
        let mut insert = query(AssertSqlSafe(sql)).bind(self.analyzer.id).bind(self.started.seconds());
        let mut tally = Tally::default();
        for (seq, id, finding, by) in new {
            let (kind, status) = (kind_number(finding.kind), if by.is_some() { 4 } else { 3 });
            insert = insert
                .bind(*seq)
                .bind(*id)
                .bind(&finding.base)
                .bind(full_content(finding))
                .bind(kind)
                .bind(status)
                .bind(&finding.resource)
                .bind(finding.resource_type.number())
                .bind(&finding.account)
                .bind(i64::from(finding.risk.0))
                .bind(i64::from(finding.unused_actions))
                .bind(by.as_deref());
            let one = Moved {
                seq: *seq,
                status,
                analyzer: self.analyzer.id,
                account: finding.account.clone(),
                kind,
                risk: i64::from(finding.risk.0),
                created: self.started.seconds(),
            };
            tally.count(&one, status, 1);
            for service in &finding.services {
                tally.facet(self.analyzer.id, status, "service", service.clone(), 1);
            }
        }
        insert.execute(&mut **writing).await?;
        tally.write(writing).await?;
        insert_details(writing, new.iter().map(|(seq, _, finding, _)| (*seq, *finding))).await?;
        let services: Vec<(&str, i64)> =
            new.iter().flat_map(|(seq, _, finding, _)| finding.services.iter().map(|service| (service.as_str(), *seq))).collect();
        for part in services.chunks(4 * ROWS) {
            let values: Vec<String> = (0..part.len()).map(|at| format!("($1, ${}, ${})", 2 * at + 2, 2 * at + 3)).collect();
            let sql = format!("INSERT INTO services (analyzer, service, finding) VALUES {}", values.join(", "));
            let mut insert = query(AssertSqlSafe(sql)).bind(self.analyzer.id);
            for (service, seq) in part {
                insert = insert.bind(*service).bind(*seq);
            }
            insert.execute(&mut **writing).await?;
        }
        Ok(())
    }

    /// What was resolved and is there again keeps its id and its date; what it is now waits until the run is visible.
    async fn mark_back(&self, writing: &mut Writing, back: &[(&Moved, &FoundFinding, Option<String>)]) -> Result<(), StoreError> {
        let rows: Vec<(i64, &FoundFinding)> = back.iter().map(|(known, finding, _)| (known.seq, *finding)).collect();
        insert_staged(writing, self.analyzer.id, RETURNED, &rows).await?;
        insert_details(writing, rows.iter().map(|(seq, finding)| (-*seq, *finding))).await?;
        let (aside, active): (Vec<_>, Vec<_>) = back.iter().partition(|(_, _, by)| by.is_some());
        for (part, status) in [(active, 7), (aside, 8)] {
            let moved: Vec<Moved> = part.iter().map(|(known, ..)| (*known).clone()).collect();
            Tally::of_move(writing, &moved, |_| status).await?.write(writing).await?;
            for (known, _, by) in part {
                query(
                    "UPDATE findings SET status = $1, archived_by = $2, archived_why = NULL, archived_until = NULL WHERE seq = $3",
                )
                .bind(status)
                .bind(by.as_deref())
                .bind(known.seq)
                .execute(&mut **writing)
                .await?;
            }
        }
        Ok(())
    }

    /// Makes the analysis visible, and says what changed. `report` is what [`RunRow::report`] will be.
    ///
    /// # Errors
    /// When the store fails; nothing is visible then.
    pub async fn publish(self, report: &str, at: Timestamp) -> Result<RunSummary, StoreError> {
        let (store, analyzer) = (self.store.clone(), self.analyzer.clone());
        let summary = self.show(report, at).await?;
        // It is visible. What fails from here on is done by the next run.
        let mut after = store.keep_history(at).await;
        if after.is_ok() {
            after = store.end_run(analyzer.id).await;
        }
        if let Err(error) = after {
            tracing::warn!(analyzer = analyzer.name, "the analysis is visible, but could not be settled yet: {error}");
        }
        Ok(summary)
    }

    /// Makes the analysis visible as [`Run::publish`] does, and leaves it to the next run to settle it.
    ///
    /// # Errors
    /// When the store fails; nothing is visible then.
    pub async fn show(mut self, report: &str, at: Timestamp) -> Result<RunSummary, StoreError> {
        let mut gone = Vec::new();
        loop {
            if self.ahead.is_empty() {
                self.read_ahead().await?;
            }
            let Some(open) = self.ahead.pop_front() else { break };
            gone.push(open.seq);
            if gone.len() == ROWS {
                self.mark_gone(&std::mem::take(&mut gone)).await?;
            }
        }
        if !gone.is_empty() {
            self.mark_gone(&gone).await?;
        }
        let mut writing = self.writing().await?;
        query(
            "UPDATE analyzers SET analysed = $1, analysed_revision = $2, last_resource = $3, status = 'ACTIVE', settling = 1 WHERE id = $4",
        )
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
        Ok(self.summary)
    }

    /// Gives the run up, and keeps why.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn abandon(self, problem: &str) -> Result<(), StoreError> {
        let mut writing = self.store.writing().await?;
        query("UPDATE runs SET problem = $1 WHERE id = $2").bind(problem).bind(self.id).execute(&mut *writing).await?;
        writing.commit().await?;
        // What another server has begun meanwhile is not ours to end.
        match self.writing().await {
            Ok(writing) => writing.rollback().await?,
            Err(_) => return Ok(()),
        }
        self.store.end_run(self.analyzer.id).await
    }
}

async fn insert_staged(
    writing: &mut Writing,
    analyzer: i64,
    change: i64,
    rows: &[(i64, &FoundFinding)],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let values: Vec<String> = (0..rows.len()).map(|at| format!("($1, {change}, {})", places(3 * at + 2, 3))).collect();
    let sql = format!("INSERT INTO staged (analyzer, change, seq, content, risk) VALUES {}", values.join(", "));
    let mut insert = query(AssertSqlSafe(sql)).bind(analyzer);
    for (seq, finding) in rows {
        insert = insert.bind(*seq).bind(full_content(finding)).bind(i64::from(finding.risk.0));
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
    // The number besides: analyzers of one name may follow on each other within a second.
    let of = format!("{} {}", analyzer.created, analyzer.id);
    let digits = digest(&["leastwise-wire-finding 1", &analyzer.arn, &of, &finding.base, &finding.content]);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}
