//! `UnusedIAMUserPassword`: an enabled console password, older than the period, with which nobody signed in during it.
//!
//! The page for people is `docs/findings/unused_iam_user_password.md`. It goes by the credential report; a cell that cannot be
//! read, and a report that logs refute, find nothing.

use super::stale::StaleExports;
use super::{Details, Exclusions, Finding, FindingId, FindingKind, Testimony, Witnessing};
use crate::access::PrincipalKind;
use crate::access::credential_report::{Enabled, LastUse};
use crate::analysis::Analysis;

/// Judges the password of every row of every report.
pub(super) fn find<'a>(
    analysis: &'a Analysis<'a>,
    exclusions: &Exclusions,
    stale: &StaleExports,
    findings: &mut Vec<Finding<'a>>,
) {
    for report in &analysis.credentials {
        for row in report.rows.iter().filter(|row| row.arn.kind() == PrincipalKind::User) {
            let judged = row.password.enabled == Enabled::Yes && !analysis.is_young(row.password_since());
            if !judged || exclusions.credentials(analysis, &row.arn) || stale.refutes(analysis, report, row.arn.account()) {
                continue;
            }
            let last_accessed = match row.password.last_used {
                LastUse::Unknown => continue,
                LastUse::At(last) if last >= analysis.period.start => continue,
                LastUse::At(last) => Some(last),
                LastUse::Never => None,
            };
            let since = row.password_since().map(|since| since.to_string()).unwrap_or_default();
            let says = match last_accessed {
                Some(_) => "the last sign-in was before the period",
                None => "no sign-in is on record",
            };
            findings.push(Finding {
                id: FindingId::of(FindingKind::UnusedIamUserPassword, &row.arn, ""),
                kind: FindingKind::UnusedIamUserPassword,
                resource: &row.arn,
                evidence: vec![Testimony {
                    source: Witnessing::CredentialReport,
                    window: None,
                    last_seen: last_accessed,
                    says: format!("{says}; the password is enabled and was set on {since}"),
                }],
                details: Details::Password { last_accessed },
            });
        }
    }
}
