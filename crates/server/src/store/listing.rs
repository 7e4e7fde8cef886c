//! Lists of findings: filtered, sorted, and page by page, at the same cost on the first page and on the last.
//!
//! A list is put together from ranges of an index: one for each status and kind (and account) that the filter leaves and that
//! there is. Either the ranges are merged by a key that is in the index behind them, or they are read one after the other, which
//! sorts by what the ranges are of. A page ends with a [`Cursor`]: the place in the order, not a number of rows, so that nothing
//! is shown twice or left out when findings come and go in between. Where no index knows what fits, a page looks at so many
//! findings and no more; it may then be short, or empty, and the list goes on behind it all the same. It changes nothing.

use std::cmp::Ordering;

use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Executor, Row, query};

use super::findings::{self, FindingRow, FindingStatus, FindingSummary, Phase, ResourceType, kind_number};
use super::ranges::{Range, Ranges, compare};
use super::{Analyzer, Criterion, Dialect, Filter, FilterKey, Risk, Store, StoreError};

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortKey {
    /// When it was first found.
    #[default]
    Created,
    /// When it last changed.
    Updated,
    /// The resource's ARN.
    Resource,
    /// What the unused access could do.
    Risk,
    /// The status.
    Status,
    /// The kind.
    FindingType,
    /// The account.
    Account,
    /// Role or user.
    ResourceType,
    /// The id.
    Id,
}

/// How a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub key: SortKey,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// The newest first.
impl Default for Sort {
    fn default() -> Sort {
        Sort { key: SortKey::Created, descending: true }
    }
}

/// What is to be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The analyzer's number in the store.
    pub analyzer: i64,
    /// When the analyzer last finished an analysis.
    pub analysed: Option<leastwise::access::Timestamp>,
    /// What must fit.
    pub filter: Filter,
    /// A status that must fit besides.
    pub only: Option<FindingStatus>,
    /// A service of which something is unused.
    pub service: Option<String>,
    /// What the unused access could do: all of these.
    pub risk: Risk,
    /// Not created before.
    pub created_from: Option<leastwise::access::Timestamp>,
    /// Created before.
    pub created_before: Option<leastwise::access::Timestamp>,
    /// In which order.
    pub sort: Sort,
    /// Where to go on.
    pub after: Option<Cursor>,
    /// The most findings on the page.
    pub limit: u32,
    /// The most findings that are looked at for the page where no index knows which of them fit.
    pub look: u32,
}

/// What [`Query::look`] is unless told otherwise.
pub const LOOK: u32 = 500;

impl Query {
    /// All findings of an analyzer, the newest first, 100 on a page.
    #[must_use]
    pub fn of(analyzer: &Analyzer) -> Query {
        Query {
            analyzer: analyzer.id,
            analysed: analyzer.analysed,
            filter: Filter::default(),
            only: None,
            service: None,
            risk: Risk::default(),
            created_from: None,
            created_before: None,
            sort: Sort::default(),
            after: None,
            limit: 100,
            look: LOOK,
        }
    }
}

/// A place in a list, behind the last finding of a page. Its text has no secret and no protection: who hands it out seals it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub(super) range: Range,
    key: Key,
    seq: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    None,
    Number(i64),
    Text(String),
}

impl Cursor {
    /// Reads what its `Display` wrote, for a list that is sorted in the same way.
    #[must_use]
    pub fn parse(text: &str, sort: Sort) -> Option<Cursor> {
        let mut parts = text.splitn(6, ' ');
        let seq = parts.next()?.parse().ok()?;
        let status = parts.next()?.parse().ok()?;
        let kind = parts.next()?.parse().ok()?;
        let resource_type = parts.next()?.parse().ok().filter(|number| *number >= 0);
        let account = parts.next()?;
        let key = parts.next()?;
        let key = match sort.key {
            SortKey::Updated | SortKey::Risk => Key::Number(key.parse().ok()?),
            SortKey::Resource | SortKey::Id => Key::Text(key.to_owned()),
            _ => Key::None,
        };
        Some(Cursor {
            range: Range { account: (account != "-").then(|| account.to_owned()), resource_type, status, kind },
            key,
            seq,
        })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Range { account, resource_type, status, kind } = &self.range;
        write!(f, "{} {status} {kind} {} {} ", self.seq, resource_type.unwrap_or(-1), account.as_deref().unwrap_or("-"))?;
        match &self.key {
            Key::None => Ok(()),
            Key::Number(number) => write!(f, "{number}"),
            Key::Text(text) => f.write_str(text),
        }
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The findings.
    pub findings: Vec<FindingSummary>,
    /// Where the next page begins; none when there is none.
    pub next: Option<Cursor>,
}

enum Value {
    Number(i64),
    Text(String),
}

/// A statement under construction.
#[derive(Default)]
struct Statement {
    values: Vec<Value>,
}

impl Statement {
    fn number(&mut self, value: i64) -> String {
        self.values.push(Value::Number(value));
        format!("${}", self.values.len())
    }

