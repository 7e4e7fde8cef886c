//! `variables-need-version`: `${…}` under the old language is plain text, so that the statement means something else
//! ("IAM JSON policy elements: Version").

use super::finding::{Findings, Severity};
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "variables-need-version",
    severity: Severity::Warning,
    title: "policy variables are used without `Version` 2012-10-17",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    if subject.policy.version() == Some("2012-10-17") || !subject.policy.text().contains("${") {
        return;
    }
    let help = "write \"Version\": \"2012-10-17\", or take the variable out";
    for statement in subject.policy.statements() {
        for (at, pattern) in statement.resources.iter().flat_map(|r| r.patterns.iter().enumerate()) {
            if pattern.what.contains("${") {
                let message = format!("in `{}` the variable is plain text, as the document's version has none", pattern.what);
                findings.add(subject.resource(statement, at, pattern), message, help);
            }
        }
        for line in &statement.conditions {
            for (at, value) in line.values.iter().enumerate().filter(|(_, v)| v.what.contains("${")) {
                let message = format!("in `{}` the variable is plain text, as the document's version has none", value.what);
                findings.add(subject.condition_value(statement, line, at, value), message, help);
            }
        }
    }
}
