//! The things of the store as a caller sees them who sees some accounts only: analyzers, archive rules, filters, the log, reports.
//!
//! Between the store and every answer of both APIs and the dashboard. What is of other accounts is left out, and what names them is not
//! there. It reads nothing itself.

use serde_json::{Value, json};

use crate::auth::Visibility;
use crate::store::{AnalysisRule, Analyzer, AuditRow, Filter, FilterKey, Scope};

impl Visibility {
    /// Takes out of a filter what is not seen. False when nothing is left.
    pub(crate) fn narrow(&self, filter: &mut Filter) -> bool {
        let Some(seen) = self.accounts() else { return true };
        let criterion = filter.criteria.entry(FilterKey::ResourceOwnerAccount).or_default();
        if criterion.eq.is_empty() {
            criterion.eq = seen;
        } else {
            criterion.eq.retain(|account| seen.contains(account));
        }
        !criterion.eq.is_empty()
    }

    /// An analyzer as it is seen; none when it is of an account of others. One of the organization is seen as if it were of the caller's
    /// first account, since its ARN would tell another's.
    pub(crate) fn analyzer(&self, analyzer: Analyzer) -> Option<Analyzer> {
        let Some(accounts) = self.seen() else { return Some(analyzer) };
        let is_own = self.sees(analyzer.account());
        if analyzer.scope == Scope::Account && !is_own {
            return None;
        }
        let mut seen = analyzer;
        if !is_own {
            let mut parts: Vec<&str> = seen.arn.split(':').collect();
            let own = accounts.first()?.to_string();
            *parts.get_mut(4)? = &own;
            seen.arn = parts.join(":");
        }
        if seen.scope == Scope::Organization {
            seen.exclusions = seen.exclusions.iter().filter_map(|rule| self.exclusion(rule)).collect();
        }
        seen.last_resource = seen.last_resource.filter(|arn| self.sees_principal(arn));
        Some(seen)
    }

    /// What an exclusion says of the accounts that are seen; tags alone are the organization's.
    fn exclusion(&self, rule: &AnalysisRule) -> Option<AnalysisRule> {
        let account_ids: Vec<String> = rule.account_ids.iter().filter(|account| self.sees(account)).cloned().collect();
        let is_whole = account_ids.len() == rule.account_ids.len();
        let resource_tags = if is_whole { rule.resource_tags.clone() } else { Vec::new() };
        (!account_ids.is_empty() && (is_whole || rule.resource_tags.is_empty()))
            .then_some(AnalysisRule { account_ids, resource_tags })
    }

    /// Whether the tags of an analyzer are seen: those of the organization's are not for callers who see a part of it.
    pub(crate) fn sees_tags(&self, analyzer: &Analyzer) -> bool {
        self.is_all() || (analyzer.scope == Scope::Account && self.sees(analyzer.account()))
    }

    /// Whether an archive rule is seen: for a caller who does not see all, one that is about seen accounts only, and names no others.
    pub(crate) fn sees_rule(&self, filter: &Filter) -> bool {
        if self.is_all() {
            return true;
        }
        let of_accounts = filter.criteria.get(&FilterKey::ResourceOwnerAccount);
        let is_own =
            of_accounts.is_some_and(|criterion| !criterion.eq.is_empty() && criterion.eq.iter().all(|one| self.sees(one)));
        let values = |filter: &Filter| -> Vec<String> {
            filter.criteria.values().flat_map(|one| one.eq.iter().chain(&one.neq).chain(&one.contains)).cloned().collect()
        };
        is_own && values(filter).iter().all(|text| accounts_in(text).all(|account| self.sees(account)))
    }

    /// A line of the audit log as it is seen. Who acts on the own findings is known by name; rules of the organization are not.
    pub(crate) fn audit(&self, mut row: AuditRow) -> AuditRow {
        if !self.is_all() && row.actor.starts_with("rule:") {
            row.actor = "rule".to_owned();
        }
        row
    }

    /// The report of an analysis (`coverage`, `problems`, `window`, `catalog`) as it is seen: the sources of the seen accounts, and no sums
    /// over all.
    pub(crate) fn report(&self, report: Value) -> Value {
        if self.is_all() || report.is_null() {
            return report;
        }
        let own = |one: &&Value| one.get("account").and_then(Value::as_str).is_some_and(|account| self.sees(account));
        let accounts = report.pointer("/coverage/accounts").and_then(Value::as_array);
        let accounts: Vec<&Value> = accounts.into_iter().flatten().filter(own).collect();
        json!({
            "schema": report.get("schema"), "version": report.get("version"), "catalog": report.get("catalog"),
            "window": report.get("window"), "problems": [], "isLimited": true, "coverage": {"accounts": accounts},
        })
    }
}

/// The runs of twelve digits in a text: what may be an account's number.
fn accounts_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(|sign: char| !sign.is_ascii_digit()).filter(|digits| digits.len() == 12)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::auth::OrganizationalUnits;

    fn of(text: &str) -> Visibility {
        Visibility::parse(text, &OrganizationalUnits::new())
    }

    #[test]
    fn a_rule_is_seen_only_when_it_names_the_own_accounts_and_no_others() {
        let seen = of("111122223333");
        let rule = |text: &str| seen.sees_rule(&Filter::parse(text).unwrap());
        assert!(rule(r#"{"resourceOwnerAccount":{"eq":["111122223333"]},"resource":{"contains":["ci-"]}}"#));
        for other in [
            r#"{"resource":{"contains":["ci-"]}}"#,
            r#"{"resourceOwnerAccount":{"eq":["111122223333","444455556666"]}}"#,
            r#"{"resourceOwnerAccount":{"neq":["444455556666"]}}"#,
            r#"{"resourceOwnerAccount":{"eq":["111122223333"]},"resource":{"neq":["arn:aws:iam::444455556666:role/x"]}}"#,
        ] {
            assert!(!rule(other), "{other}");
            assert!(Visibility::all().sees_rule(&Filter::parse(other).unwrap()));
        }
    }

    #[test]
    fn a_filter_for_accounts_that_are_not_seen_leaves_nothing() {
        let mut all = Filter::default();
        assert!(of("111122223333").narrow(&mut all) && all.to_string().contains("111122223333"));
        let mut other = Filter::parse(r#"{"resourceOwnerAccount":{"eq":["444455556666"]}}"#).unwrap();
        assert!(!of("111122223333").narrow(&mut other));
    }
}
