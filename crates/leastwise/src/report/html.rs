//! The page of an analysis: one HTML file that loads nothing, for people.
//!
//! A view; it decides nothing. Every text from the input is escaped, and the page has no script. A recommendation for a
//! finding is put into its slot by whoever has one ([`recommended`] makes it of replayed plans).

mod recommendation;

pub use recommendation::recommended;

use super::findings::lacks;
use super::held_back::{NOTHING_JUDGED, all_held, commands, counted_type, held};
use super::{counted, day, sentence};
use crate::access::AccountId;
use crate::analysis::Analysis;
use crate::findings::{Details, Finding, FindingId, FindingKind, Found, Permissions};

const STYLE: &str = include_str!("html.css");

/// Actions of one service that are listed one by one.
const ACTIONS: usize = 400;
/// The list of unused actions stands open up to so many services.
const OPEN: usize = 6;

/// The findings as a page. `recommendation` gives the HTML of a finding's recommendation, already escaped, or nothing.
#[must_use]
pub fn html(analysis: &Analysis<'_>, found: &Found<'_>, recommendation: &dyn Fn(&FindingId) -> Option<String>) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>Unused access, {} to {}</title><style>{STYLE}</style></head><body><main>\n",
        day(analysis.period.start),
        day(analysis.period.end)
    );
    summary(&mut out, analysis, found);
    accounts(&mut out, analysis, found);
    for account in analysis.access.accounts() {
        account_section(&mut out, account.id, found, recommendation);
    }
    sources(&mut out, analysis, found);
    let catalogue = analysis.mapper.catalogue().provenance();
    out.push_str(&format!(
        "<footer>leastwise {}. Known actions: {} {} of {}.</footer></main></body></html>\n",
        env!("CARGO_PKG_VERSION"),
        escaped(&catalogue.source),
        escaped(&catalogue.version),
        escaped(&catalogue.date)
    ));
    out
}

/// Text as it may stand in HTML, in attributes too.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn summary(out: &mut String, analysis: &Analysis<'_>, found: &Found<'_>) {
    let total = found.coverage.total();
    out.push_str(&format!(
        "<header><h1>Unused access</h1><p>{} in {}, {} to {}.</p></header>",
        if found.coverage.held.nothing_judged() { "Nothing judged".to_owned() } else { counted(found.findings.len(), "finding") },
        counted(analysis.access.accounts().len(), "account"),
        day(analysis.period.start),
        day(analysis.period.end)
    ));
    if found.coverage.held.nothing_judged() {
        out.push_str(&format!("<p class=\"note\">In these accounts {NOTHING_JUDGED}.</p>"));
    } else {
        out.push_str("<ul class=\"tiles\">");
        for kind in FindingKind::ALL {
            let text = counted_type(found, kind);
            let (count, rest) = text.split_once(' ').unwrap_or(("", &text));
            match count.parse::<usize>() {
                Ok(count) => out.push_str(&format!("<li><b>{count}</b> {rest}</li>")),
                Err(_) => out.push_str(&format!("<li><b>–</b> {text}</li>")),
            }
        }
        out.push_str("</ul>");
    }
    for unmatched in &found.coverage.unmatched {
        out.push_str(&format!("<p class=\"note\">Exclusion {}.</p>", escaped(&unmatched.to_string())));
    }
    let parts = [
        ("used", total.used, "a record shows a use"),
        ("unused", total.unused, "a source that would have shown it was complete, and showed nothing"),
        ("unobservable", total.unobservable, "no source given could have shown it; kept"),
        ("unknown", total.unknown, "a source that should show it is damaged or has a gap; kept"),
        ("blocked", total.blocked, "granted, and blocked by a boundary"),
        ("denied", total.denied, "granted, and always denied"),
        ("uncatalogued", total.uncatalogued, "not in the catalogue; kept"),
    ];
    out.push_str(&format!(
        "<h2>{} granted, by what is known of their use</h2><div class=\"bar\" aria-hidden=\"true\">",
        counted(total.granted(), "action")
    ));
    for (name, count, _) in parts.iter().filter(|(_, count, _)| *count > 0) {
        out.push_str(&format!("<i class=\"{name}\" style=\"flex-grow:{count}\"></i>"));
    }
    out.push_str("</div><dl class=\"legend\">");
    for (name, count, meaning) in parts.iter().filter(|(_, count, _)| *count > 0) {
        out.push_str(&format!("<div><dt><i class=\"{name}\"></i>{name} <b>{count}</b></dt><dd>{meaning}</dd></div>"));
    }
    out.push_str("</dl>\n");
    if !analysis.problems.is_empty() {
        out.push_str(&format!(
            "<p class=\"note\"><a href=\"#problems\">{} could not be read</a>; nothing is called unused for it.</p>",
            counted(analysis.problems.len(), "input")
        ));
    }
}