    fn text(&mut self, value: &str) -> String {
        self.values.push(Value::Text(value.to_owned()));
        format!("${}", self.values.len())
    }

    fn key(&mut self, key: &Key) -> String {
        match key {
            Key::None => self.number(0),
            Key::Number(number) => self.number(*number),
            Key::Text(text) => self.text(text),
        }
    }

    async fn rows(self, connection: &mut AnyConnection, sql: String) -> Result<Vec<AnyRow>, StoreError> {
        let mut rows = query::<Any>(AssertSqlSafe(sql));
        for value in self.values {
            rows = match value {
                Value::Number(number) => rows.bind(number),
                Value::Text(text) => rows.bind(text),
            };
        }
        Ok(connection.fetch_all(rows).await?)
    }
}

/// A place in a group of ranges.
struct Place {
    key: Key,
    seq: i64,
}

/// What a group of ranges is read with.
struct Reading<'q> {
    asked: &'q Query,
    phase: Phase,
    /// What the group is merged by; nothing where its ranges are read one after the other.
    column: Option<&'static str>,
    is_few: bool,
    /// Whether something in the ranges may not fit.
    is_sparse: bool,
    /// Whether an index is read through and sorted instead of merging ranges.
    is_sorted: bool,
    ranges: &'q [Range],
}

