//! `impossible-value`: a value that the condition key never has: an account of eleven digits, a VPC that is none, a service principal
//! without its domain, a word that is not among those of the key ("AWS global condition context keys" and the services' guides).

use leastwise_policy::arn::is_account_number;
use leastwise_policy::evaluate::Test;
use leastwise_policy::glob::{Case, has_wildcard, matches};

use super::finding::{Findings, Severity};
use super::lines::{Line, lines};
use super::regions;
use super::static_values;
use super::subject::Subject;
use super::unknown_condition_key::{Known, known};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "impossible-value",
    severity: Severity::Error,
    title: "a condition's value is none that its key can have",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for line in lines(subject).filter(|line| line.compares_text() || line.operator.test == Test::Arn) {
        for (at, value) in line.condition.values.iter().enumerate().filter(|(_, v)| !v.what.contains("${")) {
            let Some((wanted, severity)) = wanted(subject, line, &value.what) else { continue };
            let message = format!("`{}` never has the value `{}`", line.key(), value.what);
            let place = subject.condition_value(line.statement, line.condition, at, value);
            *findings.add(place, message, wanted) = severity;
        }
    }
}

/// What to write instead, when the key cannot have the value.
fn wanted(subject: &Subject<'_>, line: Line<'_>, value: &str) -> Option<(String, Severity)> {
    let error = |help: &str| Some((help.to_owned(), Severity::Error));
    // A pattern is judged by what it is without its wildcards, where that says something.
    let pattern = line.operator.test == Test::StringLike && has_wildcard(value);
    let key = line.key().to_ascii_lowercase();
    match &*key {
        "aws:principalaccount"
        | "aws:resourceaccount"
        | "aws:sourceaccount"
        | "aws:sourceowner"
        | "aws:vpceaccount"
        | "s3:resourceaccount"
        | "s3:dataaccesspointaccount"
        | "kms:calleraccount" => {
            let possible = if pattern {
                value.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'*' | b'?'))
            } else {
                is_account_number(value)
            };
            if possible { None } else { error("an account has twelve digits") }
        }
        "aws:principalorgid" | "aws:resourceorgid" | "aws:sourceorgid" | "aws:vpceorgid" => {
            if starts_possibly(value, "o-", pattern) { None } else { error("the identifier of an organization begins with `o-`") }
        }
        "aws:principalorgpaths" | "aws:resourceorgpaths" | "aws:sourceorgpaths" | "aws:vpceorgpaths" => {
            let help = "a path begins with the organization: o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*";
            if starts_possibly(value, "o-", pattern) { None } else { error(help) }
        }
        "aws:sourcevpc" if !is_numbered(value, "vpc-", pattern) => error("a VPC is `vpc-` and 8 or 17 letters and digits"),
        "aws:sourcevpce" if !is_numbered(value, "vpce-", pattern) => {
            error("an endpoint is `vpce-` and 8 or 17 letters and digits")
        }
        "aws:requestedregion" => region(value, pattern),
        "kms:viaservice" => {
            let possible = pattern || value.split('.').count() >= 4 && is_service_principal(value);
            if possible { None } else { error("write the service with its region, such as s3.eu-west-1.amazonaws.com") }
        }
        "iam:passedtoservice"
        | "iam:awsservicename"
        | "aws:principalservicename"
        | "aws:calledvia"
        | "aws:calledviafirst"
        | "aws:calledvialast" => {
            if pattern || is_service_principal(value) {
                None
            } else {
                error("write the service's name in full, such as lambda.amazonaws.com")
            }
        }
        "aws:principalarn" if is_session(value) => {
            error("for a session the key holds its role's ARN: write arn:aws:iam::111122223333:role/NAME")
        }
        "s3:x-amz-server-side-encryption-aws-kms-key-id" if line.compares_text() && !is_kms_key(value, pattern) => {
            error("write the key's ARN: arn:aws:kms:eu-west-1:111122223333:key/KEY-ID")
        }
        _ if line.compares_text() && is_of_arns(subject, line) => {
            let possible = if pattern {
                can_begin_with(value, "arn:")
            } else {
                value.splitn(6, ':').count() == 6 && value.starts_with("arn:")
            };
            if possible {
                None
            } else {
                error("write a whole ARN, such as arn:aws:s3:::bucket, with an operator such as `ArnLike`")
            }
        }
        _ => static_values::possible(&key, value, line.operator.test)
            .map(|words| (format!("the key is one of {words}"), Severity::Error)),
    }
}

