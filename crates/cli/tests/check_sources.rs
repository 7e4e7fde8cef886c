//! `leastwise check` on input as people have it: wrapped policies, folders and globs, UTF-16, baselines, bad input in every form.
#![allow(missing_docs, dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod harness;

use harness::{Folder, has_schema, leastwise};
use serde_json::{Value, json};

const BAD: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Sid": "A", "Effect": "Allow", "Action": "s3:GetObjekt", "Resource": "*"}]}"#;
const GOOD: &str = r#"{"Version": "2012-10-17", "Statement": [{"Sid": "A", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]}"#;
const PUBLIC: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]}"#;

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn findings_point_into_the_file_however_the_policy_is_wrapped() {
    let folder = Folder::new();
    let quoted = serde_json::to_string(BAD).unwrap();
    let encoded: String = BAD.bytes().map(|b| format!("%{b:02X}")).collect();
    let yaml = "Version: '2012-10-17'\nStatement:\n  - Effect: Allow\n    Action: s3:GetObjekt\n    Resource: '*'\n";
    let template = format!(
        "Resources:\n  P:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument:\n{}",
        indented(yaml)
    );
    for (name, text, path, word) in [
        (
            "version.json",
            format!("{{\"PolicyVersion\": {{\n\"Document\": {BAD}}}}}"),
            "PolicyVersion.Document.Statement[0].Action",
            "\"s3:GetObjekt\"",
        ),
        ("bucket.json", format!("{{\n\"Policy\": {quoted}}}"), "Policy.Statement[0].Action", "\\\"s3:GetObjekt"),
        (
            "details.json",
            format!("{{\"RoleDetailList\": [{{\"RolePolicyList\": [{{\n\"PolicyDocument\": \"{encoded}\"}}]}}]}}"),
            "RoleDetailList[0].RolePolicyList[0].PolicyDocument.Statement[0].Action",
            "%22%73%33",
        ),
        ("policy.yaml", yaml.to_owned(), "Statement[0].Action", "s3:GetObjekt"),
        ("template.yaml", template.clone(), "Resources.P.Properties.PolicyDocument.Statement[0].Action", "s3:GetObjekt"),
    ] {
        let file = folder.file(name, &text);
        let report = parsed(&leastwise(&["check", "valid", &file, "--format", "json"], "").out);
        has_schema("check", &report);
        let policy = report.get("policies").map_or(&report, |policies| &policies[0]);
        let finding = &policy["findings"][0];
        assert_eq!((&finding["code"], &finding["path"]), (&json!("unknown-action"), &json!(path)), "{name}: {report}");
        let line = text.lines().nth(finding["line"].as_u64().unwrap() as usize - 1).unwrap();
        let rest: String = line.chars().skip(finding["column"].as_u64().unwrap() as usize - 1).collect();
        assert!(rest.starts_with(word), "{name}: {rest}");
        let sarif = parsed(&leastwise(&["check", "valid", &file, "--format", "sarif"], "").out);
        let region = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"];
        assert_eq!((&region["startLine"], &region["startColumn"]), (&finding["line"], &finding["column"]), "{name}");
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("        {line}\n")).collect()
}

#[test]
fn folders_globs_and_many_files_are_one_run() {
    let folder = Folder::new();
    let good = folder.file("a.json", GOOD);
    let bad = folder.file("b.json", BAD);
    folder.file("package.json", "{\"name\": \"x\"}");
    folder.file("readme.md", "nothing");
    let root = folder.path("");
    for paths in [vec![root.clone()], vec![good.clone(), bad.clone()], vec![folder.path("[ab].json")]] {
        let mut arguments = vec!["check", "valid"];
        arguments.extend(paths.iter().map(String::as_str));
        let ran = leastwise(&arguments, "");
        assert_eq!((ran.status, ran.err.as_str()), (1, ""), "{paths:?}");
        assert!(
            ran.out.contains("b.json:1:83: ERROR unknown-action") && ran.out.ends_with("FAIL  1 finding in 2 policies\n"),
            "{}",
            ran.out
        );
        arguments.extend(["--format", "json"]);
        let report = parsed(&leastwise(&arguments, "").out);
        has_schema("check", &report);
        assert_eq!(report["policies"].as_array().unwrap().len(), 2);
    }
    let ran = leastwise(&["check", "valid", &root], "");
    assert!(ran.out.contains("package.json: not checked: no policy is found in it"), "{}", ran.out);
    let ran = leastwise(&["check", "access-not-granted", &root, "--actions", "s3:GetObject"], "");
    assert!(ran.status == 1 && ran.out.ends_with("FAIL  1 of 2 policies fail\n"), "{}", ran.out);
    assert_eq!(leastwise(&["check", "valid", &folder.path("*.yaml")], "").status, 2);
}

