//! From an event's identity to the principal whose permissions were used.
//!
//! A table of rules by `userIdentity.type`, between the reader of records and the ledger. An identity that does not
//! tell its principal is returned as such with the reason, so that the ledger can count and show it; none is dropped.

use std::fmt;

use super::assumption::{hides_switcher, switcher};
use super::event::{Event, Identity};
use crate::access::{AccountId, PrincipalArn};

/// Whose permissions an event used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribution {
    /// A user, a role or the root of an account.
    Principal(PrincipalArn),
    /// A service of AWS, for itself: no identity policy is involved.
    Service(String),
    /// A principal of another account that this account's record does not name.
    OtherAccount(String),
    /// A caller who was signed in elsewhere and had no permissions of an IAM principal yet (SAML, web identity,
    /// Identity Center); the role that it then assumes has events of its own.
    Federated(String),
    /// A call without credentials.
    Anonymous,
    /// The record has too little to tell. It may have been any principal of its account.
    Unattributable(Unattributable),
}

/// Why a record's principal cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unattributable {
    /// There is no `userIdentity`, or an empty one.
    NoIdentity,
    /// The identity has neither a readable ARN nor account and name.
    NoArn,
    /// `type` is `Unknown`, or one that is not known here.
    UnknownType,
}

impl fmt::Display for Unattributable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unattributable::NoIdentity => "the record has no `userIdentity`",
            Unattributable::NoArn => "its `userIdentity` names no principal",
            Unattributable::UnknownType => "its `userIdentity` has an unknown `type`",
        })
    }
}

/// The principal of an event, by the type of its identity (CloudTrail user guide, `userIdentity` element).
#[must_use]
pub fn attribute(event: &Event<'_>) -> Attribution {
    let Some(identity) = &event.identity else { return Attribution::Unattributable(Unattributable::NoIdentity) };
    if let Some(from) = switched_from(event) {
        return Attribution::Principal(from);
    }
    if hides_switcher(event) {
        return Attribution::Unattributable(Unattributable::NoArn);
    }
    match identity.kind.as_deref().unwrap_or_default() {
        "AssumedRole" | "Role" => role(identity),
        // None of these has a session of a principal: the type is wrong, or the rest, and nothing must be lost for it.
        "AWSService" | "AWSAccount" | "SAMLUser" | "WebIdentityUser" | "IdentityCenterUser" if identity.issuer_arn.is_some() => {
            role(identity)
        }
        "IAMUser" | "User" => user(identity),
        // The temporary credentials of GetFederationToken: at most what the user who asked for them may do.
        "FederatedUser" => match identity.issuer_arn.as_deref().and_then(PrincipalArn::parse) {
            Some(issuer) => Attribution::Principal(issuer),
            None => Attribution::Unattributable(Unattributable::NoArn),
        },
        "Root" | "AssumedRoot" => root(identity, event.account),
        "AWSService" => service(identity),
        "AWSAccount" => match identity.account.as_deref() {
            Some("ANONYMOUS_PRINCIPAL" | "anonymous") => Attribution::Anonymous,
            Some(account) if AccountId::parse(account).is_none_or(|a| event.account != Some(a)) => {
                Attribution::OtherAccount(account.to_owned())
            }
            _ => by_arn(identity),
        },
        "SAMLUser" | "WebIdentityUser" | "IdentityCenterUser" => Attribution::Federated(federated_name(identity)),
        "" if identity.invoked_by.is_some() && identity.arn.is_none() => service(identity),
        "" if *identity == Identity::default() => Attribution::Unattributable(Unattributable::NoIdentity),
        "" => by_arn(identity),
        _ => match by_arn(identity) {
            Attribution::Unattributable(_) => Attribution::Unattributable(Unattributable::UnknownType),
            told => told,
        },
    }
}

/// Who changed to a role in the console: the record of the role's account is of the role's session, and names who came.
pub(super) fn switched_from(event: &Event<'_>) -> Option<PrincipalArn> {
    event.is_role_switch().then(|| switcher(event)).flatten()
}

