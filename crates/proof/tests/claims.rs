//! Each claim, on refinements that are right and on ones that are wrong in one way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which may fail loudly"
)]

use leastwise_policy::{Catalogue, Policy, Unused};
use leastwise_proof::{Candidate, Claim, Claims, Reason, Refusal, Verdict, Witness, certify, prove};

const CATALOGUE: &str = "leastwise-catalogue 1
source test
version 1
date 2026-01-01
licence MIT

service ec2\tEC2
actions
 DescribeFleetHistory\tR
 DescribeFleetInstances\tR
 DescribeFleets\tL
 DescribeInstances\tL
 RunInstances\tW

service s3\tS3
actions
 GetBucketAcl\tR
 GetObject\tR
 GetObjectAcl\tR
 GetObjectTagging\tR
 ListBucket\tL
 PutObject\tW

service sqs\tSQS
actions
 ReceiveMessage\tR
 SendMessage\tW
";

fn catalogue() -> Catalogue {
    Catalogue::parse(CATALOGUE.to_owned()).unwrap()
}

fn policy(text: &str) -> Policy {
    Policy::parse(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn proved(original: &str, refined: &[&str], unused: &str) -> Claims {
    let refined: Vec<Policy> = refined.iter().map(|text| policy(text)).collect();
    prove(&policy(original), &refined, &Unused::parse(unused).unwrap(), &catalogue())
}

fn witness(claims: &Claims, claim: Claim) -> Witness {
    match claims.verdict(claim) {
        Verdict::Refuted(witness) => witness.clone(),
        other => panic!("{claim}: {other:?}"),
    }
}

/// The names of the claims that do not hold, and never a disputed one.
fn failing(claims: &Claims) -> Vec<&'static str> {
    assert!(!claims.iter().any(|(_, v)| matches!(v, Verdict::Disputed(_))), "{claims:?}");
    claims.iter().filter(|(_, v)| !v.holds()).map(|(c, _)| c.as_str()).collect()
}

fn allow(actions: &str) -> String {
    format!(r#"{{"Sid":"A","Effect":"Allow","Action":{actions},"Resource":"*"}}"#)
}

fn document(statements: &[&str]) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

fn one(actions: &str) -> String {
    document(&[&allow(actions)])
}

#[test]
fn the_untouched_policy_keeps_all_four_claims() {
    let text = one(r#"["s3:Get*", "ec2:*"]"#);
    assert!(proved(&text, &[&text], "[]").hold());
    assert!(proved(&text, &[&text], "sqs").hold());
}

#[test]
fn a_right_refinement_keeps_all_four_claims() {
    let original = one(r#"["s3:Get*","ec2:Describe*","sqs:SendMessage"]"#);
    let refined = one(r#"["s3:GetObject*","ec2:DescribeFleetHistory","ec2:DescribeInstances"]"#);
    let unused = "s3:GetBucketAcl\nec2:DescribeFleets\nec2:DescribeFleetInstances\nsqs";
    assert_eq!(failing(&proved(&original, &[&refined], unused)), [""; 0]);
}

#[test]
fn an_added_action_is_refuted_with_that_action() {
    let claims = proved(&one(r#"["s3:GetObject"]"#), &[&one(r#"["s3:GetObject","s3:putobject"]"#)], "[]");
    assert_eq!(failing(&claims), ["adds_nothing"]);
    let witness = witness(&claims, Claim::AddsNothing);
    assert_eq!((witness.action.as_deref(), witness.refined), (Some("s3:PutObject"), Some(0)));
    assert_eq!(witness.to_string(), "statement 0 of the refined policy allows `s3:PutObject`, which the original does not allow");
}

#[test]
fn a_pattern_that_adds_no_known_action_is_refuted_with_a_shortest_string() {
    let claims = proved(&one(r#"["s3:GetObject","s3:GetObjectAcl"]"#), &[&one(r#"["s3:GetObject?cl"]"#)], "s3:GetObject");
    assert_eq!(witness(&claims, Claim::AddsNothing).action.as_deref(), Some("s3:getobjectxcl"));
}

#[test]
fn a_widened_pattern_is_refuted_with_a_catalogued_action() {
    // The plain token trie's mistake: `DescribeFleet*` also matches `DescribeFleets`.
    let original = one(r#"["ec2:Describe*"]"#);
    let claims = proved(&original, &[&one(r#"["ec2:DescribeFleet*","ec2:DescribeInstances"]"#)], "ec2:DescribeFleets");
    assert_eq!(failing(&claims), ["drops_everything_unused"]);
    assert_eq!(witness(&claims, Claim::DropsEverythingUnused).action.as_deref(), Some("ec2:DescribeFleets"));
    let claims = proved(&one(r#"["ec2:DescribeFleet*"]"#), &[&one(r#"["ec2:Describe*"]"#)], "[]");
    assert_eq!(failing(&claims), ["adds_nothing"]);
    assert_eq!(witness(&claims, Claim::AddsNothing).action.as_deref(), Some("ec2:DescribeInstances"));
}

#[test]
fn a_dropped_kept_action_is_refuted_with_that_action() {
    let claims = proved(&one(r#"["s3:Get*"]"#), &[&one(r#"["s3:GetObject"]"#)], "s3:GetBucketAcl\ns3:GetObjectAcl");
    assert_eq!(failing(&claims), ["keeps_everything_not_reported"]);
    assert_eq!(witness(&claims, Claim::KeepsEverythingNotReported).action.as_deref(), Some("s3:GetObjectTagging"));
}

#[test]
fn a_name_that_the_catalogue_lacks_is_kept_and_is_dropped_only_when_named() {
    let original = one(r#"["s3:Retired","s3:GetObject"]"#);
    let claims = proved(&original, &[&one(r#"["s3:GetObject"]"#)], "[]");
    assert_eq!(witness(&claims, Claim::KeepsEverythingNotReported).action.as_deref(), Some("s3:Retired"));
    assert!(proved(&original, &[&one(r#"["s3:GetObject"]"#)], "s3:retired").hold());
    // A whole service names it, too.
    let claims = proved(&original, &[&original], "s3");
    assert_eq!(failing(&claims), ["drops_everything_unused"]);
    assert_eq!(witness(&claims, Claim::DropsEverythingUnused).action.as_deref(), Some("s3:GetObject"));
    let claims = proved(&one(r#"["new:Thing","s3:GetObject"]"#), &[&one(r#"["new:T*","s3:GetObject"]"#)], "new");
    assert_eq!(witness(&claims, Claim::DropsEverythingUnused).action.as_deref(), Some("new:Thing"));
}

#[test]
fn star_is_every_service() {
    let original = one(r#""*""#);
    let refined = one(r#"["ec2:*","s3:*"]"#);
    assert_eq!(failing(&proved(&original, &[&refined], "sqs")), [""; 0]);
    let claims = proved(&refined, &[&original], "[]");
    assert_eq!(failing(&claims), ["adds_nothing"]);
    assert_eq!(witness(&claims, Claim::AddsNothing).action.as_deref(), Some("sqs:ReceiveMessage"));
    let claims = proved(&original, &[&refined], "[]");
    assert_eq!(failing(&claims), ["keeps_everything_not_reported"]);
    assert_eq!(witness(&claims, Claim::KeepsEverythingNotReported).action.as_deref(), Some("sqs:ReceiveMessage"));
    assert!(proved(&original, &[&one(r#"["*:*"]"#)], "[]").hold());
}

fn not_action(patterns: &str) -> String {
    document(&[&format!(r#"{{"Sid":"A","Effect":"Allow","NotAction":{patterns},"Resource":"*"}}"#)])
}

#[test]
fn not_action_is_compared_as_the_complement_that_it_is() {
    let original = not_action(r#"["s3:*"]"#);
    assert_eq!(failing(&proved(&original, &[&not_action(r#"["s3:*","sqs:*"]"#)], "sqs")), [""; 0]);
    assert_eq!(failing(&proved(&original, &[&one(r#"["ec2:*"]"#)], "sqs")), [""; 0]);
    assert_eq!(failing(&proved(&one(r#""*""#), &[&not_action(r#"["sqs:*"]"#)], "sqs")), [""; 0]);
    let claims = proved(&original, &[&not_action(r#"["s3:Get*","s3:List*","s3:P?*"]"#)], "[]");
    assert_eq!(failing(&claims), ["adds_nothing"]);
    // `P` alone is what `P?*` leaves; a name has one character at least.
    assert_eq!(witness(&claims, Claim::AddsNothing).action.as_deref().map(str::len), Some("s3:p".len()));
    let claims = proved(&original, &[&not_action(r#"["s3:Get*"]"#)], "[]");
    assert_eq!(witness(&claims, Claim::AddsNothing).action.as_deref(), Some("s3:ListBucket"));
    let claims = proved(&original, &[&original], "sqs:SendMessage");
    assert_eq!(witness(&claims, Claim::DropsEverythingUnused).action.as_deref(), Some("sqs:SendMessage"));
    let claims = proved(&original, &[&not_action(r#"["s3:*","sqs:*"]"#)], "sqs:SendMessage");
    assert_eq!(witness(&claims, Claim::KeepsEverythingNotReported).action.as_deref(), Some("sqs:ReceiveMessage"));
    let claims = proved(&original, &[&one(r#"["ec2:*","s3:ListBucket"]"#)], "sqs");
    assert_eq!(witness(&claims, Claim::AddsNothing).action.as_deref(), Some("s3:ListBucket"));
    let claims = proved(&one(r#"["ec2:*"]"#), &[&not_action(r#"["s3:*"]"#)], "[]");
    assert_eq!(witness(&claims, Claim::AddsNothing).action.as_deref(), Some("sqs:ReceiveMessage"));
}

#[test]
fn a_union_on_the_right_covers_what_no_single_pattern_does() {
    let original = one(r#"["s3:GetObject","s3:GetObject?*"]"#);
    assert!(proved(&original, &[&one(r#"["s3:GetObject*"]"#)], "[]").hold());
    // Over two statements of the same frame as well.
    let two = document(&[&allow(r#""s3:GetObject""#), &allow(r#""s3:GetObject?*""#)]);
    assert!(proved(&two, &[&one(r#"["s3:GetObject*"]"#)], "[]").verdict(Claim::AddsNothing).holds());
}

const FRAMED: &str = r#"{"Sid":"A","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{"StringEquals":{"aws:a":"1"}}}"#;

#[test]
fn a_wider_resource_or_condition_adds() {
    let original = document(&[FRAMED]);
    let claims = proved(&original, &[&original.replace("b/*", "*")], "[]");
    assert_eq!(failing(&claims), ["adds_nothing", "keeps_structure"]);
    let shown = witness(&claims, Claim::AddsNothing);
    assert_eq!((shown.reason, shown.resource.as_deref()), (Reason::Shown, Some("arn:aws:s3:::")));
    let claims = proved(&original, &[&original.replace(r#","Condition":{"StringEquals":{"aws:a":"1"}}"#, "")], "[]");
    assert_eq!(failing(&claims), ["adds_nothing", "keeps_structure"]);
    // The condition might hold always, for all that the proof knows: it does not claim more than it can show.
    assert_eq!(witness(&claims, Claim::AddsNothing).reason, Reason::CannotBeShown);
}

#[test]
fn a_narrower_resource_or_condition_loses() {
    let original = document(&[FRAMED]);
    let claims = proved(&original, &[&original.replace("b/*", "b/c*")], "[]");
    assert_eq!(failing(&claims), ["keeps_everything_not_reported", "keeps_structure"]);
    let lost = witness(&claims, Claim::KeepsEverythingNotReported);
    assert_eq!((lost.action.as_deref(), lost.resource.as_deref()), (Some("s3:GetObject"), Some("arn:aws:s3:::b/")));
    let claims = proved(&original, &[&original.replace(r#""1""#, r#""2""#)], "[]");
    assert_eq!(failing(&claims), ["adds_nothing", "keeps_everything_not_reported", "keeps_structure"]);
    let lost = witness(&claims, Claim::KeepsEverythingNotReported);
    assert!(lost.to_string().ends_with("is no longer granted for the same principals under the same conditions"), "{lost}");
}

#[test]
fn resources_that_several_statements_cover_together_are_kept() {
    let original = document(&[r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b*"}"#]);
    let refined = document(&[
        r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b"}"#,
        r#"{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::b?*"}"#,
    ]);
    let claims = proved(&original, &[&refined], "[]");
    assert_eq!(failing(&claims), ["adds_nothing", "keeps_structure"]);
}

#[test]
fn policy_variables_are_equal_to_themselves_and_to_nothing_else() {
    let s = |resource: &str| {
        document(&[&format!(r#"{{"Effect":"Allow","Action":"s3:GetObject","Resource":"{resource}","Condition":{{}}}}"#)])
    };
    let own = s("arn:aws:s3:::b/${aws:username}/*");
    let adds = |original: &str, refined: &str| proved(original, &[refined], "[]").verdict(Claim::AddsNothing).clone();
    assert!(adds(&s("arn:aws:s3:::b/*"), &own).holds());
    assert!(adds(&own, &s("arn:aws:s3:::b/${aws:username}/x")).holds());
    assert_eq!(adds(&own, &s("arn:aws:s3:::b/ann/x")).witness().map(|w| w.reason), Some(Reason::CannotBeShown));
    assert_eq!(adds(&s("arn:aws:s3:::b/?/*"), &own).witness().map(|w| w.reason), Some(Reason::CannotBeShown));
    assert!(adds(&s("arn:aws:s3:::b/${*}"), &s("arn:aws:s3:::b/${*}")).holds());
}

#[test]
fn documents_whose_versions_differ_are_not_compared_when_variables_occur() {
    let s = |version: &str, resource: &str| {
        format!(r#"{{"Version":"{version}","Statement":[{{"Effect":"Allow","Action":"s3:GetObject","Resource":"{resource}"}}]}}"#)
    };
    let variable = "arn:aws:s3:::${aws:username}";
    let claims = proved(&s("2012-10-17", variable), &[&s("2008-10-17", variable)], "[]");
    assert_eq!(failing(&claims), ["adds_nothing", "keeps_everything_not_reported", "keeps_structure"]);
    let claims = proved(&s("2012-10-17", "*"), &[&s("2008-10-17", "*")], "[]");
    assert_eq!(failing(&claims), ["keeps_structure"]);
}

const DENY: &str = r#"{"Effect":"Deny","Action":"s3:GetObject*","Resource":"*"}"#;

#[test]
fn a_removed_or_narrowed_deny_adds() {
    let original = document(&[&allow(r#""s3:*""#), DENY]);
    let claims = proved(&original, &[&document(&[&allow(r#""s3:*""#)])], "[]");
    assert_eq!(failing(&claims), ["adds_nothing", "keeps_structure"]);
    let added = witness(&claims, Claim::AddsNothing);
    assert_eq!((added.action.as_deref(), added.original), (Some("s3:GetObject"), Some(1)));
    let claims = proved(&original, &[&original.replace("GetObject*", "GetObject?*")], "[]");
    assert_eq!(failing(&claims), ["adds_nothing", "keeps_structure"]);
    let claims = proved(&original, &[&document(&[&allow(r#""s3:P*""#), DENY])], "s3:ListBucket\ns3:GetBucketAcl");
    assert_eq!(failing(&claims), ["keeps_everything_not_reported"]);
}

#[test]
fn a_lost_deny_that_does_not_matter_adds_nothing_but_breaks_the_structure() {
    let original = document(&[&allow(r#""sqs:*""#), DENY]);
    let claims = proved(&original, &[&document(&[&allow(r#""sqs:*""#)])], "[]");
    assert_eq!(failing(&claims), ["keeps_structure"]);
    assert_eq!(witness(&claims, Claim::KeepsStructure).original, Some(1));
}

#[test]
fn an_added_deny_takes_away_what_should_be_kept() {
    let original = one(r#""s3:*""#);
    let claims = proved(&original, &[&document(&[&allow(r#""s3:*""#), DENY])], "[]");
    assert_eq!(failing(&claims), ["keeps_everything_not_reported", "keeps_structure"]);
    let lost = witness(&claims, Claim::KeepsEverythingNotReported);
    assert_eq!((lost.action.as_deref(), lost.refined), (Some("s3:GetObject"), Some(1)));
}

#[test]
fn a_document_that_is_the_original_vouches_for_no_other() {
    let original = document(&[r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}"#]);
    let more = document(&[r#"{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}"#]);
    for refined in [[&*original, &*more], [&*more, &*original]] {
        let claims = proved(&original, &refined, "[]");
        assert!(matches!(claims.verdict(Claim::AddsNothing), Verdict::Refuted(_)), "{claims:?}");
    }
}

#[test]
fn a_resource_with_a_variable_lies_only_in_what_takes_every_value() {
    let resource = |text: &str| document(&[&format!(r#"{{"Effect":"Allow","Action":"s3:GetObject","Resource":"{text}"}}"#)]);
    let variable = resource("arn:aws:s3:::b/${aws:username}/x");
    let adds = |original: &str| proved(&resource(original), &[&variable], "[]").verdict(Claim::AddsNothing).clone();
    assert!(matches!(adds("arn:aws:s3:::b/*"), Verdict::Holds), "{:?}", adds("arn:aws:s3:::b/*"));
    for narrower in ["arn:aws:s3:::b/a*", "arn:aws:s3:::b/*/y", "arn:aws:s3:::b/?/x", "arn:aws:s3:::c/*"] {
        assert!(matches!(adds(narrower), Verdict::Refuted(_)), "{narrower}");
    }
}

#[test]
fn documents_of_a_split_are_judged_alone_and_together() {
    let first = allow(r#""s3:*""#);
    let second = allow(r#""ec2:*""#).replace("\"A\"", "\"B\"");
    let original = document(&[&first, &second]);
    let (one, other) = (document(&[&first]), document(&[&second]));
    assert!(proved(&original, &[&one, &other], "[]").hold());
    let claims = proved(&original, &[&one], "[]");
    assert_eq!(failing(&claims), ["keeps_everything_not_reported"]);
    // A Deny has to be in every part: a part could be attached alone.
    let original = document(&[&first, &second, DENY]);
    let with = |s: &str| document(&[s, DENY]);
    assert!(proved(&original, &[&with(&first), &with(&second)], "[]").hold());
    let claims = proved(&original, &[&with(&second), &one], "[]");
    assert_eq!(failing(&claims), ["adds_nothing", "keeps_structure"]);
    let added = witness(&claims, Claim::AddsNothing);
    assert_eq!(added.document, Some(1));
    assert!(added.to_string().starts_with("document 1 of 2: "), "{added}");
    // One statement may be cut in two, too.
    let original = document(&[&allow(r#"["s3:*","ec2:*"]"#)]);
    assert!(proved(&original, &[&document(&[&allow(r#"["s3:*"]"#)]), &document(&[&allow(r#"["ec2:*"]"#)])], "[]").hold());
}

#[test]
fn nothing_left_is_right_only_when_nothing_should_be_left() {
    let original = one(r#""sqs:*""#);
    assert!(proved(&original, &[], "sqs").hold());
    assert_eq!(failing(&proved(&original, &[], "sqs:SendMessage")), ["keeps_everything_not_reported"]);
    assert_eq!(failing(&proved(&document(&[&allow(r#""sqs:*""#), DENY]), &[], "sqs")), ["keeps_structure"]);
    let empty = r#"{"Version":"2012-10-17","Statement":[]}"#;
    assert_eq!(failing(&proved(&original, &[empty], "sqs")), ["keeps_structure"]);
    assert!(proved(empty, &[empty], "sqs").hold());
}

#[test]
fn too_complex_globs_are_refused_and_not_guessed() {
    let original = one(&format!(r#"["s3:*a{}*b"]"#, "?".repeat(40)));
    let refined = one(&format!(r#"["s3:*a{}?*b"]"#, "?".repeat(40)));
    let claims = proved(&original, &[&refined], "[]");
    let witness = witness(&claims, Claim::AddsNothing);
    assert_eq!(witness.reason, Reason::TooComplex);
    assert!(witness.to_string().contains("too complex"), "{witness}");
}

#[derive(Debug)]
struct Texts(Vec<String>);

impl Candidate for Texts {
    fn documents(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

#[test]
fn only_a_candidate_whose_claims_hold_becomes_verified() {
    let original = policy(&one(r#""s3:*""#));
    let unused = Unused::parse("s3:PutObject").unwrap();
    let catalogue = catalogue();
    let certify = |text: String| certify(&original, &unused, &catalogue, Texts(vec![text]));
    let verified = certify(one(r#"["s3:Get*","s3:List*"]"#)).unwrap();
    assert!(verified.claims().hold());
    assert_eq!(verified.documents().len(), 1);
    let refuted = certify(one(r#"["s3:Get*"]"#)).unwrap_err();
    assert_eq!(refuted.candidate.0.len(), 1);
    assert_eq!(
        refuted.to_string(),
        "`keeps_everything_not_reported` is refuted: `s3:ListBucket`, which statement 0 of the original grants and the unused \
         list does not name, is no longer granted"
    );
    let refuted = certify("{".to_owned()).unwrap_err();
    assert!(matches!(refuted.refusal, Refusal::Unreadable { document: 0, .. }));
}

#[test]
fn what_a_variable_stands_for_may_be_what_not_resource_excludes() {
    let document = |resource: &str| {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"s3:*",{resource}}}}}"#);
        Policy::parse(&text).unwrap()
    };
    let adds_nothing = |original: &str, refined: &str| {
        let catalogue = Catalogue::parse(CATALOGUE.to_owned()).unwrap();
        let claims = prove(&document(original), &[document(refined)], &Unused::default(), &catalogue);
        claims.verdict(Claim::AddsNothing).holds()
    };
    let home = r#""Resource":"arn:aws:s3:::home/${aws:username}""#;
    assert!(!adds_nothing(r#""NotResource":"arn:aws:s3:::home/ana""#, home));
    assert!(adds_nothing(r#""NotResource":"arn:aws:s3:::work/ana""#, home));
}

fn grants(statements: &str, version: &str) -> String {
    format!(r#"{{"Version":"{version}","Statement":[{statements}]}}"#)
}

fn adds(original: &str, refined: &str) -> Verdict {
    proved(original, &[refined], "[]").verdict(Claim::AddsNothing).clone()
}

#[test]
fn a_star_that_ends_a_part_of_a_resource_reaches_over_colons() {
    let s = |element: &str| grants(&format!(r#"{{"Effect":"Allow","Action":"s3:GetObject",{element}}}"#), "2012-10-17");
    let deny = |element: &str| {
        let statements =
            format!(r#"{{"Effect":"Allow","Action":"s3:*","Resource":"*"}},{{"Effect":"Deny","Action":"s3:*",{element}}}"#);
        grants(&statements, "2012-10-17")
    };
    let (wide, long) = (r#""Resource":"arn:aws:sns:*:*:orders""#, r#""Resource":"arn:aws:sns:r:111122223333:app:orders""#);
    assert!(adds(&s(wide), &s(long)).holds());
    assert!(adds(&s(r#""Resource":"arn:aws:s3*""#), &s(r#""Resource":"arn:aws:s3:::b""#)).holds());
    assert!(!adds(&s(r#""NotResource":"arn:aws:sns:r:111122223333:app:orders""#), &s(wide)).holds());
    assert!(!adds(&deny(wide), &s(long)).holds());
    assert!(!adds(&s(long), &s(wide)).holds());
    // Within a part it does not.
    assert!(!adds(&s(r#""Resource":"arn:aws:sns:*s:orders""#), &s(long)).holds());
    let claims = proved(
        &s(long),
        &[&grants(
            &format!(
                "{},{}",
                r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}"#,
                r#"{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:sns:*:*:orders"}"#
            ),
            "2012-10-17",
        )],
        "[]",
    );
    assert!(!claims.verdict(Claim::KeepsEverythingNotReported).holds());
}

#[test]
fn a_quoted_brace_does_not_end_a_variable_and_the_version_says_what_is_one() {
    let s = |resource: &str, version: &str| {
        grants(&format!(r#"{{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/{resource}"}}"#), version)
    };
    assert!(!adds(&s("*'}", "2012-10-17"), &s("${aws:username, '}'}", "2012-10-17")).holds());
    for version in ["2008-10-17", "2012-10-17"] {
        let holds = version == "2008-10-17";
        // As text, `${*}` is three characters with anything between, and none of them is a variable.
        assert_eq!(adds(&s("${*}", version), &s("${aws:username}", version)).holds(), holds, "{version}");
        assert_eq!(adds(&s("${????}", version), &s("${a${b}", version)).holds(), holds, "{version}");
        assert_eq!(adds(&s("?", version), &s("${*}", version)).holds(), !holds, "{version}");
        assert!(adds(&s("${aws:username}", version), &s("${aws:username}", version)).holds());
    }
    assert!(!adds(&s("${aws:username}", "2008-10-17"), &s(r"\u0024{aws:username}", "2012-10-17")).holds());
    assert!(!adds(&s(r"\u0024{aws:username}", "2012-10-17"), &s("${aws:username}", "2008-10-17")).holds());
    // Where no text could be a variable, the version says nothing.
    assert!(adds(&s("*", "2008-10-17"), &s("*", "2012-10-17")).holds());
}

#[test]
fn a_statement_that_lacks_what_it_needs_is_never_taken_for_one_about_everything() {
    let (free, named) =
        (r#"{"Effect":"Allow","Action":"s3:GetObject"}"#, r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}"#);
    let trust = r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}"#;
    let document = |statements: &str| grants(statements, "2012-10-17");
    for (original, refined) in [
        (free.to_owned(), named.to_owned()),
        (format!("{free},{named}"), named.to_owned()),
        (named.to_owned(), free.to_owned()),
        (named.to_owned(), trust.to_owned()),
        (format!("{trust},{named}"), named.to_owned()),
        (r#"{"Effect":"Deny","Action":"s3:*"}"#.to_owned(), format!(r#"{{"Effect":"Deny","Action":"s3:*"}},{named}"#)),
    ] {
        let claims = proved(&document(&original), &[&document(&refined)], "[]");
        let failing = failing(&claims);
        assert!(failing.contains(&"adds_nothing") && failing.contains(&"keeps_everything_not_reported"), "{original} {refined}");
    }
    let narrow = r#"{"Effect":"Allow","Principal":"*","Action":"s3:Get*"}"#;
    assert!(adds(&document(narrow), &document(trust)).holds());
}

#[test]
fn no_verdict_on_ordinary_documents_with_special_characters_is_disputed() {
    let parts = ["${*}", "${?}", "${$}", "*", "?", "a", "${aws:username}", "${aws:userid, '}'}", "${x", "x:y", "$", "}"];
    let s = |version: &str, element: &str, text: &str| {
        grants(&format!(r#"{{"Effect":"Allow","Action":"s3:GetObject","{element}":"arn:aws:s3:::b/{text}"}}"#), version)
    };
    let mut holding = 0;
    for version in ["2008-10-17", "2012-10-17"] {
        for (one, other) in parts.iter().flat_map(|one| parts.iter().map(move |other| (one, other))) {
            for element in ["Resource", "NotResource"] {
                for (left, right) in [(element, "Resource"), ("Resource", element)] {
                    let verdict = adds(&s(version, left, one), &s(version, right, &format!("{one}{other}")));
                    assert!(!matches!(verdict, Verdict::Disputed(_)), "{verdict:?}: {one} {other}");
                    holding += usize::from(verdict.holds());
                }
            }
        }
    }
    assert!(holding > 50, "{holding}");
}
