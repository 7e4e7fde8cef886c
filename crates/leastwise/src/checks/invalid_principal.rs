//! `invalid-principal`: a principal that no request can come from ("AWS JSON policy elements: Principal").

use leastwise_policy::arn::{Arn, is_account_number};
use leastwise_policy::document::PrincipalKind;
use leastwise_policy::glob::has_wildcard;

use super::finding::{Findings, Severity};
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "invalid-principal", severity: Severity::Error, title: "a principal names nobody", run };

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for statement in subject.policy.statements() {
        let Some(element) = &statement.principal else { continue };
        for (kind, written) in &element.principals {
            let text = &*written.what;
            let (message, help) = match kind {
                PrincipalKind::Other(key) => {
                    (format!("`{key}` is no kind of principal"), "write AWS, Service, Federated or CanonicalUser")
                }
                PrincipalKind::Aws if text == "*" || is_account_number(text) || is_unique_id(text) => continue,
                PrincipalKind::Aws if has_wildcard(text) => (
                    format!("`{text}` has a wildcard, which AWS does not take in a principal"),
                    "name the account and add a condition on `aws:PrincipalArn`, or write \"*\"",
                ),
                PrincipalKind::Aws if Arn::parse(text).is_some_and(|arn| names_principal(&arn)) => continue,
                PrincipalKind::Aws => (
                    format!("`{text}` is no account, user, role or session"),
                    "write an account's number or an ARN such as arn:aws:iam::111122223333:role/app",
                ),
                PrincipalKind::Service if text == "*" || (text.contains('.') && !has_wildcard(text)) => continue,
                PrincipalKind::Service => (
                    format!("`{text}` is no service principal"),
                    "write the service's name in full, such as lambda.amazonaws.com",
                ),
                _ => continue,
            };
            findings.add(subject.principal(statement, element, written.span), message, help);
        }
    }
}

fn names_principal(arn: &Arn<'_>) -> bool {
    matches!(arn.service, "iam" | "sts") && (is_account_number(arn.account) || arn.account == "cloudfront")
}

/// Whether it is shaped as the unique identifier that AWS puts in place of a deleted user or role.
fn is_unique_id(text: &str) -> bool {
    let id = text.starts_with("AIDA") || text.starts_with("AROA");
    id && text.len() >= 16 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}
