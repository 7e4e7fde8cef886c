//! What was held back, in words: for the table, the page, Markdown and SARIF.
//!
//! A view; it decides nothing. Where nothing could be judged it says so, since "0 unused" would read as a clean account.

use super::counted;
use crate::findings::held_back::unit;
use crate::findings::{FindingKind, Found, HeldReason};

/// What stands in the place of counts when no source could say anything.
pub const NOTHING_JUDGED: &str = "nothing could be judged: no source that was given shows the whole period, so nothing is called unused and nothing is cleared";

/// The findings of one type in a few words: how many, how many were held back, or that it could not be judged.
#[must_use]
pub fn counted_type(found: &Found<'_>, kind: FindingKind) -> String {
    let count = found.findings.iter().filter(|finding| finding.kind == kind).count();
    let held = &found.coverage.held;
    let title = kind.title().to_lowercase();
    if count == 0 && held.judged(kind) == 0 && held.count(kind) > 0 {
        return format!("{title} not judged");
    }
    // Of a type of findings, permissions are counted by principal; what is held back of them, by action.
    match held.count(kind) {
        0 => format!("{count} {title}"),
        held if kind == FindingKind::UnusedPermission => format!("{count} {title} ({} kept)", counted(held, "action")),
        held => format!("{count} {title} ({held} held back)"),
    }
}

/// What was held back of one type for one reason, as `3 roles: the account details do not say …`.
#[must_use]
pub fn held(kind: FindingKind, reason: HeldReason, count: usize) -> String {
    let what = match (kind, reason) {
        (FindingKind::UnusedIamUserAccessKey, HeldReason::NoCredentialReport) => {
            format!("access keys of {}", counted(count, "user"))
        }
        (FindingKind::UnusedIamUserPassword, HeldReason::NoCredentialReport) => {
            format!("passwords of {}", counted(count, "user"))
        }
        _ => counted(count, unit(kind)),
    };
    format!("{what}: {}", reason.says())
}

/// All that was held back, in the order of the types, most first.
#[must_use]
pub fn all_held(found: &Found<'_>) -> Vec<(FindingKind, HeldReason, usize)> {
    let of = |kind: FindingKind| found.coverage.held.of(kind).into_iter().map(move |(reason, count)| (kind, reason, count));
    FindingKind::ALL.into_iter().flat_map(of).collect()
}

/// The commands whose answers settle what was held back, one command a line, those that settle the most at the end.
#[must_use]
pub fn commands(found: &Found<'_>) -> Vec<&'static str> {
    found.coverage.held.commands().into_iter().rev().flat_map(|commands| commands.split("; ")).collect()
}
