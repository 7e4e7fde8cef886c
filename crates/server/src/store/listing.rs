//! Lists of findings: filtered, sorted, and page by page, at the same cost on the first page and on the last.
//!
//! A list is put together from ranges of an index: one for each status and kind (and account) that the filter leaves. Either the
//! ranges are merged by a key that is in the index behind them, or they are read one after the other, which sorts by what the
//! ranges are of. A page ends with a [`Cursor`]: the place in the order, not a number of rows, so that nothing is shown
//! twice or left out when findings come and go in between. It opens no transaction and changes nothing.

use leastwise::findings::FindingKind;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Executor, Row, query};

use super::findings::{self, FindingStatus, FindingSummary, ResourceType, kind_number, kind_of_number, places};
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
}

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
        }
    }
}

/// A place in a list, behind the last finding of a page. Its text has no secret and no protection: who hands it out seals it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    range: Range,
    key: Key,
    seq: i64,
}

/// One range of an index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Range {
    account: Option<String>,
    /// Set only where the list is sorted by it.
    resource_type: Option<i64>,
    status: i64,
    kind: i64,
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

impl Range {
    /// What it is narrowed by besides status and kind.
    fn condition(&self, statement: &mut Statement) -> String {
        let mut sql = String::new();
        if let Some(account) = &self.account {
            sql.push_str(&format!(" AND account = {}", statement.text(account)));
        }
        if let Some(own) = self.resource_type {
            sql.push_str(&format!(" AND resource_type = {own}"));
        }
        sql
    }
}

/// With so many ranges a merge costs more than reading past what does not fit.
const RANGES: usize = 120;

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
}

