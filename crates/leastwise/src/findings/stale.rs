//! Which undated exports are older than the logs say they can be.
//!
//! Account details and bare credential reports do not state when they were taken. They are taken to be of the moment of the
//! analysis when somebody says so; otherwise they are only as young as the latest date in them. Where logs show a use much
//! later than the export knows of, and that it must have known, that is refuted. What such an export does not show means nothing
//! for its account. It judges exports only, never a principal.

use std::collections::BTreeMap;

use super::credentials::LONGEST_SESSION;
use crate::access::credential_report::{CredentialRow, LastUse};
use crate::access::details::RoleLastUsed;
use crate::access::{AccountId, CredentialReport, PrincipalArn, Timestamp};
use crate::analysis::{Analysis, UndatedExports};
use crate::usage::sources::last_accessed::REPORT_DELAY;

/// The accounts whose exports are refuted, each with the use that the export does not know of.
#[derive(Debug, Default)]
pub(super) struct StaleExports {
    details: BTreeMap<AccountId, Timestamp>,
    credentials: BTreeMap<AccountId, Timestamp>,
    /// Accounts whose details are not shown to reach the end of the period, with the latest date in them.
    old_details: BTreeMap<AccountId, Option<Timestamp>>,
}

/// Whether an export that IAM made no earlier than `latest` says nothing about the last part of the period.
fn ends_early(analysis: &Analysis<'_>, latest: Option<Timestamp>) -> bool {
    let reaches = latest.map(|latest| latest.seconds() - REPORT_DELAY + i64::from(analysis.rules.tolerance));
    reaches.is_none_or(|reaches| reaches < analysis.period.end.seconds())
}

/// The latest date in the details of each account: they were taken no earlier.
fn latest_of_details(analysis: &Analysis<'_>) -> BTreeMap<AccountId, Timestamp> {
    let mut latest = BTreeMap::new();
    for principal in analysis.access.principals() {
        let used = match principal.role.as_ref().map(|role| &role.last_used) {
            Some(RoleLastUsed::At(last)) => Some(*last),
            _ => None,
        };
        [principal.created, used].into_iter().flatten().for_each(|at| note(&mut latest, principal.arn.account(), at));
    }
    for policy in analysis.access.policies() {
        if let (Some(account), Some(at)) = (policy.arn.owner(), policy.updated) {
            note(&mut latest, account, at);
        }
    }
    latest
}

/// The latest date in a credential report, as far as it is about the account.
fn latest_of_report(report: &CredentialReport, account: AccountId) -> Option<Timestamp> {
    let rows = report.rows.iter().filter(|row| row.arn.account() == account);
    let of_row = |row: &CredentialRow| {
        let uses = row.keys.iter().map(|key| key.last_used).chain([row.password.last_used]);
        let uses = uses.map(|last| if let LastUse::At(last) = last { Some(last) } else { None });
        uses.chain(row.keys.iter().map(|key| key.rotated)).chain([row.created, row.password.changed]).flatten().max()
    };
    rows.filter_map(of_row).max()
}

/// A last use that reports show, and the time up to which the latest of them must know of uses.
type Known = (Option<Timestamp>, Option<Timestamp>);

/// What all credential reports together know of each user.
fn last_known<'a>(
    analysis: &'a Analysis<'_>,
    known_until: &dyn Fn(Option<Timestamp>) -> Option<Timestamp>,
) -> BTreeMap<&'a PrincipalArn, Known> {
    let mut all: BTreeMap<&PrincipalArn, Known> = BTreeMap::new();
    for report in &analysis.credentials {
        let until: BTreeMap<AccountId, _> =
            report.accounts().into_iter().map(|account| (account, known_until(latest_of_report(report, account)))).collect();
        for row in &report.rows {
            let uses = row.keys.iter().map(|key| key.last_used).chain([row.password.last_used]);
            let used = uses.filter_map(|last| if let LastUse::At(last) = last { Some(last) } else { None }).max();
            let (known, latest) = all.entry(&row.arn).or_default();
            *known = (*known).max(used);
            *latest = (*latest).max(until.get(&row.arn.account()).copied().flatten());
        }
    }
    all
}

