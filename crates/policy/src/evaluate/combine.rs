//! From the statements that apply to the decision: how the kinds of policy work together.
//!
//! An explicit deny anywhere wins; then every limit and at least one grant has to allow, with what AWS
//! documents for one account, two accounts, and callers without an account. The rules and their sources are in
//! `docs/evaluation.md`; whether a statement applies is decided elsewhere.

use super::PolicySet;
use super::decision::{Decision, Evaluation, Lacking, Place, PolicyKind};
use super::principal::{AwsKind, AwsPrincipal, Principal, Reach};
use super::request::Request;
use super::statement;
use crate::arn::Arn;
use crate::catalogue::Catalogue;
use crate::document::{Effect, Policy};

/// What the statements of one group of policies say about the request.
#[derive(Default)]
struct Verdicts {
    /// The most direct of the Allow statements that apply.
    allowed: Option<Reach>,
}

/// Walks the policies and remembers what decides.
struct Walk<'a, 'r> {
    request: &'r Request,
    denies: Vec<Place<'a>>,
    grants: Vec<Place<'a>>,
    /// Allow statements of the resource policy that only delegate to the caller's account.
    delegations: Vec<Place<'a>>,
}

impl<'a> Walk<'a, '_> {
    fn group(&mut self, kind: PolicyKind, level: usize, policies: impl Iterator<Item = &'a Policy>) -> Verdicts {
        let mut verdicts = Verdicts::default();
        for (index, policy) in policies.enumerate() {
            let variables = statement::has_variables(policy);
            for statement in policy.statements() {
                let Ok(reach) = statement::applies(statement, kind, variables, self.request) else { continue };
                let place = Place { kind, level, policy: index, statement: statement.index, sid: statement.sid.as_deref() };
                match statement.effect {
                    Effect::Deny => self.denies.push(place),
                    Effect::Allow => {
                        verdicts.allowed = verdicts.allowed.max(Some(reach));
                        match kind {
                            PolicyKind::Resource if reach == Reach::Account => self.delegations.push(place),
                            PolicyKind::Identity | PolicyKind::Resource => self.grants.push(place),
                            _ => {}
                        }
                    }
                }
            }
        }
        verdicts
    }
}

/// Decides the request.
pub(super) fn evaluate<'a>(set: &PolicySet<'a>, request: &Request) -> Evaluation<'a> {
    let mut walk = Walk { request, denies: Vec::new(), grants: Vec::new(), delegations: Vec::new() };
    let mut unallowed_level = None;
    if service_control_applies(request) {
        for (level, policies) in set.service_control.iter().enumerate() {
            let allowed = walk.group(PolicyKind::ServiceControl, level, policies.iter().copied()).allowed;
            if allowed.is_none() && unallowed_level.is_none() {
                unallowed_level = Some(level);
            }
        }
    }
    if !set.resource_control.is_empty() && resource_control_applies(request) {
        // Their Allow is always there: RCPFullAWSAccess cannot be detached.
        for (level, policies) in set.resource_control.iter().enumerate() {
            walk.group(PolicyKind::ResourceControl, level, policies.iter().copied());
        }
    }
    let resource = walk.group(PolicyKind::Resource, 0, set.resource.into_iter()).allowed;
    let identity = walk.group(PolicyKind::Identity, 0, set.identity.iter().copied()).allowed.is_some();
    let boundary = every_policy_allows(&mut walk, PolicyKind::Boundary, &set.boundaries);
    let session = every_policy_allows(&mut walk, PolicyKind::Session, &set.session);

    if !walk.denies.is_empty() {
        return Evaluation { decision: Decision::ExplicitlyDenied, deciding: walk.denies, lacking: None };
    }
    let lacking = |kind, level| Evaluation {
        decision: Decision::ImplicitlyDenied,
        deciding: Vec::new(),
        lacking: Some(Lacking { kind, level }),
    };
    if let Some(level) = unallowed_level {
        return lacking(PolicyKind::ServiceControl, level);
    }
    let granted = Granted { resource, identity, boundary, session };
    let needed = match &request.principal {
        Principal::Aws(caller) => granted.to_caller_with_account(set, request, caller),
        _ => granted.to_caller_without_account(),
    };
    match needed {
        Err(kind) => lacking(kind, 0),
        Ok(()) => {
            let mut deciding = walk.grants;
            if request.principal.account().is_none() {
                deciding.retain(|place| place.kind == PolicyKind::Resource);
            }
            // Delegation decides nothing where the caller's own policies would have been enough.
            if !walk.delegations.is_empty() && (!same_account(request) || resource_policy_must_allow(set, request)) {
                deciding.splice(0..0, walk.delegations);
            }
            Evaluation { decision: Decision::Allowed, deciding, lacking: None }
        }
    }
}