impl Store {
    /// A page of findings.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, asked: &Query) -> Result<Page, StoreError> {
        let mut reading = self.reading().await?;
        self.page(&mut reading, asked).await
    }

    /// A page that is looked for over and over until it is full, the list is at its end, or the time is over.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list_within(&self, asked: &Query, time: std::time::Duration) -> Result<Page, StoreError> {
        let started = std::time::Instant::now();
        let mut asked = asked.clone();
        let mut page = self.list(&asked).await?;
        while (page.findings.len() as u64) < u64::from(asked.limit) && started.elapsed() < time {
            let Some(next) = page.next.take() else { break };
            asked.after = Some(next);
            let missing = u64::from(asked.limit) - page.findings.len() as u64;
            let more = self.list(&Query { limit: u32::try_from(missing).unwrap_or(asked.limit), ..asked.clone() }).await?;
            page.findings.extend(more.findings);
            page.next = more.next;
        }
        Ok(page)
    }

    /// A page of findings, by a connection that is in the middle of reading or changing.
    pub(super) async fn page(&self, connection: &mut AnyConnection, asked: &Query) -> Result<Page, StoreError> {
        let phase = Phase::of(connection, asked.analyzer).await?;
        let wanted = asked.limit.max(1) as usize + 1;
        let column = column_of(asked.sort.key);
        let mut ranges = Ranges::of(connection, asked, phase, column).await?;
        let is_few = ranges.is_few;
        if is_few && column.is_none() {
            return self.named(connection, asked, phase, ranges).await;
        }
        let is_sparse = !is_few && (column == Some("id") || is_sparse(asked, ranges.by_account));
        let mut look = if is_sparse { Some(u64::from(asked.look.max(1))) } else { None };
        let by_account = ranges.by_account;
        let mut found: Vec<FindingSummary> = Vec::new();
        let mut stopped = None;
        while found.len() < wanted {
            let room = (wanted - found.len()) as u64;
            let Some((group, size)) = ranges.next(connection, look.map_or(room, |look| look.min(room))).await? else { break };
            let is_sorted = ranges.is_sorted;
            let reading = Reading { asked, phase, column, is_few, is_sparse, is_sorted, ranges: &group };
            let bound = match look {
                // Those by id are read past whatever has another status or another analyzer.
                Some(look) if look < size || column == Some("id") => self.bound(connection, &reading, look).await?,
                _ => None,
            };
            let mut more = self.group(connection, &reading, bound.as_ref(), wanted - found.len()).await?;
            if column.is_none() && group.len() > 1 {
                put_in_order(&mut more, asked, by_account);
            }
            found.extend(more);
            if let Some(bound) = bound {
                let range = group.first().cloned().unwrap_or_default();
                stopped = Some(Cursor {
                    range: if column.is_none() { range } else { Range::default() },
                    key: bound.key,
                    seq: bound.seq,
                });
                break;
            }
            look = look.map(|look| look.saturating_sub(size).max(1));
        }
        if found.len() >= wanted {
            found.truncate(wanted - 1);
            let next = found.last().map(|last| cursor_behind(last, asked, column, by_account));
            return Ok(Page { findings: found, next });
        }
        Ok(Page { findings: found, next: stopped })
    }

    /// A page of findings that are asked for by their names, in an order that no index has: all are read and put in order.
    async fn named(
        &self,
        connection: &mut AnyConnection,
        asked: &Query,
        phase: Phase,
        mut ranges: Ranges<'_>,
    ) -> Result<Page, StoreError> {
        let Some((group, _)) = ranges.next(connection, 0).await? else { return Ok(Page { findings: Vec::new(), next: None }) };
        let reading = Reading { asked, phase, column: None, is_few: true, is_sparse: false, is_sorted: false, ranges: &group };
        let mut statement = Statement::default();
        let sql = self.select(&reading, &mut statement, findings::COLUMNS, None, false);
        let mut found = self.found(connection, statement, sql, &reading).await?;
        put_in_order(&mut found, asked, ranges.by_account);
        if let Some(cursor) = &asked.after {
            found.retain(|one| {
                in_order(asked, (&range_of(one, asked, ranges.by_account), one.seq), (&cursor.range, cursor.seq)).is_gt()
            });
        }
        let is_more = found.len() > asked.limit.max(1) as usize;
        found.truncate(asked.limit.max(1) as usize);
        let next = found.last().filter(|_| is_more).map(|last| cursor_behind(last, asked, None, ranges.by_account));
        Ok(Page { findings: found, next })
    }

    /// The place of the `look`th finding of a group, whether it fits or not; none when there are not so many.
    async fn bound(&self, connection: &mut AnyConnection, reading: &Reading<'_>, look: u64) -> Result<Option<Place>, StoreError> {
        let mut statement = Statement::default();
        let of_key = reading.column.filter(|column| *column != "seq").unwrap_or("0 AS place");
        let sql = self.select(reading, &mut statement, &format!("{of_key}, seq"), None, true);
        let sql = format!("{sql} LIMIT 1 OFFSET {}", look - 1);
        let rows = statement.rows(connection, sql).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let key = match reading.column {
            Some("updated" | "risk") => Key::Number(row.try_get(0)?),
            Some("resource" | "id") => Key::Text(row.try_get(0)?),
            _ => Key::None,
        };
        Ok(Some(Place { key, seq: row.try_get(1)? }))
    }

    /// The first rows of a group that fit, up to a place.
    async fn group(
        &self,
        connection: &mut AnyConnection,
        reading: &Reading<'_>,
        bound: Option<&Place>,
        limit: usize,
    ) -> Result<Vec<FindingSummary>, StoreError> {
        let mut statement = Statement::default();
        let sql = self.select(reading, &mut statement, findings::COLUMNS, bound, false);
        self.found(connection, statement, format!("{sql} LIMIT {limit}"), reading).await
    }

    /// What a statement finds, in its order. All rows come as one text: handing over each column of each row by itself costs more
    /// than finding it.
    async fn found(
        &self,
        connection: &mut AnyConnection,
        statement: Statement,
        sql: String,
        reading: &Reading<'_>,
    ) -> Result<Vec<FindingSummary>, StoreError> {
        let columns = findings::COLUMNS;
        let sql = match self.dialect() {
            Dialect::Sqlite => format!("SELECT json_group_array(json_array({columns})) FROM ({sql})"),
            Dialect::Postgres => {
                format!("SELECT CAST(COALESCE(json_agg(json_build_array({columns})), '[]') AS TEXT) FROM ({sql}) AS found")
            }
        };
        let rows = statement.rows(connection, sql).await?;
        let text: String = rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
        let rows: Vec<FindingRow> = serde_json::from_str(&text)
            .map_err(|error| StoreError::Unexpected(format!("a list of findings cannot be read: {error}")))?;
        Ok(rows.into_iter().map(|row| row.summary(reading.phase, reading.asked.analysed)).collect())
    }

    /// A group of ranges as SQL, in its order: from where the query goes on, up to a place.
    fn select(
        &self,
        reading: &Reading<'_>,
        statement: &mut Statement,
        columns: &str,
        bound: Option<&Place>,
        is_anything: bool,
    ) -> String {
        let Reading { asked, phase, column, is_few, is_sparse, is_sorted, ranges } = *reading;
        let analyzer = statement.number(asked.analyzer);
        let condition = if is_anything { String::new() } else { self.condition(statement, asked, &analyzer, is_few) };
        let (forth, back, order) = if asked.sort.descending { ("<", ">", "DESC") } else { (">", "<", "ASC") };
        let (behind, up_to) = match column {
            None => (String::new(), String::new()),
            Some(column) => {
                let mut beside = |sign: &str, key: &Key, seq: i64| match column {
                    "seq" => format!(" AND seq {sign} {}", statement.number(seq)),
                    "id" => format!(" AND id {sign} {}", statement.key(key)),
                    _ => format!(" AND ({column}, seq) {sign} ({}, {})", statement.key(key), statement.number(seq)),
                };
                let behind = asked.after.as_ref().map(|cursor| beside(forth, &cursor.key, cursor.seq));
                let up_to = bound.map(|place| beside(&format!("{back}="), &place.key, place.seq));
                (behind.unwrap_or_default(), up_to.unwrap_or_default())
            }
        };
        if is_anything && column == Some("id") && !is_few {
            // Whatever its status and whosever it is: each costs a look.
            return format!(
                "SELECT {columns} FROM findings WHERE {analyzer} = CAST({analyzer} AS BIGINT){behind} ORDER BY id {order}"
            );
        }
        let mut statuses: Vec<i64> =
            ranges.iter().flat_map(|range| phase.numbers(FindingStatus::of_number(range.status))).copied().collect();
        let mut kinds: Vec<i64> = ranges.iter().map(|range| range.kind).collect();
        for list in [&mut statuses, &mut kinds] {
            list.sort_unstable();
            list.dedup();
        }
        let index = self.index(column, ranges.first().is_some_and(|range| range.account.is_some()));
        if is_sorted {
            let mut accounts: Vec<&str> = ranges.iter().filter_map(|range| range.account.as_deref()).collect();
            accounts.sort_unstable();
            accounts.dedup();
            let accounts: Vec<String> = accounts.into_iter().map(|account| statement.text(account)).collect();
            let within = format!(
                "FROM findings{index} WHERE analyzer = {analyzer} AND account IN ({}) AND status IN ({}) AND kind IN ({})",
                accounts.join(", "),
                findings::listed(&statuses),
                findings::listed(&kinds)
            );
            // The sum keeps the databases from reading the whole table in the order of its numbers.
            let order =
                if column == Some("updated") { format!("updated + 0 {order}, seq {order}") } else { format!("seq + 0 {order}") };
            if is_anything {
                return format!("SELECT {columns} {within}{behind} ORDER BY {order}");
            }
            let most = if is_sparse { String::new() } else { format!(" LIMIT {}", asked.limit.max(1) + 1) };
            return format!(
                "SELECT {columns} FROM findings WHERE seq IN (SELECT seq {within}{behind}{up_to} ORDER BY {order}{most}){condition} ORDER BY {order}"
            );
        }
        if is_few || column == Some("id") {
            // What is few is found by what makes it few, and sorted. Else the order is that of ids, and the plus keeps the databases
            // from choosing the index of the analyzer and sorting all.
            let order = match column.unwrap_or("seq") {
                "id" if !is_few => format!("id {order}"),
                "seq" => format!("seq + 0 {order}"),
                "risk" => format!("risk + 0 {order}, seq {order}"),
                "updated" => format!("updated + 0 {order}, seq {order}"),
                column => format!("{column} || '' {order}, seq {order}"),
            };
            let by_id = asked.filter.of(FilterKey::Id).is_some_and(|id| !id.eq.is_empty()) || !is_few;
            let plus = if by_id { "+" } else { "" };
            return format!(
                "SELECT {columns} FROM findings WHERE {plus}analyzer = {analyzer} AND status IN ({}) AND kind IN ({}){condition}{behind}{up_to} \
                 ORDER BY {order}",
                findings::listed(&statuses),
                findings::listed(&kinds)
            );
        }
        let mut parts: Vec<String> = Vec::new();
        for range in ranges {
            let mut more = String::new();
            if let Some(account) = &range.account {
                more.push_str(&format!(" AND account = {}", statement.text(account)));
            }
            if let Some(own) = range.resource_type.filter(|_| !is_anything) {
                more.push_str(&format!(" AND resource_type = {own}"));
            }
            if column.is_none() {
                if let Some(cursor) = asked.after.as_ref().filter(|cursor| cursor.range == *range) {
                    more.push_str(&format!(" AND seq {forth} {}", statement.number(cursor.seq)));
                }
                if let Some(place) = bound {
                    more.push_str(&format!(" AND seq {back}= {}", statement.number(place.seq)));
                }
            }
            for status in phase.numbers(FindingStatus::of_number(range.status)) {
                parts.push(format!(
                    "SELECT {columns} FROM findings{index} WHERE analyzer = {analyzer} AND status = {status} AND kind = {}{more}{condition}{behind}{up_to}",
                    range.kind
                ));
            }
        }
        let order = match column {
            None | Some("seq") => format!("seq {order}"),
            Some(column) => format!("{column} {order}, seq {order}"),
        };
        format!("{} ORDER BY {order}", parts.join(" UNION ALL "))
    }

    /// Tells SQLite which index ranges are of: between two numbers of findings it would rather read all findings in between,
    /// whosever they are, and PostgreSQL finds it by itself.
    fn index(&self, column: Option<&str>, by_account: bool) -> &'static str {
        match (self.dialect(), column, by_account) {
            (Dialect::Postgres, ..) => "",
            (Dialect::Sqlite, Some("updated"), false) => " INDEXED BY findings_updated",
            (Dialect::Sqlite, Some("updated"), true) => " INDEXED BY findings_account_updated",
            (Dialect::Sqlite, Some("resource"), _) => " INDEXED BY findings_resource",
            (Dialect::Sqlite, Some("risk"), _) => " INDEXED BY findings_risk",
            (Dialect::Sqlite, _, false) => " INDEXED BY findings_seq",
            (Dialect::Sqlite, _, true) => " INDEXED BY findings_account_seq",
        }
    }

    /// What must fit besides the range, as SQL that begins with ` AND`.
    fn condition(&self, statement: &mut Statement, asked: &Query, analyzer: &str, is_few: bool) -> String {
        let mut sql = String::new();
        for (key, column) in
            [(FilterKey::Resource, "resource"), (FilterKey::Id, "id"), (FilterKey::ResourceOwnerAccount, "account")]
        {
            if let Some(criterion) = asked.filter.of(key) {
                // Said in this way, the databases do not take an index of accounts where the order needs another.
                let column = if key == FilterKey::ResourceOwnerAccount && !is_few { "(account || '')" } else { column };
                self.criterion(&mut sql, statement, column, criterion);
            }
        }
        if let Some(criterion) = asked.filter.of(FilterKey::ResourceType) {
            let own: Vec<String> = ResourceType::ALL
                .into_iter()
                .filter(|own| criterion.admits(own.as_str()))
                .map(|own| own.number().to_string())
                .collect();
            if own.len() < 2 {
                sql.push_str(&format!(" AND resource_type = {}", own.first().map_or("-1", String::as_str)));
            }
        }
        if asked.risk != Risk::default() {
            sql.push_str(&format!(" AND (risk & {0}) = {0}", asked.risk.0));
        }
        if let Some(from) = asked.created_from {
            sql.push_str(&format!(" AND created >= {}", statement.number(from.seconds())));
        }
        if let Some(before) = asked.created_before {
            sql.push_str(&format!(" AND created < {}", statement.number(before.seconds())));
        }
        if let Some(service) = &asked.service {
            let service = statement.text(service);
            if is_few {
                sql.push_str(&format!(
                    " AND seq IN (SELECT finding FROM services WHERE analyzer = {analyzer} AND service = {service})"
                ));
                return sql;
            }
            sql.push_str(&format!(
                " AND EXISTS (SELECT 1 FROM services WHERE services.analyzer = {analyzer} AND services.service = {service} AND services.finding = findings.seq)"
            ));
        }
        sql
    }

    fn criterion(&self, sql: &mut String, statement: &mut Statement, column: &str, criterion: &Criterion) {
        let Criterion { eq, neq, contains, exists } = criterion;
        for (values, word) in [(eq, "IN"), (neq, "NOT IN")] {
            if !values.is_empty() {
                let places: Vec<String> = values.iter().map(|value| statement.text(value)).collect();
                sql.push_str(&format!(" AND {column} {word} ({})", places.join(", ")));
            }
        }
        if !contains.is_empty() {
            let position = match self.dialect() {
                Dialect::Sqlite => "instr",
                Dialect::Postgres => "strpos",
            };
            let parts: Vec<String> =
                contains.iter().map(|value| format!("{position}({column}, {}) > 0", statement.text(value))).collect();
            sql.push_str(&format!(" AND ({})", parts.join(" OR ")));
        }
        if *exists == Some(false) {
            sql.push_str(" AND 1 = 0");
        }
    }
}

