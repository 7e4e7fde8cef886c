//! A recommendation as a page shows it: alternatives, steps with both texts side by side, claims, replay, what it costs.
//!
//! From the JSON that the store keeps (`leastwise.recommend/2`) to views, and to the files that can be downloaded. It shows
//! only what was proved and replayed; of what was withheld it says why and shows no policy.

use leastwise::report::diff::{DiffLine, diff};
use serde_json::Value;

use super::overview::{count, list, text};
use super::text::{capital, counted, day_of, number};

/// A line of a diff: both sides, or how many lines are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SideLine {
    pub(super) omitted: String,
    pub(super) left: String,
    pub(super) right: String,
    pub(super) left_class: &'static str,
    pub(super) right_class: &'static str,
}

/// A claim that holds.
#[derive(Debug, Clone)]
pub(super) struct ClaimView {
    pub(super) name: &'static str,
    pub(super) says: &'static str,
}

/// A step: one policy.
#[derive(Debug, Clone)]
pub(super) struct StepView {
    pub(super) number: usize,
    pub(super) title: String,
    pub(super) says: String,
    pub(super) diff: Vec<SideLine>,
    pub(super) claims: Vec<ClaimView>,
    pub(super) has_text: bool,
    pub(super) text: String,
    pub(super) policy_href: String,
    pub(super) certificate_href: String,
}

/// A name with a value.
#[derive(Debug, Clone)]
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) text: String,
    pub(super) href: String,
}

impl Fact {
    pub(super) fn of(name: &'static str, text: impl Into<String>) -> Fact {
        Fact { name, text: text.into(), href: String::new() }
    }
}

/// An alternative to choose.
#[derive(Debug, Clone)]
pub(super) struct Tab {
    pub(super) name: String,
    pub(super) href: String,
    pub(super) here: bool,
}

/// What is recommended, or why nothing is.
#[derive(Debug, Clone, Default)]
pub(super) struct AdviceView {
    pub(super) says: String,
    pub(super) exists: bool,
    pub(super) working: bool,
    pub(super) may_ask: bool,
    pub(super) withheld: bool,
    pub(super) period: String,
    pub(super) number: usize,
    pub(super) tabs: Vec<Tab>,
    pub(super) facts: Vec<Fact>,
    pub(super) replay: String,
    pub(super) warnings: Vec<String>,
    pub(super) steps: Vec<StepView>,
    pub(super) accepted: String,
    pub(super) may_accept: bool,
}

const CLAIMS: [(&str, &str, &str); 4] = [
    ("adds_nothing", "Adds nothing", "Every request that it allows, the original allowed."),
    ("drops_everything_unused", "Drops everything unused", "No unused action is granted any more."),
    ("keeps_everything_not_reported", "Keeps everything else", "Every other action is granted as before."),
    ("keeps_structure", "Keeps the structure", "Order, Sids, resources, conditions and Deny are untouched."),
];

/// Unchanged lines around a change.
const CONTEXT: usize = 3;

