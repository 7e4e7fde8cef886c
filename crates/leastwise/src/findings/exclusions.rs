//! Which accounts and principals somebody wants left alone.
//!
//! Asked before anything is judged. A principal whose tags cannot be read is left alone when tags decide, because it may
//! carry the tag; it never judges use.

use std::fmt;

use crate::access::details::Tag;
use crate::access::{AccountId, Principal, PrincipalArn, Unread};
use crate::analysis::Analysis;

/// An exclusion that leaves nothing out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// As it is given on the command line.
    pub option: String,
    /// A tag that differs from it in upper and lower case only.
    pub similar: Option<String>,
}

impl fmt::Display for Unmatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` matches nothing", self.option)?;
        match &self.similar {
            Some(similar) => write!(f, "; the input has `{similar}`, and case counts"),
            None => Ok(()),
        }
    }
}

/// What is left out of the findings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclusions {
    /// Accounts.
    pub accounts: Vec<AccountId>,
    /// Tags: the key, and the value when it must be that one. Upper and lower case count.
    pub tags: Vec<(String, Option<String>)>,
}

impl Exclusions {
    /// Whether the account is left out.
    #[must_use]
    pub fn account(&self, account: AccountId) -> bool {
        self.accounts.contains(&account)
    }

    /// Whether the principal is left out, by its account or a tag.
    #[must_use]
    pub fn principal(&self, principal: &Principal) -> bool {
        let unread = |unread: &Unread| matches!(unread, Unread::Field("" | "Tags") | Unread::TwoRecords);
        let tagged = |(key, value): &(String, Option<String>)| {
            principal.tags.iter().any(|tag| *tag.key == **key && value.as_deref().is_none_or(|value| *tag.value == *value))
        };
        self.account(principal.arn.account())
            || self.tags.iter().any(tagged)
            || (!self.tags.is_empty() && principal.unread.iter().any(unread))
    }

    /// The exclusions that leave nothing out, each with what is like it: they may be misspelled.
    #[must_use]
    pub fn unmatched(&self, analysis: &Analysis<'_>) -> Vec<Unmatched> {
        let accounts = self.accounts.iter().filter(|account| {
            let mut known = analysis.access.accounts().iter();
            let reported = || analysis.credentials.iter().any(|report| report.accounts().contains(account));
            !known.any(|known| known.id == **account) && !reported()
        });
        let mut unmatched: Vec<Unmatched> =
            accounts.map(|account| Unmatched { option: format!("--exclude-account {account}"), similar: None }).collect();
        for (key, value) in &self.tags {
            let tags = || analysis.access.principals().iter().flat_map(|principal| &principal.tags);
            let fits = |tag: &Tag| *tag.key == **key && value.as_deref().is_none_or(|value| *tag.value == *value);
            if tags().any(fits) {
                continue;
            }
            let like = |tag: &&Tag| {
                tag.key.eq_ignore_ascii_case(key) && value.as_deref().is_none_or(|value| tag.value.eq_ignore_ascii_case(value))
            };
            let written = |key: &str, value: &str| format!("{key}={value}");
            let similar = tags().filter(like).map(|tag| match value {
                Some(_) => written(&tag.key, &tag.value),
                None => tag.key.to_string(),
            });
            let option = match value {
                Some(value) => written(key, value),
                None => key.clone(),
            };
            unmatched.push(Unmatched { option: format!("--exclude-tag {option}"), similar: similar.min() });
        }
        unmatched
    }

    /// Whether the credentials of a user are left out. A user whom the details do not show may carry any tag.
    #[must_use]
    pub fn credentials(&self, analysis: &Analysis<'_>, user: &PrincipalArn) -> bool {
        match analysis.access.principal(user) {
            Some(principal) => self.principal(principal),
            None => self.account(user.account()) || !self.tags.is_empty(),
        }
    }
}