/// Whether each of the policies allows; true when there is none.
fn every_policy_allows<'a>(walk: &mut Walk<'a, '_>, kind: PolicyKind, policies: &[&'a Policy]) -> bool {
    let mut every = true;
    for (index, policy) in policies.iter().copied().enumerate() {
        let first_deny = walk.denies.len();
        every &= walk.group(kind, 0, std::iter::once(policy)).allowed.is_some();
        for deny in walk.denies.iter_mut().skip(first_deny) {
            deny.policy = index;
        }
    }
    every
}

/// What each kind of policy allows.
struct Granted {
    resource: Option<Reach>,
    identity: bool,
    boundary: bool,
    session: bool,
}

impl Granted {
    /// Services, anonymous and federated callers: only the resource's policy grants anything.
    fn to_caller_without_account(&self) -> Result<(), PolicyKind> {
        self.resource.map(|_| ()).ok_or(PolicyKind::Resource)
    }

    fn to_caller_with_account(&self, set: &PolicySet<'_>, request: &Request, caller: &AwsPrincipal) -> Result<(), PolicyKind> {
        let own_policies_grant = || self.own_policies_grant(set, caller);
        if !same_account(request) {
            // Both accounts have to allow it.
            self.resource.ok_or(PolicyKind::Resource)?;
            return own_policies_grant();
        }
        match self.resource {
            Some(Reach::Direct) => Ok(()),
            // Granted to the role or user behind the session, so their limits count, but no grant of their own is needed.
            Some(Reach::Role) => self.within_limits(set, caller),
            Some(Reach::Account) => own_policies_grant(),
            None if resource_policy_must_allow(set, request) => Err(PolicyKind::Resource),
            None => own_policies_grant(),
        }
    }

    fn own_policies_grant(&self, set: &PolicySet<'_>, caller: &AwsPrincipal) -> Result<(), PolicyKind> {
        if caller.kind() == AwsKind::Root {
            return Ok(());
        }
        if !self.identity {
            return Err(PolicyKind::Identity);
        }
        self.within_limits(set, caller)
    }

    fn within_limits(&self, set: &PolicySet<'_>, caller: &AwsPrincipal) -> Result<(), PolicyKind> {
        if !self.boundary {
            return Err(PolicyKind::Boundary);
        }
        // A federated user has the permissions of a session policy, so without one there are none.
        let session = self.session && !(caller.kind() == AwsKind::FederatedUser && set.session.is_empty());
        if session { Ok(()) } else { Err(PolicyKind::Session) }
    }
}

/// Whether caller and resource belong to one account. Unless something says otherwise, they do.
fn same_account(request: &Request) -> bool {
    match (request.principal.account(), request.owner()) {
        (Some(caller), Some(owner)) => caller == owner,
        _ => true,
    }
}

/// Service control policies limit the principals of member accounts, but not service-linked roles.
pub(super) fn service_control_applies(request: &Request) -> bool {
    request.principal.account().is_some() && !request.principal.is_service_linked_role()
}

/// Resource control policies limit resources of some services, for everybody but service-linked roles. Which services,
/// the catalogue says (AWS Organizations User Guide, "Resource control policies (RCPs)").
pub(super) fn resource_control_applies(request: &Request) -> bool {
    let service = Catalogue::embedded().service(request.action.service());
    service.is_some_and(|service| service.resource_control_policies() == Some(true))
        && !request.principal.is_service_linked_role()
        && !request.action.as_str().eq_ignore_ascii_case("kms:RetireGrant")
}

/// Whether an identity policy alone is not enough, even within the account: roles are assumed, and keys used, only as
/// their own policies allow. A key's policy that was not given is taken to be the default one, which
/// delegates to the account; a trust policy has no default.
fn resource_policy_must_allow(set: &PolicySet<'_>, request: &Request) -> bool {
    let service = request.action.service();
    let resource = Arn::parse(&request.resource);
    if service.eq_ignore_ascii_case("kms") {
        return set.resource.is_some() && resource.is_some_and(|arn| arn.service == "kms");
    }
    let assumes = ["AssumeRole", "TagSession", "SetSourceIdentity"];
    service.eq_ignore_ascii_case("sts")
        && assumes.iter().any(|name| name.eq_ignore_ascii_case(request.action.name()))
        && resource.is_some_and(|arn| arn.service == "iam" && arn.resource.starts_with("role/"))
}
