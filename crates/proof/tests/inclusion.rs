//! Inclusion on cases that a reader can check, on its laws, and on patterns made to hurt.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which may fail loudly"
)]

use std::time::{Duration, Instant};

use leastwise_policy::evaluate::Principal;
use leastwise_policy::{Catalogue, Policy};
use leastwise_proof::inclusion::{Comparison, Counterexample, PolicyKind, no_new_access, no_public_access};

fn policy(statements: &str) -> Policy {
    Policy::parse(&format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{statements}]}}")).unwrap()
}

fn allow(rest: &str) -> String {
    format!("{{\"Effect\":\"Allow\",{rest}}}")
}

fn deny(rest: &str) -> String {
    format!("{{\"Effect\":\"Deny\",{rest}}}")
}

fn compare(existing: &str, new: &str) -> Comparison {
    no_new_access(&[&policy(existing)], &[&policy(new)], PolicyKind::Identity, Catalogue::embedded())
}

fn shown(comparison: Comparison) -> Counterexample {
    match comparison {
        Comparison::NotIncluded(found) => *found,
        other => panic!("{other:?}"),
    }
}

const S3: &str = r#""Action":"s3:GetObject""#;

#[test]
fn several_statements_cover_what_none_of_them_covers() {
    let get = |resource: &str| allow(&format!(r#""Action":"s3:Get*","Resource":"{resource}""#));
    let existing = [get("arn:aws:s3:::a*"), get("arn:aws:s3:::?a*"), get("arn:aws:s3:::b*")].join(",");
    assert_eq!(compare(&existing, &get("arn:aws:s3:::ba*")), Comparison::Included);
    assert_eq!(
        compare(&existing, &allow(r#""Action":"s3:GetBucket*","Resource":["arn:aws:s3:::ab/*","arn:aws:s3:::b"]"#)),
        Comparison::Included
    );
    let found = shown(compare(&existing, &get("arn:aws:s3:::*")));
    assert!(!found.request.resource.starts_with("arn:aws:s3:::a"), "{found:?}");
    let not = allow(r#""NotAction":"s3:Put*","NotResource":"arn:aws:s3:::secret/*""#);
    assert_eq!(compare(&not, &get("arn:aws:s3:::logs/*")), Comparison::Included);
    assert_eq!(shown(compare(&not, &get("*"))).request.resource.as_ref().split('/').next(), Some("arn:aws:s3:::secret"));
}

#[test]
fn a_counterexample_has_a_catalogued_action_and_a_resource_of_its_types() {
    let found = shown(compare(&allow(r#""Action":"s3:List*","Resource":"*""#), &allow(r#""Action":"s3:*","Resource":"*""#)));
    assert_eq!((found.request.action.as_str(), found.statement, found.document), ("s3:AbortMultipartUpload", 0, 0));
    assert!(found.request.resource.starts_with("arn:aws:s3"), "{found:?}");
    // All that the catalogue knows is covered: the names that it does not know remain.
    let found = shown(compare(
        &allow(r#""Action":["kms:Decrypt","kms:DeriveSharedSecret","kms:Describe?*"],"Resource":"*""#),
        &allow(r#""Action":"kms:De*","Resource":"*""#),
    ));
    assert!(found.request.action.as_str().starts_with("kms:De"), "{found:?}");
    let written: Vec<String> =
        Catalogue::embedded().service("sqs").unwrap().action_names().map(|n| format!("\"sqs:{n}\"")).collect();
    let every = allow(&format!(r#""Action":[{}],"Resource":"*""#, written.join(",")));
    let found = shown(compare(&every, &allow(r#""Action":"sqs:*","Resource":"*""#)));
    assert!(Catalogue::embedded().service("sqs").unwrap().action(found.request.action.name()).is_none(), "{found:?}");
}

#[test]
fn a_deny_that_is_gone_is_new_access_unless_something_else_denies() {
    let all = allow(r#""Action":"s3:*","Resource":"*""#);
    let put = deny(r#""Action":"s3:Put*","Resource":"arn:aws:s3:::a/*""#);
    let found = shown(compare(&format!("{all},{put}"), &all));
    assert!(found.explanation.ends_with("statement 1 of the existing policy denies it"), "{}", found.explanation);
    assert!(found.request.resource.starts_with("arn:aws:s3:::a/"));
    let parts = [
        deny(r#""Action":"s3:P*","Resource":["arn:aws:s3:::a/b*"]"#),
        deny(r#""NotAction":"s3:Get*","NotResource":"arn:aws:s3:::a/b*""#),
    ];
    assert_eq!(compare(&format!("{all},{put}"), &format!("{all},{}", parts.join(","))), Comparison::Included);
}

#[test]
fn conditions_are_compared_by_what_they_hold_for() {
    let with = |condition: &str| allow(&format!(r#"{S3},"Resource":"*","Condition":{{{condition}}}"#));
    let cases = [
        (r#""IpAddress":{"aws:SourceIp":["10.0.0.0/9","10.128.0.0/9"]}"#, r#""IpAddress":{"aws:SourceIp":"10.0.0.0/8"}"#, true),
        (r#""IpAddress":{"aws:SourceIp":"2001:db8::/32"}"#, r#""IpAddress":{"aws:SourceIp":"2001:db8::/31"}"#, false),
        (r#""NumericLessThanEquals":{"s3:max-keys":"10"}"#, r#""NumericLessThan":{"s3:max-keys":"10.5"}"#, false),
        (r#""NumericLessThan":{"s3:max-keys":"10.50"}"#, r#""NumericLessThanEquals":{"s3:max-keys":"10"}"#, true),
        (
            r#""DateLessThan":{"aws:CurrentTime":"2027-01-01"}"#,
            r#""DateLessThan":{"aws:CurrentTime":"2026-12-31T23:59:59Z"}"#,
            true,
        ),
        (r#""Bool":{"aws:SecureTransport":"true"}"#, r#""BoolIfExists":{"aws:SecureTransport":"true"}"#, false),
        (r#""BoolIfExists":{"aws:SecureTransport":"true"}"#, r#""Bool":{"aws:SecureTransport":"TRUE"}"#, true),
        (r#""StringNotEquals":{"aws:PrincipalTag/t":"a"}"#, r#""StringLike":{"aws:principaltag/T":"b*"}"#, true),
        (r#""StringNotEquals":{"aws:PrincipalTag/t":"a"}"#, r#""Null":{"aws:PrincipalTag/t":"true"}"#, true),
        (r#""StringLike":{"aws:SourceArn":"arn:aws:sns:*"}"#, r#""ArnLike":{"aws:SourceArn":"arn:aws:sns:*:*:*"}"#, true),
        (r#""ArnLike":{"aws:SourceArn":"arn:aws:sns:*:*:*"}"#, r#""StringLike":{"aws:SourceArn":"arn:aws:sns:*"}"#, false),
        (
            r#""ForAllValues:StringLike":{"aws:TagKeys":["a*","b"]}"#,
            r#""ForAllValues:StringEquals":{"aws:TagKeys":["ab","b"]}"#,
            true,
        ),
        (r#""ForAllValues:StringLike":{"aws:TagKeys":"a*"}"#, r#""ForAnyValue:StringLike":{"aws:TagKeys":"a*"}"#, false),
        (
            r#""ForAnyValue:StringLike":{"aws:TagKeys":"a*"}"#,
            r#""ForAllValues:StringLike":{"aws:TagKeys":"a*"},"Null":{"aws:TagKeys":"false"}"#,
            false,
        ),
        (r#""StringEqualsIgnoreCase":{"aws:username":"Ana"}"#, r#""StringEquals":{"aws:username":["ana","ANA"]}"#, true),
    ];
    for (existing, new, included) in cases {
        let answer = compare(&with(existing), &with(new));
        assert_eq!(answer == Comparison::Included, included, "{existing} {new}: {answer:?}");
        assert!(!matches!(answer, Comparison::Undecided(_)), "{existing} {new}: {answer:?}");
    }
}

#[test]
fn a_key_with_one_value_is_not_both_of_two_and_one_with_several_may_be() {
    let all = allow(&format!(r#"{S3},"Resource":"*","Condition":{{"StringEquals":{{"KEY":"a"}}}}"#));
    let no_b = deny(r#""Action":"*","Resource":"*","Condition":{"StringEquals":{"KEY":"b"}}"#);
    let of = |key: &str| compare(&format!("{all},{no_b}").replace("KEY", key), &all.replace("KEY", key));
    assert_eq!(of("aws:username"), Comparison::Included);
    assert_eq!(shown(of("aws:TagKeys")).request.context.values("aws:TagKeys").map(<[_]>::len), Some(2));
}

#[test]
fn policy_variables_are_the_same_text_wherever_they_stand_and_nothing_more_is_known() {
    let on = |resource: &str| allow(&format!(r#"{S3},"Resource":"{resource}""#));
    let home = on("arn:aws:s3:::home/${aws:username}/*");
    assert_eq!(compare(&home, &home), Comparison::Included);
    assert_eq!(compare(&home, &on("arn:aws:s3:::home/${aws:UserName}/a?c*")), Comparison::Included);
    assert_eq!(compare(&on("arn:aws:s3:::home/*"), &home), Comparison::Included);
    let found = shown(compare(&home, &on("arn:aws:s3:::home/${aws:userid}/*")));
    assert_eq!(found.request.context.iter().count(), 2, "{found:?}");
    assert!(matches!(compare(&home, &on("arn:aws:s3:::home/ana/*")), Comparison::NotIncluded(_)));
    let not = allow(&format!(r#"{S3},"NotResource":"arn:aws:s3:::home/ana""#));
    let found = shown(compare(&not, &on("arn:aws:s3:::home/${aws:username}")));
    assert_eq!(found.request.context.values("aws:username").unwrap(), ["ana".into()]);
    let own = |values: &str| {
        allow(&format!(r#"{S3},"Resource":"*","Condition":{{"StringEquals":{{"aws:ResourceAccount":[{values}]}}}}"#))
    };
    assert_eq!(compare(&own(r#""${aws:PrincipalAccount}""#), &own(r#""${aws:PrincipalAccount}""#)), Comparison::Included);
    assert!(matches!(compare(&own(r#""1""#), &own(r#""${aws:PrincipalAccount}""#)), Comparison::NotIncluded(_)));
}

#[test]
fn what_only_a_request_could_tell_is_undecided() {
    let with = |condition: &str| allow(&format!(r#"{S3},"Resource":"*","Condition":{{{condition}}}"#));
    let equal = with(r#""StringEquals":{"aws:username":"${aws:userid}"}"#);
    let answer = compare(&with(r#""StringLike":{"aws:username":"${aws:userid}"}"#), &equal);
    assert!(matches!(&answer, Comparison::Undecided(reason) if reason.contains("${aws:userid}")), "{answer:?}");
    // Kinds of operators mixed on one key are compared as written.
    let number = with(r#""NumericEquals":{"s3:max-keys":"1000"}"#);
    let answer = compare(&with(r#""BinaryEquals":{"s3:max-keys":"MTAwMA=="}"#), &number);
    assert!(matches!(&answer, Comparison::Undecided(reason) if reason.contains("s3:max-keys")), "{answer:?}");
    assert_eq!(compare(&number, &number), Comparison::Included);
    // An exponent is no trouble.
    let number = with(r#""NumericEquals":{"s3:max-keys":"1e3"}"#);
    assert_eq!(compare(&with(r#""NumericLessThan":{"s3:max-keys":"1001"}"#), &number), Comparison::Included);
    assert!(matches!(compare(&with(r#""NumericLessThan":{"s3:max-keys":"1000"}"#), &number), Comparison::NotIncluded(_)));
}

#[test]
fn callers_of_resource_policies_are_compared_by_whom_the_elements_name() {
    let to = |principal: &str| allow(&format!(r#""Principal":{principal},{S3},"Resource":"*""#));
    let compare = |existing: &str, new: &str| {
        no_new_access(&[&policy(existing)], &[&policy(new)], PolicyKind::Resource, Catalogue::embedded())
    };
    let account = to(r#"{"AWS":"111122223333"}"#);
    assert_eq!(compare(&account, &to(r#"{"AWS":"arn:aws:iam::111122223333:role/app"}"#)), Comparison::Included);
    assert_eq!(compare(&to(r#"{"AWS":"arn:aws:iam::111122223333:root"}"#), &account), Comparison::Included);
    let found = shown(compare(&to(r#"{"AWS":"arn:aws:iam::111122223333:role/app"}"#), &account));
    assert_eq!(found.request.principal, Principal::parse("111122223333").unwrap());
    assert_eq!(shown(compare(&account, &to("\"*\""))).request.principal, Principal::Anonymous);
    let role = to(r#"{"AWS":"arn:aws:iam::111122223333:role/path/app"}"#);
    assert_eq!(compare(&role, &to(r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/app/s"}"#)), Comparison::Included);
    let spared = deny(&format!(r#""NotPrincipal":{{"AWS":"arn:aws:iam::111122223333:user/ana"}},{S3},"Resource":"*""#));
    assert_eq!(
        compare(&to(r#"{"AWS":"arn:aws:iam::111122223333:user/ana"}"#), &format!("{account},{spared}")),
        Comparison::Included
    );
}

#[test]
fn the_documents_of_a_side_work_together() {
    let [get, put] = ["s3:Get*", "s3:Put*"].map(|action| policy(&allow(&format!(r#""Action":"{action}","Resource":"*""#))));
    let both = policy(&allow(r#""Action":["s3:GetObject","s3:PutObject"],"Resource":"*""#));
    let catalogue = Catalogue::embedded();
    assert_eq!(no_new_access(&[&get, &put], &[&both], PolicyKind::Identity, catalogue), Comparison::Included);
    let found = shown(no_new_access(&[&both], &[&both, &put], PolicyKind::Identity, catalogue));
    assert_eq!((found.document, found.statement), (1, 0));
    let no_put = policy(&deny(r#""Action":"s3:Put*","Resource":"*""#));
    assert_eq!(no_new_access(&[&both], &[&both, &put, &no_put], PolicyKind::Identity, catalogue), Comparison::Included);
}

#[test]
fn roles_and_keys_of_other_accounts_are_counted_like_everything_else() {
    let assume = |account: &str| allow(&format!(r#""Action":"sts:AssumeRole","Resource":"arn:aws:iam::{account}:role/app""#));
    let found = shown(compare(&assume("111122223333"), &assume("444455556666")));
    assert_eq!(&*found.request.resource, "arn:aws:iam::444455556666:role/app");
    assert_eq!(compare(&assume("*"), &assume("444455556666")), Comparison::Included);
}

#[test]
fn public_access_is_what_nothing_in_the_policy_vouches_for() {
    let site = |principal: &str, condition: &str| {
        policy(&allow(&format!(r#""Principal":{principal},{S3},"Resource":"arn:aws:s3:::site/*","Condition":{{{condition}}}"#)))
    };
    let public = |policy: &Policy, kind: &str| match no_public_access(policy, kind, Catalogue::embedded()) {
        Comparison::Included => false,
        Comparison::NotIncluded(_) => true,
        Comparison::Undecided(reason) => panic!("{reason}"),
    };
    for (principal, condition, expected) in [
        (r#""*""#, "", true),
        (r#"{"AWS":"*"}"#, "", true),
        (r#"{"AWS":"111122223333"}"#, "", false),
        (r#"{"Service":"cloudfront.amazonaws.com"}"#, "", false),
        (r#"{"CanonicalUser":"abc"}"#, "", false),
        (r#""*""#, r#""StringEquals":{"aws:SourceVpce":"vpce-1"}"#, false),
        (r#""*""#, r#""StringNotEquals":{"aws:SourceVpce":"vpce-1"}"#, true),
        (r#""*""#, r#""StringEqualsIfExists":{"aws:SourceVpce":"vpce-1"}"#, true),
        (r#""*""#, r#""ArnLike":{"aws:SourceArn":"arn:aws:sns:*:111122223333:*"}"#, false),
        (r#""*""#, r#""ArnLike":{"aws:SourceArn":"arn:aws:sns:*:*:*"}"#, true),
        (r#""*""#, r#""StringLike":{"aws:SourceArn":"arn:aws:sns:*:111122223333:*"}"#, true),
        (r#""*""#, r#""IpAddress":{"aws:SourceIp":"203.0.113.0/24"}"#, false),
        (r#""*""#, r#""IpAddress":{"aws:SourceIp":["203.0.113.0/24","0.0.0.0/1"]}"#, true),
        (r#""*""#, r#""Bool":{"aws:SecureTransport":"true"}"#, true),
        (r#""*""#, r#""Bool":{"aws:PrincipalIsAWSService":"true"}"#, false),
        (r#""*""#, r#""StringLike":{"aws:userid":"AROAEXAMPLEID:*"}"#, false),
        (r#""*""#, r#""ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1/*"}"#, false),
        (r#""*""#, r#""ForAllValues:StringLike":{"aws:PrincipalOrgPaths":"o-a1/*"}"#, true),
        (r#""*""#, r#""StringEquals":{"aws:PrincipalTag/team":"blue"}"#, true),
    ] {
        assert_eq!(public(&site(principal, condition), "AWS::S3::Bucket"), expected, "{principal} {condition}");
    }
    let open = allow(&format!(r#""Principal":"*",{S3},"Resource":"arn:aws:s3:::site/*""#));
    let closed =
        deny(r#""Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-a1"}}"#);
    assert!(!public(&policy(&format!("{open},{closed}")), "AWS::S3::Bucket"));
    let not = policy(&allow(&format!(r#""NotPrincipal":{{"AWS":"111122223333"}},{S3},"Resource":"*""#)));
    assert!(public(&not, "AWS::S3::Bucket"));
    let trust = |provider: &str, condition: &str| {
        policy(&allow(&format!(
            r#""Principal":{{"Federated":"{provider}"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{{condition}}}"#
        )))
    };
    let github = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
    for (provider, condition, expected) in [
        ("cognito-identity.amazonaws.com", "", true),
        ("cognito-identity.amazonaws.com", r#""StringEquals":{"cognito-identity.amazonaws.com:aud":"us-east-1:pool"}"#, false),
        (github, r#""StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"}"#, true),
        (github, r#""StringLike":{"token.actions.githubusercontent.com:sub":"repo:me/*"}"#, false),
        ("arn:aws:iam::111122223333:saml-provider/corp", "", false),
    ] {
        assert_eq!(public(&trust(provider, condition), "AWS::IAM::AssumeRolePolicyDocument"), expected, "{provider} {condition}");
    }
    let answer = no_public_access(&not, "AWS::EC2::Instance", Catalogue::embedded());
    assert!(matches!(answer, Comparison::Undecided(_)));
}

/// A document of some of the statements, in some order.
fn some(dice: &mut u64) -> String {
    let mut roll = |sides: usize| {
        *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((*dice >> 33) % sides as u64) as usize
    };
    let mut statements = Vec::new();
    for _ in 0..=roll(2) {
        let action =
            [r#""Action":"s3:*""#, r#""Action":"s3:Get*""#, r#""Action":["s3:GetObject","sqs:*"]"#, r#""NotAction":"sqs:*""#]
                [roll(4)];
        let resource = [r#""Resource":"*""#, r#""Resource":"arn:aws:s3:::a*""#, r#""Resource":"arn:aws:s3:::ab/*""#][roll(3)];
        let condition = [
            "",
            r#","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#,
            r#","Condition":{"IpAddress":{"aws:SourceIp":"10.1.0.0/16"}}"#,
            r#","Condition":{"StringLike":{"aws:PrincipalTag/t":"a*"}}"#,
        ][roll(4)];
        let rest = format!("{action},{resource}{condition}");
        statements.push(if roll(5) == 0 { deny(&rest) } else { allow(&rest) });
    }
    statements.join(",")
}

#[test]
fn inclusion_is_reflexive_and_transitive() {
    let mut dice = 17;
    let documents: Vec<String> = (0..40).map(|_| some(&mut dice)).collect();
    let answers: Vec<Vec<bool>> = documents
        .iter()
        .map(|new| documents.iter().map(|existing| compare(existing, new) == Comparison::Included).collect())
        .collect();
    let mut chains = 0;
    for a in 0..documents.len() {
        assert!(answers[a][a], "{}", documents[a]);
        for b in 0..documents.len() {
            for c in 0..documents.len() {
                if answers[a][b] && answers[b][c] {
                    chains += usize::from(a != b && b != c);
                    assert!(answers[a][c], "{}\n{}\n{}", documents[a], documents[b], documents[c]);
                }
            }
        }
    }
    assert!(chains > 500, "{chains}");
}

/// Policies that allow reading under one line of a condition block, with variables.
fn under(operator: &str, values: &str) -> String {
    allow(&format!(r#"{S3},"Resource":"*","Condition":{{"{operator}":{{"s3:prefix":{values}}}}}"#))
}

#[test]
fn lines_with_variables_are_compared_value_by_value() {
    for (existing, new, included) in [
        (
            under("StringLike", r#"["","home/","home/${aws:username}/*"]"#),
            under("StringLike", r#""home/${aws:username}/*""#),
            true,
        ),
        (under("StringLike", r#""home/${aws:username}/*""#), under("StringLike", r#"["","home/${aws:username}/*"]"#), false),
        (under("StringLike", r#""${aws:username}/*""#), under("StringLike", r#""${AWS:UserName}/x*""#), true),
        (under("StringLike", r#""${aws:username}/x*""#), under("StringLike", r#""${aws:username}/*""#), false),
        (under("StringLike", r#""*""#), under("StringEquals", r#""${aws:username}""#), true),
        (under("StringLike", r#""home/*""#), under("StringLike", r#""home/${aws:username}*""#), true),
        (under("StringEqualsIfExists", r#""${aws:username}""#), under("StringEquals", r#""${aws:username}""#), true),
        (under("StringEquals", r#""${aws:username}""#), under("StringEqualsIfExists", r#""${aws:username}""#), false),
        (under("StringNotLike", r#""${aws:username}/x*""#), under("StringNotLike", r#""${aws:username}/*""#), true),
        (under("StringNotLike", r#""${aws:username}/*""#), under("StringNotLike", r#""${aws:username}/x*""#), false),
        (under("StringNotEquals", r#""${aws:username}""#), under("StringNotEquals", r#"["a","${aws:username}"]"#), true),
        (
            format!("{},{}", under("StringEquals", r#""${aws:username}""#), under("StringNotEquals", r#""${aws:username}""#)),
            allow(&format!(r#"{S3},"Resource":"*""#)),
            true,
        ),
    ] {
        let answer = compare(&existing, &new);
        match included {
            true => assert_eq!(answer, Comparison::Included, "{existing}\n{new}"),
            false => assert!(matches!(answer, Comparison::NotIncluded(_)), "{answer:?}\n{existing}\n{new}"),
        }
    }
}

/// Far above what it takes, so that only a blow-up fails it.
const BOUND: Duration = Duration::from_secs(20);

#[test]
fn hurtful_patterns_are_answered_within_bounds() {
    let on = |patterns: &[String]| {
        let list: Vec<String> = patterns.iter().map(|p| format!("\"{p}\"")).collect();
        allow(&format!(r#""Action":"s3:*","Resource":[{}]"#, list.join(",")))
    };
    let stars = format!("arn:aws:s3:::{}b", "a*".repeat(100));
    let bomb = |n: usize| format!("arn:aws:s3:::*a{}*b", "?".repeat(n));
    let long: Vec<String> = (0..3000).map(|n| format!("arn:aws:s3:::bucket-{n:05}/*/part-{}/*", n * 7)).collect();
    let longer: Vec<String> = long.iter().map(|text| text.replace("/part", "/?art")).collect();
    let from = Instant::now();
    assert_eq!(compare(&on(&["arn:aws:s3:::a*b".to_owned()]), &on(std::slice::from_ref(&stars))), Comparison::Included);
    assert!(matches!(compare(&on(&[stars]), &on(&["arn:aws:s3:::a*b".to_owned()])), Comparison::NotIncluded(_)));
    assert!(policy(&on(&long)).text().len() > 120_000);
    assert_eq!(compare(&on(&longer), &on(&long)), Comparison::Included);
    assert!(matches!(compare(&on(&long), &on(&longer)), Comparison::NotIncluded(_)));
    let answer = compare(&on(&[bomb(39)]), &on(&[bomb(40)]));
    assert!(matches!(&answer, Comparison::Undecided(reason) if reason.contains("too complex")), "{answer:?}");
    // Cuts along ten dimensions at once.
    let key = |n: usize, value: &str| format!(r#""aws:PrincipalTag/t{n}":"{value}""#);
    let line =
        |values: Vec<String>| allow(&format!(r#"{S3},"Resource":"*","Condition":{{"StringLike":{{{}}}}}"#, values.join(",")));
    let statements: Vec<String> = (0..200)
        .map(|s| line((0..10).map(|n| key(n, ["a*", "*b", "?c*", "*"][(s * 7 + n * 3 + s / 5) % 4])).collect()))
        .collect();
    let wide = line((0..10).map(|n| key(n, "*")).collect());
    let answer = compare(&statements.join(","), &wide);
    assert!(!matches!(answer, Comparison::Included), "{answer:?}");
    assert!(from.elapsed() < BOUND, "{:?}", from.elapsed());
}

#[test]
fn what_is_unknown_may_hold_a_colon_which_a_wildcard_within_a_part_does_not_take() {
    let on = |resource: &str| allow(&format!(r#"{S3},"Resource":"{resource}""#));
    let new = on("arn:aws:s3:::bucket/${aws:userid}.log");
    let found = shown(compare(&on("arn:aws:*:bucket/*.log"), &new));
    assert!(found.request.context.values("aws:userid").unwrap()[0].contains(':'), "{found:?}");
    assert_eq!(compare(&on("arn:aws:s3:::bucket/*.log"), &new), Comparison::Included);
    assert_eq!(compare(&on("arn:aws:*"), &new), Comparison::Included);
}

#[test]
fn keys_that_nobody_knows_may_have_several_values() {
    let both = |key: &str| {
        allow(&format!(r#"{S3},"Resource":"*","Condition":{{"StringEquals":{{"{key}":"a"}},"StringLike":{{"{key}":"b"}}}}"#))
    };
    let none = allow(r#""Action":"sqs:SendMessage","Resource":"*""#);
    assert!(matches!(compare(&none, &both("aws:NewKey")), Comparison::NotIncluded(_)));
    assert_eq!(compare(&none, &both("aws:username")), Comparison::Included);
}

#[test]
fn what_stands_in_the_place_of_an_account_is_one() {
    let document =
        |statements: &str| Policy::parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)).unwrap();
    for account in ["abc", "", "11112222333", "111122223333"] {
        let root = format!("arn:aws:iam::{account}:root");
        let existing = document(&format!(
            r#"{{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}},
               {{"Effect":"Deny","NotPrincipal":{{"AWS":"{root}"}},"Action":"s3:*","Resource":"*"}}"#
        ));
        let new = document(&format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"{root}"}},"Action":"s3:*","Resource":"*"}}"#));
        let answer = no_new_access(&[&existing], &[&new], PolicyKind::Resource, Catalogue::embedded());
        let Comparison::NotIncluded(found) = answer else { panic!("{root}: {answer:?}") };
        // A request names no account that is none.
        let named = found.request.resource_account.as_deref();
        assert!(named.is_none_or(leastwise_policy::arn::is_account_number), "{root}: {named:?}");
    }
}

#[test]
fn many_narrow_ranges_are_one_broad_range() {
    let public = |ranges: &[String]| {
        let ranges: Vec<String> = ranges.iter().map(|range| format!("\"{range}\"")).collect();
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
               "Resource":"arn:aws:s3:::b/*","Condition":{{"IpAddress":{{"aws:SourceIp":[{}]}}}}}}}}"#,
            ranges.join(",")
        );
        let policy = Policy::parse(&text).unwrap();
        matches!(no_public_access(&policy, "AWS::S3::Bucket", Catalogue::embedded()), Comparison::NotIncluded(_))
    };
    let some = |count: usize, form: fn(usize) -> String| (0..count).map(form).collect::<Vec<String>>();
    assert!(public(&some(256, |n| format!("{n}.0.0.0/8"))));
    assert!(public(&some(128, |n| format!("{}.0.0.0/8", n * 2))));
    assert!(public(&some(3, |n| format!("{}.0.0.0/9", n + 3))));
    assert!(!public(&some(2, |n| format!("3.{}.0.0/9", n * 128))));
    assert!(!public(&some(2, |n| format!("2001:{n}::/33"))) && public(&some(3, |n| format!("2001:{n}::/32"))));
    // The same range again, and private ones, are no more addresses.
    let private = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "3.0.0.0/8", "3.1.0.0/16"].map(str::to_owned);
    assert!(!public(&private));
}

#[test]
fn the_statement_that_is_named_is_one_that_allows() {
    let statements = r#"{"Sid":"Cond","Effect":"Allow","Action":"s3:GetObject","Resource":"*",
        "Condition":{"NumericGreaterThan":{"s3:max-keys":"x"},"BinaryEquals":{"s3:max-keys":"QQ=="}}},
        {"Sid":"Free","Effect":"Allow","Action":"s3:Get*","Resource":"*"}"#;
    let found = shown(compare(&allow(r#""Action":"sqs:SendMessage","Resource":"*""#), statements));
    assert_eq!(found.statement, 1);
    assert!(found.explanation.starts_with("statement 1 `Free` allows"), "{found:?}");
}

#[test]
fn a_key_that_has_to_be_missing_is_said_to_be() {
    let new = allow(&format!(
        r#"{S3},"Resource":"*","Condition":{{"ForAllValues:StringEquals":{{"aws:username":"${{aws:PrincipalTag/u}}"}}}}"#
    ));
    let found = shown(compare(&allow(r#""Action":"sqs:SendMessage","Resource":"*""#), &new));
    assert!(found.request.context.mentions("aws:username") && found.request.context.values("aws:username").is_none());
}

#[test]
fn a_pattern_that_begins_with_a_variable_is_about_something() {
    let on = |resource: &str| allow(&format!(r#"{S3},"Resource":"{resource}""#));
    for text in ["${k:v}", "${k:v}*", "${k:v}:b"] {
        assert!(!matches!(compare(&on("arn:aws:s3:::b"), &on(text)), Comparison::Included), "{text}");
        assert!(!matches!(compare(&on("${k:w}"), &on(text)), Comparison::Included), "{text}");
        assert_eq!(compare(&on("*"), &on(text)), Comparison::Included);
        assert_eq!(compare(&on(text), &on(text)), Comparison::Included);
    }
}
