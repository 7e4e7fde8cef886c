//! Who makes a request, and whether a `Principal` or `NotPrincipal` element is about them.
//!
//! Says also how directly an element names the caller, since AWS lets a resource policy pass over some limits
//! of the caller when it does so directly. It looks at names only; it knows no directory of users and roles.

use crate::arn::{Arn, is_account_number};
use crate::document::{Effect, PrincipalElement, PrincipalKind};
use crate::json::Node;

use super::request::RequestError;

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Nobody known: the request is not signed.
    Anonymous,
    /// An AWS service, by its principal's names, such as `lambda.amazonaws.com`.
    Service(Vec<Box<str>>),
    /// Somebody authenticated by an identity provider (who assumes a role with SAML or a web identity).
    Federated(Box<str>),
    /// An account known only by its canonical user's identifier, as Amazon S3 has it.
    CanonicalUser(Box<str>),
    /// A principal of an AWS account.
    Aws(AwsPrincipal),
}

/// A principal of an AWS account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsPrincipal {
    arn: Box<str>,
    account: Box<str>,
    kind: AwsKind,
    /// The user's or the role's name without its path.
    name: Box<str>,
    service_linked: bool,
}

/// What sort of principal of an account somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwsKind {
    /// The account's root user.
    Root,
    /// An IAM user.
    User,
    /// An IAM role, without saying which of its sessions.
    Role,
    /// A session of a role.
    RoleSession,
    /// A session that `GetFederationToken` began.
    FederatedUser,
    /// Anything else with an ARN and an account.
    Other,
}

/// How directly a `Principal` element names the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Through their account, to which the element delegates: an identity policy must allow it too.
    Account,
    /// Through the role of the session, or the user behind a federated session: their limits apply.
    Role,
    /// Themselves, or everybody: implicit denies of their own policies do not count.
    Direct,
}

impl Principal {
    /// Reads a principal as text: an ARN, an account's number (its root user), `*`, or a service's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Principal> {
        if text == "*" {
            return Some(Principal::Anonymous);
        }
        if is_account_number(text) {
            return Principal::parse(&format!("arn:aws:iam::{text}:root"));
        }
        let Some(arn) = Arn::parse(text) else {
            let service =
                !text.contains([':', '/', ' ']) && (text.ends_with(".amazonaws.com") || text.ends_with(".amazonaws.com.cn"));
            return service.then(|| Principal::Service(vec![text.into()]));
        };
        let (sort, path) = arn.resource.split_once('/').unwrap_or((arn.resource, ""));
        let last = path.rsplit('/').next().unwrap_or_default();
        let (kind, name) = match (arn.service, sort) {
            ("iam", "root") => (AwsKind::Root, ""),
            ("iam", "user") => (AwsKind::User, last),
            ("iam", "role") => (AwsKind::Role, last),
            ("sts", "assumed-role") => (AwsKind::RoleSession, path.split('/').next().unwrap_or_default()),
            ("sts", "federated-user") => (AwsKind::FederatedUser, last),
            ("iam", "saml-provider" | "oidc-provider") => return Some(Principal::Federated(text.into())),
            _ => (AwsKind::Other, last),
        };
        let service_linked = match kind {
            AwsKind::Role => path.starts_with("aws-service-role/"),
            AwsKind::RoleSession => name.starts_with("AWSServiceRoleFor"),
            _ => false,
        };
        Some(Principal::Aws(AwsPrincipal {
            arn: text.into(),
            account: arn.account.into(),
            kind,
            name: name.into(),
            service_linked,
        }))
    }

    /// Reads the JSON form of a principal; see [`super::Request::from_node`].
    pub(super) fn from_node(node: &Node) -> Result<Principal, RequestError> {
        let help = "write the ARN of a user, role, session or root user, an account's number, \"*\", or \
                    {\"Service\": \"lambda.amazonaws.com\"}";
        let error = |message| RequestError { message, span: node.span, help };
        // Whom no policy could name makes no request.
        let caller = |text: &str| match Principal::parse(text) {
            Some(Principal::Aws(aws)) if aws.kind == AwsKind::Other => None,
            read => read,
        };
        if let Some(text) = node.as_str() {
            return caller(text).ok_or_else(|| error(format!("`{text}` is not a principal")));
        }
        let Some([member]) = node.as_object() else {
            return Err(error(format!("`principal` is {}", node.kind())));
        };
        let names: Option<Vec<Box<str>>> = match member.value.as_array() {
            Some(items) => items.iter().map(|item| item.as_str().map(Into::into)).collect(),
            None => member.value.as_str().map(|text| vec![text.into()]),
        };
        match (&*member.key, names.as_deref()) {
            ("Service", Some([_, ..])) => Ok(Principal::Service(names.unwrap_or_default())),
            ("Federated", Some([one])) => Ok(Principal::Federated(one.clone())),
            ("CanonicalUser", Some([one])) => Ok(Principal::CanonicalUser(one.clone())),
            ("AWS", Some([one])) => caller(one).ok_or_else(|| error(format!("`{one}` is not a principal"))),
            (key, _) => Err(error(format!("`{key}` does not name one principal"))),
        }
    }

    /// The number of the account to which the principal belongs; services and anonymous callers have none.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        match self {
            Principal::Aws(aws) => Some(&aws.account),
            _ => None,
        }
    }

    /// Whether the principal is a service-linked role or one of its sessions. A session's ARN lacks the
    /// role's path, so there the reserved beginning of the name tells.
    #[must_use]
    pub fn is_service_linked_role(&self) -> bool {
        matches!(self, Principal::Aws(aws) if aws.service_linked)
    }
}

