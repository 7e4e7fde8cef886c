//! `size-quota`: the document is larger than AWS stores ("IAM and STS quotas", "Quotas for AWS Organizations", 2026).
//! White space between tokens is not counted, as IAM and the Organizations console do not.

use super::finding::{Findings, Severity};
use super::subject::{PolicyType, Subject};
use super::valid::Check;
use crate::refine::Quota;

pub(super) const CHECK: Check =
    Check { code: "size-quota", severity: Severity::Error, title: "the document is larger than AWS stores", run };

/// Service control and resource control policies, in characters.
const ORGANIZATION: usize = 5_120;
/// The largest policy of a bucket, in characters; other services' limits differ.
const RESOURCE: usize = 20_480;

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let size = subject.policy.quota_size();
    let managed = Quota::Managed.limit();
    let role = Quota::Role.limit();
    let (limit, what, help, severity) = match subject.kind {
        PolicyType::Identity if size > role => (role, "all inline policies of a role", SPLIT, Severity::Warning),
        PolicyType::Identity if size > managed => (managed, "a managed policy", SPLIT, Severity::Warning),
        PolicyType::ServiceControl | PolicyType::ResourceControl if size > ORGANIZATION => {
            (ORGANIZATION, "a policy of an organization", "shorten it, or attach a second policy", Severity::Error)
        }
        PolicyType::Resource if size > RESOURCE => {
            (RESOURCE, "a bucket's policy", "shorten it; the limits of other services differ", Severity::Warning)
        }
        _ => return,
    };
    let message = format!("the document has {size} characters without white space, more than the {limit} of {what}");
    *findings.add(subject.document(), message, help) = severity;
}

const SPLIT: &str = "split it over several managed policies (`leastwise refine --split`), or shorten it";
