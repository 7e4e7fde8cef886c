//! The filter of the table of findings, as it stands in the address: what is shown, in which order, from where.
//!
//! Between addresses and the store's queries, in both directions. What an address says that we do not know is left out, so that
//! an old link still leads somewhere.

use leastwise::access::Timestamp;
use leastwise::access::time::DAY;
use leastwise::findings::FindingKind;

use super::fields::Fields;
use super::risk;
use super::text::path_and_name;
use super::text::{age, kind, number};
use crate::store::{Analyzer, Criterion, Cursor, FilterKey, FindingStatus, FindingSummary, Query, Sort, SortKey};

/// Findings on a page.
pub(super) const PAGE: u32 = 50;

/// Ages to choose: name in the address, words, at least so many days, at most so many.
pub(super) const AGES: [(&str, &str, i64, Option<i64>); 5] = [
    ("day", "Today", 0, Some(1)),
    ("week", "1 to 7 days", 1, Some(7)),
    ("month", "1 to 4 weeks", 7, Some(30)),
    ("quarter", "1 to 3 months", 30, Some(90)),
    ("older", "Older", 90, None),
];

/// Orders: name in the address, the store's key, whether the first click shows the greatest first.
pub(super) const SORTS: [(&str, SortKey, bool); 6] = [
    ("resource", SortKey::Resource, false),
    ("risk", SortKey::Risk, true),
    ("type", SortKey::FindingType, false),
    ("account", SortKey::Account, false),
    ("created", SortKey::Created, true),
    ("updated", SortKey::Updated, true),
];

/// The order of an address: `risk` is downward by itself, `-risk` the other way round.
pub(super) fn sort_of(text: &str) -> (&'static str, Sort) {
    let (turned, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
    let found = SORTS.iter().find(|(own, ..)| *own == name);
    let (name, key, descending) = *found.unwrap_or(&("risk", SortKey::Risk, true));
    (name, Sort { key, descending: descending != (turned && found.is_some()) })
}

/// What an address asks for.
pub(super) fn query_of(fields: &Fields, analyzer: &Analyzer, now: Timestamp) -> Query {
    let mut query = Query::of(analyzer);
    query.limit = PAGE;
    let one = |value: &str| Criterion { eq: vec![value.to_owned()], ..Criterion::default() };
    let text = fields.of("q");
    if !text.is_empty() {
        query.filter.criteria.insert(FilterKey::Resource, Criterion { contains: vec![text.to_owned()], ..Criterion::default() });
    }
    if let Some(kind) = FindingKind::ALL.into_iter().find(|kind| kind.as_str() == fields.of("type")) {
        query.filter.criteria.insert(FilterKey::FindingType, one(kind.as_str()));
    }
    let account = fields.of("account");
    if !account.is_empty() {
        query.filter.criteria.insert(FilterKey::ResourceOwnerAccount, one(account));
    }
    query.only = match fields.of("status") {
        "all" => None,
        status => Some(FindingStatus::parse(&status.to_ascii_uppercase()).unwrap_or(FindingStatus::Active)),
    };
    query.service = Some(fields.of("service").to_owned()).filter(|service| !service.is_empty());
    query.risk = risk::parse(fields.of("risk")).unwrap_or_default();
    if let Some((_, _, from, to)) = AGES.iter().find(|(name, ..)| *name == fields.of("age")) {
        // Ages are counted as the table shows them: in whole days.
        let ago = |days: i64| Timestamp::from_seconds(now.seconds() - days * DAY);
        query.created_from = to.map(|to| Timestamp::from_seconds(ago(to).seconds() + 1));
        query.created_before = (*from > 0).then(|| Timestamp::from_seconds(ago(*from).seconds() + 1));
    }
    query.sort = sort_of(fields.of("sort")).1;
    query.after = Some(fields.of("after")).filter(|after| !after.is_empty()).and_then(|after| Cursor::parse(after, query.sort));
    query
}

/// Whether the filter asks for nothing that the counters do not know.
pub(super) fn is_countable(fields: &Fields) -> bool {
    ["q", "service", "risk", "age", "account"].iter().all(|name| fields.of(name).is_empty())
}

/// A row of the table.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) path: String,
    pub(super) risk: &'static str,
    pub(super) risk_name: &'static str,
    pub(super) kind: String,
    pub(super) status: String,
    pub(super) account: String,
    pub(super) unused: String,
    pub(super) created: String,
    pub(super) age: String,
}

/// A finding as a row.
pub(super) fn row(finding: &FindingSummary, now: Timestamp) -> Row {
    let (path, name) = path_and_name(&finding.resource);
    let (risk, risk_name) = risk::worst(finding.risk);
    Row {
        id: finding.id.clone(),
        name: name.to_owned(),
        path: path.to_owned(),
        risk,
        risk_name,
        kind: kind(finding.kind.as_str()).to_owned(),
        status: finding.status.as_str().to_ascii_lowercase(),
        account: finding.account.clone(),
        unused: if finding.kind == FindingKind::UnusedPermission { number(finding.unused_actions) } else { "all".to_owned() },
        created: finding.created.to_string(),
        age: age(finding.created, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_from_the_address_and_an_unknown_one_is_the_riskiest_first() {
        assert_eq!(sort_of("-risk"), ("risk", Sort { key: SortKey::Risk, descending: false }));
        assert_eq!(sort_of("resource"), ("resource", Sort { key: SortKey::Resource, descending: false }));
        assert_eq!(sort_of("-created"), ("created", Sort { key: SortKey::Created, descending: false }));
        for unknown in ["", "-", "colour", "-colour"] {
            assert_eq!(sort_of(unknown), ("risk", Sort { key: SortKey::Risk, descending: true }), "{unknown}");
        }
    }
}
