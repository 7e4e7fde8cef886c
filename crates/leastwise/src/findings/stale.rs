//! Which undated exports are older than the logs say they can be.
//!
//! Account details and credential reports do not state when they were taken, so they are taken to be of the moment of the
//! analysis. Where logs show a use much later than the export knows of, that is refuted, and what the export does not
//! show means nothing any more for its account. It judges exports only, never a principal.

use std::collections::BTreeMap;

use crate::access::credential_report::LastUse;
use crate::access::details::RoleLastUsed;
use crate::access::{AccountId, CredentialReport, PrincipalArn, Timestamp};
use crate::analysis::Analysis;
use crate::usage::sources::last_accessed::REPORT_DELAY;

/// For how long temporary credentials of a user live on after its key or password was used (IAM user guide,
/// `GetSessionToken`: at most 36 hours), in seconds.
const LONGEST_SESSION: i64 = 36 * 3600;

/// The accounts whose exports are refuted, each with the use that the export does not know of.
#[derive(Debug, Default)]
pub(super) struct StaleExports {
    details: BTreeMap<AccountId, Timestamp>,
    credentials: BTreeMap<AccountId, Timestamp>,
}

impl StaleExports {
    pub(super) fn of(analysis: &Analysis<'_>) -> StaleExports {
        let mut stale = StaleExports::default();
        let slack = i64::from(analysis.rules.tolerance) + REPORT_DELAY;
        let last_call = |principal: &PrincipalArn| {
            let (last, _) = analysis.ledger.activity(principal);
            // Only a call that was let in must be known to IAM.
            last.and_then(|_| analysis.ledger.uses(principal).into_iter().filter_map(|(_, used)| used.last).max())
        };
        for principal in analysis.access.principals() {
            let Some(role) = &principal.role else { continue };
            let known = match role.last_used {
                RoleLastUsed::Unknown => continue,
                RoleLastUsed::Never => None,
                RoleLastUsed::At(last) => Some(last),
            };
            if let Some(call) = last_call(&principal.arn).filter(|call| *call >= analysis.period.start)
                && known.is_none_or(|known| call.seconds() - known.seconds() > slack)
            {
                note(&mut stale.details, principal.arn.account(), call);
            }
        }
        for row in analysis.credentials.iter().flat_map(|report| &report.rows) {
            let uses = row.keys.iter().map(|key| key.last_used).chain([row.password.last_used]);
            let known = uses.filter_map(|last| if let LastUse::At(last) = last { Some(last) } else { None }).max();
            if let Some(call) = last_call(&row.arn).filter(|call| *call >= analysis.period.start)
                && known.is_none_or(|known| call.seconds() - known.seconds() > slack + LONGEST_SESSION)
            {
                note(&mut stale.credentials, row.arn.account(), call);
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

    /// Whether nothing can be concluded from what `report` does not show of the account.
    pub(super) fn refutes(&self, analysis: &Analysis<'_>, report: &CredentialReport, account: AccountId) -> bool {
        let late = |generated: Timestamp| {
            generated.seconds() - REPORT_DELAY + i64::from(analysis.rules.tolerance) < analysis.period.end.seconds()
        };
        match report.generated {
            Some(generated) => late(generated),
            None => self.credentials(account).is_some(),
        }
    }
}

fn note(accounts: &mut BTreeMap<AccountId, Timestamp>, account: AccountId, call: Timestamp) {
    accounts.entry(account).and_modify(|known| *known = (*known).max(call)).or_insert(call);
}
