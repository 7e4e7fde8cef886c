//! Hurtful requests and policies: however they are written, a decision comes soon.
//!
//! The bound is far above what is needed, so that only a blow-up fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use leastwise_policy::evaluate::{Context, Decision, PolicySet, Principal, Request};
use leastwise_policy::{ActionName, Policy};

/// The longest document that IAM takes anywhere, in characters (a role's inline policies, with room to spare).
const LONGEST: usize = 131_072;
const BOUND: Duration = Duration::from_secs(10);

fn request(resource: &str, value: &str) -> Request {
    let mut context = Context::default();
    context.insert("k:Key", [value]);
    context.insert("aws:username", ["a".repeat(500)]);
    Request {
        principal: Principal::parse("arn:aws:iam::111122223333:user/ana").unwrap(),
        action: ActionName::parse(&format!("s3:{}", "a".repeat(2_000))).unwrap(),
        resource: resource.into(),
        resource_account: None,
        context,
    }
}

/// Decides under an identity policy of these statements, within the bound.
fn decide(statements: &str, request: &Request) -> Decision {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
    let from = Instant::now();
    let policy = Policy::parse(&text).unwrap();
    let set = PolicySet { identity: vec![&policy], ..PolicySet::default() };
    let decision = set.evaluate(request).decision;
    assert_eq!(set.explain(request).len(), policy.statements().len());
    let taken = from.elapsed();
    assert!(taken < BOUND, "{taken:?} for {:.200}…", text);
    decision
}

fn allow(action: &str, resource: &str, condition: &str) -> String {
    format!(r#"{{"Effect": "Allow", "Action": "{action}", "Resource": {resource}, "Condition": {{{condition}}}}}"#)
}

#[test]
fn a_hundred_wildcards_in_any_element_are_no_trouble() {
    let stars = "a*".repeat(100) + "b";
    let tail = "a".repeat(2_000);
    let request = request(&format!("arn:aws:s3:::{tail}"), &tail);
    let arn = format!("\"arn:aws:s3:::{stars}\"");
    let everywhere = format!("\"arn:*:*:*:*:{stars}:*:*\"");
    let with_variable = format!("\"arn:aws:s3:::{}${{aws:username}}{stars}\"", "a*".repeat(20));
    for statement in [
        allow(&format!("s3:{stars}"), "\"*\"", ""),
        allow("s3:*", &arn, ""),
        allow("s3:*", &everywhere, ""),
        allow("s3:*", &with_variable, ""),
        allow("s3:*", "\"*\"", &format!(r#""StringLike": {{"k:Key": "{stars}"}}"#)),
        allow("s3:*", "\"*\"", &format!(r#""StringLike": {{"k:Key": "${{aws:username}}{stars}"}}"#)),
        allow("s3:*", "\"*\"", &format!(r#""ArnLike": {{"k:Key": "{stars}:{stars}:*:*:*:{stars}"}}"#)),
    ] {
        assert_eq!(decide(&statement, &request), Decision::ImplicitlyDenied, "{statement:.120}");
    }
    assert_eq!(decide(&allow("s3:*", &arn.replace('b', "a*"), ""), &request), Decision::Allowed);
    assert_eq!(decide(&allow(&format!("s3:{}", "a*".repeat(100)), "\"*\"", ""), &request), Decision::Allowed);
}

#[test]
fn the_longest_documents_are_no_trouble() {
    let tail = "ab".repeat(1_000);
    let request = request(&format!("arn:aws:s3:::{tail}c"), &tail);
    let mut resources = String::from("\"arn:aws:s3:::x\"");
    for at in 0.. {
        if resources.len() > LONGEST {
            break;
        }
        let _ = write!(resources, ", \"arn:aws:s3:*a*b*{at}*:*:*a*b*a*b*{at}*c\"");
    }
    assert_eq!(decide(&allow("s3:*", &format!("[{resources}]"), ""), &request), Decision::ImplicitlyDenied);
    let one = format!("\"arn:aws:s3:::{}\"", "?*".repeat(LONGEST / 2));
    assert_eq!(decide(&allow("s3:*", &one, ""), &request), Decision::ImplicitlyDenied);
    let values: Vec<String> = (0..8_000).map(|at| format!("\"*a*b*{at}*c\"")).collect();
    let condition = format!(r#""ForAllValues:StringLike": {{"k:Key": [{}]}}"#, values.join(", "));
    assert_eq!(decide(&allow("s3:*", "\"*\"", &condition), &request), Decision::ImplicitlyDenied);
    let statements = vec![allow("s3:b*", "\"*\"", ""); 1_200].join(", ");
    assert_eq!(decide(&statements, &request), Decision::ImplicitlyDenied);
}

#[test]
fn variables_that_never_end_are_no_trouble() {
    let request = request("arn:aws:s3:::b", "v");
    for piece in ["${", "${'", "${'${\\u007d", "${aws:username", "${aws:username, '"] {
        let text = piece.repeat(LONGEST / piece.len());
        let statements = [
            allow("s3:*", &format!("\"arn:aws:s3:::{text}\""), ""),
            allow("s3:*", "\"*\"", &format!(r#""StringLike": {{"k:Key": "{text}"}}"#)),
            allow("s3:*", "\"*\"", &format!(r#""StringEquals": {{"k:Key": "{text}"}}"#)),
        ];
        for statement in statements {
            assert_eq!(decide(&statement, &request), Decision::ImplicitlyDenied, "{piece}");
        }
    }
}