#[test]
fn templates_say_what_their_policies_are_for() {
    let folder = Folder::new();
    let template = folder.file(
        "template.json",
        format!(
            r#"{{"Resources": {{"B": {{"Type": "AWS::S3::BucketPolicy", "Properties": {{"PolicyDocument": {PUBLIC}}}}},
            "P": {{"Type": "AWS::IAM::ManagedPolicy", "Properties": {{"PolicyDocument": {GOOD}}}}}}}}}"#
        ),
    );
    let report = parsed(&leastwise(&["check", "no-public-access", &template, "--format", "json"], "").out);
    has_schema("check", &report);
    assert_eq!(report["policies"].as_array().unwrap().len(), 1);
    assert_eq!(report["policies"][0]["result"], "FAIL");
    assert_eq!(report["skipped"][0]["policy"], "Resources.P.Properties.PolicyDocument");
}

#[test]
fn what_only_the_deployment_knows_passes_nothing_and_is_no_finding() {
    let folder = Folder::new();
    let text = "Parameters: {Who: {Type: String}}\nResources:\n  Q:\n    Type: AWS::SQS::QueuePolicy\n    Properties:\n      PolicyDocument:\n        Version: '2012-10-17'\n        Statement:\n          - {Effect: Allow, Principal: {AWS: !Ref Who}, Action: 'sqs:SendMessage', Resource: 'arn:aws:sqs:us-east-1:111122223333:q'}\n";
    let file = folder.file("template.yaml", text);
    let ran = leastwise(&["check", "no-public-access", &file], "");
    assert!(ran.status == 1 && ran.out.contains("only the deployment knows `!Ref Who`"), "{}", ran.out);
    let ran = leastwise(&["check", "valid", &file], "");
    assert_eq!((ran.status, ran.out.as_str()), (0, "PASS  no findings in 1 policy\n"));
    let fixed = folder.file("fixed.yaml", text.replace("Type: String", "Type: String, Default: 111122223333"));
    assert_eq!(leastwise(&["check", "no-public-access", &fixed], "").status, 0);
}

#[test]
fn utf_16_is_read() {
    let folder = Folder::new();
    let wide =
        |text: &str| -> Vec<u8> { [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect() };
    let file = folder.file("wide.json", wide(BAD));
    let ran = leastwise(&["check", "valid", &file], "");
    assert!(ran.status == 1 && ran.out.contains(":1:83: ERROR unknown-action"), "{}{}", ran.out, ran.err);
}

#[test]
fn a_policy_in_the_wrong_place_is_refused() {
    let folder = Folder::new();
    let (resource, identity) = (folder.file("resource.json", PUBLIC), folder.file("identity.json", GOOD));
    for (arguments, part) in [
        (vec!["no-new-access", &identity, &resource], "the existing policy is an identity policy"),
        (
            vec!["no-new-access", &resource, &resource, "--type", "identity"],
            "has a principal, so that it never applies as an identity policy",
        ),
        (vec!["access-not-granted", &identity, "--type", "resource", "--actions", "s3:GetObject"], "has no `Principal`"),
        (vec!["no-public-access", &identity, "--resource-type", "AWS::S3::Bucket"], "has no `Principal`"),
        (vec!["no-public-access", &resource, "--resource-type", "AWS::S3::Buckets"], "did you mean `AWS::S3::Bucket`?"),
        (vec!["no-public-access", &resource], "--resource-type"),
    ] {
        let mut all = vec!["check"];
        all.extend(&arguments);
        let ran = leastwise(&all, "");
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(part), "{arguments:?}: {}", ran.err);
    }
    // Without `--type`, the documents decide.
    assert_eq!(leastwise(&["check", "access-not-granted", &resource, "--actions", "s3:GetObject"], "").status, 1);
}

