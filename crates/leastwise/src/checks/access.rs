//! The three checks about all requests at once, with the provider's words: PASS or FAIL, and which statements are the reason.
//!
//! The proof decides; here its answers become results. What cannot be decided is FAIL, with that as its reason.

use std::fmt;

use leastwise_policy::evaluate::{self, Principal, Request};
use leastwise_policy::nearest::nearest;
use leastwise_policy::{ActionPattern, Catalogue, Policy};

use super::compare::{self, Comparison, Counterexample, PolicyKind};
use super::fitness::unfit;
use super::plain_witness;
use super::readings::{self, Reading};
use super::subject::PolicyType;

/// PASS or FAIL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is proved for all requests.
    Pass,
    /// There is a counterexample, or it cannot be decided.
    Fail,
}

impl Outcome {
    /// The provider's word: `PASS` or `FAIL`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Pass => "PASS",
            Outcome::Fail => "FAIL",
        }
    }
}

/// Why a check fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The `Sid` of the statement, if it has one.
    pub statement_id: Option<Box<str>>,
    /// The statement's place in its policy, from 0; none when no statement can be named.
    pub statement_index: Option<usize>,
    /// What is wrong, in a sentence.
    pub description: String,
}

/// The answer of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// PASS or FAIL.
    pub outcome: Outcome,
    /// The answer in one sentence.
    pub message: String,
    /// For FAIL, at least one reason.
    pub reasons: Vec<Reason>,
    /// For FAIL, a request that shows it; none when it cannot be decided.
    pub witness: Option<Request>,
    /// Whether it cannot be decided; it fails then.
    pub undecided: bool,
}

/// Actions and resources, as `access-not-granted` asks about them. An empty list stands for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    actions: Vec<ActionPattern>,
    resources: Vec<String>,
}

/// Why lists of actions and resources are no [`Access`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessError {
    /// What is wrong, in lower case, with the offending text in backticks.
    pub message: String,
    /// What to do about it.
    pub help: &'static str,
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AccessError {}

impl Access {
    /// The most actions, and the most resources, of one question (API reference, `CheckAccessNotGranted`).
    pub const MOST: usize = 100;

    /// The access to these actions on these resources; patterns may stand in both.
    ///
    /// # Errors
    /// When both lists are empty, one is longer than [`Access::MOST`], or something is no action pattern or no ARN.
    pub fn new(actions: Vec<String>, resources: Vec<String>) -> Result<Access, AccessError> {
        let error = |message, help| Err(AccessError { message, help });
        if actions.is_empty() && resources.is_empty() {
            return error("neither actions nor resources are given".to_owned(), "name at least one action or resource");
        }
        for (list, what) in [(&actions, "actions"), (&resources, "resources")] {
            if list.len() > Access::MOST {
                return error(format!("{} {what} are given, more than {}", list.len(), Access::MOST), "ask in several questions");
            }
        }
        let mut patterns = Vec::with_capacity(actions.len());
        for text in actions.iter().chain(&resources) {
            if text.is_empty() || text.contains(|c: char| c.is_whitespace()) || actions.contains(text) && text.contains(',') {
                return error(format!("`{text}` is not one action or ARN"), "name each by itself, without blanks");
            }
        }
        for action in actions {
            match ActionPattern::parse(&action) {
                Ok(pattern) => patterns.push(pattern),
                Err(e) => return error(format!("`{action}` {}", e.message()), e.help()),
            }
        }
        // Only a star at its end stands for the parts that are missing.
        let no_arn = |text: &str| !text.starts_with("arn:") || text.split(':').count() < 6 && !text.ends_with('*');
        match resources.iter().find(|r| *r != "*" && no_arn(r)) {
            Some(resource) => error(format!("`{resource}` is no ARN"), "write an ARN, in which wildcards may stand, or `*`"),
            None => Ok(Access { actions: patterns, resources }),
        }
    }