/// Accounts by the number of their findings, most first; a single one needs no table.
fn accounts(out: &mut String, analysis: &Analysis<'_>, found: &Found<'_>) {
    let of_account = |account: AccountId| {
        let own = found.findings.iter().filter(move |finding| finding.account() == account);
        FindingKind::ALL.map(|kind| own.clone().filter(|finding| finding.kind == kind).count())
    };
    let mut rows: Vec<(AccountId, [usize; 4])> =
        analysis.access.accounts().iter().map(|account| (account.id, of_account(account.id))).collect();
    if rows.len() < 2 {
        return;
    }
    rows.sort_by_key(|(account, counts)| (std::cmp::Reverse(counts.iter().sum::<usize>()), *account));
    out.push_str("<h2>Accounts by findings</h2><div class=\"scroll\"><table class=\"numbers\"><tr><th>Account</th>");
    for kind in FindingKind::ALL {
        out.push_str(&format!("<th>{}</th>", kind.title()));
    }
    out.push_str("</tr>");
    for (account, counts) in rows {
        let cells: String = counts.iter().map(|count| format!("<td>{count}</td>")).collect();
        out.push_str(&format!("<tr><td><a href=\"#account-{account}\">{account}</a></td>{cells}</tr>"));
    }
    out.push_str("</table></div>\n");
}

fn account_section(
    out: &mut String,
    account: AccountId,
    found: &Found<'_>,
    recommendation: &dyn Fn(&FindingId) -> Option<String>,
) {
    let own: Vec<&Finding<'_>> = found.findings.iter().filter(|finding| finding.account() == account).collect();
    out.push_str(&format!(
        "<section id=\"account-{account}\"><h2>Account {account}</h2><p>{}</p>\n",
        counted(own.len(), "finding")
    ));
    for kind in FindingKind::ALL {
        let mut rows = own.iter().filter(|finding| finding.kind == kind).peekable();
        if rows.peek().is_none() {
            continue;
        }
        out.push_str(&format!("<h3>{}</h3>", kind.title()));
        rows.for_each(|finding| one(out, finding, recommendation(&finding.id)));
    }
    out.push_str("</section>\n");
}

fn one(out: &mut String, finding: &Finding<'_>, recommendation: Option<String>) {
    let name = finding.resource.as_str().rsplit(':').next().unwrap_or_default();
    out.push_str(&format!(
        "<details id=\"{}\"><summary><code>{}</code><span>{}</span></summary><p class=\"arn\"><code>{}</code></p>",
        finding.id,
        escaped(name),
        escaped(&sentence(finding)),
        escaped(finding.resource.as_str())
    ));
    out.push_str("<h4>How we know</h4><ul>");
    for testimony in &finding.evidence {
        let window = testimony.window.map_or(String::new(), |w| format!(", looked from {} to {}", day(w.from), day(w.to)));
        let last = testimony.last_seen.map_or(String::new(), |at| format!("; last seen {at}"));
        out.push_str(&format!("<li><b>{}</b>{window}: {}{last}</li>", testimony.source.title(), escaped(&testimony.says)));
    }
    out.push_str("</ul>");
    if let Some(advice) = advice(finding.kind) {
        out.push_str(&format!("<h4>Recommendation</h4><p>{advice}</p>"));
    }
    if let Some(recommendation) = recommendation {
        out.push_str(&format!("<h4>Recommendation</h4><div class=\"recommendation\">{recommendation}</div>"));
    }
    if let Details::Permissions(permissions) = &finding.details {
        permission_rows(out, permissions);
    }
    out.push_str("</details>\n");
}

/// What to do about what is unused as a whole; for permissions there are plans. The pages in `docs/findings/` say more.
fn advice(kind: FindingKind) -> Option<&'static str> {
    match kind {
        FindingKind::UnusedIamRole => {
            Some("Deny <code>sts:AssumeRole</code> in its trust policy, wait as long as its rarest use may take, then delete it.")
        }
        FindingKind::UnusedIamUserAccessKey => Some("Make the key inactive, which can be undone; wait, then delete it."),
        FindingKind::UnusedIamUserPassword => Some("Delete the login profile; the user's keys go on working."),
        FindingKind::UnusedPermission => None,
    }
}

