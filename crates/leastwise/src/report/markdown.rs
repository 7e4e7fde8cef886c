//! The Markdown view of an analysis, for a pull request or a ticket.
//!
//! A view; it decides nothing. Names from the input are shown as code, with what would end the code taken out.

use super::held_back::{NOTHING_JUDGED, all_held, commands, held};
use super::{counted, day, sentence};
use crate::analysis::Analysis;
use crate::findings::{Details, FindingKind, Found};

/// Services of one finding that are listed one by one.
const SERVICES: usize = 12;
/// Problems that are listed.
const PROBLEMS: usize = 20;

/// The findings as Markdown.
#[must_use]
pub fn markdown(analysis: &Analysis<'_>, found: &Found<'_>) -> String {
    let total = found.coverage.total();
    let mut out = format!("# Unused access, {} to {}\n\n", day(analysis.period.start), day(analysis.period.end));
    let accounts = counted(analysis.access.accounts().len(), "account");
    if found.coverage.held.nothing_judged() {
        out.push_str(&format!("**In {accounts} {NOTHING_JUDGED}.** {} are granted.\n", counted(total.granted(), "action")));
    } else {
        out.push_str(&format!(
            "{} in {accounts}. Of {} granted actions {} were used, {} are unused, {} could not have been seen, {} are not known.\n",
            counted(found.findings.len(), "finding"),
            total.granted(),
            total.used,
            total.unused,
            total.unobservable,
            total.unknown,
        ));
    }
    for unmatched in &found.coverage.unmatched {
        out.push_str(&format!("\nExclusion {}.\n", plain(&unmatched.to_string())));
    }
    for kind in FindingKind::ALL {
        let mut rows = found.findings.iter().filter(|finding| finding.kind == kind).peekable();
        if rows.peek().is_none() {
            continue;
        }
        out.push_str(&format!("\n## {}\n\n", kind.title()));
        for finding in rows {
            out.push_str(&format!("- {}: {}\n", code(finding.resource.as_str()), sentence(finding)));
            if let Details::Permissions(permissions) = &finding.details {
                let services = permissions.services();
                for service in services.iter().take(SERVICES) {
                    let what = if service.whole { "everything".to_owned() } else { counted(service.actions.len(), "action") };
                    let last = service.last_accessed.map_or("never".to_owned(), day);
                    out.push_str(&format!("  - {} {what}, service last accessed: {last}\n", code(service.prefix)));
                }
                if services.len() > SERVICES {
                    out.push_str(&format!("  - and {} more\n", counted(services.len() - SERVICES, "service")));
                }
            }
        }
    }
    let held_back = all_held(found);
    if !held_back.is_empty() {
        out.push_str("\n## What was held back\n\nNot called unused, because no source that was given could tell.\n\n");
        for (kind, reason, count) in held_back {
            out.push_str(&format!("- {} (`{}`)\n", held(kind, reason, count), reason.code()));
        }
        let commands = commands(found);
        if !commands.is_empty() {
            out.push_str(&format!("\nThese settle it:\n\n```\n{}\n```\n", commands.join("\n")));
        }
    }
    if !analysis.problems.is_empty() {
        out.push_str("\n## What could not be read\n\nNothing is called unused that these would have shown.\n\n");
        for problem in analysis.problems.iter().take(PROBLEMS) {
            out.push_str(&format!("- {}\n", code(&problem.to_string())));
        }
        if analysis.problems.len() > PROBLEMS {
            out.push_str(&format!("- and {} more\n", analysis.problems.len() - PROBLEMS));
        }
    }
    out
}

/// Text of the input outside of code: what would begin markup is taken out.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '<' | '>' | '[' | ']') { '\'' } else { c }).collect()
}

/// Text as code.
fn code(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c == '`' || c.is_control() { '\'' } else { c }).collect();
    format!("`{clean}`")
}
