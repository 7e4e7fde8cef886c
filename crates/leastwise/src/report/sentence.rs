//! What a finding says in one sentence; shared by the views that people read.

use crate::access::Timestamp;
use crate::findings::{Details, Finding};

/// The finding in a sentence, without capital and full stop, and without naming its resource.
#[must_use]
pub fn sentence(finding: &Finding<'_>) -> String {
    let never = || finding.known_since.map_or("never used".to_owned(), |since| format!("never used since {}", day(since)));
    let last = |at: &Option<Timestamp>| at.map_or_else(never, |at| format!("last used {}", day(at)));
    match &finding.details {
        Details::Role { last_accessed } => format!("the role is unused: {}", last(last_accessed)),
        Details::AccessKey { slot, id, last_accessed } => {
            let name = id.map_or_else(|| format!("access key {slot}"), |id| format!("access key {id}"));
            format!("{name} is active: {}", last(last_accessed))
        }
        Details::Password { last_accessed } => format!("the console password is enabled: {}", last(last_accessed)),
        Details::Permissions(permissions) => {
            let counts = permissions.counts();
            let services = permissions.services();
            let whole = services.iter().filter(|service| service.whole).count();
            let of = counts.granted();
            let whole = if whole == 0 { String::new() } else { format!(", among them all of {}", counted(whole, "service")) };
            format!(
                "{} of {of} granted are unused, in {}{whole}",
                counted(counts.unused, "action"),
                counted(services.len(), "service")
            )
        }
    }
}

/// `1 action`, `2 actions`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The day of a time, as `2026-11-01`.
#[must_use]
pub fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}
