//! The table of `leastwise analyze`: findings and totals for a terminal.
//!
//! A view like those of the library, but with the terminal's colours, which only the command knows.

use leastwise::analysis::Analysis;
use leastwise::findings::{FindingKind, Found};
use leastwise::report::findings::lacks;
use leastwise::report::held_back::{NOTHING_JUDGED, all_held, commands, counted_type, held};
use leastwise::report::{counted, day, sentence, visible};

use crate::output::Colours;

/// Problems that are listed one by one.
const PROBLEMS: usize = 10;

/// The table.
pub(crate) fn table(analysis: &Analysis<'_>, found: &Found<'_>, colours: Colours) -> String {
    let mut out = String::new();
    for account in analysis.access.accounts() {
        let mut own = found.findings.iter().filter(|finding| finding.account() == account.id).peekable();
        if own.peek().is_none() {
            continue;
        }
        out.push_str(&format!("{}\n", colours.bold(&format!("Account {}", account.id))));
        for finding in own {
            let name = finding.resource.as_str().rsplit(':').next().unwrap_or_default();
            out.push_str(&format!(
                "  {} {name}\n    {} {}\n",
                colours.red(&format!("{:<23}", finding.kind.as_str())),
                sentence(finding),
                colours.dim(finding.id.as_str())
            ));
        }
        out.push('\n');
    }
    let findings = if found.coverage.held.nothing_judged() {
        NOTHING_JUDGED.to_owned()
    } else {
        FindingKind::ALL.map(|kind| counted_type(found, kind)).join(", ")
    };
    out.push_str(&format!("{}  {findings}\n", colours.bold("Findings  ")));
    let total = found.coverage.total();
    // Where nothing was judged, that nothing is unused would say too much.
    let known = match found.coverage.held.nothing_judged() {
        true => String::new(),
        false => format!("{} used, {} unused, ", total.used, total.unused),
    };
    out.push_str(&format!(
        "{}  {} granted: {known}{} unobservable, {} unknown, {} blocked by a boundary, {} denied, {} not in the catalogue\n",
        colours.bold("Actions   "),
        total.granted(),
        total.unobservable,
        total.unknown,
        total.blocked,
        total.denied,
        total.uncatalogued
    ));
    let judged: usize = found.coverage.judged.values().sum();
    let unjudged: Vec<String> = found.coverage.unjudged.iter().map(|(why, n)| format!(", {n} {}", why.as_str())).collect();
    out.push_str(&format!("{}  {judged} judged{}\n", colours.bold("Principals"), unjudged.concat()));
    let until = found.coverage.seen_until.map_or("no source is complete over it".to_owned(), |at| format!("seen until {at}"));
    out.push_str(&format!(
        "{}  {} to {}; {until}\n",
        colours.bold("Period    "),
        day(analysis.period.start),
        day(analysis.period.end)
    ));
    for account in &found.coverage.accounts {
        let flawed = account.trails.iter().filter_map(|(_, shortfall)| shortfall.as_ref());
        for shortfall in flawed {
            out.push_str(&format!("{}  {}: {}\n", colours.yellow("Log       "), account.id, lacks(shortfall)));
        }
        if let Some(latest) = account.details_old {
            let latest = latest.map_or("no date at all".to_owned(), |at| format!("nothing newer than {}", day(at)));
            let text =
                format!("{}: no date of their own and {latest}; no role is called unused for them: give --as-of", account.id);
            out.push_str(&format!("{}  {text}\n", colours.yellow("Details   ")));
        }
        if account.credentials_old {
            let text = format!(
                "{}: the credential report does not say when it was made: give --as-of, or `get-credential-report`'s answer",
                account.id
            );
            out.push_str(&format!("{}  {text}\n", colours.yellow("Report    ")));
        }
        if account.trails.is_empty() {
            out.push_str(&format!("{}  {}: there is none\n", colours.yellow("Log       "), account.id));
        }
    }
    let unmapped: u64 = found.coverage.events.unmapped.values().sum();
    if unmapped > 0 {
        let text =
            format!("{unmapped} calls of {} map to no known action", counted(found.coverage.events.unmapped.len(), "name"));
        out.push_str(&format!("{}  {text}\n", colours.yellow("Unmapped  ")));
    }
    for problem in analysis.problems.iter().take(PROBLEMS) {
        out.push_str(&format!("{}  {}\n", colours.yellow("Problem   "), visible(&problem.to_string())));
    }
    if analysis.problems.len() > PROBLEMS {
        out.push_str(&format!("{}  and {} more\n", colours.yellow("Problem   "), analysis.problems.len() - PROBLEMS));
    }
    for unmatched in &found.coverage.unmatched {
        out.push_str(&format!("{}  {unmatched}\n", colours.yellow("Exclusion ")));
    }
    for (kind, reason, count) in all_held(found) {
        let text = held(kind, reason, count);
        out.push_str(&format!("{}  {text} {}\n", colours.yellow("Held back "), colours.dim(reason.code())));
    }
    // The last lines say what to do next, the most telling at the very end.
    let commands = commands(found);
    if !commands.is_empty() {
        out.push_str(&format!(
            "{}  the answers of these commands, saved beside the other files, settle it:\n",
            colours.bold("Next      ")
        ));
        commands.iter().for_each(|command| out.push_str(&format!("  {command}\n")));
    }
    out
}
