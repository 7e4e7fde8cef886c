//! The plain evaluator: one request and the policies around it in, one decision out, as AWS would decide.
//!
//! The reference for everything that reasons about many requests at once: checks, proofs and the backtest replay
//! their findings through it. It reads no policy text and fetches nothing, and deciding adds no key to the context: that is
//! [`Request::complete`], which requests that are read from JSON have behind them.
//! Rules and sources: `docs/evaluation.md`; cases that a policy author can read: `corpus/evaluate`.

mod address;
mod binary;
mod case;
mod combine;
mod comparable;
mod condition;
mod date;
mod decision;
mod determined;
mod explain;
mod fixed;
mod notes;
mod number;
mod operator;
mod principal;
mod request;
mod statement;
mod variable;
mod wording;

pub use address::AddressRange;
pub use case::{Case, CaseResult, Decided};
pub use condition::truth;
pub use date::parse as date;
pub use decision::{Decision, Evaluation, Lacking, Place, PolicyKind, Unclear};
pub use explain::{Explanation, Outcome};
pub use number::Number;
pub use operator::{Comparison, Operator, Quantifier, Test};
pub use principal::{AwsKind, AwsPrincipal, Principal, Reach};
pub use request::{Context, Request, RequestError};
pub use statement::{Clause, applying, is_about};

use crate::document::Policy;

/// The policies that have a say on a request. Whoever builds it leaves out what does not apply to the
/// accounts in question: neither kind of organization policy reaches the management account.
#[derive(Debug, Clone, Default)]
pub struct PolicySet<'a> {
    /// Policies of the user and their groups, or of the role.
    pub identity: Vec<&'a Policy>,
    /// The policy of the resource; for assuming a role, its trust policy.
    pub resource: Option<&'a Policy>,
    /// Permissions boundaries; each of them has to allow.
    pub boundaries: Vec<&'a Policy>,
    /// Session policies; each of them has to allow.
    pub session: Vec<&'a Policy>,
    /// Service control policies, a list for each level from the root to the account. One policy of each
    /// level has to allow, so that an empty level allows nothing; no level at all means no organization.
    pub service_control: Vec<Vec<&'a Policy>>,
    /// Resource control policies by level. `RCPFullAWSAccess` is always attached, so they only deny.
    pub resource_control: Vec<Vec<&'a Policy>>,
    /// The policy of the VPC endpoint through which the request comes; it has to allow.
    pub endpoint: Option<&'a Policy>,
    /// The account that owns the S3 object, where that is another than the bucket's (object ownership "Object writer").
    pub object_owner: Option<&'a str>,
}

impl<'a> PolicySet<'a> {
    /// Decides a request.
    ///
    /// ```
    /// use leastwise_policy::evaluate::{Context, Decision, PolicySet, Principal, Request};
    /// use leastwise_policy::{ActionName, Policy};
    ///
    /// let policy = Policy::parse(r#"{"Version": "2012-10-17", "Statement": [
    ///     {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::logs/${aws:username}/*"},
    ///     {"Sid": "NoPlainHttp", "Effect": "Deny", "Action": "*", "Resource": "*",
    ///      "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}"#).unwrap();
    /// let set = PolicySet { identity: vec![&policy], ..PolicySet::default() };
    /// let mut request = Request {
    ///     principal: Principal::parse("arn:aws:iam::111122223333:user/ana").unwrap(),
    ///     action: ActionName::parse("s3:GetObject").unwrap(),
    ///     resource: "arn:aws:s3:::logs/ana/today".into(),
    ///     resource_account: None,
    ///     context: Context::default(),
    /// };
    /// assert_eq!(set.evaluate(&request).decision, Decision::ImplicitlyDenied); // nobody's name is known
    ///
    /// request.context.insert("aws:username", ["ana"]);
    /// let evaluation = set.evaluate(&request);
    /// assert_eq!(evaluation.decision, Decision::Allowed);
    /// assert_eq!(evaluation.deciding[0].statement, 0);
    ///
    /// request.context.insert("aws:SecureTransport", ["false"]);
    /// let evaluation = set.evaluate(&request);
    /// assert_eq!(evaluation.decision, Decision::ExplicitlyDenied);
    /// assert_eq!(evaluation.deciding[0].sid, Some("NoPlainHttp"));
    /// ```
    #[must_use]
    pub fn evaluate(&self, request: &Request) -> Evaluation<'a> {
        combine::evaluate(self, request)
    }

    /// What a reader of the decision should know: keys that the policies ask for and the request lacks, statements that
    /// can never apply where they stand, and parts of the request that are missing or look mistaken, each in a sentence.
    #[must_use]
    pub fn notes(&self, request: &Request) -> Vec<String> {
        notes::notes(self, request)
    }

    /// The context keys that statements about the request's action ask for and that the request neither gives nor
    /// determines, as first spelled, in the order of the policies (`MissingContextValues` of IAM's policy simulator).
    #[must_use]
    pub fn missing_keys(&self, request: &Request) -> Vec<String> {
        notes::missing_keys(self, request)
    }

    /// Says of every statement whether it applies to the request, and if not, which clause fails and why.
    ///
    /// ```
    /// use leastwise_policy::evaluate::{PolicySet, Request};
    /// use leastwise_policy::{Policy, json};
    ///
    /// let policy = Policy::parse(r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
    ///     "Action": "s3:Get*", "Resource": "*", "Condition": {"StringEquals": {"aws:username": "ana"}}}}"#).unwrap();
    /// let set = PolicySet { identity: vec![&policy], ..PolicySet::default() };
    /// let node = json::parse(r#"{"principal": "111122223333", "action": "s3:GetObject"}"#).unwrap();
    /// let explained = set.explain(&Request::from_node(&node).unwrap());
    /// assert_eq!(
    ///     explained[0].to_string(),
    ///     "identity policy 0, statement 0 (Allow): `StringEquals` on `aws:username`: the request has no such key"
    /// );
    /// ```
    #[must_use]
    pub fn explain(&self, request: &Request) -> Vec<Explanation<'a>> {
        explain::explain(self, request)
    }
}
