//! `UnusedIAMRole`: a role that has been there for the whole period and that nobody used in it.
//!
//! The page for people is `docs/findings/unused_iam_role.md`. It looks at the role as a whole, so its policies need not be
//! readable. A role of which no source tells everything is not found, however quiet it is.

use super::{Activity, Details, Finding, FindingId, FindingKind};
use crate::access::{Principal, PrincipalKind};
use crate::analysis::Analysis;

/// Judges one role; excluded, young and service-linked ones must be gone by now.
pub(super) fn find<'a>(analysis: &'a Analysis<'a>, principal: &'a Principal, activity: &Activity) -> Option<Finding<'a>> {
    if principal.arn.kind() != PrincipalKind::Role || !activity.silent || analysis.is_young(principal.created) {
        return None;
    }
    Some(Finding {
        id: FindingId::of(FindingKind::UnusedIamRole, &principal.arn, ""),
        kind: FindingKind::UnusedIamRole,
        known_since: None,
        resource: &principal.arn,
        evidence: activity.testimonies.clone(),
        details: Details::Role { last_accessed: activity.last_seen() },
    })
}
