//! `UnusedIAMUserAccessKey`: an active access key, older than the period, with which nothing was signed in it.
//!
//! The page for people is `docs/findings/unused_iam_user_access_key.md`. It goes by credential reports, since logs do not show every
//! use of a key, and by what logs do show; a cell that cannot be read, and a report that logs refute, find nothing.

use super::credentials::{Credentials, Shown};
use super::{Details, Exclusions, Finding, FindingId, FindingKind, Testimony, Witnessing};
use crate::analysis::Analysis;

/// Judges every key of every user.
pub(super) fn find<'a>(
    analysis: &'a Analysis<'a>,
    exclusions: &Exclusions,
    users: &[Credentials<'a>],
    findings: &mut Vec<Finding<'a>>,
) {
    for of_user in users.iter().filter(|of_user| !exclusions.credentials(analysis, of_user.user)) {
        for key in of_user.keys(analysis).into_iter().filter(|key| !analysis.is_young(Some(key.since))) {
            let last_accessed = key.last.last();
            if last_accessed.is_some_and(|last| last >= analysis.period.start) {
                continue;
            }
            let made = key.since.to_string();
            let says = match key.last {
                Shown::Never => format!("no use of key {} is on record", key.slot),
                Shown::Report(_) | Shown::Log(_) => format!("key {} was last used before the period", key.slot),
            };
            let source = if matches!(key.last, Shown::Log(_)) { Witnessing::CloudTrail } else { Witnessing::CredentialReport };
            findings.push(Finding {
                id: FindingId::of(FindingKind::UnusedIamUserAccessKey, of_user.user, &made),
                kind: FindingKind::UnusedIamUserAccessKey,
                known_since: None,
                resource: of_user.user,
                evidence: vec![Testimony {
                    source,
                    window: None,
                    last_seen: last_accessed,
                    says: format!("{says}; it is active and was made on {made}"),
                }],
                details: Details::AccessKey { slot: key.slot, id: key.id, last_accessed },
            });
        }
    }
}
