//! Whether a resource's policy is the trust policy of a role, and what its federated principals are.
//!
//! Shared by the checks of trust policies. Read off the document: every statement is about assuming a role.

use leastwise_policy::document::PrincipalKind;
use leastwise_policy::{ActionPattern, Statement};

use super::subject::{PolicyType, Subject};

/// The actions that a trust policy can be about, in lower case.
const ACTIONS: [&str; 6] =
    ["assumerole", "assumerolewithsaml", "assumerolewithwebidentity", "tagsession", "setsourceidentity", "setcontext"];

/// Whether the document is the trust policy of a role. The policy of an STS endpoint has the same actions, but open
/// principals, and resources.
pub(super) fn is_trust_policy(subject: &Subject<'_>) -> bool {
    let statements = subject.policy.statements();
    subject.kind == PolicyType::Resource
        && !statements.is_empty()
        && statements.iter().all(|s| {
            !s.actions.negated && !s.actions.patterns.is_empty() && s.actions.patterns.iter().all(|p| is_of_trust(&p.what))
        })
        && !statements.iter().any(is_of_endpoint)
}

fn is_of_trust(pattern: &ActionPattern) -> bool {
    let of_sts = pattern.service().is_some_and(|service| service.eq_ignore_ascii_case("sts"));
    let name = pattern.name_glob().to_ascii_lowercase();
    of_sts && (name == "*" || ACTIONS.contains(&&*name) || (pattern.has_wildcard() && name.starts_with("assumerole")))
}

fn is_of_endpoint(statement: &Statement) -> bool {
    let open =
        statement.principal.iter().flat_map(|p| &p.principals).any(|(kind, p)| *kind == PrincipalKind::Anyone || &*p.what == "*");
    open && statement.resources.is_some()
}

/// What a federated principal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provider<'t> {
    /// A SAML provider.
    Saml,
    /// An OpenID Connect provider, or a web identity provider that AWS knows, by its host and path.
    OpenId(&'t str),
    /// Neither.
    Neither,
}

/// Reads the value of a `Federated` principal: the ARN of a provider, or a host.
pub(super) fn provider(text: &str) -> Provider<'_> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    if let ["arn", _, "iam", "", account, resource] = parts.as_slice() {
        let account = leastwise_policy::arn::is_account_number(account);
        return match resource.split_once('/') {
            Some(("saml-provider", name)) if account && !name.is_empty() => Provider::Saml,
            Some(("oidc-provider", host)) if account && !host.is_empty() => Provider::OpenId(host),
            _ => Provider::Neither,
        };
    }
    let host = text.contains('.')
        && !text.starts_with('.')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'/' | b'_'));
    if host { Provider::OpenId(text) } else { Provider::Neither }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_federated_principal_is_a_provider_by_arn_or_a_host() {
        for (text, expected) in [
            ("arn:aws:iam::111122223333:saml-provider/adfs", Provider::Saml),
            (
                "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com",
                Provider::OpenId("token.actions.githubusercontent.com"),
            ),
            ("cognito-identity.amazonaws.com", Provider::OpenId("cognito-identity.amazonaws.com")),
            ("*", Provider::Neither),
            ("arn:aws:iam::1111:saml-provider/adfs", Provider::Neither),
            ("arn:aws:iam::111122223333:role/x", Provider::Neither),
            ("https://accounts.google.com", Provider::Neither),
            ("google", Provider::Neither),
        ] {
            assert_eq!(provider(text), expected, "{text}");
        }
    }
}
