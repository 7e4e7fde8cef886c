//! Which ranges of the indices a list is put together from, in which order, and how many findings are in them.
//!
//! Between `listing.rs`, which reads them, and the counters, which know what there is: a range that holds nothing is never
//! read. It reads counters alone.

use std::cmp::Ordering;

use leastwise::findings::FindingKind;
use sqlx::{AnyConnection, AssertSqlSafe, Row, query};

use super::findings::{FindingStatus, Phase, ResourceType, kind_number, kind_of_number, listed, places};
use super::{FilterKey, Query, Sort, SortKey, StoreError};

/// One range of an index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Range {
    /// Set where accounts are told apart.
    pub(super) account: Option<String>,
    /// Set only where the list is sorted by it.
    pub(super) resource_type: Option<i64>,
    /// The number of a status that is shown.
    pub(super) status: i64,
    /// The number of a kind.
    pub(super) kind: i64,
}

/// The ranges of a list, group by group.
pub(super) struct Ranges<'q> {
    asked: &'q Query,
    statuses: Vec<FindingStatus>,
    kinds: Vec<i64>,
    phase: Phase,
    is_merged: bool,
    /// Whether so few findings are meant that they are found by what makes them few, and sorted.
    pub(super) is_few: bool,
    /// Whether the ranges are of one account each.
    pub(super) by_account: bool,
    /// Whether the ranges are many and short: an index is read through and sorted then, which costs less than a merge.
    pub(super) is_sorted: bool,
    ahead: std::collections::VecDeque<(Range, u64)>,
    /// From which account on there may be more, for a list by account.
    more_from: Option<String>,
}

/// With more ranges than this, a merge costs more than sorting what an index says of them.
const RANGES: usize = 16;
/// So many findings are sorted for one page by what an index alone says of them; of more, those that do not fit are read past.
const SORTED: u64 = 60_000;
/// So many findings are sorted for one page rather than read past.
const FEW: u64 = 2_500;
/// So many short ranges are read at once.
const TOGETHER: usize = 24;
/// Counters that are read at once for a list by account.
const COUNTERS: usize = 240;

