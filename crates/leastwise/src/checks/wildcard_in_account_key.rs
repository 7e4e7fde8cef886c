//! `wildcard-in-account-key`: a pattern with a wildcard stands for an account, an organization, a VPC or an endpoint, of which
//! strangers can have one that matches ("AWS global condition context keys", sensitive keys; Access Analyzer's check).

use leastwise_policy::evaluate::Test;
use leastwise_policy::glob::has_wildcard;

use super::finding::{Findings, Severity};
use super::lines::{lines, without_variables};
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "wildcard-in-account-key",
    severity: Severity::SecurityWarning,
    title: "a wildcard stands in an account, organization, VPC or endpoint identifier",
    run,
};

/// Keys whose values AWS hands out, so that a part of one says nothing about its owner.
const KEYS: [&str; 14] = [
    "aws:PrincipalAccount",
    "aws:PrincipalOrgID",
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
    "aws:SourceAccount",
    "aws:SourceOrgID",
    "aws:SourceOwner",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "kms:CallerAccount",
    "s3:DataAccessPointAccount",
    "s3:ResourceAccount",
];

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for line in lines(subject).filter(|line| line.operator.test == Test::StringLike && line.opens()) {
        let known = KEYS.iter().any(|key| line.has_key(key));
        let user = line.has_key("aws:userid");
        if !known && !user {
            continue;
        }
        for (at, value) in line.condition.values.iter().enumerate() {
            let own = without_variables(&value.what);
            // Of `aws:userid` the part before the colon is AWS's, the part behind it a session's name.
            let part = if user { own.split(':').next().unwrap_or_default() } else { &own };
            // A star alone is `star-in-condition`; before the colon it stands for every user and role.
            if !has_wildcard(part) || own.bytes().all(|b| b == b'*') || (user && part == "*" && own.contains(':')) {
                continue;
            }
            let message = format!("`{}` also matches values of `{}` that are of strangers", value.what, line.key());
            let help = "name the whole identifiers; AWS hands them out, so that what they begin with says nothing";
            findings.add(subject.condition_value(line.statement, line.condition, at, value), message, help);
        }
    }
}