fn role(identity: &Identity<'_>) -> Attribution {
    let issuer = identity.issuer_arn.as_deref().and_then(PrincipalArn::parse);
    issuer.map_or_else(|| by_arn(identity), Attribution::Principal)
}

fn user(identity: &Identity<'_>) -> Attribution {
    if let Some(arn) = identity.arn.as_deref().and_then(PrincipalArn::parse) {
        return Attribution::Principal(arn);
    }
    let named = identity.account.as_deref().zip(identity.user_name.as_deref());
    match named.and_then(|(account, name)| named_principal("aws", account, "user", name)) {
        Some(arn) => Attribution::Principal(arn),
        None => by_arn(identity),
    }
}

fn root(identity: &Identity<'_>, recipient: Option<AccountId>) -> Attribution {
    let account = identity.account.as_deref().and_then(AccountId::parse).or(recipient);
    let arn = identity.arn.as_deref().filter(|arn| arn.ends_with(":root")).and_then(PrincipalArn::parse);
    let arn = arn.or_else(|| account.and_then(|account| PrincipalArn::parse(&format!("arn:aws:iam::{account}:root"))));
    arn.map_or(Attribution::Unattributable(Unattributable::NoArn), Attribution::Principal)
}

fn service(identity: &Identity<'_>) -> Attribution {
    let name = identity.invoked_by.as_deref().or(identity.principal_id.as_deref()).unwrap_or("AWSService");
    Attribution::Service(name.to_owned())
}

fn federated_name(identity: &Identity<'_>) -> String {
    let name = identity.principal_id.as_deref().or(identity.user_name.as_deref()).or(identity.arn.as_deref());
    name.unwrap_or("unnamed").to_owned()
}

/// What the ARN alone tells. The ARN of an assumed role lacks the role's path; names of roles are unique in an account
/// whatever their paths, and the ledger knows principals by account, kind and name, so that this one is found again.
fn by_arn(identity: &Identity<'_>) -> Attribution {
    let told = identity.arn.as_deref().and_then(|arn| PrincipalArn::parse(arn).or_else(|| of_session(arn)));
    told.map_or(Attribution::Unattributable(Unattributable::NoArn), Attribution::Principal)
}