impl StaleExports {
    pub(super) fn of(analysis: &Analysis<'_>) -> StaleExports {
        let mut stale = StaleExports::default();
        if analysis.undated == UndatedExports::AsTheyShow {
            let dates = latest_of_details(analysis);
            for account in analysis.access.accounts() {
                let latest = dates.get(&account.id).copied();
                if ends_early(analysis, latest) {
                    stale.old_details.insert(account.id, latest);
                }
            }
        }
        let slack = i64::from(analysis.rules.tolerance) + REPORT_DELAY;
        let details = latest_of_details(analysis);
        // The moment that an export is said to be of, less what IAM may be behind: a use that is later it need not know.
        let known_until = |latest: Option<Timestamp>| {
            let moment = match analysis.undated {
                UndatedExports::OfTheMoment => Some(analysis.period.end),
                UndatedExports::AsTheyShow => latest,
            };
            moment.map(|moment| Timestamp::from_seconds(moment.seconds() - REPORT_DELAY))
        };
        let last_call = |principal: &PrincipalArn, until: Option<Timestamp>| {
            analysis.ledger.activity(principal).0?;
            // Only a call that was let in must be known to IAM. Of an action that was used later too, the first use is certain.
            let uses = analysis.ledger.uses(principal).into_iter().flat_map(|(_, used)| [used.first, used.last]).flatten();
            uses.filter(|used| until.is_some_and(|until| *used <= until)).max()
        };
        for principal in analysis.access.principals() {
            let Some(role) = &principal.role else { continue };
            let known = match role.last_used {
                RoleLastUsed::Unknown => continue,
                RoleLastUsed::Never => None,
                RoleLastUsed::At(last) => Some(last),
            };
            let until = known_until(details.get(&principal.arn.account()).copied());
            if let Some(call) = last_call(&principal.arn, until).filter(|call| *call >= analysis.period.start)
                && known.is_none_or(|known| call.seconds() - known.seconds() > slack)
            {
                note(&mut stale.details, principal.arn.account(), call);
            }
        }
        for (user, (known, until)) in last_known(analysis, &known_until) {
            if let Some(call) = last_call(user, until).filter(|call| *call >= analysis.period.start)
                && known.is_none_or(|known| call.seconds() - known.seconds() > slack + LONGEST_SESSION)
            {
                note(&mut stale.credentials, user.account(), call);
            }
        }
        stale
    }

    /// The use that the account's details do not know of, when there is one.
    pub(super) fn details(&self, account: AccountId) -> Option<Timestamp> {
        self.details.get(&account).copied()
    }

    /// The use that the account's credential report does not know of, when there is one.
    pub(super) fn credentials(&self, account: AccountId) -> Option<Timestamp> {
        self.credentials.get(&account).copied()
    }

    /// The latest date in details that are not shown to reach the end of the period; none when they are.
    pub(super) fn old_details(&self, account: AccountId) -> Option<Option<Timestamp>> {
        self.old_details.get(&account).copied()
    }

    /// Whether nothing can be concluded from what the account's details do not show.
    pub(super) fn details_mean_nothing(&self, account: AccountId) -> bool {
        self.details(account).is_some() || self.old_details.contains_key(&account)
    }

    /// Whether `report` has no date, and is not shown to reach the end of the period for the account.
    pub(super) fn is_old(analysis: &Analysis<'_>, report: &CredentialReport, account: AccountId) -> bool {
        report.generated.is_none()
            && analysis.undated == UndatedExports::AsTheyShow
            && ends_early(analysis, latest_of_report(report, account))
    }

    /// Whether nothing can be concluded from what `report` does not show of the account.
    pub(super) fn refutes(&self, analysis: &Analysis<'_>, report: &CredentialReport, account: AccountId) -> bool {
        match report.generated {
            Some(generated) => ends_early(analysis, Some(generated)),
            None => self.credentials(account).is_some() || StaleExports::is_old(analysis, report, account),
        }
    }
}

fn note(accounts: &mut BTreeMap<AccountId, Timestamp>, account: AccountId, call: Timestamp) {
    accounts.entry(account).and_modify(|known| *known = (*known).max(call)).or_insert(call);
}
