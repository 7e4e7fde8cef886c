//! `UnusedIAMUserPassword`: an enabled console password, older than the period, with which nobody signed in during it.
//!
//! The page for people is `docs/findings/unused_iam_user_password.md`. It goes by credential reports and by the sign-ins that logs
//! show; a cell that cannot be read, and a report that logs refute, find nothing.

use super::credentials::{Credentials, Shown};
use super::{Details, Exclusions, Finding, FindingId, FindingKind, Testimony, Witnessing};
use crate::analysis::Analysis;

/// Judges the password of every user.
pub(super) fn find<'a>(
    analysis: &'a Analysis<'a>,
    exclusions: &Exclusions,
    users: &[Credentials<'a>],
    findings: &mut Vec<Finding<'a>>,
) {
    for of_user in users.iter().filter(|of_user| !exclusions.credentials(analysis, of_user.user)) {
        let Some(password) = of_user.password(analysis).filter(|password| !analysis.is_young(Some(password.since))) else {
            continue;
        };
        let last_accessed = password.last.last();
        if last_accessed.is_some_and(|last| last >= analysis.period.start) {
            continue;
        }
        let says = match password.last {
            Shown::Never => "no sign-in is on record",
            Shown::Report(_) | Shown::Log(_) => "the last sign-in was before the period",
        };
        let source = if matches!(password.last, Shown::Log(_)) { Witnessing::CloudTrail } else { Witnessing::CredentialReport };
        findings.push(Finding {
            id: FindingId::of(FindingKind::UnusedIamUserPassword, of_user.user, ""),
            kind: FindingKind::UnusedIamUserPassword,
            known_since: None,
            resource: of_user.user,
            evidence: vec![Testimony {
                source,
                window: None,
                last_seen: last_accessed,
                says: format!("{says}; the password is enabled and was set on {}", password.since),
            }],
            details: Details::Password { last_accessed },
        });
    }
}
