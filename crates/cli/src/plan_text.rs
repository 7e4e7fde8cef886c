//! A recommendation as text for a terminal: diffs, claims, price, replay.
//!
//! A view like those of the library, but with the terminal's colours, which only the command knows.

use leastwise::access::{AccessModel, Principal};
use leastwise::backtest::{Applicable, Verdict};
use leastwise::recommend::{Basis, PolicyStep, Remedy};
use leastwise::report::diff::{DiffLine, diff};
use leastwise::report::layout::readable;
use leastwise::report::recommendation::{ground, names, title};

use crate::everybody::Answer;
use crate::output::Colours;

/// The whole answer about `asked`.
pub(crate) fn whole(basis: &Basis<'_>, asked: &Principal, answer: &Answer<'_>, colours: Colours) -> String {
    let Answer { judged, set, unused, verdicts } = answer;
    let mut out = format!("{}\n", colours.bold(asked.arn.as_str()));
    if let Some(set) = set {
        out.push_str(&format!("  a role of permission set `{set}`: this is for all its roles in all accounts of the input\n"));
    }
    out.push_str(&format!(
        "  {} of its effective actions are unused from {} to {}\n",
        unused.len(),
        basis.period.start,
        basis.period.end
    ));
    for (of, count) in &judged.grounds {
        out.push_str(&format!("    {count} because {}\n", ground(*of)));
    }
    let kept = [
        ("used", &judged.used),
        ("unobservable: no source could have shown a use", &judged.unobservable),
        ("unknown: a source that should know does not", &judged.unknown),
        ("blocked by the permissions boundary, not unused", &judged.granted.blocked_by_boundary),
        ("taken away by a Deny, not unused", &judged.granted.denied),
    ];
    for (why, actions) in kept.into_iter().filter(|(_, actions)| !actions.is_empty()) {
        out.push_str(&format!("  {} kept, {why}: {}\n", actions.len(), some(&names(basis.access, actions))));
    }
    if verdicts.is_empty() {
        out.push_str("  nothing to do\n");
    }
    for (number, verdict) in verdicts.iter().enumerate() {
        out.push_str(&format!("\n{}\n", colours.bold(&format!("Alternative {} of {}", number + 1, verdicts.len()))));
        match verdict {
            Verdict::Applicable(plan) => out.push_str(&text(basis.access, plan, colours)),
            Verdict::Withheld(withheld) => {
                out.push_str(&format!(
                    "  {}: {} recorded requests would have been denied\n",
                    colours.red("withheld"),
                    withheld.replay.newly_denied
                ));
                for cut in withheld.replay.cuts.iter().take(10) {
                    out.push_str(&format!("    {} {} times by {}, last {}\n", cut.action, cut.count, cut.principal, cut.last));
                }
            }
        }
    }
    out
}

/// One answer of many, on a line or two.
pub(crate) fn short(asked: &Principal, answer: &Answer<'_>, colours: Colours) -> String {
    let mut out = format!("{}\n", colours.bold(asked.arn.as_str()));
    let applicable: Vec<&Applicable<'_>> = answer.verdicts.iter().filter_map(Verdict::applicable).collect();
    let withheld = answer.verdicts.len() - applicable.len();
    match applicable.first() {
        Some(plan) => out.push_str(&format!(
            "  {} actions go in {} steps, characters {} → {}; {} alternatives{}\n",
            plan.removed.len(),
            plan.steps.len(),
            plan.price.characters.0,
            plan.price.characters.1,
            applicable.len(),
            if withheld == 0 { String::new() } else { format!(", {withheld} withheld") }
        )),
        None => out.push_str(&format!("  {} alternatives, all withheld by the backtest\n", withheld)),
    }
    out
}

fn some(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
    let more = names.len().saturating_sub(shown.len());
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

fn text(access: &AccessModel<'_>, plan: &Applicable<'_>, colours: Colours) -> String {
    let price = &plan.price;
    let mut out = format!("  {}\n", title(plan));
    out.push_str(&format!(
        "  price: {} principals, statements {} → {}, characters {} → {}, managed policies {} → {}{}\n",
        price.principals,
        price.statements.0,
        price.statements.1,
        price.characters.0,
        price.characters.1,
        price.managed_policies.0,
        price.managed_policies.1,
        if price.within_policy_count() { "" } else { ", more than the 10 that IAM allows by default" }
    ));
    for retained in &plan.retained {
        out.push_str(&format!(
            "  {} {} unused actions stay because of `{}`: {}\n",
            colours.yellow("!"),
            retained.actions.len(),
            retained.policy,
            retained.why
        ));
        out.push_str(&format!("      {}\n", some(&names(access, &retained.actions))));
    }
    for group in &plan.leaves {
        out.push_str(&format!("  remove the user from group `{}` once the steps below are done\n", group.arn.name()));
    }
    for step in &plan.steps {
        out.push_str(&one(step, colours));
    }
    let replay = plan.replay();
    out.push_str(&format!(
        "\n  {} replayed {} recorded requests: {} still allowed, {} undecidable, {} granted elsewhere, {} newly denied\n",
        colours.green("✓"),
        replay.events,
        replay.still_allowed,
        replay.undecidable,
        replay.not_granted_before,
        replay.newly_denied
    ));
    for cut in replay.older.iter().take(10) {
        out.push_str(&format!(
            "  {} {} was used before the period, last {}: is it needed now and then?\n",
            colours.yellow("!"),
            cut.action,
            cut.last
        ));
    }
    out
}

fn one(step: &PolicyStep<'_>, colours: Colours) -> String {
    let mut out = format!("\n  {}: {}\n", colours.bold(&step.words()), step.instruction());
    for done in &step.operations {
        out.push_str(&format!("    - {}\n", done.phrase()));
    }
    if let Some(after) = step.refined.text.as_deref().filter(|_| !step.refined.is_unchanged()) {
        let (before, after) = readable(step.original.text(), after);
        for line in diff(&before, &after, 3) {
            out.push_str(&match line {
                DiffLine::Same(line) => format!("      {line}\n"),
                DiffLine::Removed(line) => format!("{}\n", colours.red(&format!("    - {line}"))),
                DiffLine::Added(line) => format!("{}\n", colours.green(&format!("    + {line}"))),
                DiffLine::Omitted(count) => format!("{}\n", colours.dim(&format!("      … {count} unchanged lines"))),
            });
        }
    }
    let claims: Vec<&str> = step.refined.claims().iter().map(|(claim, _)| claim.as_str()).collect();
    out.push_str(&format!("    {} proved: {}\n", colours.green("✓"), claims.join(", ")));
    let last = step.removed.iter().filter_map(|removed| removed.last_seen).max();
    out.push_str(&format!(
        "    {} actions go; last seen {}\n",
        step.removed.len(),
        last.map_or("never".to_owned(), |time| time.to_string())
    ));
    let mark = if step.fit.fits() { colours.green("✓") } else { colours.red("✗") };
    out.push_str(&format!(
        "    {mark} {} of {} characters ({} quota)\n",
        step.fit.size,
        step.fit.quota.limit(),
        step.fit.quota.as_str()
    ));
    for remedy in &step.fit.remedies {
        out.push_str(&match remedy {
            Remedy::Split(split) => format!("      it fits as {} policies (--format json has them)\n", split.parts.len()),
            Remedy::Compact(_) => "      it fits in compact form (--format json has it)\n".to_owned(),
        });
    }
    out
}