    /// The actions that match nothing in the catalogue, each with what was probably meant, if anything.
    #[must_use]
    pub fn unknown(&self, catalogue: &Catalogue) -> Vec<(String, Option<String>)> {
        let mut unknown = Vec::new();
        for pattern in &self.actions {
            let Some(prefix) = pattern.service() else { continue };
            match catalogue.service(prefix) {
                None => {
                    let near = nearest(prefix, catalogue.services().map(|service| service.prefix()));
                    unknown.push((pattern.to_string(), near.map(|near| format!("{near}:{}", pattern.name_glob()))));
                }
                Some(service) if !service.action_names().any(|name| pattern.matches(prefix, name)) => {
                    let near = nearest(pattern.name_glob(), service.action_names());
                    unknown.push((pattern.to_string(), near.map(|near| format!("{prefix}:{near}"))));
                }
                Some(_) => {}
            }
        }
        unknown
    }

    /// The actions; empty for all.
    #[must_use]
    pub fn actions(&self) -> &[ActionPattern] {
        &self.actions
    }

    /// The resources; empty for all.
    #[must_use]
    pub fn resources(&self) -> &[String] {
        &self.resources
    }
}

/// Whether `new` allows only what `existing` allows, over all requests (`CheckNoNewAccess`).
///
/// ```
/// use leastwise::checks::{Outcome, PolicyType, no_new_access};
/// use leastwise_policy::{Catalogue, Policy};
///
/// let policy = |action: &str| Policy::parse(&format!(
///     r#"{{"Version": "2012-10-17", "Statement": [{{"Sid": "Read", "Effect": "Allow", "Action": "{action}", "Resource": "*"}}]}}"#
/// )).unwrap();
/// let (existing, new) = (policy("s3:GetObject"), policy("s3:Get*"));
/// let answer = no_new_access(&existing, &new, PolicyType::Identity, Catalogue::embedded());
/// assert_eq!(answer.outcome, Outcome::Fail);
/// assert_eq!(answer.reasons[0].statement_id.as_deref(), Some("Read"));
/// assert!(answer.witness.unwrap().action.as_str().starts_with("s3:Get"));
/// let answer = no_new_access(&new, &existing, PolicyType::Identity, Catalogue::embedded());
/// assert_eq!(answer.outcome, Outcome::Pass);
/// ```
#[must_use]
pub fn no_new_access(existing: &Policy, new: &Policy, kind: PolicyType, catalogue: &Catalogue) -> Answer {
    let words = Words {
        pass: "the new policy allows nothing that the existing one does not allow",
        fail: "the new policy allows what the existing one does not",
    };
    if let Some(refused) = refusal(existing, kind, "the existing policy").or_else(|| refusal(new, kind, "the new policy")) {
        return refused;
    }
    let full = (readings::in_full(existing, false), readings::in_full(new, false));
    let (existing, new) = (full.0.as_ref().unwrap_or(existing), full.1.as_ref().unwrap_or(new));
    let added = |before: &Policy, after: &Policy, request: &Request| {
        plain_witness::allows(after, alone(kind), request) && !plain_witness::allows(before, alone(kind), request)
    };
    let compared = compare::no_new_access(existing, new, plain(kind), catalogue);
    let ours = words.answer(compared, new, |request| added(existing, new, request));
    let other = (readings::of_short_patterns(existing, Reading::Narrowest), readings::of_short_patterns(new, Reading::Widest));
    if ours.outcome == Outcome::Fail || existing.text() == new.text() || other.0.is_none() && other.1.is_none() {
        return ours;
    }
    let (least, most) = (other.0.as_ref().unwrap_or(existing), other.1.as_ref().unwrap_or(new));
    let compared = compare::no_new_access(least, most, plain(kind), catalogue);
    in_doubt(ours, words.answer(compared, most, |request| added(least, most, request)), &[new, existing])
}

