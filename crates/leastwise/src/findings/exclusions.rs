//! Which accounts and principals somebody wants left alone.
//!
//! Asked before anything is judged. A principal whose tags cannot be read is left alone when tags decide, because it may
//! carry the tag; it never judges use.

use crate::access::{AccountId, Principal, PrincipalArn, Unread};
use crate::analysis::Analysis;

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

    /// Whether the credentials of a user are left out. A user whom the details do not show may carry any tag.
    #[must_use]
    pub fn credentials(&self, analysis: &Analysis<'_>, user: &PrincipalArn) -> bool {
        match analysis.access.principal(user) {
            Some(principal) => self.principal(principal),
            None => self.account(user.account()) || !self.tags.is_empty(),
        }
    }
}
