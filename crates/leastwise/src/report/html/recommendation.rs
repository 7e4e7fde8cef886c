//! A principal's recommendation as part of the page: each policy before and after side by side, claims, price, replay.
//!
//! A view over plans that were replayed ([`Verdict`]), so that nothing withheld or unproved can be shown as a policy. It
//! decides nothing. On a narrow screen the two sides stand one below the other.

use std::fmt::Write;

use super::super::diff::{DiffLine, diff};
use super::super::layout::readable;
use super::super::recommendation::title;
use super::super::{counted, day};
use super::escaped;
use crate::access::AccessModel;
use crate::backtest::{Applicable, Cut, Verdict, Withheld};
use crate::recommend::{PolicyStep, Remedy};

/// Unchanged lines around each change.
const CONTEXT: usize = 3;
/// Uses that are listed one by one.
const CUTS: usize = 10;

/// What is recommended, as HTML for the slot of a finding; `set` is the permission set that it is for, if any.
#[must_use]
pub fn recommended(access: &AccessModel<'_>, set: Option<&str>, verdicts: &[Verdict<'_>]) -> String {
    let mut out = String::new();
    if let Some(set) = set {
        put(
            &mut out,
            format_args!("<p>For all roles of permission set <code>{}</code>, in all accounts given.</p>", escaped(set)),
        );
    }
    if verdicts.is_empty() {
        out.push_str("<p>Nothing to do: what is unused cannot be taken away without taking away more.</p>");
    }
    let mut shown: Vec<&PolicyStep<'_>> = Vec::new();
    for (number, verdict) in verdicts.iter().enumerate() {
        let head = match verdict {
            Verdict::Applicable(plan) => escaped(&title(plan)),
            Verdict::Withheld(_) => "withheld".to_owned(),
        };
        let many = verdicts.len() > 1;
        // The first one stands open; the others are a choice.
        match (many, number) {
            (false, _) => {}
            (true, 0) => put(&mut out, format_args!("<h5>1 of {}: {head}</h5>", verdicts.len())),
            (true, _) => put(
                &mut out,
                format_args!("<details class=\"other\"><summary><b>{} of {}: {head}</b></summary>", number + 1, verdicts.len()),
            ),
        }
        match verdict {
            Verdict::Applicable(plan) => applicable(&mut out, access, plan, &mut shown),
            Verdict::Withheld(why) => withheld(&mut out, why),
        }
        if many && number > 0 {
            out.push_str("</details>");
        }
    }
    out
}

/// Writing into a string cannot fail.
fn put(out: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(what);
}

fn applicable<'v>(out: &mut String, access: &AccessModel<'_>, plan: &'v Applicable<'_>, shown: &mut Vec<&'v PolicyStep<'v>>) {
    for group in &plan.leaves {
        let name = escaped(group.arn.name());
        put(out, format_args!("<p>The user leaves group <code>{name}</code> once the steps below are done.</p>"));
    }
    for step in &plan.steps {
        one(out, step, shown);
        shown.push(step);
    }
    for retained in &plan.retained {
        let mut actions = retained.actions.iter().map(|id| access.actions().name(id)).map(|(s, n)| format!("{s}:{n}"));
        let named: Vec<String> = actions.by_ref().take(CUTS).collect();
        let more = actions.count();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        put(
            out,
            format_args!(
                "<p class=\"note\">Unused, and stays because of <code>{}</code>: {}. {}{more}</p>",
                escaped(&retained.policy),
                escaped(&retained.why.to_string()),
                escaped(&named.join(", "))
            ),
        );
    }
    let price = &plan.price;
    let replay = plan.replay();
    put(
        out,
        format_args!(
            "<dl class=\"facts\"><div><dt>Price</dt><dd>touches {}; statements {} → {}, characters {} → {}, managed policies {} → {}{}</dd></div>\
             <div><dt>Backtest</dt><dd><i class=\"ok\">✓</i> {} replayed: {} still allowed, {} undecidable from the record, {} granted elsewhere, \
             none newly denied</dd></div>",
            counted(price.principals, "principal"),
            price.statements.0,
            price.statements.1,
            price.characters.0,
            price.characters.1,
            price.managed_policies.0,
            price.managed_policies.1,
            if price.within_policy_count() { "" } else { " (more than the 10 that IAM allows by default)" },
            counted(usize::try_from(replay.events).unwrap_or(usize::MAX), "recorded request"),
            replay.still_allowed,
            replay.undecidable,
            replay.not_granted_before
        ),
    );
    if !replay.older.is_empty() {
        put(out, format_args!("<div><dt>Used before the period</dt><dd>{}</dd></div>", cuts(&replay.older)));
    }
    out.push_str("</dl>");
}

fn withheld(out: &mut String, withheld: &Withheld) {
    put(
        out,
        format_args!(
            "<p class=\"note\">Withheld: {} would have been denied. {}</p>",
            counted(usize::try_from(withheld.replay.newly_denied).unwrap_or(usize::MAX), "recorded request"),
            cuts(&withheld.replay.cuts)
        ),
    );
}