#[test]
fn what_the_grammar_does_not_know_is_refused_by_every_check_in_every_form() {
    let folder = Folder::new();
    let typo = |name: &str, from: &str, to: &str| folder.file(name, PUBLIC.replace(from, to));
    for file in [
        typo("element.json", "\"Resource\"", "\"Conditions\": {}, \"Resource\""),
        typo("operator.json", "\"Resource\"", "\"Condition\": {\"StringEqual\": {\"aws:username\": \"a\"}}, \"Resource\""),
        typo("principal.json", "\"*\", \"Action\"", "{\"Aws\": \"*\"}, \"Action\""),
        typo("top.json", "\"Version\"", "\"Comment\": \"x\", \"Version\""),
        typo("broken.json", "[{", "[{{"),
    ] {
        for check in [
            vec!["no-new-access", &file, &file],
            vec!["access-not-granted", &file, "--actions", "sqs:SendMessage"],
            vec!["no-public-access", &file, "--resource-type", "AWS::S3::Bucket"],
        ] {
            let mut arguments = vec!["check"];
            arguments.extend(&check);
            assert_eq!(leastwise(&arguments, "").status, 2, "{check:?}");
            let json = leastwise(&[&arguments[..], &["--format", "json"]].concat(), "");
            let report = parsed(&json.out);
            has_schema("check", &report);
            assert_eq!((json.status, &report["result"]), (2, &json!("ERROR")), "{check:?}");
            let sarif = leastwise(&[&arguments[..], &["--format", "sarif"]].concat(), "");
            let log = parsed(&sarif.out);
            assert_eq!((sarif.status, &log["runs"][0]["results"][0]["ruleId"]), (2, &json!("bad-input")), "{check:?}");
        }
    }
    for form in ["json", "sarif"] {
        let ran = leastwise(&["check", "valid", "absent.json", "--format", form], "");
        assert_eq!(ran.status, 2);
        parsed(&ran.out);
        let good = folder.file("good.json", GOOD);
        let ran = leastwise(&["check", "access-not-granted", &good, "--actions", "GetObject", "--format", form], "");
        assert_eq!(ran.status, 2);
        parsed(&ran.out);
    }
}

#[test]
fn a_baseline_fails_only_what_is_new() {
    let folder = Folder::new();
    let file = folder.file("policy.json", BAD);
    let before = leastwise(&["check", "valid", &file, "--format", "json"], "");
    assert_eq!(before.status, 1);
    let baseline = folder.file("baseline.json", &before.out);
    let ran = leastwise(&["check", "valid", &file, "--baseline", &baseline], "");
    assert_eq!((ran.status, ran.out.as_str()), (0, "PASS  no findings, and 1 of the baseline\n"));
    let report = parsed(&leastwise(&["check", "valid", &file, "--baseline", &baseline, "--format", "json"], "").out);
    has_schema("check", &report);
    assert_eq!(report["findings"][0]["known"], true);
    // The same finding a second time is new, and so is another one.
    folder.file("policy.json", BAD.replace("\"s3:GetObjekt\"", "[\"s3:GetObjekt\", \"s3:PutObjekt\"]"));
    assert_eq!(leastwise(&["check", "valid", &file, "--baseline", &baseline], "").status, 1);

    let public = folder.file("public.json", PUBLIC);
    let arguments = ["check", "no-public-access", &public, "--resource-type", "AWS::S3::Bucket"];
    let before = leastwise(&[&arguments[..], &["--format", "json"]].concat(), "");
    let baseline = folder.file("baseline.json", &before.out);
    let with = [&arguments[..], &["--baseline", &baseline]].concat();
    assert_eq!(leastwise(&with, "").status, 0);
    folder.file("public.json", PUBLIC.replace("s3:GetObject", "s3:*Object"));
    assert_eq!(leastwise(&with, "").status, 1, "a changed document may hide a second request behind the first");
    assert_eq!(leastwise(&["check", "valid", &file, "--baseline", &public], "").status, 2);
}

