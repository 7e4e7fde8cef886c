//! `weak-condition`: a condition that its caller can get around: a key that the caller writes, one that means little alone, one that
//! lists are read past ("AWS global condition context keys"; DynamoDB and S3 guides, condition keys).

use leastwise_policy::Effect;
use leastwise_policy::evaluate::Test;

use super::finding::{Findings, Severity};
use super::lines::{Line, lines, of_statement};
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "weak-condition", severity: Severity::SecurityWarning, title: "a caller can get around a condition", run };

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for line in lines(subject) {
        let place = || subject.condition_key(line.statement, line.condition);
        if line.operator.test == Test::Null {
            continue;
        }
        if line.has_key("aws:Referer") || line.has_key("aws:UserAgent") {
            let message = format!("the caller writes `{}`, and can write what it likes", line.key());
            findings.add(
                place(),
                message,
                "decide by who calls or from where: `aws:PrincipalArn`, `aws:SourceVpce`, `aws:SourceArn`",
            );
        } else if line.has_key("aws:VpcSourceIp")
            && line.opens()
            && !has(line, &["aws:SourceVpc", "aws:SourceVpce", "aws:SourceVpcArn"])
        {
            let message =
                "addresses within a VPC are not unique: any VPC, of any account, can have those of `aws:VpcSourceIp`".to_owned();
            findings.add(place(), message, "add a condition on `aws:SourceVpc` or `aws:SourceVpce`");
        } else if line.has_key("dynamodb:Attributes") && line.statement.effect == Effect::Allow && !selects(line) {
            let message = "a read that names no attributes is not held to `dynamodb:Attributes`, and returns them all".to_owned();
            findings.add(place(), message, "add {\"StringEquals\": {\"dynamodb:Select\": \"SPECIFIC_ATTRIBUTES\"}}");
        } else if line.has_key("s3:prefix") && line.compares_text() && !line.opens() && !asks_for_none(line) {
            let message = "a request with a shorter `s3:prefix`, or none, lists the same keys and is not held to this".to_owned();
            findings.add(place(), message, "allow the prefixes wanted with `StringLike`, or deny with `StringNotLike`");
        }
    }
}

/// Whether the statement has a line on one of the keys, other than whether it is there.
fn has(line: Line<'_>, keys: &[&str]) -> bool {
    of_statement(line.statement).any(|other| other.operator.test != Test::Null && keys.iter().any(|key| other.has_key(key)))
}

/// Whether the statement is held to reads that name their attributes, or is not about reads.
fn selects(line: Line<'_>) -> bool {
    let selects = of_statement(line.statement).any(|other| {
        other.has_key("dynamodb:Select") && other.condition.values.iter().all(|v| &*v.what == "SPECIFIC_ATTRIBUTES")
    });
    let reads = ["GetItem", "BatchGetItem", "Query", "Scan"];
    let actions = &line.statement.actions;
    let about_reads =
        actions.negated || reads.iter().any(|name| actions.patterns.iter().any(|p| p.what.matches("dynamodb", name)));
    selects || !about_reads
}

/// Whether only the listing of the whole bucket is meant: the empty prefix.
fn asks_for_none(line: Line<'_>) -> bool {
    line.condition.values.iter().all(|v| v.what.is_empty())
}