/// Whether the policy allows none of the actions on any of the resources (`CheckAccessNotGranted`).
///
/// ```
/// use leastwise::checks::{Access, Outcome, PolicyType, access_not_granted};
/// use leastwise_policy::{Catalogue, Policy};
///
/// let policy = Policy::parse(r#"{"Version": "2012-10-17", "Statement": [
///     {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::logs/*"}]}"#).unwrap();
/// let asked = |resource: &str| Access::new(vec!["s3:DeleteObject".into()], vec![resource.into()]).unwrap();
/// let answer = |access| access_not_granted(&policy, &access, PolicyType::Identity, Catalogue::embedded()).outcome;
/// assert_eq!(answer(asked("arn:aws:s3:::logs/a")), Outcome::Fail);
/// assert_eq!(answer(asked("arn:aws:s3:::other/a")), Outcome::Pass);
/// ```
#[must_use]
pub fn access_not_granted(policy: &Policy, access: &Access, kind: PolicyType, catalogue: &Catalogue) -> Answer {
    let words = Words { pass: "the policy allows nothing of that access", fail: "the policy allows some of that access" };
    if let Some(refused) = refusal(policy, kind, "the policy") {
        return refused;
    }
    let full = readings::in_full(policy, true);
    let policy = full.as_ref().unwrap_or(policy);
    let asked = |policy: &Policy, request: &Request| {
        let (service, name) = (request.action.service(), request.action.name());
        let action = access.actions().is_empty() || access.actions().iter().any(|pattern| pattern.matches(service, name));
        let matched = |pattern: &String| leastwise_policy::arn::resource_matches(pattern, &request.resource);
        let resource = access.resources().is_empty() || access.resources().iter().any(matched);
        action && resource && plain_witness::allows(policy, alone(kind), request)
    };
    let compared = compare::access_not_granted(policy, access, plain(kind), catalogue);
    let ours = words.answer(compared, policy, |request| asked(policy, request));
    match readings::of_short_patterns(policy, Reading::Widest) {
        Some(other) if ours.outcome == Outcome::Pass => {
            let compared = compare::access_not_granted(&other, access, plain(kind), catalogue);
            in_doubt(ours, words.answer(compared, &other, |request| asked(&other, request)), &[policy])
        }
        _ => ours,
    }
}

/// Whether the policy of a resource of that type, such as `AWS::S3::Bucket`, opens it to nobody unknown (`CheckNoPublicAccess`).
///
/// ```
/// use leastwise::checks::{Outcome, no_public_access};
/// use leastwise_policy::{Catalogue, Policy};
///
/// let policy = Policy::parse(r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
///     "Action": "s3:GetObject", "Resource": "arn:aws:s3:::site/*"}]}"#).unwrap();
/// let answer = no_public_access(&policy, "AWS::S3::Bucket", Catalogue::embedded());
/// assert_eq!(answer.outcome, Outcome::Fail);
/// assert_eq!(answer.reasons[0].statement_index, Some(0));
/// ```
#[must_use]
pub fn no_public_access(policy: &Policy, resource_type: &str, catalogue: &Catalogue) -> Answer {
    let words = Words { pass: "the policy gives no public access", fail: "the policy gives public access" };
    if let Some(refused) = refusal(policy, PolicyType::Resource, "the policy") {
        return refused;
    }
    let full = readings::in_full(policy, false);
    let policy = full.as_ref().unwrap_or(policy);
    // Who asks and the state of the keys stay as they were found: they are what makes a stranger.
    let open = |policy: &Policy, request: &Request| plain_witness::allows(policy, alone(PolicyType::Resource), request);
    let compared = compare::no_public_access(policy, resource_type, catalogue);
    let ours = of_another_account(words.answer(compared, policy, |request| open(policy, request)));
    match readings::of_short_patterns(policy, Reading::Widest) {
        Some(other) if ours.outcome == Outcome::Pass => {
            let compared = compare::no_public_access(&other, resource_type, catalogue);
            in_doubt(ours, words.answer(compared, &other, |request| open(&other, request)), &[policy])
        }
        _ => ours,
    }
}

/// The answer with its caller named as what they are: of an account that the policy does not know.
fn of_another_account(mut answer: Answer) -> Answer {
    if let Some(Principal::Aws(caller)) = answer.witness.as_ref().map(|request| &request.principal) {
        let named = format!("to `{}`", caller.arn());
        for reason in &mut answer.reasons {
            reason.description = reason.description.replacen(&named, &format!("{named}, of any other account,"), 1);
        }
    }
    answer
}

/// How the evaluator calls what a policy is attached to, if it decides alone.
fn alone(kind: PolicyType) -> evaluate::PolicyKind {
    match plain(kind) {
        PolicyKind::Identity => evaluate::PolicyKind::Identity,
        PolicyKind::Resource => evaluate::PolicyKind::Resource,
    }
}

