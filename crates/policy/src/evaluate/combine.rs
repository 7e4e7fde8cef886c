//! From the statements that apply to the decision: how the kinds of policy work together.
//!
//! An explicit deny anywhere wins; then every limit and at least one grant has to allow, with what AWS
//! documents for one account, two accounts, and callers without an account. The rules and their sources are in
//! `docs/evaluation.md`; whether a statement applies is decided elsewhere, and what no policy can change is in `fixed`.

use super::PolicySet;
use super::decision::{Decision, Evaluation, Lacking, Place, PolicyKind, Unclear};
use super::fixed;
use super::principal::{AwsKind, AwsPrincipal, Principal, Reach};
use super::request::Request;
use super::statement::{self, Applies, Surroundings};
use super::wording;
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
    bounded: bool,
    /// Whether Allow statements that cannot be read are taken to apply.
    generous: bool,
    denies: Vec<Place<'a>>,
    grants: Vec<Place<'a>>,
    /// Allow statements of the resource policy that only delegate to the caller's account.
    delegations: Vec<Place<'a>>,
    unclear: Vec<Unclear<'a>>,
    unclear_deny: bool,
}

impl<'a> Walk<'a, '_> {
    fn group(&mut self, kind: PolicyKind, level: usize, policies: impl Iterator<Item = &'a Policy>) -> Verdicts {
        let mut verdicts = Verdicts::default();
        for (index, policy) in policies.enumerate() {
            self.policy(kind, level, index, policy, &mut verdicts);
        }
        verdicts
    }

    fn policy(&mut self, kind: PolicyKind, level: usize, index: usize, policy: &'a Policy, verdicts: &mut Verdicts) {
        let unclear = |statement, sid, why| Unclear { kind, level, policy: index, statement, sid, why };
        if let Some(why) = wording::document(policy) {
            self.unclear.push(unclear(None, None, why));
            self.unclear_deny = true;
            if self.generous {
                verdicts.allowed = Some(Reach::Direct);
            }
        }
        let around = Surroundings::new(policy, kind, self.bounded);
        for statement in policy.statements() {
            let reach = match statement::applies(statement, around, self.request) {
                Applies::No(_) => continue,
                Applies::Yes(reach) => reach,
                Applies::Unclear(reach, unknown) => {
                    let why = wording::unknown(statement, around, unknown);
                    self.unclear.push(unclear(Some(statement.index), statement.sid.as_deref(), why));
                    match statement.effect {
                        Effect::Deny => self.unclear_deny = true,
                        Effect::Allow if self.generous => verdicts.allowed = verdicts.allowed.max(Some(reach)),
                        Effect::Allow => {}
                    }
                    continue;
                }
            };
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

    /// Whether each of the policies allows; true when there is none.
    fn every_policy_allows(&mut self, kind: PolicyKind, policies: &[&'a Policy]) -> bool {
        let mut every = true;
        for (index, policy) in policies.iter().copied().enumerate() {
            let mut verdicts = Verdicts::default();
            self.policy(kind, 0, index, policy, &mut verdicts);
            every &= verdicts.allowed.is_some();
        }
        every
    }
}

/// Decides the request, with what AWS decides whatever the policies say.
pub(super) fn evaluate<'a>(set: &PolicySet<'a>, request: &Request) -> Evaluation<'a> {
    if let Some(rule) = fixed::always_allowed(request) {
        return Evaluation { rule: Some(rule), ..answer(Decision::Allowed) };
    }
    let evaluation = by_policies(set, request);
    match fixed::never_allowed(request) {
        Some(because) if evaluation.decision != Decision::ExplicitlyDenied => {
            let lacking = Lacking { kind: PolicyKind::Identity, level: 0, because: Some(because) };
            Evaluation { lacking: Some(lacking), ..answer(Decision::ImplicitlyDenied) }
        }
        _ => evaluation,
    }
}

/// Decides the request by the policies alone.
fn by_policies<'a>(set: &PolicySet<'a>, request: &Request) -> Evaluation<'a> {
    let (mut evaluation, unclear_deny) = decide(set, request, false);
    if evaluation.unclear.is_empty() {
        return evaluation;
    }
    let undecided = match evaluation.decision {
        Decision::Allowed => unclear_deny,
        Decision::ImplicitlyDenied => decide(set, request, true).0.decision == Decision::Allowed,
        Decision::ExplicitlyDenied | Decision::Undecided => false,
    };
    if undecided {
        evaluation = Evaluation { unclear: evaluation.unclear, ..answer(Decision::Undecided) };
    }
    evaluation
}

fn answer<'a>(decision: Decision) -> Evaluation<'a> {
    Evaluation { decision, deciding: Vec::new(), lacking: None, rule: None, unclear: Vec::new() }
}