/// What ranges are merged by; nothing where the order is one of ranges.
fn column_of(key: SortKey) -> Option<&'static str> {
    match key {
        SortKey::Created => Some("seq"),
        SortKey::Updated => Some("updated"),
        SortKey::Resource => Some("resource"),
        SortKey::Risk => Some("risk"),
        SortKey::Id => Some("id"),
        SortKey::Status | SortKey::FindingType | SortKey::Account | SortKey::ResourceType => None,
    }
}

/// Whether much of what is in the ranges may not fit.
fn is_sparse(asked: &Query, by_account: bool) -> bool {
    let says = |key: FilterKey| asked.filter.of(key).is_some_and(|one| !one.neq.is_empty() || !one.contains.is_empty());
    let account = asked.filter.of(FilterKey::ResourceOwnerAccount).is_some_and(|one| !one.eq.is_empty());
    says(FilterKey::Resource)
        || says(FilterKey::Id)
        || says(FilterKey::ResourceOwnerAccount) && !by_account
        || account && !by_account
        || asked.filter.of(FilterKey::ResourceType).is_some()
        || asked.sort.key == SortKey::ResourceType
        || asked.risk != Risk::default()
        || asked.created_from.is_some()
        || asked.created_before.is_some()
        || asked.service.is_some()
}

