//! `arn-not-of-service`: an ARN that its service cannot have: a region or an account where none belongs, or none where one does, or the
//! name of a bucket that no bucket can have (Service Authorization Reference, ARN formats of resource types).

use leastwise_policy::evaluate::Test;
use leastwise_policy::glob::has_wildcard;

use super::finding::{Findings, Severity};
use super::formats::{Fit, Wanted, as_glob, fit};
use super::lines::lines;
use super::subject::{Place, Subject};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "arn-not-of-service",
    severity: Severity::Error,
    title: "an ARN has parts that its service's ARNs do not have",
    run,
};

/// ARNs of a document that are held against formats, at most.
const MAX_ARNS: usize = 5_000;

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let mut left = MAX_ARNS;
    for statement in subject.policy.statements() {
        for (at, pattern) in statement.resources.iter().flat_map(|r| r.patterns.iter().enumerate()) {
            judge(subject, &pattern.what, &mut left, || subject.resource(statement, at, pattern), findings);
        }
    }
    // A condition on an ARN that cannot be never holds either. Tags and encryption contexts hold any text.
    let keys = ["aws:SourceArn", "aws:PrincipalArn", "lambda:SourceFunctionArn", "ecs:cluster", "iam:PolicyARN"];
    for line in lines(subject).filter(|l| l.operator.test == Test::Arn && keys.iter().any(|key| l.has_key(key))) {
        for (at, value) in line.condition.values.iter().enumerate() {
            judge(
                subject,
                &value.what,
                &mut left,
                || subject.condition_value(line.statement, line.condition, at, value),
                findings,
            );
        }
    }
}

fn judge(subject: &Subject<'_>, text: &str, left: &mut usize, place: impl Fn() -> Place, findings: &mut Findings) {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", _, service, region, account, resource] = parts.as_slice() else { return };
    if *left == 0 {
        return;
    }
    *left -= 1;
    if *service == "s3" && region.is_empty() && account.is_empty() {
        if let Some((message, help)) = bucket(resource) {
            findings.add(place(), format!("{message}, as in `{text}`"), help);
        }
        return;
    }
    let (part, written, wanted, format) = match fit(subject.catalogue, [service, region, account, resource]) {
        Fit::Region(wanted, format) => ("region", region, wanted, format),
        Fit::Account(wanted, format) => ("account", account, wanted, format),
        Fit::Fits | Fit::NoType(_) => return,
    };
    let message = match wanted {
        Wanted::Empty => format!("ARNs as `{text}` have no {part}, and `{written}` stands there"),
        Wanted::Filled if part == "account" => format!("ARNs as `{text}` have an account, and none stands there"),
        Wanted::Filled => format!("ARNs as `{text}` have a region, and none stands there"),
        Wanted::Other => format!("no resource of `{service}` has the {part} `{written}`, as in `{text}`"),
    };
    findings.add(place(), message, format!("write it as `{format}`"));
}

/// What is wrong with the name of a bucket: "General purpose bucket naming rules", with those of buckets made before 2018.
fn bucket(resource: &str) -> Option<(String, &'static str)> {
    let own = as_glob(resource);
    let name = own.split('/').next().unwrap_or_default();
    if name.is_empty() && !own.is_empty() {
        return Some(("no bucket's name begins with a slash".to_owned(), "write arn:aws:s3:::bucket/key"));
    }
    if let Some(c) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '*' | '?'))) {
        let help = if c == ':' { "write arn:aws:s3:::bucket/key" } else { "correct the bucket's name" };
        return Some((format!("no bucket's name has `{c}`"), help));
    }
    let long = !has_wildcard(name) && name.len() > 255;
    long.then(|| (format!("no bucket's name has {} characters", name.len()), "correct the bucket's name"))
}