/// The decision when no unreadable Deny applies and unreadable Allows apply only if `generous`; and whether there is such a Deny.
fn decide<'a>(set: &PolicySet<'a>, request: &Request, generous: bool) -> (Evaluation<'a>, bool) {
    let mut walk = Walk {
        request,
        bounded: !set.boundaries.is_empty(),
        generous,
        denies: Vec::new(),
        grants: Vec::new(),
        delegations: Vec::new(),
        unclear: Vec::new(),
        unclear_deny: false,
    };
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
    let endpoint = walk.every_policy_allows(PolicyKind::Endpoint, set.endpoint.as_slice());
    let resource = walk.group(PolicyKind::Resource, 0, set.resource.into_iter()).allowed;
    let identity = walk.group(PolicyKind::Identity, 0, set.identity.iter().copied()).allowed.is_some();
    let boundary = walk.every_policy_allows(PolicyKind::Boundary, &set.boundaries);
    let session = walk.every_policy_allows(PolicyKind::Session, &set.session);

    if !walk.denies.is_empty() {
        let denied = Evaluation { deciding: walk.denies, unclear: walk.unclear, ..answer(Decision::ExplicitlyDenied) };
        return (denied, walk.unclear_deny);
    }
    let granted = Granted { resource, identity, boundary, session };
    let needed = match unallowed_level {
        Some(level) => Err(Lacking { kind: PolicyKind::ServiceControl, level, because: None }),
        None if !endpoint => Err(lacking(PolicyKind::Endpoint)),
        None => match &request.principal {
            Principal::Aws(caller) => granted.to_caller_with_account(set, request, caller),
            _ => granted.to_caller_without_account(),
        },
    };
    let decided = match needed {
        Err(lacking) => Evaluation { lacking: Some(lacking), unclear: walk.unclear, ..answer(Decision::ImplicitlyDenied) },
        Ok(()) => {
            let mut deciding = walk.grants;
            if request.principal.account().is_none() {
                deciding.retain(|place| place.kind == PolicyKind::Resource);
            }
            // Delegation decides nothing where the caller's own policies would have been enough.
            if !walk.delegations.is_empty() && (!same_account(request) || resource_policy_must_allow(request)) {
                deciding.splice(0..0, walk.delegations);
            }
            Evaluation { deciding, unclear: walk.unclear, ..answer(Decision::Allowed) }
        }
    };
    (decided, walk.unclear_deny)
}

fn lacking(kind: PolicyKind) -> Lacking {
    Lacking { kind, level: 0, because: None }
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
    fn to_caller_without_account(&self) -> Result<(), Lacking> {
        self.resource.map(|_| ()).ok_or(lacking(PolicyKind::Resource))
    }

    fn to_caller_with_account(&self, set: &PolicySet<'_>, request: &Request, caller: &AwsPrincipal) -> Result<(), Lacking> {
        let own_policies_grant = || self.own_policies_grant(set, caller);
        if let Some(owner) = set.object_owner.filter(|owner| is_object(request) && request.owner() != Some(owner)) {
            // The bucket's policy is about objects of the bucket's owner; who owns the object needs no one else.
            if request.principal.account() == Some(owner) {
                return own_policies_grant();
            }
            if !request.action.name().to_ascii_lowercase().starts_with("deleteobject") {
                let because = "the object belongs to another account than the bucket, so that only its ACL grants access to it";
                return Err(Lacking { because: Some(because), ..lacking(PolicyKind::Resource) });
            }
        }
        if !same_account(request) {
            // Both accounts have to allow it.
            self.resource.ok_or(lacking(PolicyKind::Resource))?;
            return own_policies_grant();
        }
        match self.resource {
            Some(Reach::Direct) => Ok(()),
            // Granted to the role or user behind the session, so their limits count, but no grant of their own is needed.
            Some(Reach::Role) => self.within_limits(set, caller),
            Some(Reach::Account) => own_policies_grant(),
            None if resource_policy_must_allow(request) => {
                let missing = "the key policy is not given, and a KMS key is used only as its key policy allows";
                let because = (set.resource.is_none() && is_key(request)).then_some(missing);
                Err(Lacking { because, ..lacking(PolicyKind::Resource) })
            }
            None => own_policies_grant(),
        }
    }

    fn own_policies_grant(&self, set: &PolicySet<'_>, caller: &AwsPrincipal) -> Result<(), Lacking> {
        if caller.kind() == AwsKind::Root {
            return Ok(());
        }
        if !self.identity {
            return Err(lacking(PolicyKind::Identity));
        }
        self.within_limits(set, caller)
    }

    fn within_limits(&self, set: &PolicySet<'_>, caller: &AwsPrincipal) -> Result<(), Lacking> {
        if !self.boundary {
            return Err(lacking(PolicyKind::Boundary));
        }
        // A federated user has the permissions of a session policy, so without one there are none.
        let session = self.session && !(caller.kind() == AwsKind::FederatedUser && set.session.is_empty());
        if session { Ok(()) } else { Err(lacking(PolicyKind::Session)) }
    }
}

/// Whether caller and resource belong to one account. Unless something says otherwise, they do.
fn same_account(request: &Request) -> bool {
    match (request.principal.account(), request.owner()) {
        (Some(caller), Some(owner)) => caller == owner,
        _ => true,
    }
}

/// Whether the request is on an object of an S3 bucket.
fn is_object(request: &Request) -> bool {
    request.action.service().eq_ignore_ascii_case("s3")
        && Arn::parse(&request.resource).is_some_and(|arn| arn.service == "s3" && arn.resource.contains('/'))
}

/// Whether the request is on a KMS key.
fn is_key(request: &Request) -> bool {
    request.action.service().eq_ignore_ascii_case("kms")
        && Arn::parse(&request.resource).is_some_and(|arn| arn.service == "kms" && arn.resource.starts_with("key/"))
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
/// their own policies allow ("Key policies in AWS KMS"; "How AWS enforcement code logic evaluates requests").
fn resource_policy_must_allow(request: &Request) -> bool {
    let assumes = ["AssumeRole", "TagSession", "SetSourceIdentity"];
    is_key(request)
        || request.action.service().eq_ignore_ascii_case("sts")
            && assumes.iter().any(|name| name.eq_ignore_ascii_case(request.action.name()))
            && Arn::parse(&request.resource).is_some_and(|arn| arn.service == "iam" && arn.resource.starts_with("role/"))
}