impl<'q> Ranges<'q> {
    /// The ranges that the filter leaves.
    pub(super) async fn of(
        connection: &mut AnyConnection,
        asked: &'q Query,
        phase: Phase,
        column: Option<&'static str>,
    ) -> Result<Ranges<'q>, StoreError> {
        let admits = |key: FilterKey, value: &str| asked.filter.of(key).is_none_or(|criterion| criterion.admits(value));
        let of_kind = |kind: i64| {
            ResourceType::ALL.into_iter().any(|own| admits(FilterKey::ResourceType, own.as_str()) && can_be(kind, own))
        };
        let kinds = FindingKind::ALL.into_iter().filter(|kind| admits(FilterKey::FindingType, kind.as_str())).map(kind_number);
        let mut ranges = Ranges {
            asked,
            statuses: FindingStatus::ALL
                .into_iter()
                .filter(|own| admits(FilterKey::Status, own.as_str()) && asked.only.is_none_or(|only| only == *own))
                .collect(),
            kinds: kinds.filter(|kind| of_kind(*kind)).collect(),
            phase,
            is_merged: column.is_some(),
            is_few: false,
            by_account: false,
            is_sorted: false,
            ahead: std::collections::VecDeque::new(),
            more_from: None,
        };
        if ranges.statuses.is_empty() || ranges.kinds.is_empty() {
            return Ok(ranges);
        }
        let eq = |key: FilterKey| asked.filter.of(key).map(|criterion| criterion.eq.as_slice()).unwrap_or_default();
        let has_name = !eq(FilterKey::Resource).is_empty() || !eq(FilterKey::Id).is_empty();
        if has_name && !ranges.is_merged {
            // They are found by their names wherever they are, and put in order then.
            (ranges.is_few, ranges.by_account) = (true, asked.sort.key == SortKey::Account);
            for status in &ranges.statuses {
                let of_kind = |kind: &i64| (Range { status: status.number(), kind: *kind, ..Range::default() }, 1);
                ranges.ahead.extend(ranges.kinds.iter().map(of_kind));
            }
            return Ok(ranges);
        }
        if asked.sort.key == SortKey::Account {
            ranges.by_account = true;
            let from = asked.after.as_ref().and_then(|cursor| cursor.range.account.clone());
            ranges.more_from = Some(from.unwrap_or_default());
            return Ok(ranges);
        }
        let accounts = eq(FilterKey::ResourceOwnerAccount);
        let mut known = Vec::new();
        if !accounts.is_empty() && !has_name {
            known = ranges.counted(connection, None, accounts).await?;
            let is_in_index = matches!(column, None | Some("seq" | "updated"));
            let n = known.iter().map(|(_, n)| n).sum::<u64>();
            ranges.is_sorted = is_in_index && column.is_some() && known.len() > RANGES && n <= SORTED;
            ranges.by_account = is_in_index && (column.is_none() || known.len() <= RANGES || ranges.is_sorted);
            ranges.is_few = !ranges.by_account && n <= FEW;
        }
        if !ranges.by_account {
            known = ranges.totals(connection).await?;
        }
        if ranges.is_merged {
            let service = match &asked.service {
                Some(service) => ranges.of_service(connection, service).await? <= FEW,
                None => false,
            };
            ranges.is_few |= has_name || service;
            if ranges.is_few {
                (ranges.by_account, ranges.is_sorted) = (false, false);
            }
        }
        if asked.sort.key == SortKey::ResourceType {
            let of_type = |(range, n): (Range, u64)| {
                let own = ResourceType::ALL.into_iter().filter(move |own| can_be(range.kind, *own));
                own.map(move |own| (Range { resource_type: Some(own.number()), ..range.clone() }, n))
            };
            known = known.into_iter().flat_map(of_type).collect();
        }
        ranges.put_in_order(known);
        Ok(ranges)
    }

    /// The next ranges to read together, and how many findings are in them: all of those that are merged or few; else one, or
    /// some that have at most `room` findings together.
    pub(super) async fn next(
        &mut self,
        connection: &mut AnyConnection,
        room: u64,
    ) -> Result<Option<(Vec<Range>, u64)>, StoreError> {
        while self.ahead.is_empty()
            && let Some(from) = self.more_from.take()
        {
            let accounts = self.asked.filter.of(FilterKey::ResourceOwnerAccount).map(|one| one.eq.clone()).unwrap_or_default();
            let known = self.counted(connection, Some(&from), &accounts).await?;
            self.put_in_order(known);
        }
        let (mut group, mut size) = (Vec::new(), 0_u64);
        let is_whole = self.is_merged || self.is_few;
        while let Some((_, n)) = self.ahead.front()
            && (is_whole || group.is_empty() || (size.saturating_add(*n) <= room && group.len() < TOGETHER))
            && let Some((range, n)) = self.ahead.pop_front()
        {
            group.push(range);
            size = size.saturating_add(n);
        }
        Ok(if group.is_empty() { None } else { Some((group, size)) })
    }

    fn numbers(&self) -> String {
        listed(&self.statuses.iter().flat_map(|status| self.phase.numbers(*status)).copied().collect::<Vec<_>>())
    }

    /// Ranges without accounts.
    async fn totals(&self, connection: &mut AnyConnection) -> Result<Vec<(Range, u64)>, StoreError> {
        let sql = format!(
            "SELECT status, CAST(value AS BIGINT), n FROM facets WHERE analyzer = $1 AND status IN ({}) AND facet = 'kind' AND n > 0",
            self.numbers()
        );
        let mut known = Vec::new();
        for row in query(AssertSqlSafe(sql)).bind(self.asked.analyzer).fetch_all(&mut *connection).await? {
            known.push((None, row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
        }
        Ok(self.shown(known))
    }

    /// Ranges of one account each: of these accounts if there are any, and from one account on.
    async fn counted(
        &mut self,
        connection: &mut AnyConnection,
        from: Option<&str>,
        accounts: &[String],
    ) -> Result<Vec<(Range, u64)>, StoreError> {
        let (sign, order) = if self.asked.sort.descending { ("<=", "DESC") } else { (">=", "ASC") };
        let mut sql = format!(
            "SELECT account, status, kind, n FROM counts WHERE analyzer = $1 AND status IN ({}) AND kind IN ({}) AND n > 0",
            self.numbers(),
            listed(&self.kinds)
        );
        if !accounts.is_empty() {
            sql.push_str(&format!(" AND account IN ({})", places(2, accounts.len())));
        }
        let from = from.filter(|from| !from.is_empty());
        if from.is_some() {
            sql.push_str(&format!(" AND account {sign} ${}", accounts.len() + 2));
        }
        let is_in_order = self.asked.sort.key == SortKey::Account;
        if is_in_order {
            sql.push_str(&format!(" ORDER BY account {order} LIMIT {COUNTERS}"));
        }
        let mut rows = query(AssertSqlSafe(sql)).bind(self.asked.analyzer);
        for account in accounts {
            rows = rows.bind(account);
        }
        if let Some(from) = from {
            rows = rows.bind(from);
        }
        let rows = rows.fetch_all(&mut *connection).await?;
        let mut known: Vec<(Option<String>, i64, i64, i64)> = Vec::new();
        for row in &rows {
            known.push((Some(row.try_get(0)?), row.try_get(1)?, row.try_get(2)?, row.try_get(3)?));
        }
        if is_in_order && rows.len() >= COUNTERS {
            // The last account may not be whole; it comes with the next ones.
            let last = known.last().and_then(|(account, ..)| account.clone());
            known.retain(|(account, ..)| *account != last);
            self.more_from = last;
        }
        let own = self.asked.filter.of(FilterKey::ResourceOwnerAccount);
        known.retain(|(account, ..)| own.is_none_or(|own| own.admits(account.as_deref().unwrap_or_default())));
        Ok(self.shown(known))
    }

    /// Adds up the numbers that mean the same status, of the kinds that are asked for.
    fn shown(&self, known: Vec<(Option<String>, i64, i64, i64)>) -> Vec<(Range, u64)> {
        let mut ranges = std::collections::BTreeMap::new();
        for (account, status, kind, n) in known {
            if let Some(status) = self.phase.status(status)
                && self.kinds.contains(&kind)
            {
                let range = Range { account, resource_type: None, status: status.number(), kind };
                *ranges.entry(range).or_insert(0) += u64::try_from(n).unwrap_or_default();
            }
        }
        ranges.into_iter().collect()
    }

    /// How many findings of the statuses have something of a service.
    async fn of_service(&self, connection: &mut AnyConnection, service: &str) -> Result<u64, StoreError> {
        let sql =
            "SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) FROM facets WHERE analyzer = $1 AND facet = 'service' AND value = $2";
        let row = query(sql).bind(self.asked.analyzer).bind(service).fetch_one(&mut *connection).await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default())
    }

    /// Puts ranges in the order of the list, and leaves out those before the place where it goes on.
    fn put_in_order(&mut self, mut known: Vec<(Range, u64)>) {
        let compare = |one: &Range, other: &Range| compare(self.asked.sort, one, other);
        known.sort_by(|(one, _), (other, _)| compare(one, other));
        if let Some(cursor) = self.asked.after.as_ref().filter(|_| !self.is_merged) {
            known.retain(|(range, _)| compare(range, &cursor.range) != Ordering::Less);
        }
        self.ahead.extend(known);
    }
}

/// Which of two ranges comes first in a list that is not merged.
pub(super) fn compare(sort: Sort, one: &Range, other: &Range) -> Ordering {
    let kind = |range: &Range| kind_of_number(range.kind).as_str();
    let order = match sort.key {
        SortKey::FindingType => kind(one).cmp(kind(other)).then_with(|| one.cmp(other)),
        SortKey::ResourceType => one.resource_type.cmp(&other.resource_type).then_with(|| one.cmp(other)),
        SortKey::Account => one.cmp(other),
        _ => (one.status, one.kind, &one.account).cmp(&(other.status, other.kind, &other.account)),
    };
    if sort.descending { order.reverse() } else { order }
}

/// Whether a finding of a kind can be about a role, or about a user.
fn can_be(kind: i64, resource: ResourceType) -> bool {
    match kind_of_number(kind) {
        FindingKind::UnusedIamRole => resource == ResourceType::Role,
        FindingKind::UnusedIamUserAccessKey | FindingKind::UnusedIamUserPassword => resource == ResourceType::User,
        FindingKind::UnusedPermission => true,
    }
}