/// Whether all values of the key are ARNs.
fn is_of_arns(subject: &Subject<'_>, line: Line<'_>) -> bool {
    let Known::Types(types) = known(subject.catalogue, line.key()) else { return false };
    let mut some = false;
    let all = types.iter().all(|kind| {
        some = true;
        kind == "ARN"
    });
    some && all
}

/// Whether a text that matches the pattern can begin with `start`.
fn can_begin_with(pattern: &str, start: &str) -> bool {
    pattern
        .chars()
        .zip(start.chars())
        .find(|(own, c)| matches!(own, '*' | '?') || own != c)
        .is_none_or(|(own, _)| matches!(own, '*' | '?'))
}

fn starts_possibly(value: &str, start: &str, pattern: bool) -> bool {
    if pattern { can_begin_with(value, start) } else { value.starts_with(start) }
}

/// Whether it is the prefix and 8 or 17 letters and digits, or a pattern that may match such.
fn is_numbered(value: &str, prefix: &str, pattern: bool) -> bool {
    if pattern {
        return can_begin_with(value, prefix);
    }
    value.strip_prefix(prefix).is_some_and(|id| matches!(id.len(), 8 | 17) && id.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn region(value: &str, pattern: bool) -> Option<(String, Severity)> {
    let near = || super::nearest::nearest(value, regions::all()).map(|near| format!("did you mean `{near}`?"));
    if pattern {
        let none = !regions::all().any(|region| matches(value, region, Case::Kept));
        return none.then(|| ("no region of AWS matches it".to_owned(), Severity::Warning));
    }
    if regions::is_listed(value) || value.ends_with("-global") {
        return None;
    }
    // A region that is shaped as one may be newer than the list.
    let severity = if regions::is_shaped(value) { Severity::Warning } else { Severity::Error };
    Some((near().unwrap_or_else(|| "write a region such as `eu-west-1`".to_owned()), severity))
}

/// Whether it is shaped as a service's principal: lower case, a name and a domain of AWS.
pub(super) fn is_service_principal(value: &str) -> bool {
    let domains =
        [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com", ".aws.internal", ".aws.com", ".c2s.ic.gov", ".sc2s.sgov.gov"];
    let plain = value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'_'));
    plain && domains.iter().any(|domain| value.len() > domain.len() && value.ends_with(domain))
}

fn is_session(value: &str) -> bool {
    value.split(':').nth(2) == Some("sts") && value.splitn(6, ':').nth(5).is_some_and(|r| r.starts_with("assumed-role/"))
}

fn is_kms_key(value: &str, pattern: bool) -> bool {
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "kms", _, _, resource] => starts_possibly(resource, "key/", has_wildcard(resource)),
        _ => pattern && can_begin_with(value, "arn:"),
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn service_principals_have_a_name_and_a_domain() {
        for (value, expected) in [
            ("lambda.amazonaws.com", true),
            ("s3.eu-west-1.amazonaws.com", true),
            ("ec2.amazonaws.com.cn", true),
            ("lambda", false),
            ("lambda.amazon", false),
            ("Lambda.amazonaws.com", false),
            (".amazonaws.com", false),
        ] {
            assert_eq!(is_service_principal(value), expected, "{value}");
        }
    }

    #[test]
    fn a_pattern_can_begin_with_what_its_own_letters_allow() {
        for (pattern, expected) in
            [("arn:aws:*", true), ("*", true), ("a?n:*", true), ("arn", true), ("bucket*", false), ("aws:*", false)]
        {
            assert_eq!(can_begin_with(pattern, "arn:"), expected, "{pattern}");
        }
    }
}
