//! What all pages have around them: navigation with counts, appearance, who is signed in, what should be known of the data.
//!
//! Between a page and the base template. It reads totals and nothing else.

use super::assets;
use super::site::{PageError, Site};
use super::text::{moment, number};
use super::visitor::{Level, Visitor};
use crate::store::{Analyzer, FindingStatus};

/// A line of the navigation.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) href: &'static str,
    pub(super) name: &'static str,
    pub(super) count: String,
    pub(super) here: bool,
}

/// A message above the page.
#[derive(Debug, Clone)]
pub(super) struct Note {
    pub(super) kind: &'static str,
    pub(super) text: String,
}

/// An analyzer to choose.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) name: String,
    pub(super) chosen: bool,
}

/// The frame of a page.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) theme: String,
    pub(super) style: String,
    pub(super) icon: String,
    pub(super) htmx: String,
    pub(super) script: String,
    pub(super) entries: Vec<Entry>,
    pub(super) analyzers: Vec<Choice>,
    pub(super) csrf: String,
    pub(super) address: String,
    pub(super) user: String,
    pub(super) analysed: String,
    pub(super) notes: Vec<Note>,
}

/// What a form that was sent said, as the query of the page that it leads to names it.
fn done(code: &str) -> Option<(&'static str, &'static str)> {
    Some(match code {
        "archived" => ("good", "Archived."),
        "reactivated" => ("good", "Active again."),
        "accepted" => ("good", "Accepted, and written down."),
        "saved" => ("good", "Saved."),
        "deleted" => ("good", "Deleted."),
        "applied" => ("good", "The rule was applied to all active findings."),
        "sent" => ("good", "A test event is on its way; see the deliveries."),
        "none" => ("quiet", "Nothing was selected."),
        _ => return None,
    })
}

/// The frame of the page at `here`.
pub(super) async fn frame(site: &Site, visitor: &Visitor, analyzer: Option<&Analyzer>, here: &str) -> Result<Frame, PageError> {
    let mut notes = Vec::new();
    if site.entrance().open {
        notes.push(Note {
            kind: "bad",
            text: "This server lets in everybody on this machine, without sign-in (--insecure-no-auth).".to_owned(),
        });
    }
    if let Some((kind, text)) = done(visitor.query.of("done")) {
        notes.push(Note { kind, text: text.to_owned() });
    }
    let mut open = String::new();
    match analyzer {
        Some(analyzer) => {
            let seen = visitor.visible.accounts();
            open = number(site.store().statistics_of(analyzer, seen.as_deref(), 0).await?.of_status(FindingStatus::Active));
            if let Some(run) = site.store().runs(analyzer, 1).await?.first()
                && let Some(problem) = &run.problem
            {
                // Why may name what is of other accounts.
                let why = if visitor.visible.is_all() { format!(": {problem}") } else { String::new() };
                let text = format!("The last analysis failed{why}. What you see is from the one before.");
                notes.push(Note { kind: "bad", text });
            } else if analyzer.analysed.is_none() {
                notes.push(Note { kind: "", text: "The first analysis is not complete yet; reload in a moment.".to_owned() });
            } else if analyzer.is_pending {
                notes.push(Note { kind: "quiet", text: "The analyzer was changed; a new analysis is due.".to_owned() });
            }
        }
        None => notes.push(Note { kind: "", text: "There is no analyzer yet. Make one under Analyzers.".to_owned() }),
    }
    let entry = |href: &'static str, name: &'static str, count: String| {
        let here = if href == "/" { here == "/" } else { here.starts_with(href) };
        Entry { href, name, count, here }
    };
    let mut entries = vec![
        entry("/", "Overview", String::new()),
        entry("/findings", "Findings", open),
        entry("/accounts", "Accounts", String::new()),
        entry("/coverage", "Coverage", String::new()),
        entry("/rules", "Archive rules", String::new()),
        entry("/analyzers", "Analyzers", String::new()),
        entry("/audit", "Audit log", String::new()),
    ];
    if visitor.may(Level::Administer) {
        entries.push(entry("/settings", "Settings", String::new()));
    }
    let all = site.analyzers_for(&visitor.visible).await?;
    let choice = |own: &Analyzer| Choice { name: own.name.clone(), chosen: analyzer.is_some_and(|one| one.id == own.id) };
    Ok(Frame {
        theme: visitor.theme.clone(),
        style: assets::address("dashboard.css"),
        icon: assets::address("icon.svg"),
        htmx: assets::address("htmx.min.js"),
        script: assets::address("dashboard.js"),
        entries,
        analyzers: if all.len() > 1 { all.iter().map(choice).collect() } else { Vec::new() },
        csrf: visitor.csrf.clone(),
        address: visitor.query.with("done", "").address(visitor.address.split('?').next().unwrap_or("/")),
        user: visitor.name.clone(),
        analysed: analyzer.and_then(|analyzer| analyzer.analysed).map_or_else(|| "not yet".to_owned(), moment),
        notes,
    })
}
