//! `invalid-principal`: a principal that no request can come from, or that AWS does not take where it stands
//! ("AWS JSON policy elements: Principal").

use leastwise_policy::arn::{Arn, is_account_number};
use leastwise_policy::document::PrincipalKind;
use leastwise_policy::glob::has_wildcard;

use super::finding::{Findings, Severity};
use super::impossible_value::is_service_principal;
use super::subject::{PolicyType, Subject};
use super::trust::is_trust_policy;
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "invalid-principal", severity: Severity::Error, title: "a principal cannot be one", run };

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let trust = is_trust_policy(subject);
    for statement in subject.policy.statements() {
        let Some(element) = &statement.principal else { continue };
        for (kind, written) in &element.principals {
            let federated = *kind == PrincipalKind::Federated && subject.kind == PolicyType::Resource && !trust;
            let problem = if federated { federated_elsewhere(subject) } else { problem(kind, &written.what) };
            let Some((message, help, severity)) = problem else { continue };
            *findings.add(subject.principal(statement, element, written.span), message, help) = severity;
        }
    }
}

type Problem = (String, &'static str, Severity);

fn error(message: String, help: &'static str) -> Option<Problem> {
    Some((message, help, Severity::Error))
}

/// Only a role's trust policy names identity providers.
fn federated_elsewhere(subject: &Subject<'_>) -> Option<Problem> {
    // Without any action of STS it is certain that this is no trust policy.
    let about_sts = subject.policy.statements().iter().flat_map(|s| &s.actions.patterns).any(|p| p.what.reaches("sts"));
    let message = "only a role's trust policy can name an identity provider".to_owned();
    if about_sts { None } else { error(message, "name the role that the provider's users assume") }
}

fn problem(kind: &PrincipalKind, text: &str) -> Option<Problem> {
    match kind {
        PrincipalKind::Other(key) => {
            error(format!("`{key}` is no kind of principal"), "write AWS, Service, Federated or CanonicalUser")
        }
        PrincipalKind::Aws => aws(text),
        PrincipalKind::Service if has_wildcard(text) => error(
            format!("`{text}` has a wildcard, which AWS does not take in a service's principal"),
            "name the services in full, such as lambda.amazonaws.com",
        ),
        PrincipalKind::Service if is_service_principal(text) || text.contains("${") => None,
        PrincipalKind::Service
            if text.contains('.') && !text.bytes().any(|b| b.is_ascii_uppercase() || b.is_ascii_whitespace()) =>
        {
            let message = format!("`{text}` is not of a domain that services of AWS have");
            Some((message, "correct it, unless the service's guide says so", Severity::Warning))
        }
        PrincipalKind::Service => error(
            format!("`{text}` is no service principal"),
            "write the service's name in full and in lower case, such as lambda.amazonaws.com",
        ),
        PrincipalKind::CanonicalUser => {
            let canonical = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
            if canonical {
                None
            } else {
                error(format!("`{text}` is no canonical user"), "write its 64 hexadecimal digits, or the account as {\"AWS\": …}")
            }
        }
        PrincipalKind::Federated | PrincipalKind::Anyone => None,
    }
}

fn aws(text: &str) -> Option<Problem> {
    if text == "*" || is_account_number(text) || text.contains("${") {
        return None;
    }
    if let Some(what) = unique_id(text) {
        let message = format!("`{text}` is the identifier of {what}, which matches no request once that is deleted");
        return Some((message, "write the ARN: AWS turns it into the identifier when it stores the policy", Severity::Warning));
    }
    if has_wildcard(text) {
        return error(
            format!("`{text}` has a wildcard, which AWS does not take in a principal"),
            "name the account and add a condition on `aws:PrincipalArn`, or write \"*\"",
        );
    }
    if Arn::parse(text).is_some_and(|arn| names_principal(&arn)) {
        return None;
    }
    error(
        format!("`{text}` is no account, user, role or session"),
        "write an account's number or an ARN such as arn:aws:iam::111122223333:role/app",
    )
}

fn names_principal(arn: &Arn<'_>) -> bool {
    let account = is_account_number(arn.account) && arn.region.is_empty();
    let named = |prefix: &str| arn.resource.strip_prefix(prefix).is_some_and(|name| !name.is_empty() && !name.ends_with('/'));
    match arn.service {
        "iam" if arn.account == "cloudfront" => named("user/"),
        "iam" => account && (arn.resource == "root" || named("user/") || named("role/")),
        "sts" => {
            account
                && (arn.resource == "self"
                    || named("assumed-role/") && arn.resource.matches('/').count() >= 2
                    || named("federated-user/"))
        }
        _ => false,
    }
}

/// What the unique identifier is of that AWS puts in place of a deleted user or role.
fn unique_id(text: &str) -> Option<&'static str> {
    let shaped = text.len() >= 16 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    match text.get(..4) {
        Some("AIDA") if shaped => Some("a user"),
        Some("AROA") if shaped => Some("a role"),
        _ => None,
    }
}