impl AwsPrincipal {
    /// The principal's ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The user's, role's or federated user's name, without path and session; empty for the root user.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What sort of principal it is.
    #[must_use]
    pub fn kind(&self) -> AwsKind {
        self.kind
    }
}

impl Reach {
    /// What naming the caller's own ARN means: limits of a role apply, as only its sessions make requests.
    fn of_own_arn(caller: &AwsPrincipal) -> Reach {
        if caller.kind == AwsKind::Role { Reach::Role } else { Reach::Direct }
    }

    /// The least that an element has to say to have named the caller and not somebody around them.
    fn of_own_name(caller: &Principal) -> Reach {
        match caller {
            Principal::Aws(caller) => Reach::of_own_arn(caller),
            _ => Reach::Direct,
        }
    }
}

/// Whether the element of a statement with that effect is about the caller, and how directly.
///
/// `NotPrincipal` in a Deny spares only those whom it names themselves: a session by its own ARN, not by that of
/// its role or account ("AWS JSON policy elements: NotPrincipal"). In an Allow it leaves out everybody
/// whom it names in any way.
pub(super) fn reach(element: &PrincipalElement, effect: Effect, caller: &Principal) -> Option<Reach> {
    let named = element.principals.iter().filter_map(|(kind, written)| names(kind, &written.what, caller)).max();
    if !element.negated {
        return named;
    }
    let spared = match effect {
        Effect::Allow => named.is_some(),
        Effect::Deny => named >= Some(Reach::of_own_name(caller)),
    };
    (!spared).then_some(Reach::Direct)
}

/// Whether one principal of an element names the caller, and how directly.
fn names(kind: &PrincipalKind, written: &str, caller: &Principal) -> Option<Reach> {
    match (kind, caller) {
        (PrincipalKind::Anyone, _) => Some(Reach::Direct),
        (PrincipalKind::Aws, _) if written == "*" => Some(Reach::Direct),
        (PrincipalKind::Aws, Principal::Aws(caller)) => names_aws(written, caller),
        (PrincipalKind::Service, Principal::Service(own)) => own.iter().any(|own| &**own == written).then_some(Reach::Direct),
        (PrincipalKind::Federated, Principal::Federated(own)) | (PrincipalKind::CanonicalUser, Principal::CanonicalUser(own)) => {
            (&**own == written).then_some(Reach::Direct)
        }
        _ => None,
    }
}

fn names_aws(written: &str, caller: &AwsPrincipal) -> Option<Reach> {
    if written == &*caller.arn {
        return Some(Reach::of_own_arn(caller));
    }
    if is_account_number(written) {
        return by_account(written, caller);
    }
    let arn = Arn::parse(written).filter(|arn| arn.service == "iam" && arn.account == &*caller.account)?;
    if arn.resource == "root" {
        return by_account(arn.account, caller);
    }
    let (sort, path) = arn.resource.split_once('/')?;
    let same_name = path.rsplit('/').next() == Some(&*caller.name);
    let behind = match caller.kind {
        AwsKind::RoleSession => "role",
        AwsKind::FederatedUser => "user",
        _ => return None,
    };
    (sort == behind && same_name).then_some(Reach::Role)
}

fn by_account(account: &str, caller: &AwsPrincipal) -> Option<Reach> {
    let reach = if caller.kind == AwsKind::Root { Reach::Direct } else { Reach::Account };
    (account == &*caller.account).then_some(reach)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aws(written: &str, caller: &str) -> Option<Reach> {
        names(&PrincipalKind::Aws, written, &Principal::parse(caller).unwrap())
    }

    #[test]
    fn an_account_is_named_by_number_or_root_arn_and_means_all_of_it() {
        for written in ["111122223333", "arn:aws:iam::111122223333:root"] {
            assert_eq!(aws(written, "arn:aws:iam::111122223333:user/ana"), Some(Reach::Account));
            assert_eq!(aws(written, "arn:aws:iam::111122223333:root"), Some(Reach::Direct));
            assert_eq!(aws(written, "arn:aws:iam::444455556666:user/ana"), None);
        }
    }

    #[test]
    fn a_session_is_named_by_itself_and_by_its_role_with_or_without_path() {
        let session = "arn:aws:sts::111122223333:assumed-role/app/s1";
        assert_eq!(aws(session, session), Some(Reach::Direct));
        assert_eq!(aws("arn:aws:iam::111122223333:role/app", session), Some(Reach::Role));
        assert_eq!(aws("arn:aws:iam::111122223333:role/team/app", session), Some(Reach::Role));
        assert_eq!(aws("arn:aws:iam::111122223333:role/ap", session), None);
        assert_eq!(aws("arn:aws:iam::111122223333:user/app", session), None);
        assert_eq!(aws("arn:aws:sts::111122223333:assumed-role/app/s2", session), None);
    }

    #[test]
    fn a_wildcard_within_a_principal_matches_nobody_else() {
        assert_eq!(aws("arn:aws:iam::111122223333:user/*", "arn:aws:iam::111122223333:user/ana"), None);
        assert_eq!(aws("arn:aws:iam::111122223333:user/Ana", "arn:aws:iam::111122223333:user/ana"), None);
    }

    #[test]
    fn service_linked_roles_are_known_by_path_or_reserved_name() {
        for text in [
            "arn:aws:iam::111122223333:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
            "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForECS/x",
        ] {
            assert!(Principal::parse(text).unwrap().is_service_linked_role(), "{text}");
        }
        assert!(!Principal::parse("arn:aws:iam::111122223333:role/app").unwrap().is_service_linked_role());
    }

    #[test]
    fn texts_that_name_nobody_are_refused() {
        for text in ["", "ana", "arn:aws:iam", "11112222333"] {
            assert_eq!(Principal::parse(text), None, "{text}");
        }
    }
}
