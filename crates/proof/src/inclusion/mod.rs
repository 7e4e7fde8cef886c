//! What some policies allow that others do not: over all requests, with one of them as the answer.
//!
//! The general question behind the checks, beside the four claims and by another way than theirs. A request is an action,
//! a resource, a caller and the state of every condition key; statements are products of sets in these dimensions,
//! and a request is looked for inside some products and outside others. Every request found is replayed through
//! the plain evaluator. What is exact, what is not, and all bounds: `docs/inclusion.md`.
//!
//! Bottom up: `ranges`, `decimals`, `scales` (ordered values), `names`, `callers`, `keys` and this crate's `resources` (the dimensions),
//! `unfilled` (lines with variables), `space` (statements as products), `solve` (the search), `compare` (the question), `witness` (the replay),
//! `access` and `strangers` (the two narrower questions).

mod access;
mod callers;
mod compare;
mod decimals;
mod keys;
mod names;
mod ranges;
mod scales;
mod solve;
mod space;
mod strangers;
mod unfilled;
mod witness;

use leastwise_policy::evaluate::Request;
use leastwise_policy::{ActionPattern, Catalogue, Policy};

pub use strangers::{RESOURCE_TYPES, has_public_access_check};

/// The answer to a question about all requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// No request is allowed that should not be.
    Included,
    /// There is such a request; the evaluator has confirmed it.
    NotIncluded(Box<Counterexample>),
    /// It cannot be said, for this reason. To be shown as a failure: there may be such a request.
    Undecided(String),
}

/// A request that is allowed and should not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counterexample {
    /// The request. Its resource belongs to the caller's account, so that the one policy alone decides.
    pub request: Request,
    /// The place of the statement that allows it, in its policy, from 0.
    pub statement: usize,
    /// The place of that policy among the new ones, from 0.
    pub document: usize,
    /// The same in words.
    pub explanation: String,
}

/// What the policies of a comparison are attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// To a user or role: one caller, the same for all policies, nobody knows which.
    Identity,
    /// To a resource, or a trust policy of a role: any caller whom the `Principal` elements are about.
    Resource,
}

/// Access that a policy should not grant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The actions, as patterns of the `Action` element; none means any action. At most [`Access::MOST`].
    pub actions: Vec<ActionPattern>,
    /// The resources, as patterns of the `Resource` element without variables; none means any resource. At most
    /// [`Access::MOST`].
    pub resources: Vec<String>,
}

impl Access {
    /// How many actions, and how many resources, may be asked about at once (`CheckAccessNotGranted`).
    pub const MOST: usize = 100;
}

/// Whether `new` allows a request that `existing` does not.
///
/// The documents of a side work together: one has to allow, none may deny. A resource policy allows what it grants the
/// caller in whatever way, by account, role or name; what the caller needs besides is not asked.
///
/// ```
/// use leastwise_policy::{Catalogue, Policy};
/// use leastwise_proof::inclusion::{Comparison, PolicyKind, no_new_access};
///
/// let policy = |action: &str, condition: &str| {
///     Policy::parse(&format!(
///         r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "{action}",
///             "Resource": "arn:aws:s3:::logs/*", "Condition": {{"IpAddress": {{"aws:SourceIp": "{condition}"}}}}}}}}"#
///     ))
///     .unwrap()
/// };
/// let existing = policy("s3:Get*", "10.0.0.0/8");
/// let compare = |new: &Policy| no_new_access(&[&existing], &[new], PolicyKind::Identity, Catalogue::embedded());
/// assert_eq!(compare(&policy("s3:GetObject*", "10.1.0.0/16")), Comparison::Included);
///
/// let Comparison::NotIncluded(found) = compare(&policy("s3:*Object", "10.1.0.0/16")) else { panic!() };
/// assert_eq!(found.request.action.as_str(), "s3:DeleteObject");
/// assert!(found.request.resource.starts_with("arn:aws:s3:::logs/"));
/// ```
#[must_use]
pub fn no_new_access(existing: &[&Policy], new: &[&Policy], kind: PolicyKind, catalogue: &Catalogue) -> Comparison {
    compare::decide(&compare::Question { existing, new, kind, catalogue, purpose: compare::Purpose::NewAccess })
}

/// Whether the policy allows any of the actions on any of the resources: `Included` when it does not.
///
/// ```
/// use leastwise_policy::{ActionPattern, Catalogue, Policy};
/// use leastwise_proof::inclusion::{Access, Comparison, PolicyKind, access_not_granted};
///
/// let policy = Policy::parse(r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
///     "NotAction": "iam:*", "Resource": "*"}}"#).unwrap();
/// let asked = |pattern: &str| {
///     let access = Access { actions: vec![ActionPattern::parse(pattern).unwrap()], resources: Vec::new() };
///     access_not_granted(&policy, &access, PolicyKind::Identity, Catalogue::embedded())
/// };
/// assert_eq!(asked("iam:PassRole"), Comparison::Included);
/// assert_eq!(asked("iam:*"), Comparison::Included);
/// assert!(matches!(asked("ec2:RunInstances"), Comparison::NotIncluded(_)));
/// ```
#[must_use]
pub fn access_not_granted(policy: &Policy, access: &Access, kind: PolicyKind, catalogue: &Catalogue) -> Comparison {
    if let Some(reason) = access::unfit(access) {
        return Comparison::Undecided(reason);
    }
    let purpose = compare::Purpose::Access(access);
    compare::decide(&compare::Question { existing: &[], new: &[policy], kind, catalogue, purpose })
}

/// Whether the resource policy lets in callers whom nothing in it vouches for: `Included` when it does not.
///
/// Such a caller is anonymous, of an account that the policy does not name, or of a web identity provider at which
/// anybody can get an identity. They have none of the account, organization, network or source values that the policy
/// fixes (`docs/inclusion.md`, Public access). `resource_type` is the provider's name for it, such as `AWS::S3::Bucket`.
///
/// ```
/// use leastwise_policy::{Catalogue, Policy};
/// use leastwise_proof::inclusion::{Comparison, no_public_access};
///
/// let public = |condition: &str| {
///     let policy = Policy::parse(&format!(r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow",
///         "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::site/*", "Condition": {{{condition}}}}}}}"#)).unwrap();
///     no_public_access(&policy, "AWS::S3::Bucket", Catalogue::embedded())
/// };
/// assert!(matches!(public(""), Comparison::NotIncluded(_)));
/// assert_eq!(public(r#""StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}"#), Comparison::Included);
/// assert!(matches!(public(r#""StringLike": {"aws:PrincipalOrgID": "o-*"}"#), Comparison::NotIncluded(_)));
/// ```
#[must_use]
pub fn no_public_access(policy: &Policy, resource_type: &str, catalogue: &Catalogue) -> Comparison {
    if !has_public_access_check(resource_type) {
        return Comparison::Undecided(format!("public access to `{resource_type}` is not checked"));
    }
    let purpose = compare::Purpose::PublicAccess;
    compare::decide(&compare::Question { existing: &[], new: &[policy], kind: PolicyKind::Resource, catalogue, purpose })
}
