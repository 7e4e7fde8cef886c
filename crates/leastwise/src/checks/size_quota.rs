//! `size-quota`: the document is larger than AWS stores ("IAM and STS quotas", "Quotas for AWS Organizations", and the quotas of the
//! services whose resources have policies, as of 2026-11).
//!
//! Each service counts in its own way: characters or bytes, with or without the white space between tokens.

use super::finding::{Findings, Severity};
use super::subject::{PolicyType, Subject};
use super::trust::is_trust_policy;
use super::valid::Check;
use crate::refine::Quota;

pub(super) const CHECK: Check =
    Check { code: "size-quota", severity: Severity::Error, title: "the document is larger than AWS stores", run };

/// Service control policies, in characters; 5,120 before 2026-05-15.
const SERVICE_CONTROL: usize = 10_240;
/// Resource control policies, in characters.
const RESOURCE_CONTROL: usize = 5_120;
/// Trust policies of roles, in characters without white space. An account can have it raised.
const TRUST: usize = 2_048;

/// Policies of resources, by the service whose actions they name: what they are, the most bytes, white space counted.
const RESOURCES: [(&str, &str, usize); 12] = [
    ("dynamodb", "a DynamoDB resource's policy", 20_480),
    ("ecr", "a repository's policy", 10_240),
    ("events", "an event bus's policy", 10_240),
    ("execute-api", "an API's policy", 8_192),
    ("glue", "a Data Catalog's policy", 10_240),
    ("kms", "a key policy", 32_768),
    ("lambda", "a function's policy", 20_480),
    ("logs", "a CloudWatch Logs resource policy", 5_120),
    ("s3", "a bucket's policy", 20_480),
    ("secretsmanager", "a secret's policy", 20_480),
    ("sns", "a topic's policy", 30_720),
    ("sqs", "a queue's policy", 8_192),
];

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let size = subject.policy.quota_size();
    let managed = Quota::Managed.limit();
    let role = Quota::Role.limit();
    let (limit, what, help, severity) = match subject.kind {
        PolicyType::Identity if size > role => (role, "all inline policies of a role", SPLIT, Severity::Warning),
        PolicyType::Identity if size > managed => (managed, "a managed policy", SPLIT, Severity::Warning),
        PolicyType::Identity => return,
        PolicyType::ServiceControl => return organization(subject, SERVICE_CONTROL, "a service control policy", findings),
        PolicyType::ResourceControl => return organization(subject, RESOURCE_CONTROL, "a resource control policy", findings),
        PolicyType::Resource if is_trust_policy(subject) => {
            (TRUST, "a trust policy by default", "shorten it, or have the quota of your account raised", Severity::Warning)
        }
        PolicyType::Resource => return resource(subject, findings),
    };
    if size > limit {
        let message = format!("the document has {size} characters without white space, more than the {limit} of {what}");
        *findings.add(subject.document(), message, help) = severity;
    }
}

/// The console takes white space out before it counts; the command line and the API store the text as it is.
fn organization(subject: &Subject<'_>, limit: usize, what: &str, findings: &mut Findings) {
    let (bare, whole) = (subject.policy.quota_size(), subject.policy.text().chars().count());
    let help = "shorten it, or attach a second policy";
    if bare > limit {
        let message = format!("the document has {bare} characters without white space, more than the {limit} of {what}");
        findings.add(subject.document(), message, help);
    } else if whole > limit {
        let message = format!("the document has {whole} characters with its white space, more than the {limit} of {what}");
        let help = "take the white space out, as the console does: the API stores the text as it is";
        *findings.add(subject.document(), message, help) = Severity::Warning;
    }
}

fn resource(subject: &Subject<'_>, findings: &mut Findings) {
    let mut services = subject.policy.statements().iter().flat_map(|s| &s.actions.patterns).map(|p| p.what.service());
    let Some(Some(first)) = services.next() else { return };
    let others = services.flatten().any(|service| !service.eq_ignore_ascii_case(first));
    let Some((_, what, limit)) = RESOURCES.iter().find(|(service, ..)| !others && service.eq_ignore_ascii_case(first)) else {
        return;
    };
    let (size, bare) = (subject.policy.text().len(), subject.policy.quota_size());
    if size > *limit {
        let shorter = if bare <= *limit { "; without white space it would fit" } else { "" };
        let message = format!("the document has {size} bytes, more than the {limit} of {what}{shorter}");
        *findings.add(subject.document(), message, "shorten it, or have the quota raised where the service can") =
            Severity::Warning;
    }
}

const SPLIT: &str = "split it over several managed policies (`leastwise refine --split`), or shorten it";

#[cfg(test)]
mod unit {
    use leastwise_policy::{Catalogue, Policy};

    use super::*;

    fn found(kind: PolicyType, text: &str) -> Vec<(Severity, String)> {
        let policy = Policy::parse(text).unwrap();
        let subject = Subject { policy: &policy, kind, catalogue: Catalogue::embedded() };
        let mut findings = Findings::none();
        findings.begin(CHECK.code, CHECK.severity);
        run(&subject, &mut findings);
        findings.placed(policy.text()).into_iter().map(|f| (f.severity, f.message)).collect()
    }

    fn document(action: &str, length: usize, blanks: usize) -> String {
        let before = format!(r#"{{"Statement":[{{"Effect":"Deny","Principal":"*","Action":"{action}","Resource":"arn:aws:s3:::"#);
        let name = "a".repeat(length - before.len() - 4);
        format!(r#"{before}{name}"{}}}]}}"#, " ".repeat(blanks))
    }

    #[test]
    fn each_kind_has_its_own_quota_and_way_of_counting() {
        for (kind, action, length, blanks, expected) in [
            (PolicyType::ServiceControl, "s3:*", 10_240, 0, None),
            (PolicyType::ServiceControl, "s3:*", 10_240, 1, Some(Severity::Warning)),
            (PolicyType::ServiceControl, "s3:*", 10_241, 0, Some(Severity::Error)),
            (PolicyType::ResourceControl, "s3:*", 5_120, 0, None),
            (PolicyType::ResourceControl, "s3:*", 5_121, 0, Some(Severity::Error)),
            (PolicyType::Resource, "s3:*", 20_480, 0, None),
            (PolicyType::Resource, "s3:*", 20_480, 1, Some(Severity::Warning)),
            (PolicyType::Resource, "sqs:*", 8_193, 0, Some(Severity::Warning)),
            (PolicyType::Resource, "sts:AssumeRole", 2_048, 9_999, None),
            (PolicyType::Identity, "s3:*", 6_144, 9_999, None),
            (PolicyType::Identity, "s3:*", 6_145, 0, Some(Severity::Warning)),
        ] {
            let text = document(action, length, blanks);
            assert_eq!(text.len(), length + blanks);
            let found = found(kind, &text);
            assert_eq!(found.first().map(|f| f.0), expected, "{kind:?} {action} {length} {blanks} {found:?}");
        }
    }
}
