//! What AWS decides whatever the policies say: one action that is always allowed, and resources that AWS keeps as they are.
//!
//! Each rule names its page. An explicit deny still stands where something is never allowed; it decides nothing where
//! something is always allowed.

use super::principal::Principal;
use super::request::Request;
use crate::arn::Arn;
use crate::catalogue::{AccessLevel, Catalogue};

/// Changes of a role under `/aws-service-role/` that customers can make ("Create a service-linked role", "Edit", "Delete";
/// `iam:UpdateRole` changes its description). `iam:PassRole` changes nothing, and tags are not among what the service keeps.
const OF_SERVICE_LINKED_ROLES: [&str; 7] = [
    "CreateServiceLinkedRole",
    "DeleteServiceLinkedRole",
    "UpdateRole",
    "UpdateRoleDescription",
    "PassRole",
    "TagRole",
    "UntagRole",
];

/// Changes of keys and aliases ("AWS KMS concepts", AWS managed keys: you cannot change any properties of them, rotate
/// them, change their key policies, or schedule them for deletion).
const OF_KEYS: [&str; 18] = [
    "CancelKeyDeletion",
    "CreateAlias",
    "DeleteAlias",
    "DeleteImportedKeyMaterial",
    "DisableKey",
    "DisableKeyRotation",
    "EnableKey",
    "EnableKeyRotation",
    "ImportKeyMaterial",
    "PutKeyPolicy",
    "ReplicateKey",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateKeyDescription",
    "UpdatePrimaryRegion",
];

/// The rule by which the request is allowed without any policy, even against a Deny.
pub(super) fn always_allowed(request: &Request) -> Option<&'static str> {
    // API reference, `GetCallerIdentity`: no permissions are needed, and an explicit deny does not stop it.
    let asks_who = request.action.as_str().eq_ignore_ascii_case("sts:GetCallerIdentity");
    (asks_who && !matches!(request.principal, Principal::Anonymous))
        .then_some("`sts:GetCallerIdentity` needs no permission, and no policy denies it")
}

/// Why no policy allows the request.
pub(super) fn never_allowed(request: &Request) -> Option<&'static str> {
    let (service, name) = (request.action.service(), request.action.name());
    let arn = Arn::parse(&request.resource)?;
    let is = |own: &&str| own.eq_ignore_ascii_case(name);
    if service.eq_ignore_ascii_case("kms") {
        // "Aliases in AWS KMS": names that begin with `alias/aws/` are reserved.
        let reserved = arn.service == "kms" && arn.resource.starts_with("alias/aws/");
        return (reserved && OF_KEYS.iter().any(&is))
            .then_some("AWS keeps its managed keys and their aliases (`alias/aws/`): no policy lets anyone change them");
    }
    if !service.eq_ignore_ascii_case("iam") || arn.service != "iam" || !changes(request) {
        return None;
    }
    if arn.account == "aws" && arn.resource.starts_with("policy/") {
        // "Managed policies and inline policies", AWS managed policies.
        return Some("AWS keeps its managed policies: no policy lets anyone change them");
    }
    // Their own services change them.
    if request.principal.is_service_linked_role() || matches!(request.principal, Principal::Service(_)) {
        return None;
    }
    if arn.resource.starts_with("role/aws-reserved/") {
        // IAM Identity Center User Guide, "Referencing permission sets": do not modify; IAM refuses it.
        return Some("AWS keeps the roles under `/aws-reserved/`: no policy lets anyone change or pass them");
    }
    (arn.resource.starts_with("role/aws-service-role/") && !OF_SERVICE_LINKED_ROLES.iter().any(is))
        .then_some("the service keeps its service-linked role: no policy lets anyone else change it")
}

/// Whether an action of IAM changes what it is done to. One that the catalogue lacks is taken to.
fn changes(request: &Request) -> bool {
    let known = Catalogue::embedded().service("iam").and_then(|iam| iam.action(request.action.name()));
    known.is_none_or(|action| {
        let reads = |level: AccessLevel| matches!(level, AccessLevel::List | AccessLevel::Read);
        !action.access_levels().iter().all(reads)
    })
}
