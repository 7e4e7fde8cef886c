//! `redundant-principal`: a principal is listed twice, or a session beside its role, which takes the role's sessions in
//! (Access Analyzer, "Redundant principal in role trust policy").

use std::collections::{BTreeSet, HashSet};

use leastwise_policy::arn::Arn;

use super::finding::{Findings, Severity};
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "redundant-principal",
    severity: Severity::Suggestion,
    title: "a principal is covered by another one of the same statement",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for statement in subject.policy.statements() {
        let Some(element) = &statement.principal else { continue };
        let roles: HashSet<(&str, &str)> = element.principals.iter().filter_map(|(_, p)| role(&p.what)).collect();
        let mut seen = BTreeSet::new();
        for (kind, written) in &element.principals {
            let again = !seen.insert((kind, &*written.what));
            let covered = session(&written.what).is_some_and(|session| roles.contains(&session));
            if !again && !covered {
                continue;
            }
            let what = if again { "is listed already" } else { "is a session of a role that is listed too" };
            let message = format!("`{}` {what}", written.what);
            findings.add(subject.principal(statement, element, written.span), message, "remove it");
        }
    }
}

/// Account and name of the role that the ARN names.
fn role(text: &str) -> Option<(&str, &str)> {
    let arn = Arn::parse(text).filter(|arn| arn.service == "iam")?;
    let name = arn.resource.strip_prefix("role/")?.rsplit('/').next()?;
    Some((arn.account, name))
}

/// Account and role's name of the session that the ARN names.
fn session(text: &str) -> Option<(&str, &str)> {
    let arn = Arn::parse(text)?;
    let (name, _) = arn.resource.strip_prefix("assumed-role/")?.split_once('/')?;
    Some((arn.account, name))
}