fn cursor_behind(last: &FindingSummary, asked: &Query, column: Option<&str>, by_account: bool) -> Cursor {
    let key = match column {
        Some("updated") => Key::Number(last.updated.seconds()),
        Some("risk") => Key::Number(i64::from(last.risk.0)),
        Some("resource") => Key::Text(last.resource.clone()),
        Some("id") => Key::Text(last.id.clone()),
        _ => Key::None,
    };
    let range = match column {
        Some(_) => Range::default(),
        None => range_of(last, asked, by_account),
    };
    Cursor { range, key, seq: last.seq }
}

/// Which of two findings comes first in a list that is not merged, by their ranges and numbers.
fn in_order(asked: &Query, one: (&Range, i64), other: (&Range, i64)) -> Ordering {
    let seq = if asked.sort.descending { other.1.cmp(&one.1) } else { one.1.cmp(&other.1) };
    compare(asked.sort, one.0, other.0).then(seq)
}

/// Puts findings of several ranges in the order of a list that is not merged.
fn put_in_order(found: &mut [FindingSummary], asked: &Query, by_account: bool) {
    let range = |finding: &FindingSummary| range_of(finding, asked, by_account);
    found.sort_by(|one, other| in_order(asked, (&range(one), one.seq), (&range(other), other.seq)));
}

/// The range in which a list that is not merged has a finding.
fn range_of(finding: &FindingSummary, asked: &Query, by_account: bool) -> Range {
    Range {
        account: by_account.then(|| finding.account.clone()),
        resource_type: (asked.sort.key == SortKey::ResourceType).then(|| finding.resource_type.number()),
        status: finding.status.number(),
        kind: kind_number(finding.kind),
    }
}
