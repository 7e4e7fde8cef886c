//! `irrelevant-key`: a resource's own policy asks whose the resource is, which is the same for every request
//! (Access Analyzer, "Irrelevant condition key in policy").

use super::finding::{Findings, Severity};
use super::lines::lines;
use super::subject::{PolicyType, Subject};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "irrelevant-key",
    severity: Severity::Suggestion,
    title: "a resource's policy asks whose the resource is",
    run,
};

const KEYS: [&str; 4] = ["aws:ResourceAccount", "aws:ResourceOrgID", "aws:ResourceOrgPaths", "s3:ResourceAccount"];

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    if subject.kind != PolicyType::Resource {
        return;
    }
    // The policy of an endpoint is about the resources behind it, which may be of any account.
    let of_endpoint =
        subject.policy.statements().iter().flat_map(|s| &s.resources).flat_map(|r| &r.patterns).any(|p| &*p.what == "*");
    for line in lines(subject).filter(|line| !of_endpoint && KEYS.iter().any(|key| line.has_key(key))) {
        let message = format!("`{}` is the same for every request to the resource that has this policy", line.key());
        let help = "remove it; it is for identity policies, service control policies and VPC endpoint policies";
        findings.add(subject.condition_key(line.statement, line.condition), message, help);
    }
}
