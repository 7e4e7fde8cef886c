//! `UnusedPermission`: an active principal that did not use some of what it is granted.
//!
//! The page for people is `docs/findings/unused_permission.md`. Only the state `unused` counts; what a boundary or a Deny takes
//! away, what no source could have shown and what a damaged source leaves open is told beside it and never listed as unused.

use super::{Activity, Details, Finding, FindingId, FindingKind, Permissions};
use crate::access::Principal;
use crate::analysis::Analysis;

/// Judges one principal whose grants are fully known; whole roles that are unused must be gone by now.
pub(super) fn find<'a>(
    _analysis: &'a Analysis<'a>,
    principal: &'a Principal,
    activity: &Activity,
    permissions: Permissions<'a>,
) -> Option<Finding<'a>> {
    if !activity.seen || permissions.counts().unused == 0 {
        return None;
    }
    Some(Finding {
        id: FindingId::of(FindingKind::UnusedPermission, &principal.arn, ""),
        kind: FindingKind::UnusedPermission,
        known_since: None,
        resource: &principal.arn,
        evidence: permissions.testimonies(),
        details: Details::Permissions(permissions),
    })
}