fn permission_rows(out: &mut String, permissions: &Permissions<'_>) {
    let services = permissions.services();
    out.push_str(&format!(
        "<details class=\"list\"{}><summary><b>Unused: {} in {}</b></summary><div class=\"scroll\"><table><tr><th>Service</th>\
         <th>Last accessed</th><th>Unused actions</th></tr>",
        if services.len() > OPEN { "" } else { " open" },
        counted(permissions.counts().unused, "action"),
        counted(services.len(), "service")
    ));
    for service in services {
        let last = service.last_accessed.map_or("never".to_owned(), day);
        let names: Vec<&str> = service.actions.iter().take(ACTIONS).map(|(name, _)| *name).collect();
        let more = service.actions.len() - names.len();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let head = if service.whole { "everything: " } else { "" };
        out.push_str(&format!(
            "<tr><td><code>{}</code></td><td>{last}</td><td>{head}{}{more}</td></tr>",
            escaped(service.prefix),
            escaped(&names.join(", "))
        ));
    }
    out.push_str("</table></div></details>");
    let kept: Vec<String> = permissions
        .kept()
        .map(|(state, reason, count)| format!("<li>{count} {} <code>{reason}</code></li>", state.name()))
        .collect();
    if !kept.is_empty() {
        out.push_str(&format!("<h4>Kept, because it is not known to be unused</h4><ul>{}</ul>", kept.concat()));
    }
    let blocked = permissions.blocked();
    if !blocked.is_empty() {
        out.push_str("<h4>Blocked by the boundary, and not judged</h4><ul>");
        for (prefix, names) in blocked {
            out.push_str(&format!("<li><code>{}</code> {}</li>", escaped(prefix), escaped(&names.join(", "))));
        }
        out.push_str("</ul>");
    }
}

fn sources(out: &mut String, analysis: &Analysis<'_>, found: &Found<'_>) {
    let until = found.coverage.seen_until.map_or("no source looked over the whole period".to_owned(), |at| {
        format!("every source that was concluded from looked until {at}")
    });
    out.push_str(&format!("<section><h2>Sources</h2><p>{until}; a use after that is not seen.</p><ul>"));
    for account in &found.coverage.accounts {
        let mut facts = Vec::new();
        if account.trails.is_empty() {
            facts.push("no log".to_owned());
        }
        for (trail, shortfall) in &account.trails {
            let state = shortfall.as_ref().map_or("complete".to_owned(), lacks);
            facts.push(format!("log {} to {}: {state}", day(trail.window.from), day(trail.window.to)));
        }
        let reports = account.reports;
        facts.push(format!(
            "last-accessed reports: {} complete, {} too old, {} partial, {} failed",
            reports.complete, reports.stale, reports.partial, reports.failed
        ));
        if account.details_old.is_some() {
            facts.push("account details without a date near the end: no role is called unused for them".to_owned());
        }
        if account.credentials_old {
            facts.push("credential report without a date: no key or password is called unused for it".to_owned());
        }
        facts.push(if account.credential_report { "credential report" } else { "no credential report" }.to_owned());
        out.push_str(&format!("<li><b>{}</b>: {}</li>", account.id, escaped(&facts.join("; "))));
    }
    let unjudged: Vec<String> = found.coverage.unjudged.iter().map(|(why, count)| format!("{count} {}", why.as_str())).collect();
    if !unjudged.is_empty() {
        out.push_str(&format!("<li>Principals not judged: {}</li>", unjudged.join(", ")));
    }
    out.push_str("</ul></section>\n");
    let held_back = all_held(found);
    if !held_back.is_empty() {
        out.push_str("<section id=\"held-back\"><h2>Held back</h2><p>Not called unused, because no source that was given could tell.</p><ul>");
        for (kind, reason, count) in held_back {
            let settle = reason.command().map_or(String::new(), |command| format!("<br><code>{}</code>", escaped(command)));
            out.push_str(&format!("<li>{}{settle}</li>", escaped(&held(kind, reason, count))));
        }
        out.push_str("</ul>");
        if let Some(last) = commands(found).last() {
            out.push_str(&format!("<p>What settles the most: <code>{}</code></p>", escaped(last)));
        }
        out.push_str("</section>\n");
    }
    if !analysis.problems.is_empty() {
        out.push_str("<section id=\"problems\"><h2>What could not be read</h2><ul>");
        for problem in &analysis.problems {
            out.push_str(&format!("<li><code>{}</code></li>", escaped(&problem.to_string())));
        }
        out.push_str("</ul></section>\n");
    }
}