/// The role of a session, by the session's ARN; it lacks the role's path.
pub(super) fn of_session(arn: &str) -> Option<PrincipalArn> {
    let mut parts = arn.splitn(6, ':');
    let (start, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (_, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let session = resource.strip_prefix("assumed-role/").filter(|_| start == "arn" && service == "sts")?;
    named_principal(partition, account, "role", session.split('/').next()?)
}

fn named_principal(partition: &str, account: &str, kind: &str, name: &str) -> Option<PrincipalArn> {
    let sound = !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"+=,.@_-".contains(&c));
    // CloudTrail puts this in place of a name that was mistyped at sign-in; it may be somebody's password.
    let hidden = name == "HIDDEN_DUE_TO_SECURITY_REASONS";
    (sound && !hidden).then(|| PrincipalArn::parse(&format!("arn:{partition}:iam::{account}:{kind}/{name}"))).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::event::tests::event;
    use super::*;

    fn of(identity: Identity<'static>) -> Attribution {
        let mut event = event("s3.amazonaws.com", "GetObject");
        event.identity = Some(identity);
        attribute(&event)
    }

    fn principal(arn: &str) -> Attribution {
        Attribution::Principal(PrincipalArn::parse(arn).unwrap())
    }

    #[test]
    fn a_role_is_the_issuer_of_its_session_because_the_session_lacks_the_path() {
        let session = Identity {
            kind: Some("AssumedRole".into()),
            arn: Some("arn:aws:sts::111122223333:assumed-role/worker/i-1".into()),
            issuer_arn: Some("arn:aws:iam::111122223333:role/team/a/worker".into()),
            ..Identity::default()
        };
        assert_eq!(of(session.clone()), principal("arn:aws:iam::111122223333:role/team/a/worker"));
        assert_eq!(of(Identity { issuer_arn: None, ..session }), principal("arn:aws:iam::111122223333:role/worker"));
    }

    #[test]
    fn a_user_is_named_by_its_arn_or_by_account_and_name() {
        let arn = Identity {
            kind: Some("IAMUser".into()),
            arn: Some("arn:aws:iam::111122223333:user/x/ann".into()),
            ..Identity::default()
        };
        assert_eq!(of(arn), principal("arn:aws:iam::111122223333:user/x/ann"));
        let named = |name: &'static str| Identity {
            kind: Some("IAMUser".into()),
            account: Some("111122223333".into()),
            user_name: Some(name.into()),
            ..Identity::default()
        };
        assert_eq!(of(named("ann")), principal("arn:aws:iam::111122223333:user/ann"));
        assert_eq!(of(named("HIDDEN_DUE_TO_SECURITY_REASONS")), Attribution::Unattributable(Unattributable::NoArn));
    }

    #[test]
    fn a_federated_user_uses_what_its_issuer_may_do() {
        let identity = Identity {
            kind: Some("FederatedUser".into()),
            arn: Some("arn:aws:sts::111122223333:federated-user/guest".into()),
            issuer_arn: Some("arn:aws:iam::111122223333:user/ann".into()),
            ..Identity::default()
        };
        assert_eq!(of(identity), principal("arn:aws:iam::111122223333:user/ann"));
    }

    #[test]
    fn services_other_accounts_and_the_anonymous_are_no_principals_of_the_account() {
        let of_kind = |kind: &'static str, account: Option<&'static str>, by: Option<&'static str>| Identity {
            kind: Some(kind.into()).filter(|k: &std::borrow::Cow<'_, str>| !k.is_empty()),
            account: account.map(Into::into),
            invoked_by: by.map(Into::into),
            ..Identity::default()
        };
        assert_eq!(of(of_kind("AWSService", None, Some("ec2.amazonaws.com"))), Attribution::Service("ec2.amazonaws.com".into()));
        assert_eq!(
            of(of_kind("", Some("111122223333"), Some("ec2.amazonaws.com"))),
            Attribution::Service("ec2.amazonaws.com".into())
        );
        assert_eq!(of(of_kind("AWSAccount", Some("444455556666"), None)), Attribution::OtherAccount("444455556666".into()));
        assert_eq!(of(of_kind("AWSAccount", Some("ANONYMOUS_PRINCIPAL"), None)), Attribution::Anonymous);
        assert_eq!(of(of_kind("WebIdentityUser", None, None)), Attribution::Federated("unnamed".into()));
    }

    #[test]
    fn a_session_of_a_role_is_the_roles_whatever_the_type_says() {
        let of_kind = |kind: &'static str| Identity {
            kind: Some(kind.into()),
            issuer_arn: Some("arn:aws:iam::111122223333:role/worker".into()),
            ..Identity::default()
        };
        for kind in ["AWSService", "AWSAccount", "SAMLUser", "WebIdentityUser", "IdentityCenterUser", "AssumedRole"] {
            assert_eq!(of(of_kind(kind)), principal("arn:aws:iam::111122223333:role/worker"), "{kind}");
        }
    }

    #[test]
    fn a_root_is_the_root_of_its_account() {
        let identity = Identity { kind: Some("Root".into()), account: Some("111122223333".into()), ..Identity::default() };
        assert_eq!(of(identity), principal("arn:aws:iam::111122223333:root"));
    }

    #[test]
    fn what_does_not_tell_its_principal_says_why() {
        let mut bare = event("s3.amazonaws.com", "GetObject");
        assert_eq!(attribute(&bare), Attribution::Unattributable(Unattributable::NoIdentity));
        bare.identity = Some(Identity::default());
        assert_eq!(attribute(&bare), Attribution::Unattributable(Unattributable::NoIdentity));
        assert_eq!(
            of(Identity { kind: Some("Unknown".into()), ..Identity::default() }),
            Attribution::Unattributable(Unattributable::UnknownType)
        );
        assert_eq!(
            of(Identity { kind: Some("AssumedRole".into()), ..Identity::default() }),
            Attribution::Unattributable(Unattributable::NoArn)
        );
    }
}
