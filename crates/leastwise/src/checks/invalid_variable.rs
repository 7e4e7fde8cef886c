//! `invalid-variable`: a policy variable that is none as written, or stands where variables are plain text
//! ("IAM policy elements: Variables and tags"). What looks like a variable of a template is reported too.

use super::finding::{Findings, Severity};
use super::subject::{Place, Subject};
use super::valid::Check;
use super::variable::{Variable, variables};

pub(super) const CHECK: Check = Check {
    code: "invalid-variable",
    severity: Severity::Error,
    title: "a policy variable is written wrongly, or where none can stand",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let text = subject.policy.text();
    if !["${", "&{", "#{", "%{", "{{", "{aws:", "$", "<"].iter().any(|sign| text.contains(sign)) {
        return;
    }
    // Without the new language `${` is plain text, which `variables-need-version` reports.
    let new = subject.policy.version() == Some("2012-10-17");
    for statement in subject.policy.statements() {
        for (at, pattern) in statement.resources.iter().flat_map(|r| r.patterns.iter().enumerate()) {
            values(&pattern.what, new, || subject.resource(statement, at, pattern), findings);
        }
        for line in &statement.conditions {
            for (at, value) in line.values.iter().enumerate() {
                values(&value.what, new, || subject.condition_value(statement, line, at, value), findings);
            }
            if line.key.what.contains("${") {
                misplaced(&line.key.what, "the name of a condition key", subject.condition_key(statement, line), findings);
            }
        }
        if let Some(element) = &statement.principal {
            for (_, written) in element.principals.iter().filter(|(_, p)| p.what.contains("${")) {
                misplaced(&written.what, "a principal", subject.principal(statement, element, written.span), findings);
            }
        }
    }
}

fn misplaced(text: &str, what: &str, place: Place, findings: &mut Findings) {
    let message = format!("`{text}` has a variable, and {what} cannot");
    findings.add(place, message, "variables work in `Resource`, and in values of string and ARN operators");
}

fn values(text: &str, new: bool, place: impl Fn() -> Place, findings: &mut Findings) {
    for variable in variables(text) {
        let Variable::Wrong { text: wrong, what, help } = variable else { continue };
        if !new && wrong.starts_with("${") {
            continue;
        }
        let severity = findings.add(place(), format!("`{wrong}` {what}"), help);
        if !wrong.starts_with("${") && !wrong.starts_with("&{") {
            // It may be part of a name after all.
            *severity = Severity::Warning;
        }
    }
}