#[test]
fn short_arn_patterns_and_short_resources_pass_nothing_by_our_reading_alone() {
    let folder = Folder::new();
    let with = |value: &str| {
        folder.file(
            "arn.json",
            PUBLIC.replace(
                "\"Resource\"",
                &format!("\"Condition\": {{\"ArnLike\": {{\"aws:PrincipalArn\": \"{value}\"}}}}, \"Resource\""),
            ),
        )
    };
    for value in ["*", "arn:*", "arn:aws:iam::*", "arn:aws:s3::b"] {
        let ran = leastwise(&["check", "no-public-access", &with(value), "--resource-type", "AWS::S3::Bucket"], "");
        assert!(ran.status == 1 && ran.out.contains("fewer than six parts"), "{value}: {}", ran.out);
    }
    let api = folder.file(
        "api.json",
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/prod/*"}]}"#,
    );
    let check = |resource: &str| {
        leastwise(&["check", "access-not-granted", &api, "--actions", "execute-api:Invoke", "--resources", resource], "").status
    };
    assert_eq!(check("arn:aws:execute-api:us-east-1:111122223333:abc/prod/GET/x"), 1);
    assert_eq!(check("arn:aws:execute-api:us-east-1:111122223333:a1b2c3d4e5/dev/GET/x"), 0);
}

#[test]
fn control_characters_are_shown_in_every_command() {
    let folder = Folder::new();
    let evil = folder.file("evil.json", "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"x\\u001b[31m\\nRED\\u009b\",\"Effect\":\"Allow\",\"Action\":\"s3:Get\\u001b[2J\",\"Resource\":\"*\",\"X\\u0007\":1}]}");
    let request = folder.file("request.json", r#"{"principal": "111122223333", "action": "s3:GetObject", "resource": "*"}"#);
    let unused = folder.file("unused.txt", "s3\n");
    for arguments in [
        vec!["check", "valid", &evil],
        vec!["check", "no-new-access", &evil, &evil],
        vec!["evaluate", "--request", &request, "--identity", &evil, "--explain"],
        vec!["refine", &evil, "--unused", &unused],
        vec!["prove", &evil, &evil, "--unused", &unused],
    ] {
        let ran = leastwise(&arguments, "");
        let unsafe_character = |c: &char| c.is_control() && !matches!(c, '\n' | '\t');
        assert_eq!(ran.out.chars().chain(ran.err.chars()).find(unsafe_character), None, "{arguments:?}: {}{}", ran.out, ran.err);
        assert!(!ran.out.contains("\nRED"), "{arguments:?}: {}", ran.out);
    }
}

#[test]
fn no_stranger_is_an_aws_service() {
    let folder = Folder::new();
    let perimeter = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*", "Condition": {
            "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}, "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}}]}"#;
    let with = |condition: &str| {
        let own = format!("\"Condition\": {{{condition}}}, \"Resource\"");
        PUBLIC.replace("\"Resource\"", &own)
    };
    for (name, text, status) in [
        ("perimeter.json", perimeter.to_owned(), 0),
        ("services.json", with(r#""Bool": {"aws:PrincipalIsAWSService": "true"}"#), 0),
        ("others.json", with(r#""Bool": {"aws:PrincipalIsAWSService": "false"}"#), 1),
        ("named.json", with(r#""StringNotEquals": {"aws:PrincipalIsAWSService": "true"}"#), 1),
    ] {
        let file = folder.file(name, text);
        let ran = leastwise(&["check", "no-public-access", &file, "--resource-type", "AWS::S3::Bucket"], "");
        assert_eq!(ran.status, status, "{name}: {}{}", ran.out, ran.err);
    }
}