/// A text that is on one line, with lines; the strings and their order stay.
fn laid_out(text: &str) -> String {
    if text.trim_end().contains('\n') {
        return text.to_owned();
    }
    let mut out = String::new();
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut signs = text.trim().chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    while let Some(sign) = signs.next() {
        if in_string {
            out.push(sign);
            in_string = escaped || sign != '"';
            escaped = sign == '\\' && !escaped;
            continue;
        }
        match sign {
            '"' => {
                in_string = true;
                out.push(sign);
            }
            '{' | '[' => {
                out.push(sign);
                while signs.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if let Some(close) = signs.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(sign);
            }
            ',' => {
                out.push(sign);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            blank if blank.is_ascii_whitespace() => {}
            other => out.push(other),
        }
    }
    out.push('\n');
    out
}

/// Both texts side by side: what goes stands beside what comes in its place.
pub(super) fn side_by_side(before: &str, after: &str) -> Vec<SideLine> {
    let mut out: Vec<SideLine> = Vec::new();
    let (mut gone, mut come): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let flush = |out: &mut Vec<SideLine>, gone: &mut Vec<String>, come: &mut Vec<String>| {
        let rows = gone.len().max(come.len());
        let (mut left, mut right) = (gone.drain(..), come.drain(..));
        for _ in 0..rows {
            let (left, right) = (left.next(), right.next());
            out.push(SideLine {
                omitted: String::new(),
                left_class: if left.is_some() { "gone" } else { "void" },
                right_class: if right.is_some() { "come" } else { "void" },
                left: left.unwrap_or_default(),
                right: right.unwrap_or_default(),
            });
        }
    };
    for line in diff(&laid_out(before), &laid_out(after), CONTEXT) {
        match line {
            DiffLine::Removed(text) => gone.push(text),
            DiffLine::Added(text) => come.push(text),
            DiffLine::Same(text) => {
                flush(&mut out, &mut gone, &mut come);
                out.push(SideLine {
                    omitted: String::new(),
                    left: text.clone(),
                    right: text,
                    left_class: "same",
                    right_class: "same",
                });
            }
            DiffLine::Omitted(count) => {
                flush(&mut out, &mut gone, &mut come);
                out.push(SideLine { omitted: counted(count as u64, "unchanged line"), ..SideLine::default() });
            }
        }
    }
    flush(&mut out, &mut gone, &mut come);
    out
}

fn step(finding: &str, alternative: usize, number: usize, step: &Value) -> StepView {
    let (before, after) = (text(step, "/before"), text(step, "/text"));
    let removed = list(step, "/removed");
    let last = removed.iter().map(|one| text(one, "/lastSeen")).max().unwrap_or_default();
    let quota = format!(
        "{} of {} characters ({} policy)",
        super::text::number(count(step, "/quota/size")),
        super::text::number(count(step, "/quota/limit")),
        text(step, "/quota/kind")
    );
    let seen =
        if last.is_empty() { "none of them was ever seen in use".to_owned() } else { format!("last seen {}", day_of(last)) };
    let claims =
        CLAIMS.iter().filter(|(code, ..)| step.pointer(&format!("/claims/{code}")).and_then(Value::as_str) == Some("holds"));
    let href = |what: &str| format!("/findings/{finding}/recommendation/{alternative}/{number}/{what}.json");
    StepView {
        number,
        title: capital(&text(step, "/instruction").replace('`', "")),
        says: format!("{} go: {seen}. {quota}.", counted(removed.len() as u64, "action")),
        diff: if after.is_empty() || before == after { Vec::new() } else { side_by_side(before, after) },
        claims: claims.map(|(_, name, says)| ClaimView { name, says }).collect(),
        has_text: !after.is_empty(),
        text: after.to_owned(),
        policy_href: href("policy"),
        certificate_href: href("certificate"),
    }
}

fn replay(of: &Value) -> String {
    let requests = count(of, "/requests");
    let mut parts = vec![format!("{} are still allowed", number(count(of, "/stillAllowed")))];
    for (name, says) in [("/undecidable", "cannot be decided from the record"), ("/notGrantedBefore", "were granted elsewhere")] {
        if count(of, name) > 0 {
            parts.push(format!("{} {says}", number(count(of, name))));
        }
    }
    parts.push(match count(of, "/newlyDenied") {
        0 => "none is newly denied".to_owned(),
        denied => format!("{} would be denied", number(denied)),
    });
    format!("Replayed {}: {}.", counted(requests, "recorded request"), parts.join(", "))
}

/// The view of alternative `chosen` (from 1) of a report.
pub(super) fn advice(finding: &str, report: &Value, chosen: usize) -> AdviceView {
    let alternatives = list(report, "/alternatives");
    let chosen = chosen.clamp(1, alternatives.len().max(1));
    let Some(one) = alternatives.get(chosen - 1) else {
        return AdviceView {
            says: "There is nothing to do: what is unused cannot be taken away by changing a policy, or nothing of it may go."
                .to_owned(),
            ..AdviceView::default()
        };
    };
    let tab = |(at, own): (usize, &Value)| Tab {
        name: capital(if text(own, "/status") == "withheld" { "withheld" } else { text(own, "/title") }),
        href: format!("/findings/{finding}?alternative={}#rec", at + 1),
        here: at + 1 == chosen,
    };
    let of = |name: &str| (count(one, &format!("/price/{name}/before")), count(one, &format!("/price/{name}/after")));
    let arrow = |(before, after): (u64, u64)| format!("{} → {}", number(before), number(after));
    let withheld = text(one, "/status") == "withheld";
    let mut facts = Vec::new();
    let mut warnings = Vec::new();
    if !withheld {
        let affected: Vec<&str> =
            list(one, "/affected").iter().filter_map(Value::as_str).map(|arn| super::text::path_and_name(arn).1).collect();
        facts.push(Fact::of("Takes away", counted(list(one, "/removed").len() as u64, "action")));
        facts.push(Fact::of(
            "Touches",
            match affected.as_slice() {
                [one] => format!("{one} alone"),
                many => format!(
                    "{}: {}",
                    counted(many.len() as u64, "principal"),
                    many.iter().take(8).copied().collect::<Vec<_>>().join(", ") + if many.len() > 8 { " …" } else { "" }
                ),
            },
        ));
        facts.push(Fact::of("Characters", arrow(of("characters"))));
        facts.push(Fact::of("Statements", arrow(of("statements"))));
        facts.push(Fact::of("Managed policies", arrow(of("managedPolicies"))));
        for retained in list(one, "/retained") {
            let actions = list(retained, "/actions").len() as u64;
            warnings.push(format!(
                "{} stay because of {}: {}.",
                counted(actions, "unused action"),
                text(retained, "/policy"),
                text(retained, "/reason")
            ));
        }
        for group in list(one, "/leavesGroups").iter().filter_map(Value::as_str) {
            warnings.push(format!("The user leaves the group {} once the steps are done.", super::text::path_and_name(group).1));
        }
        for cut in list(one, "/replay/usedBeforeThePeriod").iter().take(10) {
            let last = day_of(text(cut, "/last"));
            warnings
                .push(format!("{} was used before the period, last on {last}: is it needed now and then?", text(cut, "/action")));
        }
        for own in list(one, "/recommendedSteps") {
            warnings
                .extend(list(own, "/warnings").iter().filter_map(Value::as_str).map(|warning| capital(&format!("{warning}."))));
        }
    }
    let steps = list(one, "/recommendedSteps").iter().enumerate();
    AdviceView {
        exists: true,
        withheld,
        period: format!(
            "judged from {} to {}",
            day_of(text(report, "/trackingPeriod/from")),
            day_of(text(report, "/trackingPeriod/to"))
        ),
        number: chosen,
        tabs: if alternatives.len() > 1 { alternatives.iter().enumerate().map(tab).collect() } else { Vec::new() },
        facts,
        replay: replay(one.pointer("/replay").unwrap_or(&Value::Null)),
        warnings,
        steps: steps.map(|(at, own)| step(finding, chosen, at + 1, own)).collect(),
        ..AdviceView::default()
    }
}

/// The text of a step's policy, or its certificate, as a file.
pub(super) fn file(report: &Value, alternative: usize, step: usize, what: &str) -> Option<String> {
    let own = list(report, "/alternatives").get(alternative.checked_sub(1)?)?;
    let own = list(own, "/recommendedSteps").get(step.checked_sub(1)?)?;
    match what {
        "policy.json" => Some(text(own, "/text").to_owned()).filter(|text| !text.is_empty()),
        "certificate.json" => {
            let certificate = own.get("certificate").filter(|certificate| certificate.is_object())?;
            serde_json::to_string_pretty(certificate).ok().map(|text| text + "\n")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_stands_beside_what_comes() {
        let lines = side_by_side("{\n\"a\",\n\"b\",\n\"c\"\n}\n", "{\n\"x\",\n\"c\"\n}\n");
        let shown: Vec<(&str, &str, &str, &str)> =
            lines.iter().map(|line| (line.left.as_str(), line.left_class, line.right.as_str(), line.right_class)).collect();
        let expected = [
            ("{", "same", "{", "same"),
            ("\"a\",", "gone", "\"x\",", "come"),
            ("\"b\",", "gone", "", "void"),
            ("\"c\"", "same", "\"c\"", "same"),
            ("}", "same", "}", "same"),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_document_on_one_line_is_laid_out_without_changing_a_string() {
        let text = r#"{"Action":["s3:Get*","a\",[b"],"Resource":"*","Empty":[ ],"C":{}}"#;
        let laid = laid_out(text);
        assert_eq!(
            laid,
            "{\n  \"Action\": [\n    \"s3:Get*\",\n    \"a\\\",[b\"\n  ],\n  \"Resource\": \"*\",\n  \"Empty\": [],\n  \"C\": {}\n}\n"
        );
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(value(&laid), value(text));
        assert_eq!(laid_out("{\n}\n"), "{\n}\n");
    }

    #[test]
    fn of_a_withheld_plan_no_policy_is_shown() {
        let report = serde_json::json!({"alternatives": [{"status": "withheld", "policies": ["p"], "replay": {"requests": 3, "stillAllowed": 2, "newlyDenied": 1}}]});
        let view = advice("x", &report, 7);
        assert!(view.withheld && view.steps.is_empty());
        assert_eq!(view.replay, "Replayed 3 recorded requests: 2 are still allowed, 1 would be denied.");
        assert_eq!(file(&report, 1, 1, "policy.json"), None);
    }
}