impl Store {
    /// A page of findings.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, asked: &Query) -> Result<Page, StoreError> {
        let mut connection = self.reads().acquire().await?;
        self.page(&mut connection, asked).await
    }

    /// A page of findings, by a connection that may be in the middle of a change.
    pub(super) async fn page(&self, connection: &mut AnyConnection, asked: &Query) -> Result<Page, StoreError> {
        let wanted = asked.limit.max(1) as usize + 1;
        let ranges = self.ranges(connection, asked).await?;
        let mut found = Vec::new();
        let column = match asked.sort.key {
            SortKey::Created => Some("seq"),
            SortKey::Updated => Some("updated"),
            SortKey::Resource => Some("resource"),
            SortKey::Risk => Some("risk"),
            SortKey::Id => Some("id"),
            SortKey::Status | SortKey::FindingType | SortKey::Account | SortKey::ResourceType => None,
        };
        match column {
            Some(column) => {
                if !ranges.is_empty() {
                    found = self.merged(connection, asked, &ranges, column, wanted).await?;
                }
            }
            None => {
                for range in &ranges {
                    let missing = wanted - found.len();
                    if missing == 0 {
                        break;
                    }
                    let here = asked.after.as_ref().filter(|cursor| cursor.range == *range);
                    let one = Query { after: here.cloned(), sort: Sort { key: SortKey::Created, ..asked.sort }, ..asked.clone() };
                    found.extend(self.merged(connection, &one, std::slice::from_ref(range), "seq", missing).await?);
                }
            }
        }
        let mut rows = found.iter().map(|row| findings::read(row, asked.analysed)).collect::<Result<Vec<_>, _>>()?;
        let more = rows.len() >= wanted;
        rows.truncate(wanted - 1);
        let next = rows.last().filter(|_| more).map(|last| cursor_behind(last, asked, column));
        Ok(Page { findings: rows, next })
    }

    /// The ranges that the filter leaves, in the order of the list where that is an order of ranges.
    async fn ranges(&self, connection: &mut AnyConnection, asked: &Query) -> Result<Vec<Range>, StoreError> {
        let admits = |key: FilterKey, value: &str| asked.filter.of(key).is_none_or(|criterion| criterion.admits(value));
        let kinds: Vec<i64> =
            FindingKind::ALL.into_iter().filter(|kind| admits(FilterKey::FindingType, kind.as_str())).map(kind_number).collect();
        let statuses: Vec<i64> = FindingStatus::ALL
            .into_iter()
            .filter(|status| admits(FilterKey::Status, status.as_str()) && asked.only.is_none_or(|only| only == *status))
            .map(FindingStatus::number)
            .collect();
        let of_kind = |kind: i64| {
            ResourceType::ALL.into_iter().any(|own| admits(FilterKey::ResourceType, own.as_str()) && can_be(kind, own))
        };
        let accounts = asked.filter.of(FilterKey::ResourceOwnerAccount).map(|criterion| criterion.eq.clone()).unwrap_or_default();
        let mut ranges = Vec::new();
        if accounts.is_empty() && asked.sort.key != SortKey::Account {
            for status in &statuses {
                ranges.extend(kinds.iter().filter(|kind| of_kind(**kind)).map(|kind| Range {
                    status: *status,
                    kind: *kind,
                    ..Range::default()
                }));
            }
        } else {
            let sql = format!(
                "SELECT account, status, kind FROM counts WHERE analyzer = $1 AND n > 0{}",
                if accounts.is_empty() { String::new() } else { format!(" AND account IN ({})", places(2, accounts.len())) }
            );
            let mut rows = query(AssertSqlSafe(sql)).bind(asked.analyzer);
            for account in &accounts {
                rows = rows.bind(account);
            }
            for row in rows.fetch_all(&mut *connection).await? {
                let (account, status, kind): (String, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                if admits(FilterKey::ResourceOwnerAccount, &account)
                    && statuses.contains(&status)
                    && kinds.contains(&kind)
                    && of_kind(kind)
                {
                    ranges.push(Range { account: Some(account), status, kind, ..Range::default() });
                }
            }
        }
        if asked.sort.key == SortKey::ResourceType {
            let of_type = |range: Range| {
                let own = ResourceType::ALL.into_iter().filter(move |own| can_be(range.kind, *own));
                own.map(move |own| Range { resource_type: Some(own.number()), ..range.clone() })
            };
            ranges = ranges.into_iter().flat_map(of_type).collect();
        }
        ranges.sort_by(|one, other| {
            let of_type = |range: &Range| kind_of_number(range.kind).as_str();
            match asked.sort.key {
                SortKey::FindingType => of_type(one).cmp(of_type(other)).then_with(|| one.cmp(other)),
                SortKey::ResourceType => one.resource_type.cmp(&other.resource_type).then_with(|| one.cmp(other)),
                SortKey::Account => one.cmp(other),
                _ => (one.status, one.kind, &one.account).cmp(&(other.status, other.kind, &other.account)),
            }
        });
        if asked.sort.descending {
            ranges.reverse();
        }
        let in_order =
            !matches!(asked.sort.key, SortKey::Created | SortKey::Updated | SortKey::Resource | SortKey::Risk | SortKey::Id);
        if let Some(cursor) = asked.after.as_ref().filter(|_| in_order)
            && let Some(at) = ranges.iter().position(|range| *range == cursor.range)
        {
            ranges.drain(..at);
        }
        Ok(ranges)
    }

    /// The first rows of several ranges, merged by a column and then by age.
    async fn merged(
        &self,
        connection: &mut AnyConnection,
        asked: &Query,
        ranges: &[Range],
        column: &'static str,
        limit: usize,
    ) -> Result<Vec<AnyRow>, StoreError> {
        let mut statement = Statement::default();
        let analyzer = statement.number(asked.analyzer);
        let condition = self.condition(&mut statement, asked, &analyzer);
        let (sign, order) = if asked.sort.descending { ("<", "DESC") } else { (">", "ASC") };
        let behind = match (&asked.after, column) {
            (None, _) => String::new(),
            (Some(cursor), "seq") => format!(" AND seq {sign} {}", statement.number(cursor.seq)),
            (Some(cursor), _) => {
                let key = match &cursor.key {
                    Key::None => statement.number(0),
                    Key::Number(number) => statement.number(*number),
                    Key::Text(text) => statement.text(text),
                };
                format!(" AND ({column}, seq) {sign} ({key}, {})", statement.number(cursor.seq))
            }
        };
        let order = if column == "seq" { format!("seq {order}") } else { format!("{column} {order}, seq {order}") };
        let columns = findings::COLUMNS;
        let sql = if column == "id" || ranges.len() > RANGES {
            // Read past what does not fit. The plus keeps the databases from choosing the index of the analyzer and sorting all.
            let mut alternatives: Vec<String> = Vec::new();
            for range in ranges {
                let more = range.condition(&mut statement);
                alternatives.push(format!("(status = {} AND kind = {}{more})", range.status, range.kind));
            }
            format!(
                "SELECT {columns} FROM findings WHERE +analyzer = {analyzer} AND ({}){condition}{behind} ORDER BY {order} LIMIT {limit}",
                alternatives.join(" OR ")
            )
        } else {
            let mut parts: Vec<String> = Vec::new();
            for range in ranges {
                let more = range.condition(&mut statement);
                parts.push(format!(
                    "SELECT {columns} FROM findings WHERE analyzer = {analyzer} AND status = {} AND kind = {}{more}{condition}{behind}",
                    range.status, range.kind
                ));
            }
            format!("{} ORDER BY {order} LIMIT {limit}", parts.join(" UNION ALL "))
        };
        let mut rows = query::<Any>(AssertSqlSafe(sql));
        for value in statement.values {
            rows = match value {
                Value::Number(number) => rows.bind(number),
                Value::Text(text) => rows.bind(text),
            };
        }
        Ok(connection.fetch_all(rows).await?)
    }

    /// What must fit besides the range, as SQL that begins with ` AND`.
    fn condition(&self, statement: &mut Statement, asked: &Query, analyzer: &str) -> String {
        let mut sql = String::new();
        for (key, column) in
            [(FilterKey::Resource, "resource"), (FilterKey::Id, "id"), (FilterKey::ResourceOwnerAccount, "account")]
        {
            if let Some(criterion) = asked.filter.of(key) {
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

fn cursor_behind(last: &FindingSummary, asked: &Query, column: Option<&str>) -> Cursor {
    let key = match column {
        Some("updated") => Key::Number(last.updated.seconds()),
        Some("risk") => Key::Number(i64::from(last.risk.0)),
        Some("resource") => Key::Text(last.resource.clone()),
        Some("id") => Key::Text(last.id.clone()),
        _ => Key::None,
    };
    let by_account = asked.sort.key == SortKey::Account
        || asked.filter.of(FilterKey::ResourceOwnerAccount).is_some_and(|criterion| !criterion.eq.is_empty());
    let range = Range {
        account: by_account.then(|| last.account.clone()),
        resource_type: (asked.sort.key == SortKey::ResourceType).then(|| last.resource_type.number()),
        status: last.status.number(),
        kind: kind_number(last.kind),
    };
    Cursor { range, key, seq: last.seq }
}

/// Whether a finding of a kind can be about a role, or about a user.
fn can_be(kind: i64, resource: ResourceType) -> bool {
    match kind_of_number(kind) {
        FindingKind::UnusedIamRole => resource == ResourceType::Role,
        FindingKind::UnusedIamUserAccessKey | FindingKind::UnusedIamUserPassword => resource == ResourceType::User,
        FindingKind::UnusedPermission => true,
    }
}
