//! `UnusedIAMUserAccessKey`: an active access key, older than the period, with which nothing was signed in it.
//!
//! The page for people is `docs/findings/unused_iam_user_access_key.md`. It goes by the credential report alone, since logs do
//! not show every use of a key; a cell that cannot be read, and a report that logs refute, find nothing.

use super::stale::StaleExports;
use super::{Details, Exclusions, Finding, FindingId, FindingKind, Testimony, Witnessing};
use crate::access::PrincipalKind;
use crate::access::credential_report::{Enabled, LastUse};
use crate::analysis::Analysis;

/// Judges every key of every report.
pub(super) fn find<'a>(
    analysis: &'a Analysis<'a>,
    exclusions: &Exclusions,
    stale: &StaleExports,
    findings: &mut Vec<Finding<'a>>,
) {
    for report in &analysis.credentials {
        for row in report.rows.iter().filter(|row| row.arn.kind() == PrincipalKind::User) {
            if exclusions.credentials(analysis, &row.arn) || stale.refutes(analysis, report, row.arn.account()) {
                continue;
            }
            for key in row.keys.iter().filter(|key| key.active == Enabled::Yes && !analysis.is_young(row.key_since(key))) {
                let last_accessed = match key.last_used {
                    LastUse::Unknown => continue,
                    LastUse::At(last) if last >= analysis.period.start => continue,
                    LastUse::At(last) => Some(last),
                    LastUse::Never => None,
                };
                let made = row.key_since(key).map_or_else(|| key.slot.to_string(), |made| made.to_string());
                let says = match last_accessed {
                    Some(_) => format!("key {} was last used before the period", key.slot),
                    None => format!("no use of key {} is on record", key.slot),
                };
                findings.push(Finding {
                    id: FindingId::of(FindingKind::UnusedIamUserAccessKey, &row.arn, &made),
                    kind: FindingKind::UnusedIamUserAccessKey,
                    resource: &row.arn,
                    evidence: vec![Testimony {
                        source: Witnessing::CredentialReport,
                        window: None,
                        last_seen: last_accessed,
                        says: format!("{says}; it is active and was made on {made}"),
                    }],
                    details: Details::AccessKey { slot: key.slot, id: key.id.as_ref(), last_accessed },
                });
            }
        }
    }
}