fn cuts(cuts: &[Cut]) -> String {
    let one = |cut: &Cut| format!("<code>{}</code> last on {}", escaped(cut.action.as_str()), day(cut.last));
    let named: Vec<String> = cuts.iter().take(CUTS).map(one).collect();
    let more = cuts.len() - named.len();
    if more == 0 { named.join(", ") } else { format!("{} and {more} more", named.join(", ")) }
}

fn one(out: &mut String, step: &PolicyStep<'_>, shown: &[&PolicyStep<'_>]) {
    put(out, format_args!("<div class=\"step\"><p><b>{}</b> {}</p><ul>", step.words(), instruction(&step.instruction())));
    step.operations.iter().for_each(|done| put(out, format_args!("<li>{}</li>", instruction(&done.phrase()))));
    out.push_str("</ul>");
    let same = |other: &&PolicyStep<'_>| {
        other.source.policy == step.source.policy
            && other.source.holder.arn == step.source.holder.arn
            && other.refined.text == step.refined.text
    };
    match step.refined.text.as_deref() {
        _ if shown.iter().any(same) => out.push_str("<p class=\"arn\">The document becomes the same as above.</p>"),
        None => out.push_str("<p class=\"arn\">Nothing that it grants is left.</p>"),
        Some(_) if step.refined.is_unchanged() => out.push_str("<p class=\"arn\">The document stays as it is.</p>"),
        Some(after) => side_by_side(out, step.original.text(), after),
    }
    out.push_str("<ul class=\"claims\">");
    for (claim, _) in step.refined.claims().iter() {
        put(out, format_args!("<li><i class=\"ok\">✓</i> {}</li>", claim.as_str().replace('_', " ")));
    }
    let (mark, limit) =
        (if step.fit.fits() { "<i class=\"ok\">✓</i>" } else { "<i class=\"bad\">✗</i>" }, step.fit.quota.limit());
    put(out, format_args!("<li>{mark} {} of {limit} characters</li></ul>", step.fit.size));
    for remedy in &step.fit.remedies {
        match remedy {
            Remedy::Split(split) => put(out, format_args!("<p class=\"arn\">It fits as {} policies.</p>", split.parts.len())),
            Remedy::Compact(_) => out.push_str("<p class=\"arn\">It fits in compact form.</p>"),
        }
    }
    let last = step.removed.iter().filter_map(|removed| removed.last_seen).max().map_or("never".to_owned(), day);
    put(out, format_args!("<p class=\"arn\">{} go; last seen: {last}.</p></div>", counted(step.removed.len(), "action")));
}

/// A sentence with names in backticks as HTML.
fn instruction(text: &str) -> String {
    let part = |(at, part): (usize, &str)| if at % 2 == 0 { escaped(part) } else { format!("<code>{}</code>", escaped(part)) };
    text.split('`').enumerate().map(part).collect()
}

/// Both documents: a pair of blocks for each run of lines that both have, and for each run in which they differ.
fn side_by_side(out: &mut String, before: &str, after: &str) {
    let (before, after) = readable(before, after);
    out.push_str("<div class=\"diff\">");
    let mut run = Run::default();
    for line in diff(&before, &after, CONTEXT) {
        match line {
            DiffLine::Omitted(count) => {
                run.end(out);
                put(out, format_args!("<p>{}</p>", counted(count, "unchanged line")));
            }
            DiffLine::Same(line) => run.on(out, true).left(&line),
            DiffLine::Removed(line) => run.on(out, false).left(&line),
            DiffLine::Added(line) => run.on(out, false).right(&line),
        }
    }
    run.end(out);
    out.push_str("</div>");
}

/// Neighbouring lines that are all common, or all not.
#[derive(Default)]
struct Run {
    common: bool,
    left: String,
    right: String,
}

impl Run {
    /// The run of that sort; one of the other sort is ended first.
    fn on(&mut self, out: &mut String, common: bool) -> &mut Run {
        if self.common != common {
            self.end(out);
            self.common = common;
        }
        self
    }

    fn left(&mut self, line: &str) {
        self.left.push_str(&escaped(line));
        self.left.push('\n');
    }

    fn right(&mut self, line: &str) {
        self.right.push_str(&escaped(line));
        self.right.push('\n');
    }

    fn end(&mut self, out: &mut String) {
        let (left, right) = (std::mem::take(&mut self.left), std::mem::take(&mut self.right));
        let class = |text: &str, class: &'static str| if text.is_empty() { "none" } else { class };
        match (left.is_empty() && right.is_empty(), self.common) {
            (true, _) => {}
            (false, true) => put(out, format_args!("<pre>{left}</pre><pre class=\"twin\">{left}</pre>")),
            (false, false) => put(
                out,
                format_args!(
                    "<pre class=\"{}\">{left}</pre><pre class=\"{}\">{right}</pre>",
                    class(&left, "del"),
                    class(&right, "ins")
                ),
            ),
        }
    }
}
