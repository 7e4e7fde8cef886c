//! A request that shows a failure, made plain: a common action and a tidy ARN in the place of the shortest ones that fit.
//!
//! The proof's request is right but odd (`arn:aws:s3:::b//`). Others are tried that the statement's own patterns suggest; one is taken
//! only if the evaluator confirms that it shows the same.

use leastwise_policy::evaluate::{PolicyKind, Request, applying};
use leastwise_policy::{ActionName, Effect, Policy, Statement};

/// Actions that every reader knows, each with a resource of its type.
const COMMON: [(&str, &str); 14] = [
    ("s3:GetObject", "arn:aws:s3:::example-bucket/example"),
    ("s3:PutObject", "arn:aws:s3:::example-bucket/example"),
    ("s3:ListBucket", "arn:aws:s3:::example-bucket"),
    ("iam:PassRole", "arn:aws:iam::111122223333:role/example"),
    ("sts:AssumeRole", "arn:aws:iam::111122223333:role/example"),
    ("ec2:TerminateInstances", "arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0"),
    ("kms:Decrypt", "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
    ("lambda:InvokeFunction", "arn:aws:lambda:us-east-1:111122223333:function:example"),
    ("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:111122223333:table/example"),
    ("sqs:SendMessage", "arn:aws:sqs:us-east-1:111122223333:example"),
    ("sns:Publish", "arn:aws:sns:us-east-1:111122223333:example"),
    ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:111122223333:secret:example-a1b2c3"),
    ("logs:GetLogEvents", "arn:aws:logs:us-east-1:111122223333:log-group:example:log-stream:example"),
    ("ssm:GetParameter", "arn:aws:ssm:us-east-1:111122223333:parameter/example"),
];

/// Whether the policy by itself allows the request.
pub(super) fn allows(policy: &Policy, kind: PolicyKind, request: &Request) -> bool {
    let mut request = request.clone();
    request.complete();
    let applying = applying(policy, kind, &request);
    !applying.is_empty() && applying.iter().all(|statement| statement.effect == Effect::Allow)
}

/// The plainest request that `shows` the same as the one found, with the statement that allows it.
pub(super) fn plain(found: &Request, statement: &Statement, shows: impl Fn(&Request) -> bool) -> Request {
    let mut candidates: Vec<(ActionName, String)> = Vec::new();
    let written: Vec<String> = resources(statement).collect();
    let common = || COMMON.iter().filter_map(|(action, resource)| Some((ActionName::parse(action)?, *resource)));
    let of_service = |action: &ActionName, arn: &str| arn.split(':').nth(2).is_some_and(|own| own == action.service());
    for (action, resource) in common() {
        // On what the statement names, where it names something of that service.
        candidates.extend(written.iter().filter(|arn| of_service(&action, arn)).map(|arn| (action.clone(), arn.clone())));
        candidates.push((action, resource.to_owned()));
    }
    candidates.extend(written.into_iter().map(|arn| (found.action.clone(), arn)));
    let listed = |action: &ActionName| {
        statement.actions.patterns.iter().any(|p| p.what.matches(action.service(), action.name())) != statement.actions.negated
    };
    let fits = |(action, resource): (ActionName, String)| {
        if !listed(&action) {
            return None;
        }
        // What the policy's `s3:GetObject` names is written as the policy writes it.
        let candidate = Request { action, resource: resource.into(), ..found.clone() };
        shows(&candidate).then_some(candidate)
    };
    candidates.into_iter().find_map(fits).unwrap_or_else(|| found.clone())
}

/// The statement's resources with their wildcards filled in.
fn resources(statement: &Statement) -> impl Iterator<Item = String> {
    let element = statement.resources.as_ref().filter(|element| !element.negated);
    element.into_iter().flat_map(|element| &element.patterns).filter_map(|pattern| filled(&pattern.what))
}

/// An ARN that the pattern matches; nothing for what is no whole ARN, or has variables.
fn filled(pattern: &str) -> Option<String> {
    if pattern.contains("${") || pattern.splitn(6, ':').count() < 6 {
        return None;
    }
    let parts = pattern.splitn(6, ':').enumerate().map(|(at, part)| {
        let star = match at {
            1 => "aws",
            3 => "us-east-1",
            4 => "111122223333",
            _ => "example",
        };
        part.replace('*', star).replace('?', "a")
    });
    Some(parts.collect::<Vec<_>>().join(":"))
}