/// The answer about a document of which nobody can say what it means.
fn refusal(policy: &Policy, kind: PolicyType, which: &str) -> Option<Answer> {
    let found = unfit(policy, kind);
    if found.is_empty() {
        return None;
    }
    let reasons = found.into_iter().map(|unfit| Reason {
        statement_id: unfit.statement.and_then(|at| policy.statements().get(at)).and_then(|s| s.sid.clone()),
        statement_index: unfit.statement,
        description: format!("cannot decide: {which}: {}; {}", unfit.message, unfit.help),
    });
    Some(Answer {
        outcome: Outcome::Fail,
        message: UNDECIDED.to_owned(),
        reasons: reasons.collect(),
        witness: None,
        undecided: true,
    })
}

/// The answer in two readings, ours of which passes: it stands only if the other passes as well.
fn in_doubt(ours: Answer, other: Answer, policies: &[&Policy]) -> Answer {
    if other.outcome == Outcome::Pass {
        return ours;
    }
    let reasons = policies.iter().filter_map(|policy| readings::short_arn_pattern(policy)).map(|(statement, pattern)| Reason {
        statement_id: statement.sid.clone(),
        statement_index: Some(statement.index),
        description: format!(
            "cannot decide: statement {} compares an ARN with `{pattern}`, which has fewer than six parts; AWS does not say \
             whether that matches nothing or everything, so write all six: `arn:*:*:*:*:*`",
            statement.index
        ),
    });
    Answer { outcome: Outcome::Fail, message: UNDECIDED.to_owned(), reasons: reasons.collect(), witness: None, undecided: true }
}

const UNDECIDED: &str = "it cannot be decided, so it does not pass";

/// Organization policies are compared as what they limit: principals' policies, or resources'.
fn plain(kind: PolicyType) -> PolicyKind {
    match kind {
        PolicyType::Identity | PolicyType::ServiceControl => PolicyKind::Identity,
        PolicyType::Resource | PolicyType::ResourceControl => PolicyKind::Resource,
    }
}

/// A counterexample with a common action and a tidy ARN, where one shows the same, and its sentence.
fn in_plain_words(example: Counterexample, policy: &Policy, shows: impl Fn(&Request) -> bool) -> (Request, String) {
    let found = example.request;
    let request = match policy.statements().get(example.statement) {
        Some(statement) => plain_witness::plain(&found, statement, shows),
        None => found.clone(),
    };
    let quoted = |text: &str| format!("`{text}`");
    let (before, after) = (quoted(found.action.as_str()), quoted(request.action.as_str()));
    let mut words = example.explanation.replacen(&before, &after, 1);
    if *found.resource != *request.resource {
        let (before, after) =
            (format!("{after} on {}", quoted(&found.resource)), format!("{after} on {}", quoted(&request.resource)));
        words = if *found.resource == *"*" {
            words.replacen(&quoted(request.action.as_str()), &after, 1)
        } else {
            words.replacen(&before, &after, 1)
        };
    }
    (request, words)
}

/// What a check says when it passes and when it fails.
struct Words {
    pass: &'static str,
    fail: &'static str,
}

impl Words {
    /// `shows` says of a request whether it would be a counterexample as well.
    fn answer(&self, comparison: Comparison, policy: &Policy, shows: impl Fn(&Request) -> bool) -> Answer {
        match comparison {
            Comparison::Included => {
                let message = self.pass.to_owned();
                Answer { outcome: Outcome::Pass, message, reasons: Vec::new(), witness: None, undecided: false }
            }
            Comparison::NotIncluded(example) => {
                let index = example.statement;
                let statement_id = policy.statements().get(index).and_then(|s| s.sid.clone());
                let (request, description) = in_plain_words(*example, policy, shows);
                let reason = Reason { statement_id, statement_index: Some(index), description };
                let witness = Some(request);
                let message = self.fail.to_owned();
                Answer { outcome: Outcome::Fail, message, reasons: vec![reason], witness, undecided: false }
            }
            Comparison::Undecided(why) => {
                let reason = Reason { statement_id: None, statement_index: None, description: format!("cannot decide: {why}") };
                Answer {
                    outcome: Outcome::Fail,
                    message: UNDECIDED.to_owned(),
                    reasons: vec![reason],
                    witness: None,
                    undecided: true,
                }
            }
        }
    }
}
